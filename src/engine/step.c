#include "engine/step.h"

#include "base/memory.h"
#include "engine/activation.h"
#include "engine/norm.h"
#include "engine/product.h"
#include "engine/vector.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a sequence remembers ---- */

/* Sees whether z' is the mean of v over the keys. */
static bool is_uniform(const cv_ablation *ablation)
{
    return ablation->kind == CV_UNIFORM_ATTENTION && ablation->epsilon == 0;
}

static size_t window_of(const cv_config *config, size_t layer)
{
    return (size_t)cv_config_window(config, (int)layer);
}

static bool attends(const cv_ablation *ablation)
{
    if (ablation->kind == CV_UNIFORM_ATTENTION) return ablation->epsilon != 0;
    return ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of != CV_MEAN_OF_Z;
}

/* The first of the query heads that one head of a group stands for, and how many they are. */
static size_t first_head(const cv_ablated_head *head, const cv_config *config, size_t *span)
{
    *span = (size_t)cv_ablation_span(&head->ablation, config);
    return (size_t)head->head * *span;
}

cv_past cv_past_make(const cv_engine *engine, const cv_trie *trie, size_t end_row, const float *prompt, size_t capacity,
                     const cv_head_group *group)
{
    const cv_shape *s = &engine->shape;
    cv_past past = {.cache = cv_cache_make(s, trie, end_row, prompt, capacity), .group = group};
    past.sums = cv_calloc(group->count * s->D, sizeof *past.sums);
    cv_run *runs = cv_alloc(cv_cache_runs(&past.cache), sizeof *runs);
    for (size_t i = 0; i < group->count; i++) {
        const cv_ablated_head *head = &group->heads[i];
        size_t span, first = first_head(head, &engine->model->config, &span);
        if (!is_uniform(&head->ablation) || window_of(&engine->model->config, (size_t)head->layer) > 0) continue;
        cv_path path = cv_cache_path(&past.cache, (size_t)head->layer, first / s->G, 0, runs);
        cv_path_sum(&path, s->D, past.sums + i * s->D);
    }
    free(runs);
    return past;
}

void cv_past_free(cv_past *past)
{
    cv_cache_free(&past->cache);
    free(past->sums);
    *past = (cv_past){0};
}

/* ---- arrays ---- */

size_t cv_step_row_floats(const cv_shape *s)
{
    return 2 * s->d + 2 * s->H * s->D + 2 * s->K * s->D + 2 * s->f + s->o;
}

/* Scores of one key head's queries, or of one head twice; a mean of heads; the z of a row. */
size_t cv_step_thread_floats(const cv_shape *s, size_t longest)
{
    return ((s->G > 2 ? s->G : 2) * longest + s->D + s->H * s->D + 15) / 16 * 16;
}

cv_step cv_step_make(cv_engine *engine, size_t most, size_t longest, size_t most_runs)
{
    const cv_shape *s = &engine->shape;
    cv_step step = {.engine = engine, .most = most, .longest = longest, .most_runs = most_runs};
    step.threads = (size_t)omp_get_max_threads();
    step.thread_floats = cv_step_thread_floats(s, longest);
    step.past = cv_alloc(most, sizeof *step.past);
    step.runs = cv_alloc(step.threads * most_runs, sizeof *step.runs);
    step.scratch = cv_alloc_floats(step.threads * step.thread_floats);
    step.sums = engine->model->config.sliding_window > 0 ? cv_alloc(step.threads * s->D, sizeof *step.sums) : NULL;
    step.memory = cv_alloc_floats(most * cv_step_row_floats(s));
    float *free_space = step.memory;
    const struct {
        float **array;
        size_t width;
    } arrays[] = {{&step.x, s->d},        {&step.norm, s->d},     {&step.q, s->H * s->D},
                  {&step.z, s->H * s->D}, {&step.k, s->K * s->D}, {&step.v, s->K * s->D},
                  {&step.gate, s->f},     {&step.up, s->f},       {&step.out, s->o}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i].array = free_space;
        free_space += most * arrays[i].width;
    }
    return step;
}

void cv_step_free(cv_step *step)
{
    free(step->past);
    free(step->runs);
    free(step->scratch);
    free(step->sums);
    free(step->memory);
    *step = (cv_step){0};
}

/* ---- attention ---- */

/* The keys that the layer's window leaves. */
static cv_path path_of(const cv_step *step, const cv_past *past, size_t layer, size_t group)
{
    cv_run *runs = step->runs + (size_t)omp_get_thread_num() * step->most_runs;
    cv_path path = cv_cache_path(&past->cache, layer, group, past->cache.count + 1, runs);
    return cv_path_last(&path, window_of(&step->engine->model->config, layer), runs);
}

static float *scores_of(const cv_step *step)
{
    return step->scratch + (size_t)omp_get_thread_num() * step->thread_floats;
}

/* [H * D] at the end of the thread's scratch, and [D] before it. */
static float *row_of(const cv_step *step)
{
    const cv_shape *s = &step->engine->shape;
    return scores_of(step) + step->thread_floats - s->H * s->D;
}

static float *mean_of(const cv_step *step)
{
    return row_of(step) - step->engine->shape.D;
}

static cv_scoring scoring_of(const cv_step *step, size_t layer, double epsilon)
{
    return cv_scoring_of(&step->engine->model->config, layer, epsilon);
}

/* One row's key and value of one key head go into the cache; the heads that share it attend. */
static void attend(cv_step *step, size_t layer, size_t row, size_t group)
{
    const cv_shape *s = &step->engine->shape;
    cv_past *past = step->past[row];
    size_t position = past->cache.prompt_tokens + past->cache.count;
    size_t heads = (row * s->H + group * s->G) * s->D, key = (row * s->K + group) * s->D;
    const cv_rope_table *rope = cv_engine_rope(step->engine, layer);
    cv_rope_apply(rope, position, s->G, step->q + heads);
    cv_rope_apply(rope, position, 1, step->k + key);
    cv_cache_put(&past->cache, layer, group, step->k + key, step->v + key);
    cv_path path = path_of(step, past, layer, group);
    cv_scoring scoring = scoring_of(step, layer, 1);
    cv_path_attend(&path, s->G, s->D, &scoring, step->q + heads, scores_of(step), step->z + heads);
}

/* ---- heads switched off ---- */

/* mean [D] over num_heads neighbouring head vectors. */
static void mean_over(const float *heads, size_t num_heads, size_t D, float *mean)
{
    memcpy(mean, heads, D * sizeof *mean);
    for (size_t h = 1; h < num_heads; h++) cv_add(mean, heads + h * D, D);
    for (size_t c = 0; c < D; c++) mean[c] /= (float)num_heads;
}

/* z [D] of a head whose keys are the mean over all key heads: its scores are the mean of the scores. */
static void attend_to_mean_keys(const cv_step *step, size_t layer, const cv_past *past, size_t group, const float *q,
                                float *z)
{
    const cv_shape *s = &step->engine->shape;
    float *scores = scores_of(step), *part = scores + step->longest;
    cv_scoring scoring = scoring_of(step, layer, 1);
    for (size_t g = 0; g < s->K; g++) {
        cv_path path = path_of(step, past, layer, g);
        cv_path_scores(&path, 1, s->D, scoring.scale / (float)s->K, q, g ? part : scores);
        if (g) cv_add(scores, part, path.keys);
    }
    cv_path path = path_of(step, past, layer, group);
    cv_weights_of_scores(&scoring, scores, path.keys);
    cv_path_weigh(&path, 1, s->D, scores, z);
}

/* z [D] of one query head under an ablation that computes its attention anew. */
static void attend_anew(const cv_step *step, size_t layer, size_t row, size_t head, const cv_ablation *ablation,
                        float *z)
{
    const cv_shape *s = &step->engine->shape;
    const cv_past *past = step->past[row];
    const float *q = step->q + row * s->H * s->D;
    if (ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of == CV_MEAN_OF_K) {
        attend_to_mean_keys(step, layer, past, head / s->G, q + head * s->D, z);
        return;
    }
    float *scores = scores_of(step), *mean = mean_of(step);
    cv_path path = path_of(step, past, layer, head / s->G);
    bool is_mean = ablation->kind == CV_MEAN_OVER_HEADS;
    cv_scoring scoring = scoring_of(step, layer, is_mean ? 1 : ablation->epsilon);
    if (is_mean) mean_over(q, s->H, s->D, mean);
    cv_path_attend(&path, 1, s->D, &scoring, is_mean ? mean : q + head * s->D, scores, z);
}

/* The running mean of v: sum [D] takes the new token's value in. */
static void attend_uniformly(const cv_step *step, size_t row, size_t group, double *sum, float *z)
{
    const cv_shape *s = &step->engine->shape;
    const cv_past *past = step->past[row];
    const float *v = step->v + (row * s->K + group) * s->D;
    double keys = (double)(past->cache.prompt_tokens + past->cache.count + 1);
    for (size_t c = 0; c < s->D; c++) {
        sum[c] += (double)v[c];
        z[c] = (float)(sum[c] / keys);
    }
}

/* The same in a layer with a window: what leaves it cannot be taken out of a sum of rounded numbers. */
static void attend_uniformly_in_window(const cv_step *step, size_t layer, size_t row, size_t group, float *z)
{
    size_t D = step->engine->shape.D;
    cv_path path = path_of(step, step->past[row], layer, group);
    double *sum = step->sums + (size_t)omp_get_thread_num() * D;
    memset(sum, 0, D * sizeof *sum);
    cv_path_sum(&path, D, sum);
    for (size_t c = 0; c < D; c++) z[c] = (float)(sum[c] / (double)path.keys);
}

/* The z of a group's entry, into z [span, D], from the row's own q and z. */
static void replace(const cv_step *step, size_t layer, size_t row, size_t entry, float *z)
{
    const cv_shape *s = &step->engine->shape;
    const cv_ablated_head *switched = &step->past[row]->group->heads[entry];
    const cv_ablation *ablation = &switched->ablation;
    size_t span, head = first_head(switched, &step->engine->model->config, &span);
    const float *own = step->z + row * s->H * s->D;
    if (is_uniform(ablation)) {
        if (window_of(&step->engine->model->config, layer) > 0)
            attend_uniformly_in_window(step, layer, row, head / s->G, z);
        else
            attend_uniformly(step, row, head / s->G, step->past[row]->sums + entry * s->D, z);
        for (size_t i = 1; i < span; i++) memcpy(z + i * s->D, z, s->D * sizeof *z);
        return;
    }
    for (size_t i = 0; i < span; i++) {
        float *out = z + i * s->D;
        if (attends(ablation))
            attend_anew(step, layer, row, head + i, ablation, out);
        else if (ablation->kind == CV_VALUE_SCALE)
            for (size_t c = 0; c < s->D; c++) out[c] = (float)ablation->epsilon * own[(head + i) * s->D + c];
        else
            mean_over(own, s->H, s->D, out);
    }
}

static bool has_heads(const cv_head_group *group, size_t layer)
{
    for (size_t i = 0; i < group->count; i++)
        if ((size_t)group->heads[i].layer == layer) return true;
    return false;
}

/* All of a row's heads of the layer; each from what the row had before any was put in. */
static void switch_off(const cv_step *step, size_t layer, size_t row)
{
    const cv_shape *s = &step->engine->shape;
    const cv_head_group *group = step->past[row]->group;
    if (!has_heads(group, layer)) return;
    float *own = step->z + row * s->H * s->D, *z = row_of(step);
    memcpy(z, own, s->H * s->D * sizeof *z);
    for (size_t i = 0; i < group->count; i++) {
        if ((size_t)group->heads[i].layer != layer) continue;
        size_t span, head = first_head(&group->heads[i], &step->engine->model->config, &span);
        replace(step, layer, row, i, z + head * s->D);
    }
    memcpy(own, z, s->H * s->D * sizeof *z);
}

/* ---- the layer ---- */

static void normalise(cv_step *step, const float *weight, const float *bias)
{
    size_t d = step->engine->shape.d;
#pragma omp parallel for schedule(static) if (step->B > 1)
    for (size_t row = 0; row < step->B; row++)
        cv_norm_rows(&step->engine->model->config, 1, d, step->x + row * d, weight, bias, step->norm + row * d);
}

/* x += norm(input [B, k] weight^T + bias) */
static void add_output(cv_step *step, size_t k, const float *input, const float *weight, const float *bias,
                       const float *norm)
{
    size_t d = step->engine->shape.d;
    const cv_product product = {weight, bias, d, norm ? step->out : step->x};
    cv_products(step->engine, step->B, k, input, &product, 1, norm ? 0 : 1);
    if (!norm) return;
    cv_norm_rows(&step->engine->model->config, step->B, d, step->out, norm, NULL, step->out);
    cv_add(step->x, step->out, step->B * d);
}

/* q, k and v of the new tokens. */
static void project(cv_step *step, const cv_layer_weights *w)
{
    const cv_shape *s = &step->engine->shape;
    const cv_config *config = &step->engine->model->config;
    normalise(step, w->attention_norm, w->attention_norm_bias);
    const cv_product in[] = {{w->q_proj, w->q_bias, s->H * s->D, step->q},
                             {w->k_proj, w->k_bias, s->K * s->D, step->k},
                             {w->v_proj, w->v_bias, s->K * s->D, step->v}};
    cv_products(step->engine, step->B, s->d, step->norm, in, 3, 0);
#pragma omp parallel for schedule(static) if (step->B > 1)
    for (size_t row = 0; row < step->B; row++) {
        cv_norm_heads(config, s->H, w->q_norm, step->q + row * s->H * s->D);
        cv_norm_heads(config, s->K, w->k_norm, step->k + row * s->K * s->D);
    }
}

/* z of the new tokens, with each row's heads switched off. */
static void attend_all(cv_step *step, size_t layer)
{
    const cv_shape *s = &step->engine->shape;
#pragma omp parallel
    {
#pragma omp for schedule(dynamic, 4)
        for (size_t item = 0; item < step->B * s->K; item++) attend(step, layer, item / s->K, item % s->K);
#pragma omp for schedule(dynamic)
        for (size_t row = 0; row < step->B; row++) switch_off(step, layer, row);
    }
}

static void mlp(cv_step *step, const cv_layer_weights *w)
{
    const cv_shape *s = &step->engine->shape;
    normalise(step, w->mlp_norm, w->mlp_norm_bias);
    const cv_product in[] = {{w->up_proj, w->up_bias, s->f, step->up}, {w->gate_proj, w->gate_bias, s->f, step->gate}};
    float *inner = w->gate_proj ? step->gate : step->up;
    const float *up = w->gate_proj ? step->up : NULL;
    cv_products(step->engine, step->B, s->d, step->norm, in, w->gate_proj ? 2 : 1, 0);
#pragma omp parallel for schedule(static) if (step->B > 1)
    for (size_t row = 0; row < step->B; row++)
        cv_activate(step->engine->model->config.activation, inner + row * s->f, up ? up + row * s->f : NULL, s->f);
    add_output(step, s->f, inner, w->down_proj, w->down_bias, w->mlp_output_norm);
}

/* Beside the products. */
static uint64_t attention_operations(const cv_config *config, const cv_head_group *group, size_t layer, size_t keys)
{
    cv_shape s = cv_shape_of(config);
    keys = cv_window_keys(window_of(config, layer), keys);
    uint64_t operations = 4 * keys * s.H * s.D;
    for (size_t i = 0; i < group->count; i++) {
        const cv_ablation *ablation = &group->heads[i].ablation;
        if ((size_t)group->heads[i].layer != layer || !attends(ablation)) continue;
        bool mean_keys = ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of == CV_MEAN_OF_K;
        operations += (uint64_t)cv_ablation_span(ablation, config) * (mean_keys ? 2 * s.K + 2 : 4) * keys * s.D;
    }
    return operations;
}

uint64_t cv_step_operations(const cv_config *config, const cv_head_group *group, size_t layer, size_t keys)
{
    cv_shape s = cv_shape_of(config);
    return 2 * s.d * (2 * s.H * s.D + 2 * s.K * s.D + s.M * s.f) + attention_operations(config, group, layer, keys);
}

/* Each key more costs as much more, until the window is full. */
uint64_t cv_steps_operations(const cv_config *config, const cv_head_group *group, size_t layer, size_t first,
                             size_t last)
{
    size_t window = window_of(config, layer);
    if (first > last) return 0;
    uint64_t low = cv_step_operations(config, group, layer, first),
             high = cv_step_operations(config, group, layer, last);
    if (window == 0 || last <= window || first >= window) return (last - first + 1) * (low + high) / 2;
    return (window - first + 1) * (low + high) / 2 + (last - window) * high;
}

void cv_step_layer(cv_step *step, size_t layer, const cv_layer_weights *w)
{
    const cv_shape *s = &step->engine->shape;
    bool parallel = step->engine->model->config.parallel_residual;
    project(step, w);
    attend_all(step, layer);
    if (parallel) mlp(step, w); /* it reads the layer's input, as attention did */
    add_output(step, s->H * s->D, step->z, w->o_proj, w->o_bias, w->attention_output_norm);
    if (!parallel) mlp(step, w);
    for (size_t row = 0; row < step->B; row++) {
        const cv_cache *cache = &step->past[row]->cache;
        step->engine->work.operations += attention_operations(&step->engine->model->config, step->past[row]->group,
                                                              layer, cache->prompt_tokens + cache->count + 1);
    }
}
