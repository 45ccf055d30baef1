/* Ranks as the quantiles of a normal distribution (van der Waerden's scores), and what one ranking says
 * beyond another.
 *
 * Scores of heads have long tails and unlike units. As normal scores, the harmful and the harmless ranking
 * of a model's heads are two variables of which one can be regressed on the other with errors of the same
 * size at the top as in the middle, which ranks themselves do not allow. */
#ifndef CV_NORMAL_SCORES_H
#define CV_NORMAL_SCORES_H

#include "stats/ranking.h"

/* The quantile of the normal distribution at probability p in (0, 1). */
double cv_normal_quantile(double p);

/* The quantiles at (i + 1) / (2 n), for i from 0 to 2 n - 2: an item with as many greater as smaller ones has
 * the middle one. Free with free(). */
double *cv_normal_table(size_t n);

/* scores [n]: the quantile at (mean rank from below - 1/2) / n, greatest score first; table is that of n. */
void cv_normal_scores(const cv_ranking *ranking, const double *table, double *scores);

/* Splits harmful [n] normal scores into what the line through the origin on control [n] foretells (fitted [n])
 * and what it does not (residual [n]). */
void cv_normal_split(const double *harmful, const double *control, size_t n, double *fitted, double *residual);

#endif
