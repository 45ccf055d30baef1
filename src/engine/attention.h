/* Causal attention of a run of queries over one path of keys. */
#ifndef CV_ATTENTION_H
#define CV_ATTENTION_H

#include <caravan/model.h>

#include <stddef.h>

/* What becomes of the products q k^T before the softmax. */
typedef struct cv_scoring {
    float scale;   /* factor: 1 / sqrt(D), times an ablation's epsilon */
    double cap;    /* then cap * tanh(score / cap); 0: as they are */
    size_t window; /* the last keys that a query sees, its own among them; 0: all */
} cv_scoring;

/* In a layer of a model, with an ablation's epsilon or 1. */
cv_scoring cv_scoring_of(const cv_config *config, size_t layer, double epsilon);

/* How many of seen keys a window leaves. */
size_t cv_window_keys(size_t window, size_t seen);

/* scores [keys] of one query become its weights. */
void cv_weights_of_scores(const cv_scoring *scoring, float *scores, size_t keys);

/* heads stacked query heads share the keys. Query i of each head is at position first + i of the
 * path and sees the last keys of [0, first + i] that the window leaves.
 *   q      [heads * queries, D]      head-major
 *   k, v   [first + queries, D]      in order of position
 *   scores [heads * queries, first + queries]  scratch
 *   z      [heads * queries, D]      out */
void cv_attend(size_t heads, size_t queries, size_t first, size_t D, const cv_scoring *scoring, const float *q,
               const float *k, const float *v, float *scores, float *z);

#endif
