/* A random model in memory, Llama-type or any other that cv_config describes, for tests of the engine that
 * need no files. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "base/memory.h"

#include <caravan/model.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* SplitMix64: the same numbers on every machine. */
static inline uint64_t tiny_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Uniform in [-1, 1). */
static inline float tiny_uniform(uint64_t *state)
{
    return (float)((double)(tiny_random(state) >> 11) / (double)(1ull << 52) - 1.0);
}

static inline cv_tensor tiny_tensor(uint64_t *state, const char *name, int rows, int columns, float centre, float scale)
{
    size_t count = (size_t)rows * (size_t)columns;
    float *data = cv_alloc_floats(count);
    for (size_t i = 0; i < count; i++) data[i] = centre + scale * tiny_uniform(state);
    return (cv_tensor){.data = data, .dtype = CV_F32, .rows = rows, .columns = columns, .name = name};
}

static inline void tiny_drop(cv_tensor *tensor)
{
    free((void *)tensor->data);
    *tensor = (cv_tensor){0};
}

static inline cv_config tiny_config(void)
{
    return (cv_config){
        .architecture = "LlamaForCausalLM",
        .model_type = "llama",
        .vocab_size = 61,
        .hidden_size = 32,
        .intermediate_size = 48,
        .num_hidden_layers = 3,
        .num_attention_heads = 6,
        .num_key_value_heads = 3,
        .head_dim = 8,
        .max_position_embeddings = 512,
        .norms = CV_NORM_ATTENTION | CV_NORM_MLP,
        .rms_norm_eps = 1e-5,
        .gated_mlp = true,
        .rope = {.kind = CV_ROPE_DEFAULT, .theta = 10000},
    };
}

/* The families beside Llama, and two that nobody has trained: each switch of the decoder is on in one. */
enum { TINY_KINDS = 9, TINY_WINDOW = 5 };

static inline cv_config tiny_kind(int kind)
{
    cv_config c = tiny_config();
    unsigned after = CV_NORM_ATTENTION_OUTPUT | CV_NORM_MLP_OUTPUT;
    c.sliding_rope = c.rope;
    switch (kind) {
    case 0: /* Qwen3 with windows above the first layer */
        c.qk_norm = CV_QK_NORM_HEAD;
        c.sliding[1] = c.sliding[2] = true;
        break;
    case 1: /* Gemma 2 */
        c.norms |= after;
        c.activation = CV_GELU_TANH;
        c.embedding_scale = 1.5;
        c.query_pre_attn_scalar = 11;
        c.attn_logit_softcapping = 2.5;
        c.final_logit_softcapping = 4;
        c.sliding[0] = c.sliding[2] = true;
        break;
    case 2: /* Gemma 3 */
        c.norms |= after;
        c.qk_norm = CV_QK_NORM_HEAD;
        c.activation = CV_GELU_TANH;
        c.tie_word_embeddings = true;
        c.sliding[0] = c.sliding[1] = true;
        c.sliding_rope.theta = 300;
        c.rope.kind = CV_ROPE_LINEAR;
        c.rope.factor = 4;
        break;
    case 3: /* Phi-3, Mistral */
        c.rope.width = c.sliding_rope.width = 4;
        c.sliding[0] = c.sliding[1] = c.sliding[2] = true;
        break;
    case 4: /* OLMo 2 */
        c.norms = after;
        c.qk_norm = CV_QK_NORM_WIDTH;
        break;
    case 5: /* GPT-NeoX */
        c.norm = CV_NORM_LAYER;
        c.parallel_residual = true;
        c.gated_mlp = false;
        c.activation = CV_GELU;
        c.q_bias = c.k_bias = c.v_bias = c.o_bias = c.mlp_bias = true;
        c.rope.width = 2;
        break;
    case 6: /* GPT-2 */
        c.norm = CV_NORM_LAYER;
        c.gated_mlp = false;
        c.activation = CV_GELU_TANH;
        c.q_bias = c.k_bias = c.v_bias = c.o_bias = c.mlp_bias = true;
        c.learned_positions = true;
        c.rope.kind = CV_ROPE_NONE;
        break;
    case 7: /* a parallel MLP, and norms of what both give */
        c.parallel_residual = true;
        c.norms |= after;
        c.qk_norm = CV_QK_NORM_WIDTH;
        c.attn_logit_softcapping = 3;
        break;
    case 8: /* no norm but attention's output's, an MLP without gate that is silu */
        c.norms = CV_NORM_ATTENTION_OUTPUT;
        c.gated_mlp = false;
        break;
    default:
        abort();
    }
    for (int l = 0; l < c.num_hidden_layers; l++)
        if (c.sliding[l]) c.sliding_window = TINY_WINDOW;
    return c;
}

/* What other families have and Llama has not, or the other way round. Takes no numbers out of the layer's
 * sequence, so that Llama-type models do not depend on what is here. */
static inline void tiny_switches(uint64_t state, const cv_config *c, cv_layer *layer)
{
    int d = c->hidden_size, q = c->num_attention_heads * c->head_dim, k = c->num_key_value_heads * c->head_dim;
    bool whole = c->qk_norm == CV_QK_NORM_WIDTH;
    if (c->norm == CV_NORM_LAYER) {
        layer->attention_norm_bias = tiny_tensor(&state, "attention_norm_bias", 1, d, 0, 0.3f);
        layer->mlp_norm_bias = tiny_tensor(&state, "mlp_norm_bias", 1, d, 0, 0.3f);
    }
    if (c->norms & CV_NORM_ATTENTION_OUTPUT)
        layer->attention_output_norm = tiny_tensor(&state, "attention_output_norm", 1, d, 1, 0.3f);
    if (c->norms & CV_NORM_MLP_OUTPUT) layer->mlp_output_norm = tiny_tensor(&state, "mlp_output_norm", 1, d, 1, 0.3f);
    if (c->qk_norm != CV_QK_NORM_NONE) {
        layer->q_norm = tiny_tensor(&state, "q_norm", 1, whole ? q : c->head_dim, 1, 0.3f);
        layer->k_norm = tiny_tensor(&state, "k_norm", 1, whole ? k : c->head_dim, 1, 0.3f);
    }
    if (!(c->norms & CV_NORM_ATTENTION)) tiny_drop(&layer->attention_norm);
    if (!(c->norms & CV_NORM_MLP)) tiny_drop(&layer->mlp_norm);
    if (c->gated_mlp) return;
    tiny_drop(&layer->gate_proj);
    tiny_drop(&layer->gate_bias);
}

static inline void tiny_layer(uint64_t *state, const cv_config *c, cv_layer *layer)
{
    int d = c->hidden_size, f = c->intermediate_size;
    int q = c->num_attention_heads * c->head_dim, k = c->num_key_value_heads * c->head_dim;
    float in = 2.5f / sqrtf((float)d), out = 1.2f / sqrtf((float)q), down = 1.2f / sqrtf((float)f);
    layer->attention_norm = tiny_tensor(state, "attention_norm", 1, d, 1, 0.3f);
    layer->q_proj = tiny_tensor(state, "q_proj", q, d, 0, in);
    layer->k_proj = tiny_tensor(state, "k_proj", k, d, 0, in);
    layer->v_proj = tiny_tensor(state, "v_proj", k, d, 0, in);
    layer->o_proj = tiny_tensor(state, "o_proj", d, q, 0, out);
    layer->mlp_norm = tiny_tensor(state, "mlp_norm", 1, d, 1, 0.3f);
    layer->gate_proj = tiny_tensor(state, "gate_proj", f, d, 0, in);
    layer->up_proj = tiny_tensor(state, "up_proj", f, d, 0, in);
    layer->down_proj = tiny_tensor(state, "down_proj", d, f, 0, down);
    if (c->q_bias) layer->q_bias = tiny_tensor(state, "q_bias", 1, q, 0, 0.5f);
    if (c->k_bias) layer->k_bias = tiny_tensor(state, "k_bias", 1, k, 0, 0.5f);
    if (c->v_bias) layer->v_bias = tiny_tensor(state, "v_bias", 1, k, 0, 0.5f);
    if (c->o_bias) layer->o_bias = tiny_tensor(state, "o_bias", 1, d, 0, 0.5f);
    if (c->mlp_bias) layer->gate_bias = tiny_tensor(state, "gate_bias", 1, f, 0, 0.5f);
    if (c->mlp_bias) layer->up_bias = tiny_tensor(state, "up_bias", 1, f, 0, 0.5f);
    if (c->mlp_bias) layer->down_bias = tiny_tensor(state, "down_bias", 1, d, 0, 0.5f);
    tiny_switches(*state, c, layer);
}

/* Free with tiny_model_free. */
static inline cv_model *tiny_model(cv_config config, uint64_t seed)
{
    cv_model *model = cv_calloc(1, sizeof *model);
    model->config = config;
    model->path = cv_strdup("tiny");
    model->embed_tokens = tiny_tensor(&seed, "embed_tokens", config.vocab_size, config.hidden_size, 0, 1);
    model->layers = cv_calloc((size_t)config.num_hidden_layers, sizeof *model->layers);
    for (int l = 0; l < config.num_hidden_layers; l++) tiny_layer(&seed, &config, &model->layers[l]);
    model->norm = tiny_tensor(&seed, "norm", 1, config.hidden_size, 1, 0.3f);
    model->lm_head = config.tie_word_embeddings
                         ? model->embed_tokens
                         : tiny_tensor(&seed, "lm_head", config.vocab_size, config.hidden_size, 0, 0.5f);
    if (config.norm == CV_NORM_LAYER)
        model->norm_bias = tiny_tensor(&seed, "norm_bias", 1, config.hidden_size, 0, 0.3f);
    if (config.learned_positions)
        model->positions = tiny_tensor(&seed, "positions", config.max_position_embeddings, config.hidden_size, 0, 0.5f);
    return model;
}

static inline void tiny_model_free(cv_model *model)
{
    for (int l = 0; l < model->config.num_hidden_layers; l++) {
        const cv_layer *y = &model->layers[l];
        const cv_tensor *all[] = {&y->attention_norm,
                                  &y->attention_norm_bias,
                                  &y->q_proj,
                                  &y->k_proj,
                                  &y->v_proj,
                                  &y->o_proj,
                                  &y->q_bias,
                                  &y->k_bias,
                                  &y->v_bias,
                                  &y->o_bias,
                                  &y->q_norm,
                                  &y->k_norm,
                                  &y->mlp_norm,
                                  &y->mlp_norm_bias,
                                  &y->attention_output_norm,
                                  &y->gate_proj,
                                  &y->up_proj,
                                  &y->down_proj,
                                  &y->gate_bias,
                                  &y->up_bias,
                                  &y->down_bias,
                                  &y->mlp_output_norm};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free((void *)all[i]->data);
    }
    if (model->lm_head.data != model->embed_tokens.data) free((void *)model->lm_head.data);
    free((void *)model->embed_tokens.data);
    free((void *)model->norm.data);
    free((void *)model->norm_bias.data);
    free((void *)model->positions.data);
    free(model->layers);
    free(model->path);
    free(model);
}

#endif
