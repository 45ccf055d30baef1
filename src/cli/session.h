/* One run of a job, from its inputs to its results: what run.c and its stages share. */
#ifndef CV_SESSION_H
#define CV_SESSION_H

#include "cli/progress.h"
#include "cli/verb.h"
#include "cluster/cluster.h"
#include "cluster/dispatch.h"
#include "cluster/launch.h"
#include "report/answers.h"
#include "report/overlap.h"
#include "store/folder.h"
#include "store/journal.h"
#include "store/manifest.h"
#include "store/results.h"
#include "sweep/chosen.h"
#include "sweep/evaluate.h"
#include "sweep/inputs.h"
#include "sweep/plan.h"
#include "sweep/sahara.h"
#include "sweep/scores.h"
#include "sweep/utility.h"
#include "sweep/worker.h"

#include <caravan/base.h>

/* Ranks other than 0 have the inputs, the worker and what the stage under way needs. */
typedef struct cv_session {
    cv_cluster *cluster;
    cv_inputs inputs;
    cv_worker *worker;
    cv_plan plan; /* the sweep's; during Sahara the step's */
    cv_sahara *sahara;
    cv_chosen *chosen;
    cv_evaluation *evaluation;
    cv_utility *utility;
    cv_batch *batches; /* [num_batches] of answers, or of utility's questions */
    size_t num_batches;

    /* rank 0 alone */
    cv_sources sources;
    cv_folder *folder;
    cv_journal *journal;
    const char *node_local; /* folder for copies of the models on each node; NULL: none; on all ranks */
    cv_words from;          /* results folders of other runs, whose finished units are taken over */
    cv_scores *scores;
    cv_verdict *verdicts;
    cv_study overlap;         /* of the run's own models, where the job asks for it */
    cv_rank_report *reports;  /* [ranks] */
    cv_placement *placements; /* [ranks] */
    cv_memory_need need;      /* what the run takes of a node's memory */
    cv_share *shares;         /* [ranks] what they did in all stages */
    cv_stage_report *stages;  /* [num_stages] what was run */
    size_t num_stages, stages_capacity;
    uint64_t plain_operations; /* of the sweep */
    double load_seconds, stage_start;
    double deadline; /* on the clock of cv_seconds; 0: none */
    cv_progress progress;
    char stage_name[32]; /* what progress points to, also when the stage is over */
    cv_progress_view view;
    cv_pace status_pace;
    bool status_failed; /* told once that status.json cannot be written */
} cv_session;

bool cv_session_is_first(const cv_session *session);

/* Renews status.json. A file that cannot be written for a moment is no reason to lose the sweep. */
void cv_session_status(cv_session *session, cv_run_state state, const char *error);

/* All stages that the job asks for, one after the other: the sweep, Sahara's steps, answers, utility.
 * What the journal holds of a stage is not computed again. Every rank calls it. */
bool cv_session_run(cv_session *session, cv_error *err);

#endif
