#include "engine/bundle.h"

#include "base/memory.h"
#include "engine/attention.h"
#include "engine/blas.h"
#include "engine/vector.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

size_t cv_bundle_rows(const cv_bundle *bundle, const cv_trie *trie)
{
    return trie->num_rows - bundle->first;
}

size_t cv_bundle_queries(const cv_bundle *bundle)
{
    return bundle->asked->count - cv_queries_below(bundle->asked, bundle->first);
}

static size_t mlp_columns(const cv_shape *s)
{
    return s->f < CV_MLP_COLUMNS ? s->f : CV_MLP_COLUMNS;
}

/* Multiples of 16 floats, so that every array begins on a cache line. */
static size_t rounded(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

/* Lays a thread's arrays into memory and says how many floats they take; only that where memory is NULL. */
static size_t lay_scratch(const cv_shape *s, const cv_trie *trie, float *memory, cv_scratch *scratch)
{
    size_t queries = s->G * CV_QUERY_BLOCK, longest = trie->max_length, used = 0;
    float *sums = NULL;
    const struct {
        float **array;
        size_t floats;
    } arrays[] = {
        {&scratch->norm, CV_TILE_ROWS * s->d},
        {&scratch->gate, CV_TILE_ROWS * mlp_columns(s)},
        {&scratch->up, CV_TILE_ROWS * mlp_columns(s)},
        {&scratch->q, queries * s->D},
        {&scratch->z, queries * s->D},
        {&scratch->k, longest * s->D},
        {&scratch->v, longest * s->D},
        {&scratch->scores, queries * longest},
        {&sums, trie->num_rows * s->D * (sizeof(double) / sizeof(float))},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        if (memory) *arrays[i].array = memory + used;
        used += rounded(arrays[i].floats);
    }
    if (memory) scratch->sums = (double *)(void *)sums;
    return used;
}

size_t cv_scratch_floats(const cv_shape *shape, const cv_trie *trie)
{
    cv_scratch unused;
    return lay_scratch(shape, trie, NULL, &unused);
}

cv_scratch *cv_scratch_make(const cv_shape *shape, const cv_trie *trie, size_t num_threads)
{
    cv_scratch *all = cv_alloc(num_threads, sizeof *all);
    for (size_t t = 0; t < num_threads; t++) {
        all[t].memory = cv_alloc_floats(cv_scratch_floats(shape, trie));
        lay_scratch(shape, trie, all[t].memory, &all[t]);
    }
    return all;
}

void cv_scratch_free(cv_scratch *scratch, size_t num_threads)
{
    for (size_t t = 0; scratch && t < num_threads; t++) free(scratch[t].memory);
    free(scratch);
}

cv_tiles cv_tiles_of(size_t num_states, size_t rows, size_t queries)
{
    cv_tiles tiles = {.num_states = num_states, .rows = queries, .states_each = 1, .pieces = 1};
    if (queries == 0 || num_states == 0) return tiles;
    if (rows <= CV_TILE_ROWS) {
        tiles.states_each = CV_TILE_ROWS / rows;
        tiles.count = (num_states + tiles.states_each - 1) / tiles.states_each;
    } else {
        tiles.pieces = (queries + CV_TILE_ROWS - 1) / CV_TILE_ROWS;
        tiles.count = num_states * tiles.pieces;
    }
    return tiles;
}

void cv_tile(const cv_tiles *tiles, size_t t, size_t *begin, size_t *length)
{
    if (tiles->pieces == 1) {
        size_t first = t * tiles->states_each, left = tiles->num_states - first;
        *begin = first * tiles->rows;
        *length = (left < tiles->states_each ? left : tiles->states_each) * tiles->rows;
        return;
    }
    size_t state = t / tiles->pieces, piece = t % tiles->pieces;
    size_t from = piece * tiles->rows / tiles->pieces, to = (piece + 1) * tiles->rows / tiles->pieces;
    *begin = state * tiles->rows + from;
    *length = to - from;
}

/* Finds tile t of x, and its norm [*length, d] in the thread's scratch. */
static const float *normed_tile(const cv_layer_context *c, const cv_tiles *tiles, size_t t, const float *x,
                                const float *weight, size_t *begin, size_t *length)
{
    size_t d = c->engine->shape.d;
    double eps = c->engine->model->config.rms_norm_eps;
    float *norm = c->scratch[omp_get_thread_num()].norm;
    cv_tile(tiles, t, begin, length);
    for (size_t i = 0; i < *length; i++) cv_rmsnorm(x + (*begin + i) * d, weight, eps, d, norm + i * d);
    return norm;
}

/* y [rows, columns] = x [rows, in] weight^T + bias, y's rows stride floats apart. */
static void affine(size_t rows, size_t columns, size_t in, const float *x, const float *weight, const float *bias,
                   float beta, float *y, size_t stride)
{
    cv_linear(rows, columns, in, x, in, weight, in, beta, y, stride);
    for (size_t i = 0; bias && i < rows; i++) cv_add(y + i * stride, bias, columns);
}

/* Keys and values of stacked rows [begin, begin + length) from their normed stream. */
static void keys_and_values(const cv_layer_context *c, const cv_bundle *b, size_t begin, size_t length,
                            const float *norm)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    size_t width = s->K * s->D, rows = cv_bundle_rows(b, c->trie);
    float *kv = b->kv + begin * 2 * width;
    affine(length, width, s->d, norm, w->k_proj, w->k_bias, 0.0f, kv, 2 * width);
    affine(length, width, s->d, norm, w->v_proj, w->v_bias, 0.0f, kv + width, 2 * width);
    for (size_t i = 0; i < length; i++) {
        size_t row = b->first + (begin + i) % rows;
        cv_rope_apply(&c->engine->rope, c->trie->position[row], s->K, kv + i * 2 * width);
    }
}

static void query_vectors(const cv_layer_context *c, const cv_bundle *b, size_t begin, size_t length, const float *norm)
{
    const cv_shape *s = &c->engine->shape;
    size_t width = s->H * s->D, queries = cv_bundle_queries(b), skipped = b->asked->count - queries;
    float *q = b->q + begin * width;
    affine(length, width, s->d, norm, c->weights->q_proj, c->weights->q_bias, 0.0f, q, width);
    for (size_t i = 0; i < length; i++) {
        size_t row = b->asked->row[skipped + (begin + i) % queries];
        cv_rope_apply(&c->engine->rope, c->trie->position[row], s->H, q + i * width);
    }
}

/* Where only some rows ask, their stream is copied out. */
static void gather_queries(const cv_layer_context *c, cv_bundle *b)
{
    size_t d = c->engine->shape.d, rows = cv_bundle_rows(b, c->trie);
    size_t queries = cv_bundle_queries(b), skipped = b->asked->count - queries;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < b->num_states * queries; i++) {
        size_t row = b->asked->row[skipped + i % queries] - b->first;
        memcpy(b->xq + i * d, b->x + (i / queries * rows + row) * d, d * sizeof *b->x);
    }
}

void cv_bundle_project(const cv_layer_context *c, cv_bundle *b)
{
    const cv_shape *s = &c->engine->shape;
    size_t rows = cv_bundle_rows(b, c->trie), queries = cv_bundle_queries(b);
    bool all_ask = b->xq == b->x;
    cv_tiles tiles = cv_tiles_of(b->num_states, rows, rows);
    cv_engine_count(c->engine, b->num_states * rows, 2 * s->K * s->D, s->d);
    cv_engine_count(c->engine, b->num_states * queries, s->H * s->D, s->d);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        const float *norm = normed_tile(c, &tiles, t, b->x, c->weights->input_layernorm, &begin, &length);
        keys_and_values(c, b, begin, length, norm);
        if (all_ask) query_vectors(c, b, begin, length, norm);
    }
    if (all_ask) return;
    gather_queries(c, b);
    tiles = cv_tiles_of(b->num_states, rows, queries);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        const float *norm = normed_tile(c, &tiles, t, b->xq, c->weights->input_layernorm, &begin, &length);
        query_vectors(c, b, begin, length, norm);
    }
}

/* One block of queries of one state, for the heads that share one key head. */
static void attend_block(const cv_layer_context *c, const cv_bundle *b, size_t state, size_t group,
                         const cv_query_block *block)
{
    const cv_shape *s = &c->engine->shape;
    cv_scratch *scratch = &c->scratch[omp_get_thread_num()];
    size_t width = 2 * s->K * s->D, rows = cv_bundle_rows(b, c->trie), queries = cv_bundle_queries(b);
    size_t at = state * queries + block->first - (b->asked->count - queries);
    const float *own = b->kv + state * rows * width;
    cv_gather_path(c->trie, block, b->first, b->clean_kv + group * s->D, own + group * s->D, width, s->D, scratch->k);
    cv_gather_path(c->trie, block, b->first, b->clean_kv + (s->K + group) * s->D, own + (s->K + group) * s->D, width,
                   s->D, scratch->v);
    for (size_t g = 0; g < s->G; g++)
        for (size_t i = 0; i < block->count; i++)
            memcpy(scratch->q + (g * block->count + i) * s->D, b->q + ((at + i) * s->H + group * s->G + g) * s->D,
                   s->D * sizeof *b->q);
    float scale = (float)(1.0 / sqrt((double)s->D));
    cv_attend(s->G, block->count, block->position, s->D, scale, scratch->q, scratch->k, scratch->v, scratch->scores,
              scratch->z);
    for (size_t g = 0; g < s->G; g++)
        for (size_t i = 0; i < block->count; i++)
            memcpy(b->z + ((at + i) * s->H + group * s->G + g) * s->D, scratch->z + (g * block->count + i) * s->D,
                   s->D * sizeof *b->z);
}

void cv_bundle_attend(const cv_layer_context *c, cv_bundle *b)
{
    const cv_shape *s = &c->engine->shape;
    size_t skipped = cv_query_blocks_below(b->asked, b->first), blocks = b->asked->num_blocks - skipped;
    c->engine->work.operations += b->num_states * cv_queries_attention_operations(b->asked, b->first, s->H, s->D);
#pragma omp parallel for schedule(dynamic, 4)
    for (size_t item = 0; item < b->num_states * s->K * blocks; item++)
        attend_block(c, b, item / blocks / s->K, item / blocks % s->K, &b->asked->blocks[skipped + item % blocks]);
}

void cv_bundle_output(const cv_layer_context *c, cv_bundle *b)
{
    const cv_shape *s = &c->engine->shape;
    size_t width = s->H * s->D, queries = cv_bundle_queries(b);
    cv_tiles tiles = cv_tiles_of(b->num_states, cv_bundle_rows(b, c->trie), queries);
    cv_engine_count(c->engine, b->num_states * queries, s->d, width);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        cv_tile(&tiles, t, &begin, &length);
        affine(length, s->d, width, b->z + begin * width, c->weights->o_proj, c->weights->o_bias, 1.0f,
               b->xq + begin * s->d, s->d);
    }
}

/* Columns [from, from + columns) of the intermediate layer, and their share of the output. */
static void mlp_slice(const cv_layer_context *c, size_t length, size_t from, size_t columns, float *x)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    cv_scratch *scratch = &c->scratch[omp_get_thread_num()];
    affine(length, columns, s->d, scratch->norm, w->gate_proj + from * s->d, w->gate_bias ? w->gate_bias + from : NULL,
           0.0f, scratch->gate, columns);
    affine(length, columns, s->d, scratch->norm, w->up_proj + from * s->d, w->up_bias ? w->up_bias + from : NULL, 0.0f,
           scratch->up, columns);
    cv_silu_times(scratch->gate, scratch->up, length * columns);
    cv_linear(length, s->d, columns, scratch->gate, columns, w->down_proj + from, s->f, 1.0f, x, s->d);
}

void cv_mlp(const cv_layer_context *c, size_t num_states, size_t rows, size_t queries, float *x)
{
    const cv_shape *s = &c->engine->shape;
    size_t slices = (s->f + CV_MLP_COLUMNS - 1) / CV_MLP_COLUMNS;
    cv_tiles tiles = cv_tiles_of(num_states, rows, queries);
    cv_engine_count(c->engine, num_states * queries, 3 * s->f, s->d);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        normed_tile(c, &tiles, t, x, c->weights->post_attention_layernorm, &begin, &length);
        float *here = x + begin * s->d;
        for (size_t i = 0; i < slices; i++) {
            size_t from = i * s->f / slices, to = (i + 1) * s->f / slices;
            mlp_slice(c, length, from, to - from, here);
        }
        for (size_t i = 0; c->weights->down_bias && i < length; i++)
            cv_add(here + i * s->d, c->weights->down_bias, s->d);
    }
}

uint64_t cv_bundle_operations(const cv_shape *s, size_t rows, size_t queries, const cv_queries *asked, size_t first)
{
    uint64_t products = rows * 2 * s->K * s->D * s->d + queries * 2 * s->H * s->D * s->d + queries * 3 * s->f * s->d;
    return 2 * products + cv_queries_attention_operations(asked, first, s->H, s->D);
}
