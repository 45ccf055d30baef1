#include "engine/lapack.h"

#include "base/memory.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* OpenBLAS comes with LAPACK's Fortran symbols but not always with a header for them. A Fortran compiler
 * passes the length of each text behind the other arguments. */
void dgeqrf_(const blasint *m, const blasint *n, double *a, const blasint *lda, double *tau, double *work,
             const blasint *lwork, blasint *info);
void dgesdd_(const char *jobz, const blasint *m, const blasint *n, double *a, const blasint *lda, double *s, double *u,
             const blasint *ldu, double *vt, const blasint *ldvt, double *work, const blasint *lwork, blasint *iwork,
             blasint *info, size_t jobz_length);

/* Columns that dgeqrf transforms at a time: at least LAPACK's own choice, or it would slow down. */
enum { BLOCK = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a < b ? b : a;
}

static blasint as_blasint(size_t n)
{
    assert(n <= INT_MAX);
    return (blasint)n;
}

/* LAPACK stores by columns: what it sees is x^T [n, m] = q^T l^T, so that l^T, upper triangular by columns,
 * is l by rows. */
void cv_lower_factor(size_t m, size_t n, double *x, double *l)
{
    assert(m <= n);
    blasint rows = as_blasint(n), columns = as_blasint(m), length = as_blasint(m * BLOCK), info;
    double *tau = cv_alloc(m, sizeof *tau), *work = cv_alloc(m * BLOCK, sizeof *work);
    dgeqrf_(&rows, &columns, x, &rows, tau, work, &length, &info);
    assert(info == 0);
    for (size_t i = 0; i < m; i++) {
        memcpy(l + i * m, x + i * n, (i + 1) * sizeof *l);
        memset(l + i * m + i + 1, 0, (m - i - 1) * sizeof *l);
    }
    free(tau);
    free(work);
}

/* What dgesdd asks for at most, over its cases and releases. */
static size_t svd_work(size_t m, size_t n, bool vectors)
{
    size_t k = smaller(m, n);
    return vectors ? k * (4 * k + 7) + larger(m, n) : 3 * k + larger(larger(m, n), 7 * k) + k * BLOCK;
}

/* x^T = u' s v'^T by columns: v'^T [k, m] by columns is u [m, k] by rows. */
bool cv_svd(size_t m, size_t n, double *x, double *sigma, double *u)
{
    size_t k = smaller(m, n), work_length = svd_work(m, n, u != NULL);
    assert(k > 0 && k <= CV_SVD_LARGEST);
    blasint rows = as_blasint(n), columns = as_blasint(m), rank = as_blasint(k), length = as_blasint(work_length), info;
    double *work = cv_alloc(work_length, sizeof *work), *right = u ? cv_alloc(n * k, sizeof *right) : NULL;
    blasint *integers = cv_alloc(8 * k, sizeof *integers);
    dgesdd_(u ? "S" : "N", &rows, &columns, x, &rows, sigma, right, &rows, u, &rank, work, &length, integers, &info, 1);
    assert(info >= 0 || info == -4); /* -4: x holds a NaN */
    free(work);
    free(right);
    free(integers);
    return info == 0;
}

/* 2 m^2 (n - m / 3), of Householder's reflections. */
uint64_t cv_lower_factor_operations(size_t m, size_t n)
{
    return 2 * (uint64_t)m * m * n - 2 * (uint64_t)m * m * m / 3;
}

uint64_t cv_lower_factor_bytes(size_t m)
{
    return (uint64_t)m * (BLOCK + 1) * sizeof(double);
}

/* With the smaller side k: to a bidiagonal matrix 4 k^2 (max(m, n) - k / 3), divide and conquer 8/3 k^3,
 * the vectors of both sides back 2 k^2 (m + n). */
uint64_t cv_svd_operations(size_t m, size_t n)
{
    uint64_t k = smaller(m, n);
    return 4 * k * k * larger(m, n) + 4 * k * k * k / 3 + 2 * k * k * (m + n);
}

uint64_t cv_svd_bytes(size_t m, size_t n)
{
    uint64_t k = smaller(m, n);
    return (svd_work(m, n, true) + n * k) * sizeof(double) + 8 * k * sizeof(blasint);
}
