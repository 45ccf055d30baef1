/* Error bars: how much of a result is the heads, and how much is the prompts that happened to be asked.
 *
 * All intervals are 95 % intervals. Nothing here depends on the number of threads, bit for bit, and all
 * randomness is a function of a seed. Scores are [heads, prompts], a head's prompts side by side; a score
 * that is not finite is bad input. */
#ifndef CARAVAN_STATS_H
#define CARAVAN_STATS_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A value and its interval. What does not exist is NaN. */
typedef struct cv_estimate {
    double value, low, high;
} cv_estimate;

/* The share k / n with Wilson's score interval (1927), which stays within [0, 1] and has a width at k = 0
 * and k = n too. k <= n; all NaN for n = 0. */
cv_estimate cv_wilson(uint64_t k, uint64_t n);

/* The accuracy of a minus that of b on the same n items, with the interval that Newcombe (Statistics in
 * Medicine 17, 1998, 2635-2650) numbers 10: Wilson's intervals of both, combined with the correlation
 * between them. Unlike a bootstrap it has a width where no item differs. All NaN for n = 0. */
cv_estimate cv_accuracy_difference(const bool *a, const bool *b, size_t n);

enum { CV_RESAMPLES = 2000 }; /* unless something else is asked for */

typedef struct cv_resampling {
    uint64_t seed;
    size_t resamples; /* > 0 */
} cv_resampling;

/* What resampling says of a head. A resample draws as many prompts as there are, with replacement and
 * for all heads the same; the head's mean over them, and its rank among the heads' means, are one sample
 * of each. The intervals are percentile intervals: the 0.025 and 0.975 quantiles of the samples, linear
 * between order statistics (type 7 of Hyndman and Fan, NumPy's default). The value is that of the prompts
 * themselves. With fewer than two prompts, intervals and top_probability are NaN. */
typedef struct cv_head_bootstrap {
    cv_estimate mean;       /* in the scores' unit */
    cv_estimate rank;       /* from 1, by falling mean; equal means rank by the head's index */
    double top_probability; /* the share of resamples in which rank <= top */
} cv_head_bootstrap;

/* result [heads]. Resample b draws from item b of CV_RANDOM_BOOTSTRAP. At least one prompt. */
bool cv_bootstrap_heads(const double *scores, size_t heads, size_t prompts, size_t top, cv_resampling how,
                        cv_head_bootstrap *result, cv_error *err);

/* Each head's mean over the harmful prompts minus that over the harmless ones, with a percentile interval
 * as above. Where both sets have the same number of prompts they are paired by number: a resample takes
 * the same numbers from both. Else each set is resampled by itself (the harmless one from
 * CV_RANDOM_CONTROL). result [heads]; all NaN where a set is empty, and a NaN interval where a set has one
 * prompt. */
bool cv_specificity(const double *harmful, size_t num_harmful, const double *harmless, size_t num_harmless,
                    size_t heads, cv_resampling how, cv_estimate *result, cv_error *err);

/* Rank correlations of x [n] and y [n] in [-1, 1]: Spearman's rho, with the mean rank for ties, and
 * Kendall's tau-b in n log n steps (Knight 1966). NaN where one of x and y is constant or has a NaN, or
 * n < 2. */
double cv_spearman(const double *x, const double *y, size_t n);
double cv_kendall_tau(const double *x, const double *y, size_t n);

/* Whether another set of prompts would rank the heads likewise: Spearman's rho between the heads' means
 * over one random half of the prompts and over the other (which has one prompt more where the number is
 * odd), for how.resamples random halves. The mean and the 0.025 and 0.975 quantiles over the splits; all
 * NaN with fewer than two prompts, or where a split has no rho. It speaks of rankings from half the
 * prompts: one from all of them is steadier. */
bool cv_split_half(const double *scores, size_t heads, size_t prompts, cv_resampling how, cv_estimate *result,
                   cv_error *err);

#ifdef __cplusplus
}
#endif
#endif
