/* Generalized Ships: how far the last-position states of all prompts turn as a whole.
 *
 * States are rows of M [prompts, d] in double precision, and so is the final norm: an angle is a small
 * difference of large numbers, and norms rounded to single precision moved those of a demo model by 1e-7
 * (r = 1) to 3e-5 degrees (r = 8). With M = L Q (as a rule d is larger than the number of prompts) the left
 * singular vectors of the small L are those of M, in half the time. The Gram matrix M M^T would be two to four
 * times quicker still, but it squares the singular values: where the eighth was 1e-5 of the first, angles of
 * 1e-4 degrees were wrong in their fourth digit. */
#include "score/subspace.h"

#include "base/memory.h"
#include "engine/engine.h"
#include "engine/lapack.h"
#include "engine/vector.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS = CV_SUBSPACE_RANKS };

static const double DEGREES = 57.295779513082320876798; /* of one radian */

static const char *const state_names[] = {"final_norm", "resid_post"};

const char *cv_subspace_state_name(cv_subspace_state state)
{
    return state_names[state];
}

int cv_subspace_state_of(const char *name)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(name, state_names[i]) == 0) return i;
    return -1;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool cv_left_singular_vectors(size_t columns, double *matrix, cv_basis *basis)
{
    size_t rows = basis->rows, k = smaller(rows, columns);
    double *l = NULL, *sigma = cv_alloc(k, sizeof *sigma), *u = cv_alloc(rows * k, sizeof *u);
    if (columns > rows) {
        l = cv_alloc(rows * rows, sizeof *l);
        cv_lower_factor(rows, columns, matrix, l);
    }
    bool ok = l ? cv_svd(rows, rows, l, sigma, u) : cv_svd(rows, columns, matrix, sigma, u);
    double tolerance = (double)(rows > columns ? rows : columns) * DBL_EPSILON * sigma[0];
    for (size_t i = 0; i < RANKS; i++) {
        basis->determined[i] = ok && i < k && sigma[i] - (i + 1 < k ? sigma[i + 1] : 0) > tolerance;
        for (size_t p = 0; p < rows; p++) basis->vectors[p * RANKS + i] = i < k ? u[p * k + i] : 0;
    }
    free(l);
    free(sigma);
    free(u);
    return ok;
}

/* cosines [r, r] = a^T b, and sines [rows, r] = b - a a^T b, what of b lies outside the span of a. */
static void project(size_t rows, size_t r, const double *a, const double *b, double *cosines, double *sines)
{
    memset(cosines, 0, r * r * sizeof *cosines);
    for (size_t p = 0; p < rows; p++)
        for (size_t i = 0; i < r; i++)
            for (size_t j = 0; j < r; j++) cosines[i * r + j] += a[p * RANKS + i] * b[p * RANKS + j];
    for (size_t p = 0; p < rows; p++)
        for (size_t j = 0; j < r; j++) {
            double inside = 0;
            for (size_t i = 0; i < r; i++) inside += a[p * RANKS + i] * cosines[i * r + j];
            sines[p * r + j] = b[p * RANKS + j] - inside;
        }
}

void cv_principal_angles(size_t rows, size_t r, const double *a, const double *b, double *angles)
{
    assert(0 < r && r <= RANKS && r <= rows);
    double cosines[RANKS * RANKS], cosine[RANKS] = {0}, sine[RANKS] = {0}, *sines = cv_alloc(rows * r, sizeof *sines);
    project(rows, r, a, b, cosines, sines);
    bool ok = cv_svd(r, r, cosines, cosine, NULL) && cv_svd(rows, r, sines, sine, NULL);
    for (size_t i = 0; i < r; i++) {
        double s = sine[r - 1 - i], c = cosine[i]; /* sines fall where cosines rise */
        angles[i] = ok ? DEGREES * (c * c >= 0.5 ? asin(s) : acos(c)) : NAN;
    }
    free(sines);
}

void cv_angle_sums(const cv_basis *a, const cv_basis *b, double *sums)
{
    size_t rows = a->rows;
    for (size_t r = 1; r <= RANKS; r++) {
        double angles[RANKS], sum = 0;
        if (!a->determined[r - 1] || !b->determined[r - 1]) {
            sum = NAN;
        } else if (r < rows) { /* all prompts' directions together are the whole space, in both */
            cv_principal_angles(rows, r, a->vectors, b->vectors, angles);
            for (size_t i = 0; i < r; i++) sum += angles[i];
        }
        sums[r - 1] = sum;
    }
}

typedef struct subspace {
    const cv_engine *engine;
    size_t prompts, d;
    bool normed; /* final_norm */
} subspace;

/* y [d] = x [d], through the final norm if that is the state, in double precision. */
static void widen(const subspace *s, const float *x, double *y)
{
    if (s->normed)
        cv_engine_final_norm_double(s->engine, x, y);
    else
        cv_to_double(x, s->d, y);
}

void cv_subspace_matrix(const cv_engine *engine, size_t num_prompts, cv_subspace_state state, const float *rows,
                        double *matrix)
{
    subspace s = {engine, num_prompts, engine->shape.d, state == CV_FINAL_NORM};
    for (size_t p = 0; p < num_prompts; p++) widen(&s, rows + p * s.d, matrix + p * s.d);
}

/* The basis of rows [prompts, d]; nothing is determined where they are not finite. */
static bool make_basis(const subspace *s, const float *rows, cv_basis *basis)
{
    memset(basis->determined, 0, sizeof basis->determined);
    if (!cv_all_finite(rows, s->prompts * s->d)) return true;
    double *matrix = cv_alloc(s->prompts * s->d, sizeof *matrix);
    for (size_t p = 0; p < s->prompts; p++) widen(s, rows + p * s->d, matrix + p * s->d);
    bool ok = cv_left_singular_vectors(s->d, matrix, basis);
    free(matrix);
    return ok;
}

static uint64_t operations(size_t prompts, size_t d, size_t states)
{
    uint64_t basis = d > prompts ? cv_lower_factor_operations(prompts, d) + cv_svd_operations(prompts, prompts)
                                 : cv_svd_operations(prompts, d);
    uint64_t angles = 0;
    for (uint64_t r = 1; r <= RANKS; r++) angles += 4 * prompts * r * r + cv_svd_operations(prompts, r);
    return (states + 1) * basis + states * angles;
}

cv_wavefront_cost cv_subspace_estimate(const cv_model *model, size_t num_prompts, size_t states)
{
    uint64_t P = num_prompts, d = (uint64_t)model->config.hidden_size, k = smaller(num_prompts, d);
    cv_wavefront_cost cost = {.work.operations = operations(num_prompts, d, states)};
    cost.memory_bytes = (states + 1) * (sizeof(cv_basis) + P * RANKS * sizeof(double));
    cost.thread_bytes = (P * d + P * k + k) * sizeof(double); /* the matrix, u, sigma */
    cost.thread_bytes +=
        d > P ? P * P * sizeof(double) + cv_lower_factor_bytes(P) + cv_svd_bytes(P, P) : cv_svd_bytes(P, d);
    return cost;
}

/* The norm's weight and the clean states are finite, and the matrix is none that LAPACK cannot take. */
static bool check(cv_engine *engine, const subspace *s, const float *clean, cv_error *err)
{
    const char *path = engine->model->path;
    if (smaller(s->prompts, s->d) > CV_SVD_LARGEST)
        return cv_bad_input(err, "%s: subspace: %zu prompts are too many for its singular vectors; use at most %d",
                            path, s->prompts, CV_SVD_LARGEST);
    for (size_t p = 0; p < s->prompts; p++)
        if (!cv_all_finite(clean + p * s->d, s->d))
            return cv_bad_input(err, "%s: subspace: the last state of prompt %zu is not finite; remove the prompt",
                                path, p + 1);
    return !s->normed || cv_engine_final_norm(engine, 0, NULL, NULL, err); /* no rows: looks at the weight alone */
}

/* bases [states + 1] of the clean and all ablated states. */
static bool make_bases(const subspace *s, size_t states, const float *clean, const float *ablated, cv_basis *bases)
{
    int failed = 0;
#pragma omp parallel for schedule(dynamic) reduction(| : failed)
    for (size_t i = 0; i <= states; i++)
        failed |= !make_basis(s, i == 0 ? clean : ablated + (i - 1) * s->prompts * s->d, &bases[i]);
    return !failed;
}

bool cv_subspace_angles(cv_engine *engine, size_t num_prompts, size_t states, cv_subspace_state state,
                        const float *clean, const float *ablated, double *angles, cv_error *err)
{
    assert(num_prompts > 0);
    subspace s = {engine, num_prompts, engine->shape.d, state == CV_FINAL_NORM};
    if (!check(engine, &s, clean, err)) return false;
    cv_basis *bases = cv_alloc(states + 1, sizeof *bases);
    double *vectors = cv_alloc((states + 1) * num_prompts * RANKS, sizeof *vectors);
    for (size_t i = 0; i <= states; i++)
        bases[i] = (cv_basis){.rows = num_prompts, .vectors = vectors + i * num_prompts * RANKS};
    bool ok = make_bases(&s, states, clean, ablated, bases);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < states; i++) cv_angle_sums(&bases[0], &bases[i + 1], angles + i * RANKS);
    engine->work.operations += operations(num_prompts, s.d, states);
    free(bases);
    free(vectors);
    return ok || cv_failed(err, "%s: subspace: LAPACK found no singular vectors of the states", engine->model->path);
}
