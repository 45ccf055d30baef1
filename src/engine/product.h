/* Products of few rows with large matrices: what a step of decoding consists of.
 *
 * Here the rows are too few to be cut into tiles for the threads, so the matrices are, into slices of
 * fixed size; each slice's product runs on one thread. So a row's bits do not depend on how many threads
 * there are. */
#ifndef CV_PRODUCT_H
#define CV_PRODUCT_H

#include "engine/engine.h"

#include <stddef.h>

/* y [m, n] of m rows = x weight^T + bias, or added to what y holds. */
typedef struct cv_product {
    const float *weight; /* [n, k] */
    const float *bias;   /* [n] or NULL */
    size_t n;
    float *y; /* [m, n] */
} cv_product;

/* All of count products of the same x [m, k]; beta as in cv_linear. Counts them. */
void cv_products(cv_engine *engine, size_t m, size_t k, const float *x, const cv_product *products, size_t count,
                 float beta);

/* One slice on the calling thread: y [m, n] = x [m, k] weight [n, k]^T + beta y, rows of y ldy apart. */
void cv_product_slice(size_t m, size_t n, size_t k, const float *x, const float *weight, float beta, float *y,
                      size_t ldy);

#endif
