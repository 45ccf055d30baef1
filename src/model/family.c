#include "model/family.h"

#include "base/buffer.h"

#include <assert.h>
#include <string.h>

/* A key that transformers takes and then leaves unread: what it asks for would not happen. */
static bool check_absent(const json_t *json, cv_json_place at, const char *key, const cv_config *config, cv_error *err)
{
    const json_t *value = json_object_get(json, key);
    if (!value || json_is_null(value)) return true;
    return cv_bad_input(err, "%s: %s is set, and transformers does not go by it for %s; remove it", at.file, key,
                        config->architecture);
}

static bool check_gemma3(const json_t *json, cv_json_place at, cv_config *config, cv_error *err)
{
    return check_absent(json, at, "attn_logit_softcapping", config, err);
}

/* The rotary embedding's keys have other names here; the usual ones may say the same. */
static bool check_gpt_neox(const json_t *json, cv_json_place at, cv_config *config, cv_error *err)
{
    double theta = config->rope.theta, width = config->rope.width ? config->rope.width : config->head_dim;
    double part = width / config->head_dim;
    config->parallel_residual = true;
    if (!cv_json_bool(json, at, "use_parallel_residual", CV_OPTIONAL, &config->parallel_residual, err) ||
        !cv_json_real(json, at, "rope_theta", CV_OPTIONAL, 1, 1e15, &theta, err) ||
        !cv_json_real(json, at, "partial_rotary_factor", CV_OPTIONAL, 0, 1, &part, err))
        return false;
    if (theta != config->rope.theta || (int)(part * config->head_dim) != (int)width)
        return cv_bad_input(err,
                            "%s: rope_theta or partial_rotary_factor differs from rotary_emb_base and rotary_pct; "
                            "keep one of them",
                            at.file);
    return true;
}

static bool check_gpt2(const json_t *json, cv_json_place at, cv_config *config, cv_error *err)
{
    bool scaled = true, by_layer = false;
    if (!cv_json_bool(json, at, "scale_attn_weights", CV_OPTIONAL, &scaled, err) ||
        !cv_json_bool(json, at, "scale_attn_by_inverse_layer_idx", CV_OPTIONAL, &by_layer, err))
        return false;
    if (by_layer)
        return cv_bad_input(err, "%s: scale_attn_by_inverse_layer_idx is true, and that is not implemented", at.file);
    config->query_pre_attn_scalar = scaled ? 0 : 1;
    return true;
}

#define USUAL_KEYS                                                                                                     \
    .hidden_size = "hidden_size", .intermediate_size = "intermediate_size", .num_hidden_layers = "num_hidden_layers",  \
    .num_attention_heads = "num_attention_heads", .max_position_embeddings = "max_position_embeddings"

static const cv_config_keys usual_keys = {USUAL_KEYS, .num_key_value_heads = "num_key_value_heads",
                                          .head_dim = "head_dim", .norm_eps = "rms_norm_eps",
                                          .activation = "hidden_act"};
static const cv_config_keys gemma_keys = {USUAL_KEYS, .num_key_value_heads = "num_key_value_heads",
                                          .head_dim = "head_dim", .norm_eps = "rms_norm_eps",
                                          .activation = "hidden_activation"};
static const cv_config_keys gpt_neox_keys = {USUAL_KEYS, .norm_eps = "layer_norm_eps", .activation = "hidden_act"};
static const cv_config_keys gpt2_keys = {.hidden_size = "n_embd",
                                         .intermediate_size = "n_inner",
                                         .num_hidden_layers = "n_layer",
                                         .num_attention_heads = "n_head",
                                         .max_position_embeddings = "n_positions",
                                         .norm_eps = "layer_norm_epsilon",
                                         .activation = "activation_function"};

static const cv_rotary_rule gemma3_rotary = {.theta_key = "rope_theta",
                                             .theta = 1e6,
                                             .sliding_theta_key = "rope_local_base_freq",
                                             .sliding_theta = 10000};
static const cv_rotary_rule phi3_rotary = {
    .theta_key = "rope_theta", .theta = 10000, .part_key = "partial_rotary_factor", .part = 1, .default_only = true};
static const cv_rotary_rule gpt_neox_rotary = {.theta_key = "rotary_emb_base",
                                               .theta = 10000,
                                               .part_key = "rotary_pct",
                                               .part = 0.25};

enum {
    BEFORE = CV_NORM_ATTENTION | CV_NORM_MLP,
    AFTER = CV_NORM_ATTENTION_OUTPUT | CV_NORM_MLP_OUTPUT,
};

static const cv_family families[] = {
    {
        .architecture = "LlamaForCausalLM",
        .model_type = "llama",
        .layout = &cv_layout_llama,
        .keys = &usual_keys,
        .norms = BEFORE,
        .gated_mlp = true,
        .activation = "silu",
        .reads_attention_bias = true,
        .reads_mlp_bias = true,
        .rotary = &cv_rotary_usual,
    },
    {
        .architecture = "MistralForCausalLM",
        .model_type = "mistral",
        .layout = &cv_layout_llama,
        .keys = &usual_keys,
        .norms = BEFORE,
        .gated_mlp = true,
        .activation = "silu",
        .num_key_value_heads = 8,
        .rotary = &cv_rotary_usual,
        .sliding = {CV_SLIDING_ALL, .window = 4096},
    },
    {
        .architecture = "Qwen2ForCausalLM",
        .model_type = "qwen2",
        .layout = &cv_layout_llama,
        .keys = &usual_keys,
        .norms = BEFORE,
        .gated_mlp = true,
        .activation = "silu",
        .qkv_bias = true,
        .num_key_value_heads = 32,
        .rotary = &cv_rotary_usual,
        .sliding = {CV_SLIDING_UPPER, .window = 4096},
    },
    {
        .architecture = "Qwen3ForCausalLM",
        .model_type = "qwen3",
        .layout = &cv_layout_qwen3,
        .keys = &usual_keys,
        .norms = BEFORE,
        .qk_norm = CV_QK_NORM_HEAD,
        .gated_mlp = true,
        .activation = "silu",
        .reads_attention_bias = true,
        .num_key_value_heads = 32,
        .head_dim = 128,
        .rotary = &cv_rotary_usual,
        .sliding = {CV_SLIDING_UPPER, .window = 4096},
    },
    {
        .architecture = "Gemma2ForCausalLM",
        .model_type = "gemma2",
        .layout = &cv_layout_gemma2,
        .keys = &gemma_keys,
        .norms = BEFORE | AFTER,
        .gated_mlp = true,
        .scaled_embeddings = true,
        .tie_word_embeddings = true,
        .activation = "gelu_pytorch_tanh",
        .reads_attention_bias = true,
        .num_key_value_heads = 4,
        .head_dim = 256,
        .query_pre_attn_scalar = 256,
        .attn_softcap = true,
        .attn_logit_softcapping = 50,
        .final_softcap = true,
        .final_logit_softcapping = 30,
        .rotary = &cv_rotary_usual,
        .sliding = {CV_SLIDING_PATTERN, .window = 4096, .pattern = 2},
    },
    {
        .architecture = "Gemma3ForCausalLM",
        .model_type = "gemma3_text",
        .layout = &cv_layout_gemma3,
        .keys = &gemma_keys,
        .norms = BEFORE | AFTER,
        .qk_norm = CV_QK_NORM_HEAD,
        .gated_mlp = true,
        .scaled_embeddings = true,
        .tie_word_embeddings = true,
        .activation = "gelu_pytorch_tanh",
        .reads_attention_bias = true,
        .num_key_value_heads = 4,
        .head_dim = 256,
        .query_pre_attn_scalar = 256,
        .final_softcap = true,
        .rotary = &gemma3_rotary,
        .sliding = {CV_SLIDING_PATTERN, .window = 4096, .pattern = 6},
        .check = check_gemma3,
    },
    {
        .architecture = "Phi3ForCausalLM",
        .model_type = "phi3",
        .layout = &cv_layout_phi3,
        .keys = &usual_keys,
        .norms = BEFORE,
        .gated_mlp = true,
        .activation = "silu",
        .rotary = &phi3_rotary,
        .sliding = {CV_SLIDING_ALL},
    },
    {
        .architecture = "Olmo2ForCausalLM",
        .model_type = "olmo2",
        .layout = &cv_layout_olmo2,
        .keys = &usual_keys,
        .norms = AFTER,
        .qk_norm = CV_QK_NORM_WIDTH,
        .gated_mlp = true,
        .activation = "silu",
        .reads_attention_bias = true,
        .rotary = &cv_rotary_usual,
    },
    {
        .architecture = "GPTNeoXForCausalLM",
        .model_type = "gpt_neox",
        .layout = &cv_layout_gpt_neox,
        .keys = &gpt_neox_keys,
        .norm = CV_NORM_LAYER,
        .norms = BEFORE,
        .activation = "gelu",
        .reads_attention_bias = true,
        .attention_bias = true,
        .mlp_bias = true,
        .rotary = &gpt_neox_rotary,
        .check = check_gpt_neox,
    },
    {
        .architecture = "GPT2LMHeadModel",
        .model_type = "gpt2",
        .layout = &cv_layout_gpt2,
        .keys = &gpt2_keys,
        .norm = CV_NORM_LAYER,
        .norms = BEFORE,
        .learned_positions = true,
        .tie_word_embeddings = true,
        .activation = "gelu_new",
        .intermediate_ratio = 4,
        .qkv_bias = true,
        .o_bias = true,
        .mlp_bias = true,
        .check = check_gpt2,
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

const cv_family *cv_family_of(const cv_config *config)
{
    for (int i = 0; i < NUM_FAMILIES; i++)
        if (strcmp(config->architecture, families[i].architecture) == 0) return &families[i];
    assert(!"a configuration that cv_config_load has read has a family");
    return NULL;
}
