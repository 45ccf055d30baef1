/* A bundle of states that pass through a layer together: the arithmetic of one decoder layer.
 *
 * A state is a set of rows of the trie's residual stream. The clean state has all rows; ablated
 * ones lack the roots where these are the clean ones (rows [0, first)). All work is cut into tiles
 * of rows, whose composition depends on the sizes here and never on the number of threads, so that
 * scores are the same bits for any number of threads. */
#ifndef CV_BUNDLE_H
#define CV_BUNDLE_H

#include "engine/engine.h"
#include "engine/queries.h"

#include <stddef.h>

enum { CV_TILE_ROWS = 384, CV_MLP_COLUMNS = 2048 };

/* S = num_states, R = rows of a state = trie rows - first, Q = queries of a state. */
typedef struct cv_bundle {
    size_t num_states;
    size_t first;            /* rows [0, first) are not in the bundle but in the clean state */
    float *x;                /* [S, R, d] residual stream before the layer */
    float *kv;               /* [S, R, 2 * K * D] keys (after RoPE), then values, of each row */
    const float *clean_kv;   /* [first, 2 * K * D] the same for the rows left out */
    const cv_queries *asked; /* the layer's queries; those of rows below first are left out */
    float *xq;               /* [S, Q, d] residual stream of the queries; x itself where all rows ask */
    float *q;                /* [S, Q, H * D] after RoPE */
    float *z;                /* [S, Q, H * D] */
    float *before;           /* [S, Q, d] where kept: xq before attention's output joined it, and */
    float *output;           /* [S, Q, d] that output before its norm; NULL: neither is kept */
} cv_bundle;

size_t cv_bundle_rows(const cv_bundle *bundle, const cv_trie *trie); /* R */
size_t cv_bundle_queries(const cv_bundle *bundle);                   /* Q */

/* Scratch of each thread. */
typedef struct cv_scratch {
    float *norm;   /* [CV_TILE_ROWS, d] */
    float *gate;   /* [CV_TILE_ROWS, min(f, CV_MLP_COLUMNS)] */
    float *up;     /* the same */
    float *out;    /* [CV_TILE_ROWS, o] what attention or MLP give, before its norm */
    float *q, *z;  /* [G * CV_QUERY_BLOCK, D] */
    float *k, *v;  /* [longest, D] */
    float *scores; /* [G * CV_QUERY_BLOCK, longest] */
    double *sums;  /* [rows of the trie, D] */
    float *memory; /* all of the above, owned */
} cv_scratch;

/* num_threads of them. Free with cv_scratch_free. */
cv_scratch *cv_scratch_make(const cv_shape *shape, const cv_trie *trie, size_t num_threads);
void cv_scratch_free(cv_scratch *scratch, size_t num_threads);
size_t cv_scratch_floats(const cv_shape *shape, const cv_trie *trie); /* of one thread */

/* What the steps below need: one layer of one engine over one trie. */
typedef struct cv_layer_context {
    cv_engine *engine;
    const cv_layer_weights *weights;
    const cv_trie *trie;
    cv_scratch *scratch; /* [omp_get_max_threads()] */
} cv_layer_context;

/* The tiles of num_states states of queries rows each: several whole states, or a part of one. How many
 * states go together follows from rows, the rows of a whole state, in every step of a layer: bundles
 * are cut to that measure, so no tile depends on how many states pass together. */
typedef struct cv_tiles {
    size_t count, states_each, pieces, num_states, rows;
} cv_tiles;
cv_tiles cv_tiles_of(size_t num_states, size_t rows, size_t queries);
/* Tile t covers rows [*begin, *begin + *length) of the states' stacked rows. */
void cv_tile(const cv_tiles *tiles, size_t t, size_t *begin, size_t *length);

/* The steps of a layer, in this order. */
void cv_bundle_project(const cv_layer_context *c, cv_bundle *bundle); /* x -> kv, xq, q */
void cv_bundle_attend(const cv_layer_context *c, cv_bundle *bundle);  /* q, kv -> z */
void cv_bundle_output(const cv_layer_context *c, cv_bundle *bundle);  /* xq += norm(z o_proj^T + bias) */
void cv_bundle_mlp(const cv_layer_context *c, cv_bundle *bundle);     /* xq += norm(MLP(xq)) */
/* The last two; where MLP and attention are parallel, the other way round: both read the layer's input. */
void cv_bundle_finish(const cv_layer_context *c, cv_bundle *bundle);

/* x [num_states, queries, d] += norm(MLP(x)), in place; rows as in cv_tiles_of. */
void cv_mlp(const cv_layer_context *c, size_t num_states, size_t rows, size_t queries, float *x);

/* What all steps count for one state of so many rows and queries (rows from first on). */
uint64_t cv_bundle_operations(const cv_shape *shape, size_t rows, size_t queries, const cv_queries *asked,
                              size_t first);

#endif
