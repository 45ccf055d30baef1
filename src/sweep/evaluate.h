/* What ablation does to answers: the grid of sequences that a job wants generated.
 *
 * A row of the grid is one line of a table: a group of heads, a way of decoding, a set of prompts. Its
 * answers are numbered prompt by prompt, and sample by sample within a prompt. Random numbers of an answer
 * depend on seed, set, prompt and sample alone, so the groups are compared on the same draws. */
#ifndef CV_EVALUATE_H
#define CV_EVALUATE_H

#include "base/buffer.h"
#include "sweep/batch.h"
#include "sweep/chosen.h"
#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/engine.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_answer_row {
    int model, ablation;
    int group;      /* index of evaluate.groups */
    size_t variant; /* of the group: the head's number for each_head, else 0 */
    int decode;     /* index of evaluate.decode */
    cv_prompt_set set;
    size_t first, count; /* its answers */
} cv_answer_row;

typedef struct cv_answer {
    cv_tokens tokens;          /* without the token that ended it */
    bool stopped;              /* by such a token, not by max_new_tokens */
    double mean_loglikelihood; /* nats a token under the clean model; NaN without tokens */
} cv_answer;

typedef struct cv_evaluation cv_evaluation;

/* The grid, without answers. The clean model's rows stand under the first ablation only. inputs and
 * chosen must outlive it. Free with cv_evaluation_free, which accepts NULL. */
cv_evaluation *cv_evaluation_make(const cv_inputs *inputs, const cv_chosen *chosen);
void cv_evaluation_free(cv_evaluation *evaluation);

/* Rows [*count] by model, ablation, decode, group, variant, set; owned by evaluation. */
const cv_answer_row *cv_evaluation_rows(const cv_evaluation *evaluation, size_t *count);

/* A row's heads for tables, as in cv_groups_label. Free with free(). */
char *cv_evaluation_label(const cv_evaluation *evaluation, const cv_answer_row *row);

/* The answers in batches, as cv_batches_cut makes them, priced as if none stopped early. */
cv_batch *cv_evaluation_plan(const cv_evaluation *evaluation, size_t *count, cv_error *err);

int cv_evaluation_model(const cv_evaluation *evaluation, const cv_batch *batch);

/* Appends what tells a batch from others: its answers, and the heads that are off for each. */
void cv_evaluation_describe(const cv_evaluation *evaluation, const cv_batch *batch, cv_buffer *out);

/* Generates a batch's answers with an engine of its model, measures them, and appends them to *out. */
bool cv_evaluation_run(const cv_evaluation *evaluation, cv_engine *engine, const cv_batch *batch, cv_buffer *out,
                       cv_error *err);

/* Takes what cv_evaluation_run made; after an error the evaluation is as before. */
bool cv_evaluation_put(cv_evaluation *evaluation, const cv_batch *batch, const char *bytes, size_t length,
                       cv_error *err);

/* All answers; NULL before every batch was put. */
const cv_answer *cv_evaluation_answers(const cv_evaluation *evaluation);

#endif
