/* Causal attention of a run of queries over one path of keys. */
#ifndef CV_ATTENTION_H
#define CV_ATTENTION_H

#include <stddef.h>

/* heads stacked query heads share the keys. Query i of each head is at position first + i of the
 * path and sees keys [0, first + i].
 *   q      [heads * queries, D]      head-major
 *   k, v   [first + queries, D]      in order of position
 *   scores [heads * queries, first + queries]  scratch
 *   z      [heads * queries, D]      out
 * scale multiplies the scores: 1 / sqrt(D), times an ablation's epsilon. */
void cv_attend(size_t heads, size_t queries, size_t first, size_t D, float scale, const float *q, const float *k,
               const float *v, float *scores, float *z);

#endif
