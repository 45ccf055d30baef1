#include "base/memory.h"
#include "stats/resample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

typedef struct ranked {
    double mean;
    uint32_t head;
} ranked;

/* As src/sweep/scores.c ranks heads. No mean is NaN, so this orders all of them. */
static int by_rank(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->mean != b->mean) return a->mean > b->mean ? -1 : 1;
    return (a->head > b->head) - (a->head < b->head);
}

/* ranks [heads] from 1; order is scratch [heads]. */
static void rank_heads(const double *means, size_t heads, ranked *order, uint32_t *ranks)
{
    for (size_t h = 0; h < heads; h++) order[h] = (ranked){means[h], (uint32_t)h};
    qsort(order, heads, sizeof *order, by_rank);
    for (size_t i = 0; i < heads; i++) ranks[order[i].head] = (uint32_t)i + 1;
}

/* The same for every row of means [rows, heads]. */
static void rank_rows(const double *means, size_t rows, size_t heads, uint32_t *ranks)
{
#pragma omp parallel
    {
        ranked *order = cv_alloc(heads, sizeof *order);
#pragma omp for schedule(static)
        for (size_t row = 0; row < rows; row++) rank_heads(means + row * heads, heads, order, ranks + row * heads);
        free(order);
    }
}

/* From the samples of all resamples, means and ranks [rows, heads], to those of each head. result already
 * holds the values. */
static void summarise(const double *means, const uint32_t *ranks, size_t rows, size_t heads, size_t top,
                      cv_head_bootstrap *result)
{
#pragma omp parallel
    {
        double *samples = cv_alloc(rows, sizeof *samples);
#pragma omp for schedule(static)
        for (size_t h = 0; h < heads; h++) {
            size_t inside = 0;
            for (size_t b = 0; b < rows; b++) samples[b] = means[b * heads + h];
            result[h].mean = cv_percentile_interval(result[h].mean.value, samples, rows);
            for (size_t b = 0; b < rows; b++) {
                samples[b] = ranks[b * heads + h];
                inside += ranks[b * heads + h] <= top;
            }
            result[h].rank = cv_percentile_interval(result[h].rank.value, samples, rows);
            result[h].top_probability = (double)inside / (double)rows;
        }
        free(samples);
    }
}

static void resample_heads(const double *scores, size_t heads, size_t prompts, size_t top, cv_resampling how,
                           cv_head_bootstrap *result)
{
    double *means = cv_resampled_means(scores, heads, prompts, CV_RANDOM_BOOTSTRAP, how);
    uint32_t *ranks = cv_alloc(how.resamples * heads, sizeof *ranks);
    rank_rows(means, how.resamples, heads, ranks);
    summarise(means, ranks, how.resamples, heads, top, result);
    free(means);
    free(ranks);
}

bool cv_bootstrap_heads(const double *scores, size_t heads, size_t prompts, size_t top, cv_resampling how,
                        cv_head_bootstrap *result, cv_error *err)
{
    assert(heads <= UINT32_MAX);
    if (!cv_scores_finite(scores, heads, prompts, "score", err)) return false;
    double *means = cv_alloc(heads, sizeof *means);
    uint32_t *ranks = cv_alloc(heads, sizeof *ranks);
    cv_head_means(scores, heads, prompts, means);
    rank_rows(means, 1, heads, ranks);
    for (size_t h = 0; h < heads; h++) result[h] = (cv_head_bootstrap){{means[h], NAN, NAN}, {ranks[h], NAN, NAN}, NAN};
    if (prompts >= 2) resample_heads(scores, heads, prompts, top, how, result);
    free(means);
    free(ranks);
    return true;
}
