/* Products of few rows with large matrices: what a step of decoding consists of.
 *
 * Here the rows are too few to be cut into tiles for the threads, so the matrices are, into slices whose
 * size depends on the rows alone; each slice's product runs on one thread. So the bits of a product do
 * not depend on how many threads there are. */
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

/* Rows of a matrix that go together in a product with m rows: few where OpenBLAS then takes its kernels
 * for small matrices, which read the weights as they lie; else so many that what it rearranges pays. */
size_t cv_product_slice(size_t m);

#endif
