/* Matrix products by OpenBLAS, and the checks that its launch went well. */
#ifndef CV_BLAS_H
#define CV_BLAS_H

#include <caravan/base.h>

#include <stddef.h>

/* y [m, n] = x [m, k] * w [n, k]^T + beta * y, rows ldx, ldw, ldy floats apart: what a linear layer
 * with Hugging Face's weight layout does. Inside an OpenMP region it runs on the calling thread. */
void cv_linear(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w, size_t ldw, float beta,
               float *y, size_t ldy);

/* y [m, n] = x [m, k] * w [n, k]^T in double precision. */
void cv_linear_double(size_t m, size_t n, size_t k, const double *x, const double *w, double *y);

/* y [m, n] = alpha * x [m, k] * w [k, n] with the same strides. */
void cv_matmul(size_t m, size_t n, size_t k, float alpha, const float *x, size_t ldx, const float *w, size_t ldw,
               float *y, size_t ldy);

/* OpenBLAS picks its kernels when it is loaded, and a release older than the processor may fall back
 * to ones without AVX, five times slower. If so, starts this program anew with OPENBLAS_CORETYPE set
 * (to be called first in main; returns where nothing is to be done or the user has set it). */
void cv_blas_ensure_core(char **argv);

/* Multiplies small matrices and compares: some OpenBLAS releases are wrong on some processors. */
bool cv_blas_check(cv_error *err);

const char *cv_blas_core(void);    /* e.g. "SkylakeX" */
const char *cv_blas_version(void); /* e.g. "OpenBLAS 0.3.21 ... USE_OPENMP ..." */
int cv_blas_threads(void);         /* that a product outside OpenMP regions will use */

/* Floating-point operations per second of large single-precision products, one product on each of
 * the rank's threads, best of a few within about seconds: the peak that runs are compared with. */
double cv_blas_peak(double seconds);

#endif
