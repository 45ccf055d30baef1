/* Spreads items over the ranks: rank 0 hands them out one at a time by falling cost, and takes part in
 * the work itself. What an item yields is a string of bytes, which only rank 0 gets.
 *
 * Rank 0 computes in a second thread, which makes no MPI calls, while its first thread serves the
 * others, so that no rank waits for rank 0 to finish an item. */
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

    /* Appends the item's result to *out, which is empty, and fills *work. On any rank, on rank 0 in a
     * thread of its own; one call at a time. False with *err filled stops the dispatch. */
    bool (*compute)(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err);
    /* Takes an item's result [length]; bytes are the caller's and aligned for any type, NULL where
     * length is 0. On rank 0, in the calling thread, in any order. False stops likewise. */
    bool (*deliver)(void *context, size_t item, const char *bytes, size_t length, cv_error *err);
    /* Called on rank 0 in the calling thread, at once and then many times a second; may be NULL. */
    void (*tick)(void *context, size_t items_done, uint64_t cost_done);

    /* On rank 0: no item is started that will probably not be done by then, on the clock of
     * cv_seconds(); by each rank's own pace, with a reserve. 0: no end. */
    double deadline;
    /* Called on rank 0 when a wish to stop (cluster/signals.h) has been there for CV_DISPATCH_GRACE seconds and
     * items are still under way, which are then lost; all ranks are ended behind it. May be NULL. */
    void (*abandon)(void *context);
} cv_dispatch;

enum { CV_DISPATCH_GRACE = 8 };

/* What one rank did. */
typedef struct cv_share {
    cv_work work;
    double busy_seconds; /* inside compute */
    size_t items;
} cv_share;

/* After a wish to stop, or when the deadline is near, nothing more is handed out; if items are left, the
 * error's status is CV_STOPPED.
 * True on all ranks when every item is computed and delivered. After an error, wherever it was met,
 * the items under way are finished, and it is false on all ranks with *err as cv_cluster_agree gives
 * it. Collective. */
bool cv_dispatch_run(cv_cluster *cluster, const cv_dispatch *dispatch, cv_share *mine, cv_error *err);

#endif
