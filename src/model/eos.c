#include "model/eos.h"

#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>

static bool add(cv_model *model, const char *path, const json_t *value, cv_error *err)
{
    if (!json_is_integer(value))
        return cv_bad_input(err, "%s: eos_token_id must be a whole number, or a list of them", path);
    json_int_t id = json_integer_value(value);
    if (id < 0 || id >= model->config.vocab_size)
        return cv_bad_input(err, "%s: eos_token_id %lld is no token of the model, whose vocab_size is %d; correct it",
                            path, (long long)id, model->config.vocab_size);
    for (size_t i = 0; i < model->num_eos; i++)
        if (model->eos[i] == id) return true;
    if (model->num_eos == CV_EOS_MAX)
        return cv_bad_input(err, "%s: eos_token_id lists more than %d tokens", path, CV_EOS_MAX);
    model->eos[model->num_eos++] = (int32_t)id;
    return true;
}

/* Reads the key from one file; *found tells if it was there. */
static bool read_file(cv_model *model, const char *path, bool *found, cv_error *err)
{
    json_t *json = cv_json_load(path, 0, err);
    if (!json) return false;
    const json_t *value = json_object_get(json, "eos_token_id");
    *found = value && !json_is_null(value);
    bool ok = true;
    if (*found && !json_is_array(value)) ok = add(model, path, value, err);
    for (size_t i = 0; ok && json_is_array(value) && i < json_array_size(value); i++)
        ok = add(model, path, json_array_get(value, i), err);
    json_decref(json);
    return ok;
}

bool cv_eos_load(cv_model *model, cv_error *err)
{
    char *generation = cv_path_join(model->path, "generation_config.json");
    char *config = cv_path_join(model->path, "config.json");
    bool found = false;
    bool ok = !cv_file_exists(generation) || read_file(model, generation, &found, err);
    ok = ok && (found || read_file(model, config, &found, err));
    free(generation);
    free(config);
    return ok;
}
