/* Spreads items over the ranks: rank 0 hands them out one at a time by falling cost, and takes part in
 * the work itself. What an item yields is a string of bytes, which only rank 0 gets.
 *
 * Every rank computes in a second thread, which makes no MPI calls, while its first thread listens: so no rank
 * waits for rank 0 to finish an item, and a rank can be told to give up what another was quicker with.
 *
 * When nothing is left to hand out, ranks without work compute second copies (sweep/crew.h) of items that are
 * late; the first answer counts. An item yields the same bytes wherever it is computed. No step waits for all
 * ranks: one that is stopped holds nobody up, and one that wakes up finds its orders in the order given. */
#ifndef CV_DISPATCH_H
#define CV_DISPATCH_H

#include "base/buffer.h"
#include "cluster/cluster.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>
#include <stdint.h>

/* The longest result of one item; a longer one is an error of the dispatch. */
enum { CV_DISPATCH_MOST_BYTES = 1 << 30 };

/* All ranks pass the same count; all functions get context. */
typedef struct cv_dispatch {
    size_t count;
    const uint64_t *costs; /* [count], looked at by rank 0 */
    const bool *done;      /* [count] true: is not handed out, but counts as done; looked at by rank 0; NULL: none */
    void *context;

    /* Appends the item's result to *out, which is empty, and fills *work. On any rank, in a thread of its own;
     * one call at a time. Should fail soon, with a status of CV_STOPPED, when cv_cancelled() becomes true. False
     * with *err filled stops the dispatch. */
    bool (*compute)(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err);
    /* Takes an item's result [length]; bytes are the caller's and aligned for any type, NULL where
     * length is 0. On rank 0, in the calling thread, once for each item, in any order. False stops likewise. */
    bool (*deliver)(void *context, size_t item, const char *bytes, size_t length, cv_error *err);
    /* Called on rank 0 in the calling thread, at once and then many times a second; may be NULL. */
    void (*tick)(void *context, size_t items_done, uint64_t cost_done);

    /* On rank 0: no item is started that will probably not be done by then, on the clock of
     * cv_seconds(); by each rank's own pace, with a reserve. 0: no end. */
    double deadline;
    /* Called on rank 0 when a wish to stop (cluster/signals.h) was there for long and its own item cannot be given
     * up; all ranks are ended behind it. May be NULL. */
    void (*abandon)(void *context);
} cv_dispatch;

/* After a wish to stop, or an error, items under way may take so many seconds more, and are then given up. */
enum { CV_DISPATCH_GRACE = 7 };

/* What one rank did, as far as it counted. */
typedef struct cv_share {
    cv_work work;
    double busy_seconds; /* inside compute */
    size_t items;
} cv_share;

/* What a dispatch came to, on rank 0. */
typedef struct cv_dispatch_report {
    cv_share *shares; /* [ranks] the caller's, added to */
    size_t copies;    /* items handed out once more */
    int silent_rank;  /* one that did not answer at the end, as if it were stopped; -1: none */
} cv_dispatch_report;

/* True on all ranks when every item is computed and delivered. After a wish to stop, or when the deadline is
 * near, nothing more is handed out; if items are left, it is false, and the error's status is CV_STOPPED. After
 * another error it is false on all ranks, with *err as cv_cluster_follow gives it. *report is looked at on rank 0.
 * Every rank calls it, in the same order. */
bool cv_dispatch_run(cv_cluster *cluster, const cv_dispatch *dispatch, cv_dispatch_report *report, cv_error *err);

#endif
