/* A results folder that a run has finished, read back: the scores of each of its models under each of its
 * ablations. For comparisons across runs, long after the models are gone.
 *
 * What the folder holds is taken from manifest.json, which a run writes last: without it the run is not done. */
#ifndef CV_FINISHED_H
#define CV_FINISHED_H

#include "sweep/job.h"

#include <caravan/base.h>

#include <stddef.h>

/* One prompt set's scores; NULL where the run has not computed them. All finite. */
typedef struct cv_finished_set {
    double *ships;  /* [layers, heads, prompts] nats; owned */
    double *angles; /* [layers, heads] degrees, at the run's subspace.rank; owned */
    size_t prompts; /* of ships; 0 without */
    char *sha256;   /* of the prompts' file; owned */
} cv_finished_set;

/* One model under one ablation. Texts are owned; names are safe as names of folders. */
typedef struct cv_finished_scores {
    char *model, *ablation, *granularity;
    char *base; /* NULL if the job did not say */
    size_t layers, heads;
    cv_finished_set sets[CV_NUM_PROMPT_SETS];
} cv_finished_scores;

typedef struct cv_finished {
    char *folder;              /* as it was asked for; owned */
    char *name;                /* the job's; owned */
    int angle_rank;            /* 0 without angles */
    cv_finished_scores *items; /* [count] by model, then ablation, as in the job; owned */
    size_t count;
} cv_finished;

/* Bad input, in one line that names the file, for a folder that is no finished run's. *finished is then empty.
 * Free with cv_finished_free. */
bool cv_finished_open(const char *folder, cv_finished *finished, cv_error *err);
void cv_finished_free(cv_finished *finished);

#endif
