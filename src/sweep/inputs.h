/* Everything a sweep reads, read and checked before anything is computed or written.
 *
 * Rank 0 reads the job, the prompts and the tokenizers once, and sends the result to the other ranks
 * as bytes; those open the models' files themselves, as mapped pages are shared on a node. */
#ifndef CV_INPUTS_H
#define CV_INPUTS_H

#include "base/buffer.h"
#include "sweep/job.h"

#include <caravan/base.h>
#include <caravan/model.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_inputs {
    cv_job job;
    cv_model **models;                      /* [job.num_models], owned */
    size_t num_prompts[CV_NUM_PROMPT_SETS]; /* 0 where the job has no such set */
    char **prompts[CV_NUM_PROMPT_SETS];     /* [num_prompts[set]] the text as in the file, owned */
    char **format_texts;                    /* [job.num_models] a prompt's text, with "{prompt}" in its place, owned */
    /* tokens[model][set][prompt]: the ids fed to the model, after formatting; each has at least one
     * and at most max_position_embeddings, all below vocab_size. [job.num_models], owned. */
    cv_tokens *(*tokens)[CV_NUM_PROMPT_SETS];
    cv_task *tasks;        /* [evaluate.num_utility] rank 0 alone, owned */
    cv_task_pairs **pairs; /* [job.num_models][evaluate.num_utility], owned */
} cv_inputs;

/* Takes job over (also on error, leaving *job empty): opens models and tokenizers, reads the prompt
 * files, and checks each ablation against each model. On error *inputs is empty. */
bool cv_inputs_load(cv_job *job, cv_inputs *inputs, cv_error *err);
void cv_inputs_free(cv_inputs *inputs);

/* Positions that an engine of the model needs: those of the longest prompt with its answer, or of the
 * longest choice of a task; the last token of either is not fed to the model. */
int cv_inputs_positions(const cv_inputs *inputs, int model);

/* Opens a model anew from a copy of its files in folder, and of its attention's in attention (NULL where that is its
 * own); what is recorded as their paths stays. */
bool cv_inputs_relocate(cv_inputs *inputs, int model, const char *folder, const char *attention, cv_error *err);

/* Room for what belongs to each model, empty; job is there already. */
void cv_inputs_allocate(cv_inputs *inputs);

/* Appends all but the weights to *out, as bytes for a rank of the same build. */
void cv_inputs_pack(const cv_inputs *inputs, cv_buffer *out);
/* Makes inputs from such bytes and opens the models. An error if they are cut or damaged, or if a
 * model's files are not those that the packing rank saw. On error *inputs is empty. */
bool cv_inputs_unpack(const char *data, size_t length, cv_inputs *inputs, cv_error *err);

#endif
