#include "engine/bundle.h"

#include "base/memory.h"
#include "engine/activation.h"
#include "engine/attention.h"
#include "engine/blas.h"
#include "engine/norm.h"
#include "engine/vector.h"

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
        {&scratch->out, CV_TILE_ROWS * s->o},
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
                                const float *weight, const float *bias, size_t *begin, size_t *length)
{
    size_t d = c->engine->shape.d;
    float *norm = c->scratch[omp_get_thread_num()].norm;
    cv_tile(tiles, t, begin, length);
    cv_norm_rows(&c->engine->model->config, *length, d, x + *begin * d, weight, bias, norm);
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
    const cv_rope_table *rope = cv_engine_rope(c->engine, w->layer);
    for (size_t i = 0; i < length; i++) {
        size_t row = b->first + (begin + i) % rows;
        cv_norm_heads(&c->engine->model->config, s->K, w->k_norm, kv + i * 2 * width);
        cv_rope_apply(rope, c->trie->position[row], s->K, kv + i * 2 * width);
    }
}

static void query_vectors(const cv_layer_context *c, const cv_bundle *b, size_t begin, size_t length, const float *norm)
{
    const cv_shape *s = &c->engine->shape;
    size_t width = s->H * s->D, queries = cv_bundle_queries(b), skipped = b->asked->count - queries;
    float *q = b->q + begin * width;
    affine(length, width, s->d, norm, c->weights->q_proj, c->weights->q_bias, 0.0f, q, width);
    const cv_rope_table *rope = cv_engine_rope(c->engine, c->weights->layer);
    for (size_t i = 0; i < length; i++) {
        size_t row = b->asked->row[skipped + (begin + i) % queries];
        cv_norm_heads(&c->engine->model->config, s->H, c->weights->q_norm, q + i * width);
        cv_rope_apply(rope, c->trie->position[row], s->H, q + i * width);
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
    const cv_layer_weights *w = c->weights;
    bool all_ask = b->xq == b->x;
    cv_tiles tiles = cv_tiles_of(b->num_states, rows, rows);
    cv_engine_count(c->engine, b->num_states * rows, 2 * s->K * s->D, s->d);
    cv_engine_count(c->engine, b->num_states * queries, s->H * s->D, s->d);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        const float *norm = normed_tile(c, &tiles, t, b->x, w->attention_norm, w->attention_norm_bias, &begin, &length);
        keys_and_values(c, b, begin, length, norm);
        if (all_ask) query_vectors(c, b, begin, length, norm);
    }
    if (all_ask) return;
    gather_queries(c, b);
    tiles = cv_tiles_of(b->num_states, rows, queries);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        const float *norm =
            normed_tile(c, &tiles, t, b->xq, w->attention_norm, w->attention_norm_bias, &begin, &length);
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
    cv_scoring scoring = cv_scoring_of(&c->engine->model->config, c->weights->layer, 1);
    cv_attend(s->G, block->count, block->position, s->D, &scoring, scratch->q, scratch->k, scratch->v, scratch->scores,
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

/* Attention's output of rows [begin, begin + length) of the bundle's queries, through its norm. */
static void normed_output(const cv_layer_context *c, const cv_bundle *b, size_t begin, size_t length)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    size_t width = s->H * s->D, floats = length * s->d;
    float *out = c->scratch[omp_get_thread_num()].out, *xq = b->xq + begin * s->d;
    affine(length, s->d, width, b->z + begin * width, w->o_proj, w->o_bias, 0.0f, out, s->d);
    if (b->output) memcpy(b->output + begin * s->d, out, floats * sizeof *out);
    if (b->before) memcpy(b->before + begin * s->d, xq, floats * sizeof *xq);
    cv_norm_rows(&c->engine->model->config, length, s->d, out, w->attention_output_norm, NULL, out);
    cv_add(xq, out, floats);
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
        if (c->weights->attention_output_norm)
            normed_output(c, b, begin, length);
        else
            affine(length, s->d, width, b->z + begin * width, c->weights->o_proj, c->weights->o_bias, 1.0f,
                   b->xq + begin * s->d, s->d);
    }
}

/* Columns [from, from + columns) of the intermediate layer, and their share of the output y [length, d],
 * which beta times y is added to. */
static void mlp_slice(const cv_layer_context *c, size_t length, size_t from, size_t columns, float beta, float *y)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    cv_scratch *scratch = &c->scratch[omp_get_thread_num()];
    float *inner = w->gate_proj ? scratch->gate : scratch->up;
    affine(length, columns, s->d, scratch->norm, w->up_proj + from * s->d, w->up_bias ? w->up_bias + from : NULL, 0.0f,
           scratch->up, columns);
    if (w->gate_proj)
        affine(length, columns, s->d, scratch->norm, w->gate_proj + from * s->d,
               w->gate_bias ? w->gate_bias + from : NULL, 0.0f, scratch->gate, columns);
    cv_activate(c->engine->model->config.activation, inner, w->gate_proj ? scratch->up : NULL, length * columns);
    cv_linear(length, s->d, columns, inner, columns, w->down_proj + from, s->f, beta, y, s->d);
}

/* What the MLP gives for a tile's normed rows is added to x [length, d]. */
static void mlp_tile(const cv_layer_context *c, size_t length, float *x)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    size_t slices = (s->f + CV_MLP_COLUMNS - 1) / CV_MLP_COLUMNS;
    float *y = w->mlp_output_norm ? c->scratch[omp_get_thread_num()].out : x;
    for (size_t i = 0; i < slices; i++) {
        size_t from = i * s->f / slices, to = (i + 1) * s->f / slices;
        mlp_slice(c, length, from, to - from, i > 0 || y == x ? 1.0f : 0.0f, y);
    }
    for (size_t i = 0; w->down_bias && i < length; i++) cv_add(y + i * s->d, w->down_bias, s->d);
    if (y == x) return;
    cv_norm_rows(&c->engine->model->config, length, s->d, y, w->mlp_output_norm, NULL, y);
    cv_add(x, y, length * s->d);
}

void cv_mlp(const cv_layer_context *c, size_t num_states, size_t rows, size_t queries, float *x)
{
    const cv_shape *s = &c->engine->shape;
    const cv_layer_weights *w = c->weights;
    cv_tiles tiles = cv_tiles_of(num_states, rows, queries);
    cv_engine_count(c->engine, num_states * queries, s->M * s->f, s->d);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        normed_tile(c, &tiles, t, x, w->mlp_norm, w->mlp_norm_bias, &begin, &length);
        mlp_tile(c, length, x + begin * s->d);
    }
}

void cv_bundle_mlp(const cv_layer_context *c, cv_bundle *b)
{
    cv_mlp(c, b->num_states, cv_bundle_rows(b, c->trie), cv_bundle_queries(b), b->xq);
}

void cv_bundle_finish(const cv_layer_context *c, cv_bundle *b)
{
    bool parallel = c->engine->model->config.parallel_residual;
    if (parallel) cv_bundle_mlp(c, b);
    cv_bundle_output(c, b);
    if (!parallel) cv_bundle_mlp(c, b);
}

uint64_t cv_bundle_operations(const cv_shape *s, size_t rows, size_t queries, const cv_queries *asked, size_t first)
{
    uint64_t products = rows * 2 * s->K * s->D * s->d + queries * 2 * s->H * s->D * s->d + queries * s->M * s->f * s->d;
    return 2 * products + cv_queries_attention_operations(asked, first, s->H, s->D);
}
