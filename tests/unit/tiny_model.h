/* A random Llama-type model in memory, for tests of the engine that need no files. */
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
    return (cv_tensor){data, CV_F32, rows, columns, name};
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
        .rms_norm_eps = 1e-5,
        .rope = {.kind = CV_ROPE_DEFAULT, .theta = 10000},
    };
}

static inline void tiny_layer(uint64_t *state, const cv_config *c, cv_layer *layer)
{
    int d = c->hidden_size, f = c->intermediate_size;
    int q = c->num_attention_heads * c->head_dim, k = c->num_key_value_heads * c->head_dim;
    float in = 2.5f / sqrtf((float)d), out = 1.2f / sqrtf((float)q), down = 1.2f / sqrtf((float)f);
    layer->input_layernorm = tiny_tensor(state, "input_layernorm", 1, d, 1, 0.3f);
    layer->q_proj = tiny_tensor(state, "q_proj", q, d, 0, in);
    layer->k_proj = tiny_tensor(state, "k_proj", k, d, 0, in);
    layer->v_proj = tiny_tensor(state, "v_proj", k, d, 0, in);
    layer->o_proj = tiny_tensor(state, "o_proj", d, q, 0, out);
    layer->post_attention_layernorm = tiny_tensor(state, "post_attention_layernorm", 1, d, 1, 0.3f);
    layer->gate_proj = tiny_tensor(state, "gate_proj", f, d, 0, in);
    layer->up_proj = tiny_tensor(state, "up_proj", f, d, 0, in);
    layer->down_proj = tiny_tensor(state, "down_proj", d, f, 0, down);
    if (c->q_bias) layer->q_bias = tiny_tensor(state, "q_bias", 1, q, 0, 0.5f);
    if (c->k_bias) layer->k_bias = tiny_tensor(state, "k_bias", 1, k, 0, 0.5f);
    if (c->v_bias) layer->v_bias = tiny_tensor(state, "v_bias", 1, k, 0, 0.5f);
    if (c->o_bias) layer->o_bias = tiny_tensor(state, "o_bias", 1, d, 0, 0.5f);
    if (!c->mlp_bias) return;
    layer->gate_bias = tiny_tensor(state, "gate_bias", 1, f, 0, 0.5f);
    layer->up_bias = tiny_tensor(state, "up_bias", 1, f, 0, 0.5f);
    layer->down_bias = tiny_tensor(state, "down_bias", 1, d, 0, 0.5f);
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
    return model;
}

static inline void tiny_model_free(cv_model *model)
{
    for (int l = 0; l < model->config.num_hidden_layers; l++) {
        const cv_layer *y = &model->layers[l];
        const cv_tensor *all[] = {&y->input_layernorm, &y->q_proj,    &y->k_proj,  &y->v_proj,
                                  &y->o_proj,          &y->q_bias,    &y->k_bias,  &y->v_bias,
                                  &y->o_bias,          &y->gate_proj, &y->up_proj, &y->post_attention_layernorm,
                                  &y->down_proj,       &y->gate_bias, &y->up_bias, &y->down_bias};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free((void *)all[i]->data);
    }
    if (model->lm_head.data != model->embed_tokens.data) free((void *)model->lm_head.data);
    free((void *)model->embed_tokens.data);
    free((void *)model->norm.data);
    free(model->layers);
    free(model->path);
    free(model);
}

#endif
