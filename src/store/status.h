/* status.json: how far a run is, renewed while it goes on, for other programs to poll. */
#ifndef CV_STATUS_H
#define CV_STATUS_H

#include "store/folder.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef enum cv_run_state { CV_RUN_RUNNING, CV_RUN_DONE, CV_RUN_FAILED, CV_RUN_STOPPED } cv_run_state;

typedef struct cv_progress {
    size_t units_done, units_total;
    uint64_t operations_done, operations_total; /* of the units done, of all units */
    double elapsed;                             /* seconds since the first unit was handed out */
    uint64_t operations_before;                 /* of the units that were done before it */
    const char *phase;                          /* "sweep", borrowed; NULL before the first */
} cv_progress;

/* Seconds still to go, by the operations done since the start; NaN while nothing is done. */
double cv_progress_eta(const cv_progress *progress);

/* Replaces status.json in one step. error is the message of a failed run, else NULL. */
bool cv_status_write(const cv_folder *folder, cv_run_state state, const cv_progress *progress, const char *error,
                     cv_error *err);

/* A clock that lets something happen at most once in so many seconds. Start with {0}. */
typedef struct cv_pace {
    double next; /* seconds on the caller's clock */
} cv_pace;
bool cv_pace_due(cv_pace *pace, double now, double seconds);

#endif
