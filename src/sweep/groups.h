/* From what a sweep found to the heads that are switched off while answers are generated.
 *
 * The job names its groups by words ("top:3"); here they become heads of one model under one ablation.
 * Nothing depends on ranks or threads: random heads come from the seed alone. */
#ifndef CV_GROUPS_H
#define CV_GROUPS_H

#include "base/buffer.h"
#include "sweep/bytes.h"
#include "sweep/job.h"
#include "sweep/scores.h"

#include <caravan/engine.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of one model under one ablation. All borrowed. */
typedef struct cv_findings {
    cv_ablation ablation;
    int layers, heads;            /* heads a layer, at the ablation's granularity */
    const cv_head_score *ranking; /* [layers * heads] by rank; NULL without Ships */
    const double *ships;          /* [layers, heads, prompts] of the set that is to be answered; NULL without */
    size_t prompts;               /* of that set */
    cv_head_group sahara;         /* in the order in which they joined; count 0 without Sahara */
    uint64_t seed;                /* evaluate.seed */
} cv_findings;

/* The groups that one word stands for: each prompt is answered once under each variant. */
typedef struct cv_groups {
    size_t variants;        /* layers * heads for each_head, 1 for all others */
    bool per_prompt;        /* each prompt has a group of its own (and variants is 1) */
    cv_head_group *groups;  /* [variants], or [prompts] where per_prompt; owned */
    cv_ablated_head *heads; /* [num_heads] of all groups, one after the other; owned */
    size_t num_heads;
} cv_groups;

/* What a word stands for where a model has so many heads and a set so many prompts: as many groups of as many
 * heads as cv_groups_make gives, with the heads themselves still to be filled in. */
cv_groups cv_groups_allocate(const cv_job_group *word, size_t heads_in_all, size_t prompts);

/* Equal scores rank by layer, then head. random:K begins with the heads of random:(K-1), and is the same
 * for models of one shape. The word must be one that the job's reader and cv_job_check let pass, so that
 * findings hold what it needs. Free with cv_groups_free. */
cv_groups cv_groups_make(const cv_findings *findings, const cv_job_group *word);
void cv_groups_free(cv_groups *groups);

/* The group under which a prompt is answered in a variant; its heads live as long as groups. */
cv_head_group cv_groups_at(const cv_groups *groups, size_t variant, size_t prompt);

/* A variant's heads for tables: "L2H26 L3H1", "per prompt", "" for the clean model. Free with free(). */
char *cv_groups_label(const cv_groups *groups, size_t variant);

/* The clean model says the same whatever the ablation: what it does is computed under the first one, and
 * stands in the tables of all. Whether evaluate.groups[group] is computed under an ablation: */
bool cv_group_has_rows(const cv_job *job, int group, int ablation);
/* Whether its rows of ablation computed stand in the tables of ablation shown: */
bool cv_group_is_shown(const cv_job *job, int group, int computed, int shown);

/* Heads as bytes: what tells units apart, and what ranks send each other. Their ablation is not sent, as it
 * is the job's. */
void cv_put_heads(cv_buffer *out, const cv_ablated_head *heads, size_t count);
/* heads [count] of a model under an ablation; clears in->ok if there are not as many, or one that the model
 * lacks. */
void cv_get_heads(cv_cursor *in, const cv_ablation *ablation, const cv_config *config, cv_ablated_head *heads,
                  size_t count);

#endif
