#include "engine/engine.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "engine/norm.h"
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
        .M = config->gated_mlp ? 3 : 2,
    };
    if (config->norms & (CV_NORM_ATTENTION_OUTPUT | CV_NORM_MLP_OUTPUT)) shape.o = shape.d;
    shape.G = shape.H / shape.K;
    return shape;
}

cv_engine *cv_engine_open(const cv_model *model, int positions)
{
    assert(positions >= 1);
    cv_engine *engine = cv_calloc(1, sizeof *engine);
    engine->model = model;
    engine->shape = cv_shape_of(&model->config);
    engine->positions = (size_t)positions;
    engine->rope = cv_rope_make(&model->config.rope, engine->shape.D, engine->positions);
    if (model->config.sliding_window > 0)
        engine->sliding_rope = cv_rope_make(&model->config.sliding_rope, engine->shape.D, engine->positions);
    engine->layer_checked = cv_calloc(engine->shape.L, sizeof *engine->layer_checked);
    engine->row_checked = cv_calloc(engine->shape.V, sizeof *engine->row_checked);
    engine->position_checked = cv_calloc(engine->positions, sizeof *engine->position_checked);
    engine->norm = cv_alloc_floats(engine->shape.d);
    cv_tensor_widen(&model->norm, 0, 1, engine->norm);
    if (model->norm_bias.data) {
        engine->norm_bias = cv_alloc_floats(engine->shape.d);
        cv_tensor_widen(&model->norm_bias, 0, 1, engine->norm_bias);
    }
    return engine;
}

void cv_engine_close(cv_engine *engine)
{
    if (!engine) return;
    for (size_t l = 0; engine->plain && l < engine->shape.L; l++) cv_layer_weights_free(&engine->plain[l]);
    free(engine->plain);
    cv_layer_weights_free(&engine->layer);
    cv_rope_free(&engine->rope);
    cv_rope_free(&engine->sliding_rope);
    free(engine->layer_checked);
    free(engine->row_checked);
    free(engine->position_checked);
    free(engine->norm);
    free(engine->norm_bias);
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
    if (weights->o_proj) return weights;
    if (load(engine, weights, layer, err)) return weights;
    cv_layer_weights_free(weights); /* or it would seem loaded the next time */
    return NULL;
}

const cv_rope_table *cv_engine_rope(const cv_engine *engine, size_t layer)
{
    return cv_config_window(&engine->model->config, (int)layer) > 0 ? &engine->sliding_rope : &engine->rope;
}

/* y [d] = row of a table, which is looked at the first time. */
static bool read_row(const cv_engine *engine, const cv_tensor *table, size_t row, bool *checked, float *y,
                     cv_error *err)
{
    size_t d = engine->shape.d;
    cv_tensor_widen(table, (int64_t)row, 1, y);
    *checked = *checked || cv_check_finite(engine->model, table, y, row * d, d, err);
    return *checked;
}

/* Adds the learned positions to x [count, d]. */
static bool add_positions(cv_engine *engine, const size_t *positions, size_t count, float *x, cv_error *err)
{
    const cv_tensor *table = &engine->model->positions;
    size_t d = engine->shape.d;
    bool ok = true;
    float *row = cv_alloc_floats(d);
    for (size_t i = 0; ok && i < count; i++) {
        size_t position = positions ? positions[i] : i;
        assert(position < engine->positions);
        if ((int64_t)position >= table->rows)
            ok = cv_bad_input(err, "%s: a text of more than %lld tokens has no place in the model's positions",
                              engine->model->path, (long long)table->rows);
        ok = ok && read_row(engine, table, position, &engine->position_checked[position], row, err);
        if (ok) cv_add(x + i * d, row, d);
    }
    free(row);
    return ok;
}

bool cv_engine_embed(cv_engine *engine, const int32_t *tokens, const size_t *positions, size_t count, float *x,
                     cv_error *err)
{
    size_t d = engine->shape.d;
    float scale = (float)engine->model->config.embedding_scale;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= engine->shape.V)
            return cv_bad_input(err, "%s: token %d is outside the model's vocabulary of %zu", engine->model->path,
                                (int)tokens[i], engine->shape.V);
        size_t token = (size_t)tokens[i];
        if (!read_row(engine, &engine->model->embed_tokens, token, &engine->row_checked[token], x + i * d, err))
            return false;
        for (size_t c = 0; scale > 0 && c < d; c++) x[i * d + c] *= scale;
    }
    return !engine->model->config.learned_positions || add_positions(engine, positions, count, x, err);
}

static bool check_norm(cv_engine *engine, cv_error *err)
{
    const cv_model *model = engine->model;
    size_t d = engine->shape.d;
    engine->norm_checked =
        engine->norm_checked ||
        (cv_check_finite(model, &model->norm, engine->norm, 0, d, err) &&
         (!engine->norm_bias || cv_check_finite(model, &model->norm_bias, engine->norm_bias, 0, d, err)));
    return engine->norm_checked;
}

bool cv_engine_final_norm(cv_engine *engine, size_t rows, const float *x, float *y, cv_error *err)
{
    size_t d = engine->shape.d;
    if (!check_norm(engine, err)) return false;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
        cv_norm_rows(&engine->model->config, 1, d, x + i * d, engine->norm, engine->norm_bias, y + i * d);
    return true;
}

void cv_engine_final_norm_double(const cv_engine *engine, const float *x, double *y)
{
    cv_norm_double(&engine->model->config, engine->shape.d, x, engine->norm, engine->norm_bias, y);
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
