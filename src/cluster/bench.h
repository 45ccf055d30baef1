/* A workbench with room for one item, between a rank's first thread, which alone speaks MPI, and a second one,
 * which computes: so no rank is deaf while it computes. */
#ifndef CV_BENCH_H
#define CV_BENCH_H

#include "base/buffer.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>

/* What became of one item. */
typedef struct cv_outcome {
    size_t item;
    bool ok;
    cv_error err;    /* where not ok; its status is CV_STOPPED if the item was given up */
    cv_buffer bytes; /* where ok, owned */
    cv_work work;
    double seconds;
} cv_outcome;

typedef void (*cv_bench_compute)(void *context, size_t item, cv_outcome *out);

typedef struct cv_bench cv_bench;

/* Starts the second thread, which calls compute for each item laid on the bench. */
cv_bench *cv_bench_open(cv_bench_compute compute, void *context);
/* Waits for the thread. What lies on the bench is thrown away. */
void cv_bench_close(cv_bench *bench);

/* Lays an item on the empty bench. */
void cv_bench_begin(cv_bench *bench, size_t item);
/* Wishes that the item under way, if any, be given up (base/cancel.h). It is taken off the bench all the same. */
void cv_bench_give_up(cv_bench *bench);
/* The finished item, leaving the bench empty; false if there is none. */
bool cv_bench_take(cv_bench *bench, cv_outcome *out);
/* Whether an item is under way, or finished and not taken. */
bool cv_bench_is_laid(cv_bench *bench);

/* Sleeps so many nanoseconds (below a second), or until an item is finished. */
void cv_bench_wait(cv_bench *bench, long nanoseconds);

#endif
