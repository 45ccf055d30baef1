/* Scores as the code released with the paper (Zhou et al. 2025) computes them, to be held beside ours: which choice
 * moves which head. Nothing else uses them; docs/reproduction.md has what comes of it. */
#ifndef CV_RELEASED_H
#define CV_RELEASED_H

#include <stddef.h>

/* Ships as released: softmax in single precision, 1e-12 added to both, then the sum of p log(p / q), all in single
 * precision, over the clean model's logits p and the ablated one's q [n]. May come out below zero. */
double cv_released_kl(const float *p_logits, const float *q_logits, size_t n);

/* The angle in degrees between two directions a and b [n] as released: the arc cosine of their product in single
 * precision, of vectors that are rounded to it. It has no value between 0 and 0.0198 degrees: the largest cosine below
 * 1 is 1 - 2^-24. */
double cv_released_angle(const double *a, const double *b, size_t n);

/* What was released before June 2025 took the first column of the states for their first singular vector: the angle in
 * degrees between the first columns of clean and ablated [rows, columns], in single precision. */
double cv_released_column_angle(const double *clean, const double *ablated, size_t rows, size_t columns);

#endif
