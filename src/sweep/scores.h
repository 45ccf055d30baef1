/* The full grid of scores, filled unit by unit in any order, and what is said of each head.
 *
 * Units return in whatever order the ranks finish; each is put at its place in the grid, and means
 * are taken over the full grid in prompt order, so that no result depends on the schedule. */
#ifndef CV_SCORES_H
#define CV_SCORES_H

#include "sweep/inputs.h"
#include "sweep/plan.h"

#include <caravan/base.h>

#include <stddef.h>

typedef struct cv_scores cv_scores;

/* All missing (NaN). inputs must outlive it. Free with cv_scores_free, which accepts NULL. */
cv_scores *cv_scores_make(const cv_inputs *inputs);
void cv_scores_free(cv_scores *scores);

/* Puts a unit's values (as cv_unit_values has them) at their places. Bad input for a score that is not a
 * number (named by model, layer, head and prompt: activations left the range of single precision), and
 * for states that have no subspace of the job's rank. */
bool cv_scores_put(cv_scores *scores, const cv_unit *unit, const double *values, cv_error *err);

/* An error, naming the first, if a score is missing. */
bool cv_scores_complete(const cv_scores *scores, cv_error *err);

/* The scores of one model, ablation and set, owned by scores. NULL where the job has no such set or does
 * not compute the score. */
typedef struct cv_score_grid {
    const double *ships;  /* [layers, heads, prompts] nats */
    const double *angles; /* [layers, heads, CV_SUBSPACE_RANKS] degrees; NaN beyond the states' rank */
    size_t layers, heads, prompts;
} cv_score_grid;
cv_score_grid cv_scores_grid(const cv_scores *scores, int model, int ablation, cv_prompt_set set);

/* One head (or group of heads, by the ablation's granularity). */
typedef struct cv_head_score {
    int layer, head;
    int rank;             /* from 1, by falling ships_mean (angle where the job has no Ships); equal
                             ones, and all where it has no scores, rank by layer, then head */
    double ships_mean;    /* nats, over the harmful prompts; NaN without Ships */
    double harmless_mean; /* the same over the harmless ones; NaN where the job has none */
    double specificity;   /* ships_mean - harmless_mean; NaN likewise */
    double angle;         /* degrees, at the job's rank, over the harmful prompts; NaN without angles */
} cv_head_score;

/* All heads of a model under an ablation, by rank: [*count], to be freed with free(). */
cv_head_score *cv_scores_heads(const cv_scores *scores, int model, int ablation, size_t *count);

#endif
