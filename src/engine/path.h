/* Attention of one new token over a path of keys that lies in several pieces.
 *
 * The prompt's keys stay where its trie computed them, for all sequences that come from it; the
 * sequence's own lie elsewhere. Reading them in place costs no more than a copy would, and saves it. */
#ifndef CV_PATH_H
#define CV_PATH_H

#include "engine/attention.h"

#include <stddef.h>

/* Neighbouring positions of one key head. */
typedef struct cv_run {
    const float *k, *v; /* [count, D], rows stride floats apart, borrowed */
    size_t count, stride;
} cv_run;

/* In order of position; keys is the sum of their counts. */
typedef struct cv_path {
    const cv_run *runs; /* [num_runs], borrowed */
    size_t num_runs, keys;
} cv_path;

/* scores [heads, keys] = scale * q [heads, D] k^T */
void cv_path_scores(const cv_path *path, size_t heads, size_t D, float scale, const float *q, float *scores);

/* z [heads, D] = weights [heads, keys] v */
void cv_path_weigh(const cv_path *path, size_t heads, size_t D, const float *weights, float *z);

/* The last keys of a path that a window leaves. runs are the path's own, and cut. */
cv_path cv_path_last(const cv_path *path, size_t window, cv_run *runs);

/* z [heads, D]: the attention of heads that share the path's key head. scores [heads, keys] is scratch. The
 * scoring's window has been applied to the path. */
void cv_path_attend(const cv_path *path, size_t heads, size_t D, const cv_scoring *scoring, const float *q,
                    float *scores, float *z);

/* sum [D] += all v, in order of position */
void cv_path_sum(const cv_path *path, size_t D, double *sum);

#endif
