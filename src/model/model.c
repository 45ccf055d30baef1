#include <caravan/model.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/eos.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LENGTH = 128 };

/* The extents that tensors have, as functions of the configuration. */
typedef enum extent { ONE, HIDDEN, QUERIES, KEYS, INTERMEDIATE, VOCABULARY } extent;

static int64_t extent_of(const cv_config *c, extent which)
{
    switch (which) {
    case ONE:
        return 1;
    case HIDDEN:
        return c->hidden_size;
    case QUERIES:
        return (int64_t)c->num_attention_heads * c->head_dim;
    case KEYS:
        return (int64_t)c->num_key_value_heads * c->head_dim;
    case INTERMEDIATE:
        return c->intermediate_size;
    case VOCABULARY:
        return c->vocab_size;
    }
    return 0;
}

/* Where each tensor of a layer goes, its shape, and the switch of cv_config that it hangs on. */
#define ALWAYS SIZE_MAX
#define TENSOR(name, member, rows, columns, condition)                                                                 \
    {                                                                                                                  \
        name, offsetof(cv_layer, member), rows, columns, condition                                                     \
    }
#define IF(member) offsetof(cv_config, member)
static const struct {
    const char *name;
    size_t target;        /* offset of a cv_tensor in cv_layer */
    extent rows, columns; /* rows ONE: a vector */
    size_t condition;     /* offset of a bool in cv_config, or ALWAYS */
} layer_tensors[] = {
    TENSOR("input_layernorm.weight", input_layernorm, ONE, HIDDEN, ALWAYS),
    TENSOR("self_attn.q_proj.weight", q_proj, QUERIES, HIDDEN, ALWAYS),
    TENSOR("self_attn.k_proj.weight", k_proj, KEYS, HIDDEN, ALWAYS),
    TENSOR("self_attn.v_proj.weight", v_proj, KEYS, HIDDEN, ALWAYS),
    TENSOR("self_attn.o_proj.weight", o_proj, HIDDEN, QUERIES, ALWAYS),
    TENSOR("self_attn.q_proj.bias", q_bias, ONE, QUERIES, IF(q_bias)),
    TENSOR("self_attn.k_proj.bias", k_bias, ONE, KEYS, IF(k_bias)),
    TENSOR("self_attn.v_proj.bias", v_bias, ONE, KEYS, IF(v_bias)),
    TENSOR("self_attn.o_proj.bias", o_bias, ONE, HIDDEN, IF(o_bias)),
    TENSOR("post_attention_layernorm.weight", post_attention_layernorm, ONE, HIDDEN, ALWAYS),
    TENSOR("mlp.gate_proj.weight", gate_proj, INTERMEDIATE, HIDDEN, ALWAYS),
    TENSOR("mlp.up_proj.weight", up_proj, INTERMEDIATE, HIDDEN, ALWAYS),
    TENSOR("mlp.down_proj.weight", down_proj, HIDDEN, INTERMEDIATE, ALWAYS),
    TENSOR("mlp.gate_proj.bias", gate_bias, ONE, INTERMEDIATE, IF(mlp_bias)),
    TENSOR("mlp.up_proj.bias", up_bias, ONE, INTERMEDIATE, IF(mlp_bias)),
    TENSOR("mlp.down_proj.bias", down_bias, ONE, HIDDEN, IF(mlp_bias)),
};
#undef TENSOR
#undef IF
enum { NUM_LAYER_TENSORS = sizeof layer_tensors / sizeof layer_tensors[0] };

/* "[128, 32]" at the end of text. */
static void print_shape(cv_buffer *text, int rank, const uint64_t *shape)
{
    cv_buffer_puts(text, "[");
    for (int i = 0; i < rank; i++) cv_buffer_printf(text, "%s%" PRIu64, i ? ", " : "", shape[i]);
    cv_buffer_puts(text, "]");
}

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

/* Binds one tensor of the checkpoint, which must be there and as config.json says. */
static bool bind_tensor(cv_model *model, const char *name, extent rows, extent columns, cv_tensor *out, cv_error *err)
{
    cv_checkpoint_entry *entry = cv_checkpoint_find(model->checkpoint, name);
    if (!entry) return cv_bad_input(err, "%s: tensor %s is missing from the checkpoint", model->path, name);
    *out = (cv_tensor){
        .data = entry->tensor->data,
        .rows = extent_of(&model->config, rows),
        .columns = extent_of(&model->config, columns),
        .name = entry->tensor->name,
    };
    if (!check_shape(entry, out->rows, out->columns, rows == ONE, err) || !read_dtype(entry, &out->dtype, err))
        return false;
    entry->used = true;
    model->parameters += (uint64_t)out->rows * (uint64_t)out->columns;
    model->weight_bytes += entry->tensor->size;
    return true;
}

static bool bind_layer(cv_model *model, int l, cv_error *err)
{
    char name[NAME_LENGTH];
    cv_layer *layer = &model->layers[l];
    for (size_t i = 0; i < NUM_LAYER_TENSORS; i++) {
        size_t condition = layer_tensors[i].condition;
        if (condition != ALWAYS && !*(const bool *)((const char *)&model->config + condition)) continue;
        snprintf(name, sizeof name, "model.layers.%d.%s", l, layer_tensors[i].name);
        cv_tensor *target = (cv_tensor *)(void *)((char *)layer + layer_tensors[i].target);
        if (!bind_tensor(model, name, layer_tensors[i].rows, layer_tensors[i].columns, target, err)) return false;
    }
    return true;
}

/* Tied: the output projection is the embedding. Some files hold it a second time; if the two differ,
 * versions of transformers disagree about which one counts. */
static bool bind_tied_lm_head(cv_model *model, cv_error *err)
{
    model->lm_head = model->embed_tokens;
    cv_checkpoint_entry *second = cv_checkpoint_find(model->checkpoint, "lm_head.weight");
    if (!second) return true;
    second->used = true;
    const cv_stored_tensor *first = cv_checkpoint_find(model->checkpoint, model->embed_tokens.name)->tensor;
    if (second->tensor->dtype == first->dtype && second->tensor->size == first->size &&
        memcmp(second->tensor->data, first->data, (size_t)first->size) == 0)
        return true;
    return cv_bad_input(err,
                        "%s: tensor lm_head.weight differs from %s, though config.json has tie_word_embeddings; set "
                        "that to false to use both, or remove the tensor",
                        second->path, first->name);
}

/* Buffers that old versions of transformers stored, and recomputed on loading. */
static bool is_harmless(const char *name)
{
    static const char ending[] = "rotary_emb.inv_freq";
    size_t length = strlen(name), tail = sizeof ending - 1;
    return length >= tail && strcmp(name + length - tail, ending) == 0;
}

/* A tensor that nothing is bound to would be a part of the model that we leave out. */
static bool check_all_used(const cv_model *model, cv_error *err)
{
    for (size_t i = 0; i < model->checkpoint->num_entries; i++) {
        const cv_checkpoint_entry *entry = &model->checkpoint->entries[i];
        if (entry->used || is_harmless(entry->tensor->name)) continue;
        return cv_bad_input(err, "%s: tensor %s has no place in %s as config.json describes it", entry->path,
                            entry->tensor->name, model->config.architecture);
    }
    return true;
}

static bool bind_all(cv_model *model, cv_error *err)
{
    const cv_config *c = &model->config;
    model->layers = cv_calloc((size_t)c->num_hidden_layers, sizeof *model->layers);
    if (!bind_tensor(model, "model.embed_tokens.weight", VOCABULARY, HIDDEN, &model->embed_tokens, err)) return false;
    for (int l = 0; l < c->num_hidden_layers; l++)
        if (!bind_layer(model, l, err)) return false;
    if (!bind_tensor(model, "model.norm.weight", ONE, HIDDEN, &model->norm, err)) return false;
    bool head = c->tie_word_embeddings ? bind_tied_lm_head(model, err)
                                       : bind_tensor(model, "lm_head.weight", VOCABULARY, HIDDEN, &model->lm_head, err);
    return head && check_all_used(model, err);
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

void cv_model_close(cv_model *model)
{
    if (!model) return;
    cv_checkpoint_close(model->checkpoint);
    free(model->layers);
    free(model->path);
    free(model);
}
