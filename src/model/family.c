#include "model/family.h"

#include "base/buffer.h"

#include <limits.h>
#include <string.h>

/* With a sliding window a token sees the last so many tokens only. A window that no prompt can
 * outgrow changes nothing. Where the key is absent, transformers takes 4096. */
static bool check_mistral(const json_t *json, cv_json_place at, const cv_config *config, cv_error *err)
{
    int64_t window = json_object_get(json, "sliding_window") ? INT_MAX : 4096;
    if (!cv_json_int(json, at, "sliding_window", CV_OPTIONAL, 1, INT_MAX, &window, err)) return false;
    if (window >= config->max_position_embeddings) return true;
    return cv_bad_input(
        err,
        "%s: sliding_window is %lld, less than max_position_embeddings (%d), and attention in a "
        "window is not implemented; for prompts that fit the window, lower max_position_embeddings to it",
        at.file, (long long)window, config->max_position_embeddings);
}

static bool check_qwen2(const json_t *json, cv_json_place at, const cv_config *config, cv_error *err)
{
    (void)config;
    bool sliding = false;
    if (!cv_json_bool(json, at, "use_sliding_window", CV_OPTIONAL, &sliding, err)) return false;
    if (!sliding) return true;
    return cv_bad_input(err, "%s: use_sliding_window is true, and attention in a window is not implemented", at.file);
}

static const cv_family families[] = {
    {
        .architecture = "LlamaForCausalLM",
        .model_type = "llama",
        .reads_attention_bias = true,
        .reads_mlp_bias = true,
    },
    {
        .architecture = "MistralForCausalLM",
        .model_type = "mistral",
        .num_key_value_heads = 8,
        .check = check_mistral,
    },
    {
        .architecture = "Qwen2ForCausalLM",
        .model_type = "qwen2",
        .qkv_bias = true,
        .num_key_value_heads = 32,
        .check = check_qwen2,
    },
};
enum { NUM_FAMILIES = sizeof families / sizeof families[0] };

static bool not_implemented(const char *file, const char *architecture, cv_error *err)
{
    cv_buffer names = {0};
    for (int i = 0; i < NUM_FAMILIES; i++) cv_buffer_printf(&names, "%s%s", i ? ", " : "", families[i].architecture);
    cv_bad_input(err, "%s: architecture %s is not implemented; implemented are %s", file, architecture, names.data);
    cv_buffer_free(&names);
    return false;
}

const cv_family *cv_family_find(const json_t *json, cv_json_place at, cv_error *err)
{
    json_t *list;
    const char *model_type;
    if (!cv_json_array(json, at, "architectures", CV_REQUIRED, &list, err)) return NULL;
    const char *architecture = json_string_value(json_array_get(list, 0));
    if (json_array_size(list) != 1 || !architecture) {
        cv_bad_input(err, "%s: architectures must hold one name", at.file);
        return NULL;
    }
    const cv_family *family = NULL;
    for (int i = 0; i < NUM_FAMILIES; i++)
        if (strcmp(architecture, families[i].architecture) == 0) family = &families[i];
    if (!family) {
        not_implemented(at.file, architecture, err);
        return NULL;
    }
    if (!cv_json_string(json, at, "model_type", CV_REQUIRED, &model_type, err)) return NULL;
    if (strcmp(model_type, family->model_type) == 0) return family;
    cv_bad_input(err, "%s: model_type \"%s\" does not go with architecture %s, whose model_type is \"%s\"", at.file,
                 model_type, architecture, family->model_type);
    return NULL;
}
