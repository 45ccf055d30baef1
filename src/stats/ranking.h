/* Heads in order of a score, and what two such orders have in common.
 *
 * Overlap compares each ranking with many others, thousands of times: sorting is done once for a ranking,
 * and what follows costs about n steps a comparison. The order is that of heads.csv: by falling score, equal
 * scores by index. Correlations and rank-biased overlap treat equal scores as equal. */
#ifndef CV_RANKING_H
#define CV_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CV_MOST_RANKED = 65535 }; /* items; four times the heads of the largest models */

typedef struct cv_ranking {
    size_t n;
    uint32_t *order; /* [n] the items by falling score, equal ones by index; owned */
    uint32_t *place; /* [n] of each item in order */
    uint32_t *first; /* [n] of each item: how many items have a greater score */
    uint32_t *end;   /* [n] of each item: how many items have its score or a greater one */
    void *scratch;   /* for sorting */
    uint64_t tied;   /* pairs of items of equal score */
} cv_ranking;

/* Room for n items. Free with cv_ranking_free. */
cv_ranking cv_ranking_make(size_t n);
void cv_ranking_free(cv_ranking *ranking);

/* Ranks scores [n], none of which is NaN. */
void cv_ranking_set(cv_ranking *ranking, const double *scores);

/* *result (made for as many items) ranks item to[i] as ranking does item i; to [n] is a permutation, and sends
 * equal items in any order: where result is compared, nothing may depend on the order among ties. */
void cv_ranking_relabel(const cv_ranking *ranking, const uint32_t *to, cv_ranking *result);

/* What cv_ranking_tau works in: [n] and more, owned by one thread. */
typedef struct cv_concordance {
    uint64_t *bits;           /* [words] */
    uint16_t *before, *steps; /* [words], [words, words] */
    size_t words;
} cv_concordance;
cv_concordance cv_concordance_make(size_t n);
void cv_concordance_free(cv_concordance *scratch);

/* Concordant minus discordant pairs of two rankings of the same items. */
int64_t cv_ranking_concordance(const cv_ranking *a, const cv_ranking *b, cv_concordance *scratch);

/* Kendall's tau-b: the above over the geometric mean of the pairs that are not tied in a and in b. NaN where
 * all items of one are tied. */
double cv_ranking_tau(const cv_ranking *a, const cv_ranking *b, cv_concordance *scratch);

/* Extrapolated rank-biased overlap (Webber, Moffat and Zobel, ACM Transactions on Information Systems 28,
 * 2010, equation 32) of two rankings of the same items, with persistence p in (0, 1). Ties as there: items
 * that are tied for ranks d to d + t - 1 all stand at rank d, and the agreement is twice the overlap over
 * the sum of both sets' sizes. counts is scratch [n + 1]. */
double cv_ranking_rbo(const cv_ranking *a, const cv_ranking *b, double p, uint32_t *counts);

/* shared[i] = how many items are among the first k[i] of both, for each of num ascending k[i] <= n. */
void cv_ranking_shared(const cv_ranking *a, const cv_ranking *b, const size_t *k, size_t num, uint32_t *shared);

#endif
