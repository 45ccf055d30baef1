#include <caravan/model.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/eos.h"
#include "model/family.h"
#include "model/graft.h"
#include "model/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LENGTH = 128 };

/* "[128, 32]" at the end of text. */
static void print_shape(cv_buffer *text, int rank, const uint64_t *shape)
{
    cv_buffer_puts(text, "[");
    for (int i = 0; i < rank; i++) cv_buffer_printf(text, "%s%" PRIu64, i ? ", " : "", shape[i]);
    cv_buffer_puts(text, "]");
}

/* The shape must be [rows, columns] or, for a vector, [columns]. */
static bool check_shape(const cv_checkpoint_entry *entry, int64_t rows, int64_t columns, bool vector, cv_error *err)
{
    const cv_stored_tensor *stored = entry->tensor;
    uint64_t wanted[2] = {(uint64_t)rows, (uint64_t)columns};
    int rank = vector ? 1 : 2;
    const uint64_t *shape = vector ? wanted + 1 : wanted;
    if (stored->rank == rank && memcmp(stored->shape, shape, (size_t)rank * sizeof *shape) == 0) return true;
    cv_buffer text = {0};
    print_shape(&text, stored->rank, stored->shape);
    cv_buffer_puts(&text, "; config.json asks for ");
    print_shape(&text, rank, shape);
    cv_bad_input(err, "%s: tensor %s has the shape %s", entry->path, stored->name, text.data);
    cv_buffer_free(&text);
    return false;
}

static bool read_dtype(const cv_checkpoint_entry *entry, cv_dtype *dtype, cv_error *err)
{
    static const cv_dtype implemented[] = {CV_F32, CV_F16, CV_BF16};
    for (size_t i = 0; i < sizeof implemented / sizeof implemented[0]; i++) {
        *dtype = implemented[i];
        if (strcmp(entry->tensor->dtype, cv_dtype_name(*dtype)) == 0) return true;
    }
    return cv_bad_input(err, "%s: tensor %s has the dtype %s; implemented are F32, F16, BF16", entry->path,
                        entry->tensor->name, entry->tensor->dtype);
}

/* Where a tensor lies in the stored one that holds it, whose shape is checked. A vector that is packed by
 * head is a column. */
static bool locate(const cv_config *c, const cv_place *place, const cv_checkpoint_entry *entry, cv_tensor *out,
                   cv_error *err)
{
    int64_t rows = cv_extent_of(c, place->rows), columns = cv_extent_of(c, place->columns);
    int64_t before = cv_extent_of(c, place->before), stored = cv_extent_of(c, place->stored);
    bool vector = place->rows == CV_ONE;
    out->rows = rows;
    out->columns = columns;
    switch (place->packing) {
    case CV_ALONE:
        return check_shape(entry, rows, columns, vector, err);
    case CV_STACKED:
        out->before = vector ? before : before * columns;
        return check_shape(entry, stored, vector ? stored : columns, vector, err);
    case CV_BY_HEAD:
        if (vector) {
            out->rows = columns;
            out->columns = 1;
        }
        out->run = c->head_dim;
        out->stride = stored;
        out->before = before * out->columns;
        return check_shape(entry, stored * c->num_attention_heads, vector ? stored * c->num_attention_heads : columns,
                           vector, err);
    case CV_ACROSS:
        out->across = stored;
        out->before = before;
        return check_shape(entry, columns, stored, vector, err);
    }
    return false;
}

/* Binds one tensor of the checkpoint, which must be there and as config.json says. One that several
 * share is counted once. */
static bool bind_tensor(cv_model *model, const char *name, const cv_place *place, cv_tensor *out, cv_error *err)
{
    cv_checkpoint_entry *entry = cv_checkpoint_find(model->checkpoint, name);
    if (!entry) return cv_bad_input(err, "%s: tensor %s is missing from the checkpoint", model->path, name);
    *out = (cv_tensor){.name = entry->tensor->name, .less_one = place->less_one};
    if (!locate(&model->config, place, entry, out, err) || !read_dtype(entry, &out->dtype, err)) return false;
    out->data = (const char *)entry->tensor->data + (size_t)out->before * cv_dtype_size(out->dtype);
    if (!entry->used) {
        model->parameters += entry->tensor->size / cv_dtype_size(out->dtype);
        model->weight_bytes += entry->tensor->size;
    }
    entry->used = true;
    return true;
}

/* Binds a table's tensors, whose names follow prefix, into the struct at base. */
static bool bind_places(cv_model *model, const char *prefix, const cv_place *places, void *base, cv_error *err)
{
    char name[NAME_LENGTH];
    for (const cv_place *place = places; place->name; place++) {
        bool wanted = place->condition == CV_ALWAYS || *(const bool *)((const char *)&model->config + place->condition);
        if (!wanted) continue;
        snprintf(name, sizeof name, "%s%s", prefix, place->name);
        if (!bind_tensor(model, name, place, (cv_tensor *)(void *)((char *)base + place->target), err)) return false;
    }
    return true;
}

/* What stands before the names: some files lack the prefix, as saved from the model without its head. */
static const char *prefix_of(const cv_model *model, const cv_layout *layout)
{
    char name[NAME_LENGTH];
    snprintf(name, sizeof name, "%s%s", layout->prefix, layout->top->name);
    bool without = !cv_checkpoint_find(model->checkpoint, name) &&
                   cv_checkpoint_find(model->checkpoint, layout->top->name) != NULL;
    return without ? "" : layout->prefix;
}

static bool bind_layer(cv_model *model, const cv_layout *layout, const char *before, int l, cv_error *err)
{
    char number[NAME_LENGTH / 4], prefix[NAME_LENGTH / 2];
    snprintf(number, sizeof number, "%d", l);
    const char *mark = strchr(layout->layer, '%'); /* of %d */
    snprintf(prefix, sizeof prefix, "%s%.*s%s%s", before, (int)(mark - layout->layer), layout->layer, number, mark + 2);
    for (size_t i = 0; i < CV_LAYOUT_PARTS && layout->parts[i]; i++)
        if (!bind_places(model, prefix, layout->parts[i], &model->layers[l], err)) return false;
    return true;
}

/* The name that lm_head goes by in this checkpoint; the usual one if it is not there. */
static const char *lm_head_name(const cv_model *model, const cv_layout *layout)
{
    for (size_t i = 0; i < CV_LAYOUT_NAMES && layout->lm_head[i]; i++)
        if (cv_checkpoint_find(model->checkpoint, layout->lm_head[i])) return layout->lm_head[i];
    return layout->lm_head[0];
}

/* Tied: the output projection is the embedding. Some files hold it a second time; if the two differ,
 * versions of transformers disagree about which one counts. */
static bool bind_tied_lm_head(cv_model *model, const char *name, cv_error *err)
{
    model->lm_head = model->embed_tokens;
    cv_checkpoint_entry *second = cv_checkpoint_find(model->checkpoint, name);
    if (!second) return true;
    second->used = true;
    const cv_stored_tensor *first = cv_checkpoint_find(model->checkpoint, model->embed_tokens.name)->tensor;
    if (second->tensor->dtype == first->dtype && second->tensor->size == first->size &&
        memcmp(second->tensor->data, first->data, (size_t)first->size) == 0)
        return true;
    return cv_bad_input(err,
                        "%s: tensor %s differs from %s, though config.json has tie_word_embeddings; set that to false "
                        "to use both, or remove the tensor",
                        second->path, name, first->name);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* Constants that some versions of transformers store, and recompute on loading. */
static bool is_harmless(const cv_layout *layout, const char *name)
{
    for (size_t i = 0; i < CV_LAYOUT_NAMES && layout->no_weights[i]; i++)
        if (ends_with(name, layout->no_weights[i])) return true;
    return false;
}

/* A tensor that nothing is bound to would be a part of the model that we leave out. */
static bool check_all_used(const cv_model *model, const cv_layout *layout, cv_error *err)
{
    for (size_t i = 0; i < model->checkpoint->num_entries; i++) {
        const cv_checkpoint_entry *entry = &model->checkpoint->entries[i];
        if (entry->used || is_harmless(layout, entry->tensor->name)) continue;
        return cv_bad_input(err, "%s: tensor %s has no place in %s as config.json describes it", entry->path,
                            entry->tensor->name, model->config.architecture);
    }
    return true;
}

static bool bind_all(cv_model *model, cv_error *err)
{
    static const cv_place whole = {.rows = CV_VOCABULARY, .columns = CV_HIDDEN};
    const cv_config *c = &model->config;
    const cv_layout *layout = cv_family_of(c)->layout;
    model->layers = cv_calloc((size_t)c->num_hidden_layers, sizeof *model->layers);
    const char *prefix = prefix_of(model, layout), *head = lm_head_name(model, layout);
    if (!bind_places(model, prefix, layout->top, model, err)) return false;
    for (int l = 0; l < c->num_hidden_layers; l++)
        if (!bind_layer(model, layout, prefix, l, err)) return false;
    bool bound = c->tie_word_embeddings ? bind_tied_lm_head(model, head, err)
                                        : bind_tensor(model, head, &whole, &model->lm_head, err);
    return bound && check_all_used(model, layout, err);
}

/* An adapter beside the weights changes them on loading. */
static bool check_no_adapter(const char *directory, cv_error *err)
{
    char *path = cv_path_join(directory, "adapter_config.json");
    bool ok = !cv_file_exists(path);
    if (!ok) cv_bad_input(err, "%s: adapters are not implemented; merge it into the model's weights", path);
    free(path);
    return ok;
}

cv_model *cv_model_open(const char *directory, cv_error *err)
{
    cv_model *model = cv_calloc(1, sizeof *model);
    model->path = cv_strdup(directory);
    char *config = cv_path_join(directory, "config.json");
    bool ok = cv_config_load(config, &model->config, err) && check_no_adapter(directory, err) &&
              cv_eos_load(model, err) && (model->checkpoint = cv_checkpoint_open(directory, err)) != NULL &&
              bind_all(model, err);
    free(config);
    if (ok) return model;
    cv_model_close(model);
    return NULL;
}

cv_model *cv_model_open_grafted(const char *directory, const char *attention_from, cv_error *err)
{
    cv_model *model = cv_model_open(directory, err), *donor = NULL;
    if (!model || !attention_from) return model;
    donor = cv_model_open(attention_from, err);
    if (donor && cv_graft_attention(model, donor, err)) return model;
    cv_model_close(model);
    return NULL;
}

void cv_model_close(cv_model *model)
{
    if (!model) return;
    cv_model_close(model->attention);
    cv_checkpoint_close(model->checkpoint);
    free(model->layers);
    free(model->path);
    free(model);
}
