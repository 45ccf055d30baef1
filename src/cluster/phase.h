/* One phase of a run: its items are spread over the ranks, but for those that the journal has already,
 * and each result goes into the journal. A run may have several phases, one after the other. */
#ifndef CV_PHASE_H
#define CV_PHASE_H

#include "cluster/cluster.h"
#include "cluster/dispatch.h"
#include "store/journal.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

/* Start with all fields but the last three; end with cv_phase_free. */
typedef struct cv_phase {
    const char *name;             /* in the journal: "sweep", "sahara 2" */
    cv_dispatch work;             /* done is filled in here */
    const uint64_t *descriptions; /* [work.count] cv_hash64 of what each item is; on rank 0 */
    cv_journal *journal;          /* on rank 0; NULL: nothing is kept */

    bool *done;           /* [work.count] on rank 0 */
    size_t items_before;  /* what the journal had, on rank 0 */
    uint64_t cost_before; /* likewise */
} cv_phase;

/* Delivers on rank 0 what the journal has. Every rank calls it, as it does cv_dispatch_run. */
bool cv_phase_resume(cv_cluster *cluster, cv_phase *phase, cv_error *err);

/* Computes and delivers the rest, as cv_dispatch_run does. After an error what was delivered before it
 * is in the journal. */
bool cv_phase_run(cv_cluster *cluster, cv_phase *phase, cv_dispatch_report *report, cv_error *err);

void cv_phase_free(cv_phase *phase);

#endif
