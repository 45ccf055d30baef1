/* A stage of a run: items that each rank computes with the session's worker, shown while they go on. */
#ifndef CV_STAGE_H
#define CV_STAGE_H

#include "base/buffer.h"
#include "cli/session.h"

#include <stddef.h>
#include <stdint.h>

/* All ranks pass the same name, count and functions. */
typedef struct cv_stage {
    const char *name; /* "sweep", "sahara 2": the phase's in the journal */
    size_t count;
    /* On rank 0: an item's operations, and bytes that say what it is, so that a journal of another plan
     * is noticed. */
    uint64_t (*cost)(const cv_session *session, size_t item);
    void (*describe)(const cv_session *session, size_t item, cv_buffer *out);
    /* On any rank, in a thread of its own: appends the item's result to *out. */
    bool (*compute)(cv_session *session, size_t item, cv_buffer *out, cv_error *err);
    /* On rank 0: takes a result, computed now or found in the journal. */
    bool (*take)(cv_session *session, size_t item, const char *bytes, size_t length, cv_error *err);
} cv_stage;

/* Computes what the journal lacks. Every rank calls it, in the same order. */
bool cv_stage_run(cv_session *session, const cv_stage *stage, cv_error *err);

#endif
