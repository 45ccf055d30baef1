#include "model/config.h"

#include "base/json.h"
#include "model/family.h"
#include "model/rotary.h"
#include "model/sliding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bounds far above any model, so low that products of sizes fit: heads * head_dim in an int, and the
 * bytes of all tensors together in 64 bits. */
enum {
    LAYERS_MAX = CV_LAYERS_MAX,
    HEADS_MAX = 1 << 12,
    HEAD_DIM_MAX = 1 << 12,
    WIDTH_MAX = 1 << 20,
    VOCABULARY_MAX = 1 << 26,
    POSITIONS_MAX = 1 << 30,
};

/* Keys that change what any model computes, or which files it comes from. They may be there if they
 * say nothing: null, false, or empty. */
static const struct {
    const char *key, *meaning;
} switched_off[] = {
    {"quantization_config", "quantised weights are"},
    {"auto_map", "model code that comes with the checkpoint is"},
    {"is_encoder_decoder", "an encoder is"},
    {"add_cross_attention", "cross-attention is"},
    {"per_layer_config", "layers that differ from each other are"},
    {"pruned_heads", "layers that differ from each other are"},
    {"transformers_weights", "another name of the weights' file is"},
};
enum { NUM_SWITCHED_OFF = sizeof switched_off / sizeof switched_off[0] };

static bool says_nothing(const json_t *value)
{
    if (json_is_object(value)) return json_object_size(value) == 0;
    if (json_is_array(value)) return json_array_size(value) == 0;
    return !value || json_is_null(value) || json_is_false(value);
}

static bool check_switched_off(const json_t *json, cv_json_place at, cv_error *err)
{
    for (int i = 0; i < NUM_SWITCHED_OFF; i++)
        if (!says_nothing(json_object_get(json, switched_off[i].key)))
            return cv_bad_input(err, "%s: %s is set, and %s not implemented", at.file, switched_off[i].key,
                                switched_off[i].meaning);
    return true;
}

static const struct {
    const char *name;
    cv_activation activation;
} activations[] = {
    {"silu", CV_SILU},
    {"swish", CV_SILU},
    {"gelu", CV_GELU},
    {"gelu_new", CV_GELU_TANH},
    {"gelu_pytorch_tanh", CV_GELU_TANH},
};

static bool read_activation(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    const char *name = family->activation, *key = family->keys->activation;
    if (!cv_json_string(json, at, key, CV_OPTIONAL, &name, err)) return false;
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        c->activation = activations[i].activation;
        if (strcmp(name, activations[i].name) == 0) return true;
    }
    return cv_bad_input(err,
                        "%s: %s \"%s\" is not implemented; implemented are silu, gelu, gelu_new, gelu_pytorch_tanh",
                        at.file, key, name);
}

/* Keys that must have one value, which is also what they mean when absent. */
static bool check_fixed(const json_t *json, cv_json_place at, cv_error *err)
{
    bool causal = true, both_ways = false;
    int64_t slices = 1;
    if (!cv_json_bool(json, at, "is_causal", CV_OPTIONAL, &causal, err) ||
        !cv_json_bool(json, at, "use_bidirectional_attention", CV_OPTIONAL, &both_ways, err) ||
        !cv_json_int(json, at, "pretraining_tp", CV_OPTIONAL, 0, POSITIONS_MAX, &slices, err))
        return false;
    if (!causal || both_ways)
        return cv_bad_input(err, "%s: %s, and attention to later tokens is not implemented", at.file,
                            causal ? "use_bidirectional_attention is true" : "is_causal is false");
    if (slices > 1)
        return cv_bad_input(err, "%s: pretraining_tp is %lld, and products in slices are not implemented; only 1 is",
                            at.file, (long long)slices);
    return true;
}

/* A size of at least 1. Where the key is optional, *out already holds what it means when absent. */
static bool read_size(const json_t *json, cv_json_place at, const char *key, cv_json_need need, int max, int *out,
                      cv_error *err)
{
    int64_t value = *out;
    if (!cv_json_int(json, at, key, need, 1, max, &value, err)) return false;
    *out = (int)value;
    return true;
}

static bool read_sizes(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    const cv_config_keys *keys = family->keys;
    if (!read_size(json, at, "vocab_size", CV_REQUIRED, VOCABULARY_MAX, &c->vocab_size, err) ||
        !read_size(json, at, keys->hidden_size, CV_REQUIRED, WIDTH_MAX, &c->hidden_size, err))
        return false;
    int ratio = family->intermediate_ratio;
    c->intermediate_size = ratio * c->hidden_size;
    return read_size(json, at, keys->intermediate_size, ratio ? CV_OPTIONAL : CV_REQUIRED, WIDTH_MAX,
                     &c->intermediate_size, err) &&
           read_size(json, at, keys->num_hidden_layers, CV_REQUIRED, LAYERS_MAX, &c->num_hidden_layers, err) &&
           read_size(json, at, keys->max_position_embeddings, CV_REQUIRED, POSITIONS_MAX, &c->max_position_embeddings,
                     err);
}

/* head_dim, or what it is where the key is absent. */
static bool read_head_dim(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    const cv_config_keys *keys = family->keys;
    c->head_dim = 0;
    if (keys->head_dim && !json_object_get(json, keys->head_dim)) c->head_dim = family->head_dim;
    if (keys->head_dim && !read_size(json, at, keys->head_dim, CV_OPTIONAL, HEAD_DIM_MAX, &c->head_dim, err))
        return false;
    if (c->head_dim == 0) {
        if (c->hidden_size % c->num_attention_heads != 0)
            return cv_bad_input(err, "%s: %s (%d) must be a multiple of %s (%d)%s", at.file, keys->hidden_size,
                                c->hidden_size, keys->num_attention_heads, c->num_attention_heads,
                                keys->head_dim ? ", or head_dim given" : "");
        c->head_dim = c->hidden_size / c->num_attention_heads;
    }
    if (c->head_dim % 2 != 0 && family->rotary)
        return cv_bad_input(err, "%s: head_dim is %d; rotary embeddings need an even number", at.file, c->head_dim);
    return true;
}

static bool read_heads(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    const cv_config_keys *keys = family->keys;
    if (!read_size(json, at, keys->num_attention_heads, CV_REQUIRED, HEADS_MAX, &c->num_attention_heads, err))
        return false;
    c->num_key_value_heads = c->num_attention_heads;
    if (keys->num_key_value_heads) {
        if (family->num_key_value_heads && !json_object_get(json, keys->num_key_value_heads))
            c->num_key_value_heads = family->num_key_value_heads;
        if (!read_size(json, at, keys->num_key_value_heads, CV_OPTIONAL, HEADS_MAX, &c->num_key_value_heads, err))
            return false;
    }
    if (c->num_attention_heads % c->num_key_value_heads != 0)
        return cv_bad_input(err, "%s: num_attention_heads (%d) must be a multiple of num_key_value_heads (%d)", at.file,
                            c->num_attention_heads, c->num_key_value_heads);
    return read_head_dim(json, at, family, c, err);
}

static bool read_biases(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    bool attention_bias = family->attention_bias;
    if (family->reads_attention_bias && !cv_json_bool(json, at, "attention_bias", CV_OPTIONAL, &attention_bias, err))
        return false;
    c->mlp_bias = family->mlp_bias;
    if (family->reads_mlp_bias && !cv_json_bool(json, at, "mlp_bias", CV_OPTIONAL, &c->mlp_bias, err)) return false;
    c->q_bias = c->k_bias = c->v_bias = attention_bias || family->qkv_bias;
    c->o_bias = attention_bias || family->o_bias;
    return true;
}

/* A soft cap: where the key is absent it is absent's; null is none. */
static bool read_softcap(const json_t *json, cv_json_place at, const char *key, double absent, double *cap,
                         cv_error *err)
{
    *cap = json_object_get(json, key) ? 0 : absent;
    return cv_json_real(json, at, key, CV_OPTIONAL, 1e-6, 1e9, cap, err);
}

static bool read_scores(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    static const char attention[] = "attn_logit_softcapping", final[] = "final_logit_softcapping";
    c->query_pre_attn_scalar = family->query_pre_attn_scalar;
    if (family->query_pre_attn_scalar > 0 &&
        !cv_json_real(json, at, "query_pre_attn_scalar", CV_OPTIONAL, 1e-6, 1e9, &c->query_pre_attn_scalar, err))
        return false;
    return (!family->attn_softcap ||
            read_softcap(json, at, attention, family->attn_logit_softcapping, &c->attn_logit_softcapping, err)) &&
           (!family->final_softcap ||
            read_softcap(json, at, final, family->final_logit_softcapping, &c->final_logit_softcapping, err));
}

static bool read_switches(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    c->norm = family->norm;
    c->norms = family->norms;
    c->qk_norm = family->qk_norm;
    c->gated_mlp = family->gated_mlp;
    c->learned_positions = family->learned_positions;
    c->embedding_scale = family->scaled_embeddings ? sqrt((double)c->hidden_size) : 0;
    c->tie_word_embeddings = family->tie_word_embeddings;
    return read_activation(json, at, family, c, err) && read_biases(json, at, family, c, err) &&
           cv_json_bool(json, at, "tie_word_embeddings", CV_OPTIONAL, &c->tie_word_embeddings, err) &&
           cv_json_real(json, at, family->keys->norm_eps, CV_REQUIRED, 0.0, 1.0, &c->rms_norm_eps, err) &&
           read_scores(json, at, family, c, err) && cv_sliding_read(json, at, &family->sliding, c, err);
}

static bool read_rotary(const json_t *json, cv_json_place at, const cv_family *family, cv_config *c, cv_error *err)
{
    if (family->rotary) return cv_rotary_read(json, at, family->rotary, c, err);
    c->rope = c->sliding_rope = (cv_rope){.kind = CV_ROPE_NONE};
    return true;
}

static bool read_config(const json_t *json, cv_json_place at, cv_config *c, cv_error *err)
{
    const cv_family *family = cv_family_find(json, at, err);
    if (!family) return false;
    snprintf(c->architecture, sizeof c->architecture, "%s", family->architecture);
    snprintf(c->model_type, sizeof c->model_type, "%s", family->model_type);
    return check_switched_off(json, at, err) && check_fixed(json, at, err) && read_sizes(json, at, family, c, err) &&
           read_heads(json, at, family, c, err) && read_switches(json, at, family, c, err) &&
           read_rotary(json, at, family, c, err) && (!family->check || family->check(json, at, c, err));
}

bool cv_config_load(const char *path, cv_config *config, cv_error *err)
{
    *config = (cv_config){0};
    json_t *json = cv_json_load(path, 0, err);
    if (!json) return false;
    bool ok = read_config(json, (cv_json_place){path, ""}, config, err);
    json_decref(json);
    return ok;
}
