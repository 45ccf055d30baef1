/* Decompositions in double precision by the LAPACK that OpenBLAS brings along, for matrices stored by
 * rows. Inside an OpenMP region they run on the calling thread. */
#ifndef CV_LAPACK_H
#define CV_LAPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The smaller side of a matrix beyond which the workspace's length overflows LAPACK's 32-bit integers. */
enum { CV_SVD_LARGEST = 20000 };

/* x [m, n] with m <= n is l q with orthonormal rows of q: l [m, m] is lower triangular. Destroys x. */
void cv_lower_factor(size_t m, size_t n, double *x, double *l);

/* The singular values of x [m, n], falling: sigma [k] with k = min(m, n) <= CV_SVD_LARGEST. Where u is
 * not NULL, column i of u [m, k] is the left singular vector of the i-th. Destroys x. False if the
 * iteration did not converge: x was not finite, or is a case that is not known. */
bool cv_svd(size_t m, size_t n, double *x, double *sigma, double *u);

/* Floating-point operations by the textbooks' leading terms, and bytes of memory beside the arguments. */
uint64_t cv_lower_factor_operations(size_t m, size_t n);
uint64_t cv_lower_factor_bytes(size_t m);
uint64_t cv_svd_operations(size_t m, size_t n);
uint64_t cv_svd_bytes(size_t m, size_t n);

#endif
