#include "model/checkpoint.h"

#include "base/json.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static const char single_name[] = "model.safetensors", index_name[] = "model.safetensors.index.json";

static int by_name(const void *a, const void *b)
{
    const cv_checkpoint_entry *x = a, *y = b;
    return strcmp(x->tensor->name, y->tensor->name);
}

/* Lists the tensors of all files, sorted by name. Bad input if a name occurs twice. */
static bool list_entries(cv_checkpoint *checkpoint, cv_error *err)
{
    for (size_t f = 0; f < checkpoint->num_files; f++) checkpoint->num_entries += checkpoint->files[f].count;
    checkpoint->entries = cv_calloc(checkpoint->num_entries, sizeof *checkpoint->entries);
    cv_checkpoint_entry *next = checkpoint->entries;
    for (size_t f = 0; f < checkpoint->num_files; f++) {
        const cv_safetensors *file = &checkpoint->files[f];
        for (size_t i = 0; i < file->count; i++)
            *next++ = (cv_checkpoint_entry){.tensor = &file->tensors[i], .path = file->path};
    }
    size_t count = checkpoint->num_entries;
    if (count) qsort(checkpoint->entries, count, sizeof *checkpoint->entries, by_name);
    for (size_t i = 1; i < count; i++) {
        const cv_checkpoint_entry *a = &checkpoint->entries[i - 1], *b = &checkpoint->entries[i];
        if (by_name(a, b) == 0)
            return cv_bad_input(err, "%s: tensor %s is also in %s; a tensor must lie in one shard", a->path,
                                a->tensor->name, b->path);
    }
    return true;
}

cv_checkpoint_entry *cv_checkpoint_find(const cv_checkpoint *checkpoint, const char *name)
{
    cv_stored_tensor wanted = {.name = (char *)name};
    cv_checkpoint_entry key = {.tensor = &wanted};
    if (checkpoint->num_entries == 0) return NULL;
    return bsearch(&key, checkpoint->entries, checkpoint->num_entries, sizeof key, by_name);
}

/* A shard is a file beside the index: a name that leads elsewhere could map any file of the machine. */
static bool is_plain_name(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && !strpbrk(name, "/\\") && length > 12 && strcmp(name + length - 12, ".safetensors") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The distinct file names in weight_map, sorted; borrowed from it. Free the array alone. NULL on error. */
static const char **shard_names(const json_t *weight_map, const char *path, size_t *count, cv_error *err)
{
    const char **names = cv_calloc(json_object_size(weight_map), sizeof *names), *tensor;
    size_t n = 0;
    json_t *value;
    json_object_foreach ((json_t *)weight_map, tensor, value) {
        const char *name = json_string_value(value);
        if (!name || strlen(name) != json_string_length(value) || !is_plain_name(name)) {
            cv_bad_input(err, "%s: weight_map.%s must name a .safetensors file of the same directory, not \"%s\"", path,
                         tensor, name ? name : "");
            free(names);
            return NULL;
        }
        names[n++] = name;
    }
    if (n) qsort(names, n, sizeof *names, by_text);
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (*count == 0 || strcmp(names[*count - 1], names[i]) != 0) names[(*count)++] = names[i];
    return names;
}

static bool open_file(cv_checkpoint *checkpoint, const char *directory, const char *name, cv_error *err)
{
    char *path = cv_path_join(directory, name);
    bool ok = cv_safetensors_open(&checkpoint->files[checkpoint->num_files], path, err);
    if (ok) checkpoint->num_files++;
    free(path);
    return ok;
}

/* The index and the shards must tell the same: a difference is a mixture of two downloads. */
static bool check_weight_map(const cv_checkpoint *checkpoint, const json_t *weight_map, const char *path, cv_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)weight_map, name, value) {
        const cv_checkpoint_entry *entry = cv_checkpoint_find(checkpoint, name);
        const char *shard = json_string_value(value);
        const char *slash = entry ? strrchr(entry->path, '/') : NULL;
        if (!entry || strcmp(slash ? slash + 1 : entry->path, shard) != 0)
            return cv_bad_input(err, "%s: weight_map.%s names %s, which has no such tensor; fetch the files again",
                                path, name, shard);
    }
    for (size_t i = 0; i < checkpoint->num_entries; i++) {
        const cv_checkpoint_entry *entry = &checkpoint->entries[i];
        if (!json_object_get(weight_map, entry->tensor->name))
            return cv_bad_input(err, "%s: weight_map lacks tensor %s of %s; fetch the files again", path,
                                entry->tensor->name, entry->path);
    }
    return true;
}

static bool open_shards(cv_checkpoint *checkpoint, const char *directory, const char *path, cv_error *err)
{
    json_t *index = cv_json_load(path, 0, err), *weight_map = NULL;
    const char **names = NULL;
    size_t count = 0;
    bool ok = index && cv_json_object(index, (cv_json_place){path, ""}, "weight_map", CV_REQUIRED, &weight_map, err) &&
              (names = shard_names(weight_map, path, &count, err)) != NULL;
    if (ok) checkpoint->files = cv_calloc(count, sizeof *checkpoint->files);
    for (size_t i = 0; ok && i < count; i++) ok = open_file(checkpoint, directory, names[i], err);
    ok = ok && list_entries(checkpoint, err) && check_weight_map(checkpoint, weight_map, path, err);
    free(names);
    json_decref(index);
    return ok;
}

static bool no_weights(const char *directory, cv_error *err)
{
    return cv_bad_input(err,
                        "%s: has neither %s nor %s; other formats (.bin, .gguf) are not read: load the model with "
                        "transformers and save_pretrained() it as safetensors",
                        directory, single_name, index_name);
}

/* A single file goes before an index, as with transformers. */
cv_checkpoint *cv_checkpoint_open(const char *directory, cv_error *err)
{
    cv_checkpoint *checkpoint = cv_calloc(1, sizeof *checkpoint);
    char *single = cv_path_join(directory, single_name), *index = cv_path_join(directory, index_name);
    bool ok;
    if (cv_file_exists(single)) {
        checkpoint->files = cv_calloc(1, sizeof *checkpoint->files);
        ok = open_file(checkpoint, directory, single_name, err) && list_entries(checkpoint, err);
    } else if (cv_file_exists(index)) {
        ok = open_shards(checkpoint, directory, index, err);
    } else {
        ok = no_weights(directory, err);
    }
    free(single);
    free(index);
    if (ok) return checkpoint;
    cv_checkpoint_close(checkpoint);
    return NULL;
}

void cv_checkpoint_close(cv_checkpoint *checkpoint)
{
    if (!checkpoint) return;
    for (size_t f = 0; f < checkpoint->num_files; f++) cv_safetensors_close(&checkpoint->files[f]);
    free(checkpoint->files);
    free(checkpoint->entries);
    free(checkpoint);
}
