#include "stats/resample.h"

#include "base/memory.h"
#include "base/simd.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void cv_resample_weights(cv_random_use use, uint64_t seed, uint64_t first, size_t count, size_t prompts,
                         double *weights)
{
    assert(prompts > 0 && prompts <= UINT32_MAX);
    memset(weights, 0, count * prompts * sizeof *weights);
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < count; r++) {
        cv_random random = cv_random_open(seed, use, first + r);
        for (size_t i = 0; i < prompts; i++) weights[r * prompts + cv_random_below(&random, (uint32_t)prompts)]++;
    }
}

/* Rows of weights and heads of scores that are summed side by side, in registers. */
enum { TILE_ROWS = 4, TILE_HEADS = 8 };

/* scores is packed: [prompts, TILE_HEADS]. Vectors lie across heads: left alone, GCC lays them along the
 * prompts, which takes eight times as long. */
CV_SIMD static void tile_sums(const double *const weights[TILE_ROWS], const double *scores, size_t prompts,
                              double sums[TILE_ROWS][TILE_HEADS])
{
    double sum[TILE_ROWS][TILE_HEADS] = {{0}};
    for (size_t p = 0; p < prompts; p++)
        for (size_t r = 0; r < TILE_ROWS; r++) {
#pragma omp simd
            for (size_t h = 0; h < TILE_HEADS; h++) sum[r][h] += weights[r][p] * scores[p * TILE_HEADS + h];
        }
    memcpy(sums, sum, sizeof sum);
}

/* The columns of sums for num_heads heads from first on; packed is scratch [prompts, TILE_HEADS]. */
static void head_tile(const double *weights, size_t rows, const double *scores, size_t heads, size_t prompts,
                      size_t first, double *packed, double *sums)
{
    size_t num_heads = heads - first < TILE_HEADS ? heads - first : TILE_HEADS;
    for (size_t p = 0; p < prompts; p++)
        for (size_t h = 0; h < TILE_HEADS; h++)
            packed[p * TILE_HEADS + h] = h < num_heads ? scores[(first + h) * prompts + p] : 0;
    for (size_t begin = 0; begin < rows; begin += TILE_ROWS) {
        size_t num_rows = rows - begin < TILE_ROWS ? rows - begin : TILE_ROWS;
        const double *row[TILE_ROWS];
        double tile[TILE_ROWS][TILE_HEADS];
        for (size_t r = 0; r < TILE_ROWS; r++) row[r] = weights + (begin + (r < num_rows ? r : 0)) * prompts;
        tile_sums(row, packed, prompts, tile);
        for (size_t r = 0; r < num_rows; r++)
            memcpy(sums + (begin + r) * heads + first, tile[r], num_heads * sizeof **tile);
    }
}

void cv_weighted_sums(const double *weights, size_t rows, const double *scores, size_t heads, size_t prompts,
                      double *sums)
{
#pragma omp parallel
    {
        double *packed = cv_alloc(prompts * TILE_HEADS, sizeof *packed);
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < heads; first += TILE_HEADS)
            head_tile(weights, rows, scores, heads, prompts, first, packed, sums);
        free(packed);
    }
}

double *cv_resampled_means(const double *scores, size_t heads, size_t prompts, cv_random_use use, cv_resampling how)
{
    assert(how.resamples > 0);
    double *weights = cv_alloc(how.resamples * prompts, sizeof *weights);
    cv_resample_weights(use, how.seed, 0, how.resamples, prompts, weights);
    double *means = cv_alloc(how.resamples * heads, sizeof *means);
    cv_weighted_sums(weights, how.resamples, scores, heads, prompts, means);
    for (size_t i = 0; i < how.resamples * heads; i++) means[i] /= (double)prompts;
    free(weights);
    return means;
}

void cv_head_means(const double *scores, size_t heads, size_t prompts, double *means)
{
    for (size_t h = 0; h < heads; h++) {
        double sum = 0;
        for (size_t p = 0; p < prompts; p++) sum += scores[h * prompts + p];
        means[h] = sum / (double)prompts;
    }
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

cv_estimate cv_percentile_interval(double value, double *samples, size_t count)
{
    assert(count > 0);
    for (size_t i = 0; i < count; i++)
        if (isnan(samples[i])) return (cv_estimate){value, NAN, NAN};
    qsort(samples, count, sizeof *samples, ascending);
    return (cv_estimate){value, quantile(samples, count, 0.025), quantile(samples, count, 0.975)};
}

bool cv_scores_finite(const double *scores, size_t heads, size_t prompts, const char *what, cv_error *err)
{
    for (size_t i = 0; i < heads * prompts; i++)
        if (!isfinite(scores[i]))
            return cv_bad_input(err, "the %s of head %zu for prompt %zu is %g: statistics need finite scores", what,
                                i / prompts, i % prompts + 1, scores[i]);
    return true;
}
