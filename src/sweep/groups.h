/* From what a sweep found to the heads that are switched off while answers are generated.
 *
 * The job names its groups by words ("top:3"); here they become heads of one model under one ablation.
 * Nothing depends on ranks or threads: random heads come from the seed alone. */
#ifndef CV_GROUPS_H
#define CV_GROUPS_H

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
    cv_ablated_head *heads; /* what they point at, owned */
} cv_groups;

/* Equal scores rank by layer, then head. random:K begins with the heads of random:(K-1), and is the same
 * for models of one shape. The word must be one that the job's reader and cv_job_check let pass, so that
 * findings hold what it needs. Free with cv_groups_free. */
cv_groups cv_groups_make(const cv_findings *findings, const cv_job_group *word);
void cv_groups_free(cv_groups *groups);

/* The group under which a prompt is answered in a variant; its heads live as long as groups. */
cv_head_group cv_groups_at(const cv_groups *groups, size_t variant, size_t prompt);

/* A variant's heads for tables: "L2H26 L3H1", "per prompt", "" for the clean model. Free with free(). */
char *cv_groups_label(const cv_groups *groups, size_t variant);

#endif
