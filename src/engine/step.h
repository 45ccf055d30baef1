/* One layer for the new tokens of all live sequences: a row each, each with its own past and its own
 * heads switched off. */
#ifndef CV_STEP_H
#define CV_STEP_H

#include "engine/cache.h"
#include "engine/engine.h"

#include <caravan/engine.h>

#include <stddef.h>

/* A sequence while it is continued. */
typedef struct cv_past {
    cv_cache cache;
    const cv_head_group *group; /* borrowed */
    double *sums;               /* [group->count, D] of v over the path so far, for the heads that attend
                                   uniformly; owned */
} cv_past;

/* After the prompt's keys and values are in the trie's rows. */
cv_past cv_past_make(const cv_engine *engine, const cv_trie *trie, size_t end_row, const float *prompt, size_t capacity,
                     const cv_head_group *group);
void cv_past_free(cv_past *past);

/* Arrays of a step, for at most most rows; B is how many there are at the moment. */
typedef struct cv_step {
    cv_engine *engine;
    size_t most, B;
    cv_past **past; /* [B] whose token each row is */
    float *x;       /* [B, d] residual stream */
    float *norm;    /* [B, d] */
    float *q;       /* [B, H * D] after RoPE */
    float *k, *v;   /* [B, K * D] */
    float *z;       /* [B, H * D] */
    float *gate;    /* [B, f] */
    float *up;      /* [B, f] */
    float *out;     /* [B, o] what attention or MLP give, before its norm */
    size_t longest; /* most keys of a path */
    size_t threads, thread_floats;
    float *scratch; /* [threads, thread_floats] */
    double *sums;   /* [threads, D] where layers have windows, else NULL */
    size_t most_runs;
    cv_run *runs;  /* [threads, most_runs] */
    float *memory; /* x to out, owned */
} cv_step;

/* longest: most tokens of a sequence; most_runs: most of cv_cache_runs. */
cv_step cv_step_make(cv_engine *engine, size_t most, size_t longest, size_t most_runs);
void cv_step_free(cv_step *step);
size_t cv_step_row_floats(const cv_shape *shape);                    /* memory of a row */
size_t cv_step_thread_floats(const cv_shape *shape, size_t longest); /* scratch of a thread */

/* x passes through a layer; each past's cache gets the row's key and value. */
void cv_step_layer(cv_step *step, size_t layer, const cv_layer_weights *weights);

/* Operations of a layer for one new token before which there are keys, itself included. */
uint64_t cv_step_operations(const cv_config *config, const cv_head_group *group, size_t layer, size_t keys);
/* The sum of that over tokens with first, first + 1, ..., last keys. */
uint64_t cv_steps_operations(const cv_config *config, const cv_head_group *group, size_t layer, size_t first,
                             size_t last);

#endif
