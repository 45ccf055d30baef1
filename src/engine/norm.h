/* The norms of a decoder, of whichever kind the model has. */
#ifndef CV_NORM_H
#define CV_NORM_H

#include <caravan/model.h>

#include <stddef.h>

/* y [rows, n] = the norm of each row of x [rows, n], with weight [n] and, for layer norms, bias [n]; x
 * itself where weight is NULL. y may be x. */
void cv_norm_rows(const cv_config *config, size_t rows, size_t n, const float *x, const float *weight,
                  const float *bias, float *y);

/* The norms of queries and keys before RoPE: heads [num_heads, head_dim] of one token, in place. Nothing
 * where the model has none. */
void cv_norm_heads(const cv_config *config, size_t num_heads, const float *weight, float *heads);

/* The same as cv_norm_rows for one row in double precision. y may not be NULL; weight neither. */
void cv_norm_double(const cv_config *config, size_t n, const float *x, const float *weight, const float *bias,
                    double *y);

#endif
