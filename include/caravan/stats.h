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

/* ---- overlap of rankings ---- */

/* The numbers of marked items among drawn ones taken without replacement from n of which some are marked:
 * probabilities [min(marked, drawn) + 1] of 0, 1 and so on; and the probability of at_least or more. */
void cv_hypergeometric(uint64_t n, uint64_t marked, uint64_t drawn, double *probabilities);
double cv_hypergeometric_tail(uint64_t n, uint64_t marked, uint64_t drawn, uint64_t at_least);

/* q [count]: the least false discovery rate at which each of the p-values p [count] would be a discovery
 * (Benjamini and Hochberg 1995). NaN stays NaN and does not count. */
void cv_benjamini_hochberg(const double *p, size_t count, double *q);

/* Extrapolated rank-biased overlap (Webber, Moffat and Zobel 2010) of the rankings of n items by falling x [n]
 * and y [n]; the depth d weighs persistence^(d - 1), with persistence in (0, 1). Ties as in that paper. NaN
 * where one of x and y has a NaN, or n is 0. */
double cv_rank_biased_overlap(const double *x, const double *y, size_t n, double persistence);

/* Gini's coefficient of values [n], and the share of their sum that the k largest have: 0 and k / n where all
 * are equal. NaN where a value is negative or not finite, or all are 0. */
double cv_gini(const double *values, size_t n);
double cv_top_share(const double *values, size_t n, size_t k);

/* Where in the model the scores lie: profile [layers] is each layer's share of the sum of scores [layers,
 * heads]; all NaN where a score is negative or NaN, or all are 0. And the earth mover's distance between two
 * profiles whose layers stand at the relative depths (layer + 1/2) / layers: 0 where they are the same, towards 1
 * for the first against the last layer. */
void cv_depth_profile(const double *scores, size_t layers, size_t heads, double *profile);
double cv_depth_distance(const double *a, size_t layers_a, const double *b, size_t layers_b);

/* One model under one ablation, with the scores of its heads on the harmful (0) and harmless (1) prompts. */
typedef struct cv_overlap_member {
    size_t layers, heads;
    uint32_t kind;          /* members are compared head by head if layers, heads and kind are the same */
    const double *ships[2]; /* [layers, heads, prompts] or NULL */
    size_t prompts[2];
    uint32_t draws[2];       /* sets of prompts with the same number are resampled alike; see cv_overlap_draws */
    const double *angles[2]; /* [layers, heads] or NULL */
} cv_overlap_member;

/* What heads are ranked by. The first two are the results; the others are controls. */
typedef enum cv_overlap_score {
    CV_OVERLAP_SHIPS, /* the mean over the harmful prompts */
    CV_OVERLAP_ANGLE,
    CV_OVERLAP_SHIPS_HARMLESS,    /* the mean over the harmless prompts */
    CV_OVERLAP_SHIPS_SPECIFICITY, /* the former minus the latter */
    CV_OVERLAP_SHIPS_RESIDUAL,    /* what the rank by harmless prompts does not foretell, see docs/overlap.md */
    CV_OVERLAP_ANGLE_HARMLESS,
    CV_OVERLAP_ANGLE_SPECIFICITY,
    CV_OVERLAP_ANGLE_RESIDUAL,
    CV_NUM_OVERLAP_SCORES
} cv_overlap_score;
const char *cv_overlap_score_name(cv_overlap_score score); /* "ships", "ships_harmless" */

/* What is taken for granted when the number of shared heads is judged. */
typedef enum cv_overlap_null {
    CV_NULL_UNIFORM,        /* the top heads of both lie anywhere: hypergeometric, exact */
    CV_NULL_LAYERS,         /* anywhere within their layers: a sum of hypergeometrics, exact */
    CV_NULL_GENERAL,        /* where harmless prompts put them, but for residuals that are permuted */
    CV_NULL_GENERAL_LAYERS, /* the same, residuals permuted within layers */
    CV_NUM_OVERLAP_NULLS
} cv_overlap_null;
const char *cv_overlap_null_name(cv_overlap_null null); /* "uniform", "layers", "general", "general_layers" */

typedef struct cv_overlap_options {
    const size_t *top_k; /* [num_top_k] ascending, > 0; one past a model's number of heads takes all of them */
    size_t num_top_k;
    size_t permutations; /* 0: no tests by permutation */
    double persistence;  /* of rank-biased overlap */
    cv_resampling resampling;
    bool (*stop)(void *context); /* NULL, or asked often: true gives up */
    void *context;
} cv_overlap_options;

typedef struct cv_null_test {
    double expected; /* shared heads */
    double p;        /* of so many or more */
    double q;        /* over all pairs, by Benjamini and Hochberg; for this score, k and null */
} cv_null_test;

typedef struct cv_overlap_top {
    cv_estimate shared; /* heads that are among the first k of both */
    double jaccard;     /* shared over all that are among the first k of one */
    cv_null_test nulls[CV_NUM_OVERLAP_NULLS];
} cv_overlap_top;

/* Two members by one score. */
typedef struct cv_overlap_comparison {
    bool both;                  /* have the score */
    cv_estimate depth_distance; /* of the depth profiles */
    bool head_by_head;          /* shapes are the same too; what follows is there */
    cv_estimate rbo, tau;
    double tau_p, tau_q;  /* of such a tau or a greater one if heads lay anywhere within their layers */
    cv_overlap_top *tops; /* [num_top_k] */
} cv_overlap_comparison;

/* One member by one score. */
typedef struct cv_overlap_spread {
    bool exists;
    double *values;          /* [layers, heads] the score */
    uint32_t *order;         /* [layers * heads] heads (layer * heads + head) by rank */
    double *profile;         /* [layers] as cv_depth_profile */
    cv_estimate gini;        /* as cv_gini */
    cv_estimate *top_shares; /* [num_top_k] as cv_top_share */
} cv_overlap_spread;

typedef struct cv_overlap_pair {
    size_t a, b; /* members, a < b */
} cv_overlap_pair;

typedef struct cv_overlap {
    size_t num_members, num_pairs, num_top_k;
    size_t *top_k;
    cv_overlap_pair *pairs;                                    /* [num_pairs] by a, then b */
    cv_overlap_comparison *comparisons[CV_NUM_OVERLAP_SCORES]; /* [num_pairs] */
    cv_overlap_spread *spreads[CV_NUM_OVERLAP_SCORES];         /* [num_members] */
} cv_overlap;

/* Compares each pair of members by each score. Intervals are 95 % percentile intervals of resamples of the
 * prompts, NaN for angles, which are scores of a whole set of prompts, and where a set has fewer than two
 * prompts. Resample r of the prompts with number d draws from item 2^32 d + r of CV_RANDOM_BOOTSTRAP.
 * Bad input, with the member's number in front, for scores that are not finite; CV_STOPPED if stop says
 * so. Free with cv_overlap_free, which accepts NULL. */
cv_overlap *cv_overlap_compute(const cv_overlap_member *members, size_t count, const cv_overlap_options *options,
                               cv_error *err);
void cv_overlap_free(cv_overlap *overlap);

#ifdef __cplusplus
}
#endif
#endif
