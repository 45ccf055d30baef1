/* The keys and values that one sequence sees: its prompt's, shared through the trie, and its own.
 *
 * Room for all tokens that may come is taken at once and used from the front, so that memory which no
 * token reaches is never touched, and a sequence that stops early has not paid for it. */
#ifndef CV_CACHE_H
#define CV_CACHE_H

#include "engine/engine.h"
#include "engine/path.h"
#include "engine/trie.h"

#include <stddef.h>

/* Neighbouring rows of a trie on a path. */
typedef struct cv_stretch {
    size_t row, count;
} cv_stretch;

typedef struct cv_cache {
    const cv_shape *shape;
    const float *prompt;   /* [L, rows, 2 * K * D] of the trie, borrowed */
    size_t rows;           /* of the trie */
    cv_stretch *stretches; /* [num_stretches] the prompt's path, in order of position, owned */
    size_t num_stretches;
    size_t prompt_tokens;
    float *own;             /* [L, K, 2, capacity, D] keys, values of new tokens, owned */
    size_t capacity, count; /* new tokens there is room for, and those that all layers have seen */
} cv_cache;

/* For the path that ends at a row of the trie. prompt and trie are borrowed, the trie only here. */
cv_cache cv_cache_make(const cv_shape *shape, const cv_trie *trie, size_t end_row, const float *prompt,
                       size_t capacity);
void cv_cache_free(cv_cache *cache);

/* Floats of cache->own. */
size_t cv_cache_floats(const cv_shape *shape, size_t capacity);

/* Puts a new token's key and value [D] of one key head behind the others. */
void cv_cache_put(cv_cache *cache, size_t layer, size_t group, const float *k, const float *v);

/* Most runs that cv_cache_path fills. */
size_t cv_cache_runs(const cv_cache *cache);

/* The path of one layer and key head over the prompt and the first new_tokens. runs
 * [cv_cache_runs(cache)] is the path's, the caller's. */
cv_path cv_cache_path(const cv_cache *cache, size_t layer, size_t group, size_t new_tokens, cv_run *runs);

#endif
