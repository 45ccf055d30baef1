/* The parts of overlap: what they share while rankings are compared.
 *
 * overlap.c compares the rankings as they are and has the exact nulls, overlap_permutation.c the nulls by
 * permutation, overlap_bootstrap.c the intervals. A ranking is permuted or resampled once and then compared
 * with all others, so that the dear part grows with the members and not with their pairs. */
#ifndef CV_OVERLAP_H
#define CV_OVERLAP_H

#include "stats/normal_scores.h"
#include "stats/ranking.h"

#include <caravan/stats.h>

typedef struct cv_overlap_work {
    const cv_overlap_member *members; /* [num_members] */
    const cv_overlap_options *options;
    cv_overlap *result;
    cv_ranking *rankings[CV_NUM_OVERLAP_SCORES]; /* [num_members]; n is 0 where a member lacks the score */
    double **tables;                             /* [num_members] cv_normal_table of the member's heads */
    size_t **tops;                               /* [num_members][num_top_k] k, or all of the member's heads */
    size_t most_heads;                           /* layers * heads of the largest member */
} cv_overlap_work;

/* layers * heads */
size_t cv_overlap_heads(const cv_overlap_member *member);

/* The scores that are read off Ships, or off angles: {harmful, harmless, specificity, residual}. */
extern const cv_overlap_score cv_overlap_of_ships[4], cv_overlap_of_angles[4];

/* values[4] [heads] and their rankings[4], in that order, from the heads' scores on the harmful and the harmless
 * prompts; only the first where control is NULL. */
void cv_overlap_rank(const double *harmful, const double *control, size_t heads, const double *table,
                     double *const values[4], cv_ranking rankings[4]);

/* False with an error where the options' stop says so. */
bool cv_overlap_goes_on(const cv_overlap_options *options, cv_error *err);

/* probabilities [k + 1] of sharing so many heads if the first k heads of both were spread over their layers
 * anew: the sum over the layers of independent hypergeometric numbers. */
void cv_overlap_layers(const cv_ranking *a, const cv_ranking *b, size_t layers, size_t heads, size_t k,
                       double *probabilities);

/* Fill in what they are for in work->result. False when stopped. */
bool cv_overlap_permute(const cv_overlap_work *work, cv_error *err);
bool cv_overlap_bootstrap(const cv_overlap_work *work, cv_error *err);

#endif
