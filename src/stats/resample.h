/* What every resampling over prompts shares: which prompts a resample holds, the heads' sums over them,
 * and the interval of what came out.
 *
 * A resample is a row of weights, one for each prompt, so that the sums of all resamples are one matrix
 * product. It is written out here because a BLAS adds in an order that depends on threads and machine:
 * sums here run over the prompts in their order, whatever the number of threads. */
#ifndef CV_RESAMPLE_H
#define CV_RESAMPLE_H

#include "base/random.h"

#include <caravan/stats.h>

/* How often each of count resamples drew each prompt: weights [count, prompts], whole numbers. Row r is drawn
 * from item first + r of use. At least one prompt. */
void cv_resample_weights(cv_random_use use, uint64_t seed, uint64_t first, size_t count, size_t prompts,
                         double *weights);

/* sums [rows, heads] = the sum over the prompts of weights [rows, prompts] * scores [heads, prompts] */
void cv_weighted_sums(const double *weights, size_t rows, const double *scores, size_t heads, size_t prompts,
                      double *sums);

/* The heads' means in each resample of the prompts, [how.resamples, heads]; resample b is drawn from item b
 * of use. At least one prompt. Free with free(). */
double *cv_resampled_means(const double *scores, size_t heads, size_t prompts, cv_random_use use, cv_resampling how);

/* The heads' means over the prompts, each counting once: means [heads]. NaN for no prompts. */
void cv_head_means(const double *scores, size_t heads, size_t prompts, double *means);

/* value with the 95 % percentile interval of samples [count], which are sorted; a NaN among them makes
 * the interval NaN. count > 0. */
cv_estimate cv_percentile_interval(double value, double *samples, size_t count);

/* Bad input, naming the first, if a score is not finite; what says which score in the message. */
bool cv_scores_finite(const double *scores, size_t heads, size_t prompts, const char *what, cv_error *err);

#endif
