#include "base/memory.h"
#include "stats/resample.h"

#include <math.h>
#include <stdlib.h>

/* From the means of all resamples of each set, [rows, heads]. */
static void add_intervals(const double *harmful, const double *harmless, size_t rows, size_t heads, cv_estimate *result)
{
#pragma omp parallel
    {
        double *samples = cv_alloc(rows, sizeof *samples);
#pragma omp for schedule(static)
        for (size_t h = 0; h < heads; h++) {
            for (size_t b = 0; b < rows; b++) samples[b] = harmful[b * heads + h] - harmless[b * heads + h];
            result[h] = cv_percentile_interval(result[h].value, samples, rows);
        }
        free(samples);
    }
}

static void add_values(const double *harmful, size_t num_harmful, const double *harmless, size_t num_harmless,
                       size_t heads, cv_estimate *result)
{
    double *means = cv_alloc(2 * heads, sizeof *means);
    cv_head_means(harmful, heads, num_harmful, means);
    cv_head_means(harmless, heads, num_harmless, means + heads);
    for (size_t h = 0; h < heads; h++) result[h] = (cv_estimate){means[h] - means[heads + h], NAN, NAN};
    free(means);
}

bool cv_specificity(const double *harmful, size_t num_harmful, const double *harmless, size_t num_harmless,
                    size_t heads, cv_resampling how, cv_estimate *result, cv_error *err)
{
    if (!cv_scores_finite(harmful, heads, num_harmful, "harmful score", err) ||
        !cv_scores_finite(harmless, heads, num_harmless, "harmless score", err))
        return false;
    add_values(harmful, num_harmful, harmless, num_harmless, heads, result);
    if (num_harmful < 2 || num_harmless < 2) return true;
    cv_random_use use = num_harmful == num_harmless ? CV_RANDOM_BOOTSTRAP : CV_RANDOM_CONTROL;
    double *first = cv_resampled_means(harmful, heads, num_harmful, CV_RANDOM_BOOTSTRAP, how);
    double *second = cv_resampled_means(harmless, heads, num_harmless, use, how);
    add_intervals(first, second, how.resamples, heads, result);
    free(first);
    free(second);
    return true;
}
