#include "base/memory.h"
#include "stats/resample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Two rows of weights for each split, [2 * splits, prompts]: 1 for the prompts of this half. */
static double *half_weights(cv_resampling how, size_t prompts)
{
    assert(how.resamples > 0 && prompts <= UINT32_MAX);
    double *weights = cv_calloc(2 * how.resamples * prompts, sizeof *weights);
#pragma omp parallel
    {
        uint32_t *order = cv_alloc(prompts, sizeof *order);
#pragma omp for schedule(static)
        for (size_t s = 0; s < how.resamples; s++) {
            cv_random random = cv_random_open(how.seed, CV_RANDOM_HALVES, s);
            for (size_t p = 0; p < prompts; p++) order[p] = (uint32_t)p;
            cv_random_shuffle(&random, order, (uint32_t)prompts);
            for (size_t i = 0; i < prompts; i++) weights[(2 * s + (i >= prompts / 2)) * prompts + order[i]] = 1;
        }
        free(order);
    }
    return weights;
}

bool cv_split_half(const double *scores, size_t heads, size_t prompts, cv_resampling how, cv_estimate *result,
                   cv_error *err)
{
    if (!cv_scores_finite(scores, heads, prompts, "score", err)) return false;
    *result = (cv_estimate){NAN, NAN, NAN};
    if (prompts < 2) return true;
    double *weights = half_weights(how, prompts), *rho = cv_alloc(how.resamples, sizeof *rho), sum = 0;
    double *sums = cv_alloc(2 * how.resamples * heads, sizeof *sums); /* rank like means */
    cv_weighted_sums(weights, 2 * how.resamples, scores, heads, prompts, sums);
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < how.resamples; s++)
        rho[s] = cv_spearman(sums + 2 * s * heads, sums + (2 * s + 1) * heads, heads);
    for (size_t s = 0; s < how.resamples; s++) sum += rho[s];
    *result = cv_percentile_interval(sum / (double)how.resamples, rho, how.resamples);
    free(weights);
    free(rho);
    free(sums);
    return true;
}
