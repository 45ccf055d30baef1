/* Which heads models share: from the scores of one run or of several finished ones to overlap.csv and the tables
 * beside it. caravan overlap and the job's "overlap" both come here. docs/overlap.md says what the numbers are. */
#ifndef CV_REPORT_OVERLAP_H
#define CV_REPORT_OVERLAP_H

#include "store/finished.h"
#include "store/folder.h"
#include "store/results.h"
#include "sweep/inputs.h"
#include "sweep/job.h"
#include "sweep/scores.h"

#include <caravan/base.h>
#include <caravan/stats.h>

#include <stdio.h>

/* What tables say of one model under one ablation. Texts are owned. */
typedef struct cv_study_label {
    char *model; /* the name; with "@" and the run's name or folder behind where two runs have one of this name */
    char *plain; /* the name alone */
    char *ablation, *granularity;
    char *base; /* NULL if nobody said */
    char *run;  /* the job's name */
    char *folder;
    char *sha256[CV_NUM_PROMPT_SETS]; /* of the prompts' files; NULL where there is no such set */
    int angle_rank;
} cv_study_label;

typedef struct cv_study {
    cv_overlap_member *members; /* [count]; scores are borrowed but for the angles of a run */
    cv_study_label *labels;     /* [count] */
    size_t count, capacity, labels_capacity;
    double **owned; /* [num_owned] arrays that members point at */
    size_t num_owned, owned_capacity;
    cv_job_overlap options; /* borrowed top_k */
    cv_overlap *overlap;    /* once computed */
} cv_study;

/* Start with {.options = ...}. Each adds all models of a run under all of its ablations; what is added must
 * outlive the study. */
void cv_study_add_finished(cv_study *study, const cv_finished *finished);
void cv_study_add_run(cv_study *study, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores);
void cv_study_free(cv_study *study);

/* Compares all members. CV_STOPPED where stop (NULL: never) says so. */
bool cv_study_compute(cv_study *study, bool (*stop)(void *), void *context, cv_error *err);

/* How the trees of two members stand to each other: "same", "other", or "unknown" where a base is not named. A model
 * without a base that is named as the base of another is its own. */
const char *cv_study_bases(const cv_study *study, cv_overlap_pair pair);

/* Writes overlap.csv, overlap_nulls.csv, overlap_control.csv, overlap_heads.csv, depth.csv, depth_distance.csv,
 * concentration.csv and, last, overlap.json. What an earlier comparison wrote is removed first. */
bool cv_study_write(const cv_study *study, cv_folder *folder, cv_error *err);
void cv_study_remove(cv_folder *folder);

/* A short table for people: within bases, then across them; and on stderr which pairs could not be compared. */
void cv_study_print(FILE *out, const cv_study *study);
void cv_study_tell_left_out(const cv_study *study);

#endif
