#include "store/fingerprint.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool cv_fingerprint_file(const char *directory, const char *name, cv_fingerprints *out, cv_error *err)
{
    char *path = directory ? cv_path_join(directory, name) : cv_strdup(name);
    cv_mapping mapping;
    bool ok = cv_map_file(path, &mapping, err);
    if (ok) {
        cv_reserve(&out->files, &out->capacity, out->count + 1, sizeof *out->files);
        cv_fingerprint *file = &out->files[out->count++];
        file->name = cv_strdup(name);
        file->bytes = mapping.size;
        cv_sha256(mapping.size ? (const void *)mapping.data : "", (size_t)mapping.size, file->sha256);
        cv_unmap_file(&mapping);
    }
    free(path);
    return ok;
}

static bool add_if_present(const char *directory, const char *name, cv_fingerprints *out, cv_error *err)
{
    char *path = cv_path_join(directory, name);
    bool present = cv_file_exists(path);
    free(path);
    return !present || cv_fingerprint_file(directory, name, out, err);
}

static bool known(const cv_fingerprints *out, size_t first, const char *name)
{
    for (size_t i = first; i < out->count; i++)
        if (strcmp(out->files[i].name, name) == 0) return true;
    return false;
}

/* Every file that the index puts a tensor into, in the index's order. */
static bool add_shards(const char *directory, const char *index_name, cv_fingerprints *out, cv_error *err)
{
    char *path = cv_path_join(directory, index_name);
    json_t *index = cv_json_load(path, 0, err), *map = NULL, *value;
    const char *tensor;
    size_t first = out->count;
    bool ok = index && cv_json_object(index, (cv_json_place){path, ""}, "weight_map", CV_REQUIRED, &map, err);
    if (ok) {
        json_object_foreach (map, tensor, value) {
            if (!json_is_string(value))
                ok = cv_bad_input(err, "%s: weight_map.%s must be a file name", path, tensor);
            else if (!known(out, first, json_string_value(value)))
                ok = cv_fingerprint_file(directory, json_string_value(value), out, err);
            if (!ok) break;
        }
    }
    json_decref(index);
    free(path);
    return ok;
}

static bool add_weights(const char *directory, cv_fingerprints *out, cv_error *err)
{
    static const char single[] = "model.safetensors", sharded[] = "model.safetensors.index.json";
    char *path = cv_path_join(directory, single);
    bool one_file = cv_file_exists(path);
    free(path);
    if (one_file) return cv_fingerprint_file(directory, single, out, err);
    return cv_fingerprint_file(directory, sharded, out, err) && add_shards(directory, sharded, out, err);
}

bool cv_fingerprint_model(const char *directory, cv_fingerprints *out, cv_error *err)
{
    return cv_fingerprint_file(directory, "config.json", out, err) &&
           add_if_present(directory, "tokenizer.json", out, err) &&
           add_if_present(directory, "tokenizer_config.json", out, err) &&
           add_if_present(directory, "chat_template.jinja", out, err) &&
           add_if_present(directory, "generation_config.json", out, err) && add_weights(directory, out, err);
}

bool cv_fingerprint_weights(const char *directory, cv_fingerprints *out, cv_error *err)
{
    return cv_fingerprint_file(directory, "config.json", out, err) && add_weights(directory, out, err);
}

void cv_fingerprints_free(cv_fingerprints *fingerprints)
{
    for (size_t i = 0; i < fingerprints->count; i++) free(fingerprints->files[i].name);
    free(fingerprints->files);
    *fingerprints = (cv_fingerprints){0};
}
