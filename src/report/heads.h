/* The table of heads: as heads.csv for programs, and its first rows for people. */
#ifndef CV_HEADS_H
#define CV_HEADS_H

#include "store/folder.h"
#include "sweep/inputs.h"
#include "sweep/scores.h"

#include <caravan/base.h>
#include <caravan/engine.h>
#include <caravan/model.h>

#include <caravan/stats.h>

#include <stdio.h>

/* The matrix that an ablation acts on, for one head or group: its parameters as a fraction of all.
 * uniform_attention and the mean of q count the head's rows of W_q (of the shared W_k for a group, or
 * for the mean of k), value_scale and the mean of z its columns of W_o. */
double cv_parameter_share(const cv_model *model, const cv_ablation *ablation);

/* Writes for each model and ablation MODEL/ABLATION/heads.csv, and where there are Ships intervals.csv (of
 * ranks and specificities) and stability.csv (how alike two halves of the prompts rank the heads).
 * Intervals are bootstraps over the prompts. Nothing where the job has no scores. */
bool cv_heads_write(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, cv_error *err);

/* How the intervals are resampled. */
extern const cv_resampling cv_heads_resampling;

/* The top rows of each model and ablation as a table, columns lined up. */
void cv_heads_print(FILE *out, const cv_inputs *inputs, const cv_scores *scores, size_t top);

#endif
