/* Angles between the spans of left singular vectors: generalized Ships without an engine. */
#ifndef CV_SUBSPACE_H
#define CV_SUBSPACE_H

#include <caravan/score.h>

/* The first left singular vectors of a matrix of rows, and how many of them mean something. */
typedef struct cv_basis {
    size_t rows;
    double *vectors;                    /* [rows, CV_SUBSPACE_RANKS] by columns; 0 beyond the matrix's smaller side */
    bool determined[CV_SUBSPACE_RANKS]; /* [r - 1]: the span of the first r */
} cv_basis;

/* Fills *basis, whose vectors the caller has allocated, from matrix [rows, columns], which it destroys.
 *
 * The span of the first r is determined if singular value r is above singular value r + 1 (0 beyond the
 * smaller side) by more than max(rows, columns) * DBL_EPSILON * the largest: what NumPy's matrix_rank takes
 * for zero. So nothing is determined beyond the numerical rank, where the vectors are any that fit, nor
 * between two equal singular values, whose vectors are any of a plane.
 *
 * False if LAPACK's iteration did not converge, which is not known to happen with finite numbers. */
bool cv_left_singular_vectors(size_t columns, double *matrix, cv_basis *basis);

/* angles [r] in degrees, rising: the principal angles between the first r columns of a and b
 * [rows, CV_SUBSPACE_RANKS], r <= min(rows, CV_SUBSPACE_RANKS). Small ones come from their sines and large
 * ones from their cosines, so that each has an absolute error of a few 1e-14 degrees. */
void cv_principal_angles(size_t rows, size_t r, const double *a, const double *b, double *angles);

/* sums [CV_SUBSPACE_RANKS] in degrees: of the first r principal angles; NaN where a span is not determined. */
void cv_angle_sums(const cv_basis *a, const cv_basis *b, double *sums);

/* The matrix [num_prompts, d] whose left singular vectors are compared, in double precision: rows [num_prompts, d]
 * are residual streams, as cv_wavefront gives them. */
void cv_subspace_matrix(const cv_engine *engine, size_t num_prompts, cv_subspace_state state, const float *rows,
                        double *matrix);

#endif
