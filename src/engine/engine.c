#include "engine/engine.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "engine/vector.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

cv_shape cv_shape_of(const cv_config *config)
{
    cv_shape shape = {
        .d = (size_t)config->hidden_size,
        .f = (size_t)config->intermediate_size,
        .H = (size_t)config->num_attention_heads,
        .K = (size_t)config->num_key_value_heads,
        .D = (size_t)config->head_dim,
        .L = (size_t)config->num_hidden_layers,
        .V = (size_t)config->vocab_size,
    };
    shape.G = shape.H / shape.K;
    return shape;
}

cv_engine *cv_engine_open(const cv_model *model, int positions)
{
    assert(positions >= 1);
    cv_engine *engine = cv_calloc(1, sizeof *engine);
    engine->model = model;
    engine->shape = cv_shape_of(&model->config);
    engine->rope = cv_rope_make(&model->config.rope, engine->shape.D, (size_t)positions);
    engine->layer_checked = cv_calloc(engine->shape.L, sizeof *engine->layer_checked);
    engine->row_checked = cv_calloc(engine->shape.V, sizeof *engine->row_checked);
    engine->norm = cv_alloc_floats(engine->shape.d);
    cv_tensor_widen(&model->norm, 0, 1, engine->norm);
    return engine;
}

void cv_engine_close(cv_engine *engine)
{
    if (!engine) return;
    for (size_t l = 0; engine->plain && l < engine->shape.L; l++) cv_layer_weights_free(&engine->plain[l]);
    free(engine->plain);
    cv_layer_weights_free(&engine->layer);
    cv_rope_free(&engine->rope);
    free(engine->layer_checked);
    free(engine->row_checked);
    free(engine->norm);
    free(engine);
}

const cv_model *cv_engine_model(const cv_engine *engine)
{
    return engine->model;
}

cv_work cv_engine_work(const cv_engine *engine)
{
    return engine->work;
}

void cv_engine_count(cv_engine *engine, size_t m, size_t n, size_t k)
{
    engine->work.operations += 2 * (uint64_t)m * n * k;
}

static bool load(cv_engine *engine, cv_layer_weights *weights, size_t layer, cv_error *err)
{
    if (!cv_layer_weights_load(weights, engine->model, layer, !engine->layer_checked[layer], err)) return false;
    engine->layer_checked[layer] = true;
    engine->work.weight_bytes += cv_layer_file_bytes(&engine->model->layers[layer]);
    return true;
}

const cv_layer_weights *cv_engine_layer(cv_engine *engine, size_t layer, cv_error *err)
{
    return cv_not_cancelled(err) && load(engine, &engine->layer, layer, err) ? &engine->layer : NULL;
}

const cv_layer_weights *cv_engine_plain_layer(cv_engine *engine, size_t layer, cv_error *err)
{
    if (!cv_not_cancelled(err)) return NULL;
    if (!engine->plain) engine->plain = cv_calloc(engine->shape.L, sizeof *engine->plain);
    cv_layer_weights *weights = &engine->plain[layer];
    if (weights->input_layernorm) return weights;
    if (load(engine, weights, layer, err)) return weights;
    cv_layer_weights_free(weights); /* or it would seem loaded the next time */
    return NULL;
}

bool cv_engine_embed(cv_engine *engine, const int32_t *tokens, size_t count, float *x, cv_error *err)
{
    const cv_tensor *table = &engine->model->embed_tokens;
    size_t d = engine->shape.d;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= engine->shape.V)
            return cv_bad_input(err, "%s: token %d is outside the model's vocabulary of %zu", engine->model->path,
                                (int)tokens[i], engine->shape.V);
        size_t token = (size_t)tokens[i];
        cv_tensor_widen(table, tokens[i], 1, x + i * d);
        if (engine->row_checked[token]) continue;
        if (!cv_check_finite(engine->model, table, x + i * d, token * d, d, err)) return false;
        engine->row_checked[token] = true;
    }
    return true;
}

bool cv_engine_final_norm(cv_engine *engine, size_t rows, const float *x, float *y, cv_error *err)
{
    size_t d = engine->shape.d;
    double eps = engine->model->config.rms_norm_eps;
    if (!engine->norm_checked && !cv_check_finite(engine->model, &engine->model->norm, engine->norm, 0, d, err))
        return false;
    engine->norm_checked = true;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++) cv_rmsnorm(x + i * d, engine->norm, eps, d, y + i * d);
    return true;
}

const float *cv_engine_lm_head(cv_engine *engine, size_t first, size_t count, float *buffer, cv_error *err)
{
    size_t d = engine->shape.d;
    const cv_tensor *head = &engine->model->lm_head;
    if (!cv_not_cancelled(err)) return NULL;
    const float *rows = cv_tensor_rows(head, first, count, buffer);
    if (!engine->head_checked && !cv_check_finite(engine->model, head, rows, first * d, count * d, err)) return NULL;
    engine->work.weight_bytes += count * d * cv_dtype_size(head->dtype);
    return rows;
}

void cv_engine_lm_head_done(cv_engine *engine)
{
    engine->head_checked = true;
}

bool cv_engine_check_stream(const cv_engine *engine, size_t layer, const float *x, size_t count, cv_error *err)
{
    if (cv_all_finite(x, count)) return true;
    return cv_bad_input(err, "%s: the residual stream overflows single precision in layer %zu; the model cannot be run",
                        engine->model->path, layer);
}

bool cv_engine_nothing_changed(const cv_engine *engine, size_t layer, size_t head, cv_ablation_kind kind, cv_error *err)
{
    return cv_bad_input(err, "%s: ablating L%zuH%zu by %s changes nothing: the head does already what it would do",
                        engine->model->path, layer, head, cv_ablation_kind_name(kind));
}
