/* Utility: what a model can still do with a group of heads switched off, by zero-shot multiple choice.
 *
 * A row of the grid is a group of heads and a task. Groups that differ from prompt to prompt have no
 * meaning here, and every head alone would be a sweep of its own: per_prompt and each_head are left out. */
#ifndef CV_UTILITY_H
#define CV_UTILITY_H

#include "base/buffer.h"
#include "sweep/batch.h"
#include "sweep/chosen.h"
#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_utility_row {
    int model, ablation;
    int group;         /* index of evaluate.groups */
    int task;          /* index of evaluate.utility */
    size_t first;      /* its items are first to first + count - 1 of the grid */
    size_t count;      /* items */
    size_t first_pair; /* its choices' place among all log-likelihoods */
} cv_utility_row;

typedef struct cv_utility cv_utility;

/* The grid, without answers. The clean model's rows stand under the first ablation only. inputs and
 * chosen must outlive it. Free with cv_utility_free, which accepts NULL. */
cv_utility *cv_utility_make(const cv_inputs *inputs, const cv_chosen *chosen);
void cv_utility_free(cv_utility *utility);

/* Rows [*count] by model, ablation, task, group; owned by utility. */
const cv_utility_row *cv_utility_rows(const cv_utility *utility, size_t *count);

/* A row's heads for tables, as in cv_groups_label. Free with free(). */
char *cv_utility_label(const cv_utility *utility, const cv_utility_row *row);

/* The rows' items in batches, as cv_batches_cut makes them, each of one row. */
cv_batch *cv_utility_plan(const cv_utility *utility, size_t *count, cv_error *err);

int cv_utility_model(const cv_utility *utility, const cv_batch *batch);

/* Appends what tells a batch from others: its items, and the heads that are off. */
void cv_utility_describe(const cv_utility *utility, const cv_batch *batch, cv_buffer *out);

/* Appends the log-likelihoods of a batch's choices to *out, by an engine of its model. */
bool cv_utility_run(const cv_utility *utility, cv_engine *engine, const cv_batch *batch, cv_buffer *out, cv_error *err);

/* Takes what cv_utility_run made; after an error the utility is as before. */
bool cv_utility_put(cv_utility *utility, const cv_batch *batch, const char *bytes, size_t length, cv_error *err);

/* A row's log-likelihoods, in nats, of all choices of all items; NULL before every batch of it was put. */
const double *cv_utility_values(const cv_utility *utility, const cv_utility_row *row);

#endif
