/* Sahara (Zhou et al. 2025, Algorithm 1): a greedy search for a group of heads.
 *
 * Each step scores every head that is not in the group, switched off together with the group, by
 * generalized Ships against the clean model; the best joins. The first step is the sweep's own board of
 * angles. The paper's replications sometimes forget earlier heads; here they stay off. */
#ifndef CV_SAHARA_H
#define CV_SAHARA_H

#include "base/buffer.h"
#include "sweep/inputs.h"
#include "sweep/plan.h"
#include "sweep/scores.h"

#include <caravan/base.h>
#include <caravan/engine.h>

/* No head chosen yet, all boards empty (NaN). inputs must outlive it; its job has sahara_steps > 0. Free
 * with cv_sahara_free, which accepts NULL. */
cv_sahara *cv_sahara_make(const cv_inputs *inputs);
void cv_sahara_free(cv_sahara *sahara);

/* Steps whose head is chosen. */
int cv_sahara_steps_done(const cv_sahara *sahara);

/* The heads that are chosen so far, in order. Borrowed until the next choice. */
cv_head_group cv_sahara_group(const cv_sahara *sahara, int model, int ablation);

/* The score of one head in the step under way, in degrees; NaN if it has none. */
void cv_sahara_put(cv_sahara *sahara, int model, int ablation, int layer, int head, double angle);

/* The scores of all heads in the first step are the sweep's angles, which scores holds all. */
void cv_sahara_put_sweep(cv_sahara *sahara, const cv_scores *scores);

/* A unit of the step under way: values as cv_unit_values has them, angles alone. */
void cv_sahara_put_unit(cv_sahara *sahara, const cv_unit *unit, const double *values);

/* Ends the step: the head of the largest angle joins each group, of equal ones the lowest layer and head.
 * Bad input, naming model and head, if a head that could join has no angle. */
bool cv_sahara_choose(cv_sahara *sahara, cv_error *err);

/* The angles of a step [layers, heads], in degrees, NaN for the heads of its group; owned by sahara. */
const double *cv_sahara_board(const cv_sahara *sahara, int model, int ablation, int step);

/* The chosen heads as bytes for another rank, and back. After an error only cv_sahara_free is left to do. */
void cv_sahara_pack(const cv_sahara *sahara, cv_buffer *out);
bool cv_sahara_unpack(cv_sahara *sahara, const char *data, size_t length, cv_error *err);

#endif
