/* The wavefront: all ablated states of a block of prompts, layer by layer.
 *
 * At layer l there live the clean state and every state born in a layer below. Each weight matrix
 * meets all their rows at once; then the layer's own states are born from the clean one. The last
 * layer needs one row per prompt. docs/architecture.md has a picture. */
#include <caravan/engine.h>

#include "base/memory.h"
#include "engine/birth.h"
#include "engine/bundle.h"
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
    cv_bundle clean, bundle;
    float *x;           /* [stored, rows, d] */
    float *delta;       /* [threads, rows, span * D] */
    float *clean_ends;  /* [ends of the trie, d] */
    float *bundle_ends; /* [bundle, ends, d] */
    cv_scratch *scratch;
    float *out; /* [states, num_prompts, d], the caller's */
} wave;

static void open_clean(wave *w)
{
    const cv_shape *s = &w->engine->shape;
    size_t rows = w->trie.num_rows;
    w->clean = (cv_bundle){.num_states = 1};
    w->clean.x = cv_alloc_floats(rows * s->d);
    w->clean.kv = cv_alloc_floats(rows * 2 * s->K * s->D);
    w->clean.clean_kv = w->clean.kv;
    w->clean.q = cv_alloc_floats(rows * s->H * s->D);
    w->clean.z = cv_alloc_floats(rows * s->H * s->D);
    w->clean_ends = cv_alloc_floats(w->ends.count * s->d);
}

static void open_states(wave *w)
{
    const cv_shape *s = &w->engine->shape;
    const cv_wave_sizes *size = &w->size;
    w->x = cv_alloc_floats(size->stored * size->rows * s->d);
    w->bundle = (cv_bundle){.first = size->first, .clean_kv = w->clean.kv};
    w->bundle.kv = cv_alloc_floats(size->bundle * size->rows * 2 * s->K * s->D);
    w->bundle.q = cv_alloc_floats(size->bundle * size->rows * s->H * s->D);
    w->bundle.z = cv_alloc_floats(size->bundle * size->rows * s->H * s->D);
    w->bundle_ends = cv_alloc_floats(size->at_once * size->ends * s->d);
    w->delta = cv_alloc_floats(w->threads * size->rows * w->size.span * s->D);
}

static void wave_open(wave *w, cv_engine *engine, const cv_prompt_block *prompts, const cv_head_range *range)
{
    *w = (wave){.engine = engine, .range = range, .threads = (size_t)omp_get_max_threads()};
    w->trie = cv_trie_make(prompts);
    assert(w->trie.max_length <= engine->rope.positions);
    w->all = cv_queries_all(&w->trie);
    w->ends = cv_queries_ends(&w->trie);
    w->size = cv_wave_sizes_of(&engine->model->config, &w->trie, &w->ends, range, w->threads);
    w->scratch = cv_scratch_make(&engine->shape, w->trie.max_length, w->threads);
    open_clean(w);
    open_states(w);
}

static void wave_close(wave *w)
{
    float *const owned[] = {w->clean.x,  w->clean.kv, w->clean.q,     w->clean.z, w->clean_ends, w->bundle.kv,
                            w->bundle.q, w->bundle.z, w->bundle_ends, w->x,       w->delta};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) free(owned[i]);
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
            if (end < skipped) continue; /* a clean row, delivered when that is finished */
            memcpy(w->out + ((state + i) * prompts + p) * d, ends + (i * w->size.ends + end - skipped) * d,
                   d * sizeof *ends);
        }
}

static void deliver_clean(wave *w, float *clean)
{
    size_t d = w->engine->shape.d, prompts = w->trie.num_prompts, skipped = w->ends.count - w->size.ends;
    for (size_t p = 0; p < prompts; p++) {
        size_t end = w->trie.end_of[p];
        const float *row = w->clean_ends + end * d;
        memcpy(clean + p * d, row, d * sizeof *row);
        for (size_t state = 0; end < skipped && state < w->size.states; state++)
            memcpy(w->out + (state * prompts + p) * d, row, d * sizeof *row);
    }
}

/* The states born below pass through the layer, a bundle at a time. */
static void pass_live(wave *w, const cv_layer_context *c, bool last)
{
    size_t d = w->engine->shape.d;
    cv_bundle *b = &w->bundle;
    b->asked = last ? &w->ends : &w->all;
    for (size_t state = 0; state < w->live; state += b->num_states) {
        b->num_states = w->live - state < w->size.bundle ? w->live - state : w->size.bundle;
        b->x = w->x + state * w->size.rows * d;
        b->xq = last ? w->bundle_ends : b->x;
        cv_bundle_project(c, b);
        cv_bundle_attend(c, b);
        cv_bundle_output(c, b);
        cv_mlp(c, b->num_states, w->size.rows, last ? w->size.ends : w->size.rows, b->xq);
        if (last) deliver(w, state, b->num_states, w->bundle_ends);
    }
}

/* This layer's states are born from the clean one. */
static bool give_birth(wave *w, const cv_layer_context *c, size_t layer, bool last, cv_error *err)
{
    const cv_shape *s = &w->engine->shape;
    size_t heads = w->size.heads, queries = last ? w->size.ends : w->size.rows;
    size_t width = w->size.span * s->D, unchanged = SIZE_MAX;
    float *x = last ? w->bundle_ends : w->x + w->live * w->size.rows * s->d;
    cv_birth birth = cv_birth_make(c, &w->clean, &w->range->ablation, w->size.first);
#pragma omp parallel for schedule(dynamic) reduction(min : unchanged)
    for (size_t i = 0; i < heads; i++) {
        float *delta = w->delta + (size_t)omp_get_thread_num() * w->size.rows * width;
        size_t head = (size_t)w->range->head_begin + i;
        if (!cv_birth_state(&birth, head, delta, x + i * queries * s->d) && head < unchanged) unchanged = head;
    }
    cv_engine_count(w->engine, heads * queries, s->d, width);
    w->engine->work.operations += cv_birth_operations(&birth, heads * w->size.span);
    cv_birth_free(&birth);
    if (unchanged != SIZE_MAX)
        return cv_engine_nothing_changed(w->engine, layer, unchanged, w->range->ablation.kind, err);
    cv_mlp(c, heads, w->size.rows, queries, x);
    if (last) deliver(w, w->live, heads, w->bundle_ends);
    w->live += heads;
    return true;
}

static bool pass_layer(wave *w, size_t layer, cv_error *err)
{
    const cv_shape *s = &w->engine->shape;
    const cv_layer_weights *weights = cv_engine_layer(w->engine, layer, err);
    if (!weights) return false;
    bool last = layer == s->L - 1;
    cv_layer_context c = {w->engine, weights, &w->trie, w->scratch};
    w->clean.asked = last ? &w->ends : &w->all;
    w->clean.xq = last ? w->clean_ends : w->clean.x;
    cv_bundle_project(&c, &w->clean);
    cv_bundle_attend(&c, &w->clean);
    cv_bundle_output(&c, &w->clean);
    pass_live(w, &c, last);
    if ((int)layer >= w->range->layer_begin && (int)layer < w->range->layer_end && w->size.states > 0)
        if (!give_birth(w, &c, layer, last, err)) return false;
    cv_mlp(&c, 1, w->trie.num_rows, w->clean.asked->count, w->clean.xq);
    return cv_engine_check_stream(w->engine, layer, w->clean.xq, w->clean.asked->count * s->d, err);
}

bool cv_wavefront(cv_engine *engine, const cv_prompt_block *prompts, const cv_head_range *range, float *clean,
                  float *ablated, cv_error *err)
{
    assert(prompts->num_prompts > 0);
    assert(range->layer_begin >= 0 && range->layer_begin <= range->layer_end);
    assert(range->layer_end <= engine->model->config.num_hidden_layers);
    assert(range->head_begin >= 0 && range->head_begin <= range->head_end);
    assert(range->head_end <= cv_ablation_heads(&range->ablation, &engine->model->config));
    wave w;
    wave_open(&w, engine, prompts, range);
    w.out = ablated;
    bool ok = cv_engine_embed(engine, w.trie.token, w.trie.num_rows, w.clean.x, err);
    for (size_t l = 0; ok && l < engine->shape.L; l++) ok = pass_layer(&w, l, err);
    if (ok) deliver_clean(&w, clean);
    wave_close(&w);
    return ok;
}
