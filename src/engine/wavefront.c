/* The wavefront: all ablated states of a block of prompts, layer by layer.
 *
 * At layer l there live the trunk and every state born in a layer below. Each weight matrix meets all
 * their rows at once; then the layer's own states are born from the trunk. The last layer needs one row
 * per prompt. docs/architecture.md has a picture. */
#include <caravan/engine.h>

#include "base/cancel.h"
#include "base/memory.h"
#include "engine/ablate.h"
#include "engine/blas.h"
#include "engine/bundle.h"
#include "engine/group.h"
#include "engine/norm.h"
#include "engine/trunk.h"
#include "engine/vector.h"
#include "engine/wave.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct wave {
    cv_engine *engine;
    const cv_head_range *range;
    cv_trie trie;
    cv_queries all, ends;
    cv_wave_sizes size;
    size_t threads, live; /* states born so far */
    cv_trunk trunk;
    cv_bundle bundle;
    float *x;           /* [stored, rows, d] */
    float *delta;       /* [threads, rows, span * D] */
    float *bundle_ends; /* [bundle, ends, d] */
    cv_scratch *scratch;
    float *out; /* [states, num_prompts, d], the caller's */
} wave;

static void open_states(wave *w)
{
    const cv_shape *s = &w->engine->shape;
    const cv_wave_sizes *size = &w->size;
    w->x = cv_alloc_floats(size->stored * size->rows * s->d);
    w->bundle = (cv_bundle){.first = size->first, .clean_kv = w->trunk.bundle.kv};
    w->bundle.kv = cv_alloc_floats(size->bundle * size->rows * 2 * s->K * s->D);
    w->bundle.q = cv_alloc_floats(size->bundle * size->rows * s->H * s->D);
    w->bundle.z = cv_alloc_floats(size->bundle * size->rows * s->H * s->D);
    w->bundle_ends = cv_alloc_floats(size->at_once * size->ends * s->d);
    w->delta = cv_alloc_floats(w->threads * size->rows * w->size.span * s->D);
}

static bool wave_open(wave *w, cv_engine *engine, const cv_prompt_block *prompts, const cv_head_group *group,
                      const cv_head_range *range, cv_error *err)
{
    *w = (wave){.engine = engine, .range = range, .threads = (size_t)omp_get_max_threads()};
    w->trie = cv_trie_make(prompts);
    assert(w->trie.max_length <= engine->positions);
    w->all = cv_queries_all(&w->trie);
    w->ends = cv_queries_ends(&w->trie);
    w->size = cv_wave_sizes_of(&engine->model->config, &w->trie, &w->ends, range, w->threads);
    if (!cv_trunk_open(&w->trunk, engine, &w->trie, group, NULL, err)) return false;
    w->scratch = cv_scratch_make(&engine->shape, &w->trie, w->threads);
    open_states(w);
    return true;
}

static void wave_close(wave *w)
{
    float *const owned[] = {w->bundle.kv, w->bundle.q, w->bundle.z, w->bundle_ends, w->x, w->delta};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) free(owned[i]);
    cv_trunk_close(&w->trunk);
    cv_scratch_free(w->scratch, w->threads);
    cv_queries_free(&w->all);
    cv_queries_free(&w->ends);
    cv_trie_free(&w->trie);
}

/* Hands the finished rows of num_states states from state on to the caller. */
static void deliver(wave *w, size_t state, size_t num_states, const float *ends)
{
    size_t d = w->engine->shape.d, prompts = w->trie.num_prompts, skipped = w->ends.count - w->size.ends;
    for (size_t i = 0; i < num_states; i++)
        for (size_t p = 0; p < prompts; p++) {
            size_t end = w->trie.end_of[p];
            if (end < skipped) continue; /* a row of the trunk, delivered when that is finished */
            memcpy(w->out + ((state + i) * prompts + p) * d, ends + (i * w->size.ends + end - skipped) * d,
                   d * sizeof *ends);
        }
}

static void deliver_trunk(wave *w, float *trunk)
{
    size_t d = w->engine->shape.d, prompts = w->trie.num_prompts, skipped = w->ends.count - w->size.ends;
    for (size_t p = 0; p < prompts; p++) {
        size_t end = w->trie.end_of[p];
        const float *row = w->trunk.ends + end * d;
        memcpy(trunk + p * d, row, d * sizeof *row);
        for (size_t state = 0; end < skipped && state < w->size.states; state++)
            memcpy(w->out + (state * prompts + p) * d, row, d * sizeof *row);
    }
}

/* The states born below pass through the layer, a bundle at a time, and lose the group's heads in it. */
static bool pass_live(wave *w, const cv_layer_context *c, size_t layer, bool last, cv_error *err)
{
    size_t d = w->engine->shape.d;
    cv_bundle *b = &w->bundle;
    b->asked = last ? &w->ends : &w->all;
    for (size_t state = 0; state < w->live; state += b->num_states) {
        if (!cv_not_cancelled(err)) return false;
        b->num_states = w->live - state < w->size.bundle ? w->live - state : w->size.bundle;
        b->x = w->x + state * w->size.rows * d;
        b->xq = last ? w->bundle_ends : b->x;
        cv_bundle_project(c, b);
        cv_bundle_attend(c, b);
        if (!cv_ablate_group(c, b, w->trunk.group, layer, err)) return false;
        cv_bundle_finish(c, b);
        if (last) deliver(w, state, b->num_states, w->bundle_ends);
    }
    return true;
}

/* x [queries, d]: the trunk's stream with one head (or group of query heads) of the layer more switched
 * off, x = xq + (z' - z) W_o[head] or, where attention's output has a norm,
 * x = before + norm(output + (z' - z) W_o[head]). delta [queries, span * D] is scratch. */
static bool give_birth_to(const wave *w, const cv_layer_context *c, size_t head, size_t queries, float *delta, float *x)
{
    const cv_shape *s = &w->engine->shape;
    const cv_bundle *trunk = &w->trunk.bundle;
    size_t span = w->size.span, width = span * s->D, skipped = trunk->asked->count - queries;
    bool changed = queries == 0;
    for (size_t h = 0; h < span; h++) {
        float *z = delta + h * s->D;
        if (cv_ablate_head(c, trunk, 0, &w->range->ablation, head * span + h, w->size.first, z, width)) changed = true;
        for (size_t i = 0; i < queries; i++) {
            const float *own = trunk->z + ((skipped + i) * s->H + head * span + h) * s->D;
            for (size_t j = 0; j < s->D; j++) z[i * width + j] -= own[j];
        }
    }
    const float *norm = c->weights->attention_output_norm;
    memcpy(x, (norm ? trunk->output : trunk->xq) + skipped * s->d, queries * s->d * sizeof *x);
    cv_linear(queries, s->d, width, delta, width, c->weights->o_proj + head * width, s->H * s->D, 1.0f, x, s->d);
    if (!norm) return changed;
    cv_norm_rows(&c->engine->model->config, queries, s->d, x, norm, NULL, x);
    cv_add(x, trunk->before + skipped * s->d, queries * s->d);
    return changed;
}

/* This layer's states are born from the trunk. A head that the trunk lacks already changes nothing. */
static bool give_birth(wave *w, const cv_layer_context *c, size_t layer, bool last, cv_error *err)
{
    const cv_shape *s = &w->engine->shape;
    const cv_config *config = &w->engine->model->config;
    const cv_bundle *trunk = &w->trunk.bundle;
    size_t heads = w->size.heads, queries = last ? w->size.ends : w->size.rows, span = w->size.span;
    size_t skipped = trunk->asked->count - queries, unchanged = SIZE_MAX;
    float *x = last ? w->bundle_ends : w->x + w->live * w->size.rows * s->d;
#pragma omp parallel for schedule(dynamic) reduction(min : unchanged)
    for (size_t i = 0; i < heads; i++) {
        size_t head = (size_t)w->range->head_begin + i;
        float *delta = w->delta + (size_t)omp_get_thread_num() * w->size.rows * span * s->D;
        float *state = x + i * queries * s->d;
        if (cv_head_group_covers(w->trunk.group, config, (int)layer, (int)(head * span), (int)((head + 1) * span)))
            memcpy(state, trunk->xq + skipped * s->d, queries * s->d * sizeof *state);
        else if (!give_birth_to(w, c, head, queries, delta, state) && head < unchanged)
            unchanged = head;
    }
    cv_engine_count(w->engine, heads * queries, s->d, span * s->D);
    w->engine->work.operations +=
        heads * cv_ablate_operations(&w->range->ablation, config, trunk->asked, w->size.first);
    if (unchanged != SIZE_MAX)
        return cv_engine_nothing_changed(w->engine, layer, unchanged, w->range->ablation.kind, err);
    if (!config->parallel_residual) cv_mlp(c, heads, w->size.rows, queries, x); /* else they have the trunk's */
    if (last) deliver(w, w->live, heads, w->bundle_ends);
    w->live += heads;
    return true;
}

static bool pass_layer(wave *w, size_t layer, cv_error *err)
{
    const cv_layer_weights *weights = cv_engine_layer(w->engine, layer, err);
    if (!weights) return false;
    bool last = layer == w->engine->shape.L - 1;
    cv_layer_context c = {w->engine, weights, &w->trie, w->scratch};
    if (!cv_trunk_attend(&w->trunk, &c, layer, last ? &w->ends : &w->all, err)) return false;
    if (!pass_live(w, &c, layer, last, err)) return false;
    bool gives_birth = (int)layer >= w->range->layer_begin && (int)layer < w->range->layer_end && w->size.heads > 0;
    if (gives_birth && !give_birth(w, &c, layer, last, err)) return false;
    return cv_trunk_finish(&w->trunk, &c, layer, err);
}

static void check_range(const cv_head_range *range, const cv_config *config)
{
    assert(range->layer_begin >= 0 && range->layer_begin <= range->layer_end);
    assert(range->layer_end <= config->num_hidden_layers);
    assert(range->head_begin >= 0 && range->head_begin <= range->head_end);
    assert(range->head_end <= cv_ablation_heads(&range->ablation, config));
}

bool cv_wavefront(cv_engine *engine, const cv_prompt_block *prompts, const cv_head_group *group,
                  const cv_head_range *range, float *trunk, float *ablated, cv_error *err)
{
    static const cv_head_range no_heads = {0};
    assert(prompts->num_prompts > 0);
    if (!range) range = &no_heads;
    check_range(range, &engine->model->config);
    if (group && !cv_head_group_check(group, &engine->model->config, engine->model->path, err)) return false;
    wave w;
    bool ok = wave_open(&w, engine, prompts, group, range, err);
    w.out = ablated;
    for (size_t l = 0; ok && l < engine->shape.L; l++) ok = pass_layer(&w, l, err);
    if (ok) deliver_trunk(&w, trunk);
    wave_close(&w);
    return ok;
}
