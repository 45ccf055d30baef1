#include "cli/stage.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/phase.h"

#include <stdio.h>
#include <stdlib.h>

static const double STATUS_SECONDS = 1;

/* What the callbacks get. */
typedef struct run {
    cv_session *session;
    const cv_stage *stage;
} run;

static bool compute(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err)
{
    const run *r = context;
    cv_work before = cv_worker_work(r->session->worker);
    bool ok = r->stage->compute(r->session, item, out, err);
    cv_work after = cv_worker_work(r->session->worker);
    *work = (cv_work){after.operations - before.operations, after.weight_bytes - before.weight_bytes};
    return ok;
}

static bool deliver(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const run *r = context;
    return r->stage->take(r->session, item, bytes, length, err);
}

static void show_progress(void *context, size_t items_done, uint64_t cost_done)
{
    cv_session *s = ((const run *)context)->session;
    double now = cv_seconds();
    s->progress.units_done = items_done;
    s->progress.operations_done = cost_done;
    s->progress.elapsed = now - s->stage_start;
    cv_progress_view_show(&s->view, &s->progress);
    if (cv_pace_due(&s->status_pace, now, STATUS_SECONDS)) cv_session_status(s, CV_RUN_RUNNING, NULL);
}

/* Units take longer than the time that is left after a signal: they are lost, and what is done is saved. */
static void abandon(void *context)
{
    cv_session *s = ((const run *)context)->session;
    cv_progress_view_close(&s->view);
    cv_session_status(s, CV_RUN_STOPPED, NULL);
    cv_warn("saved, without the units under way; run the same command again to go on");
}

/* On rank 0: fills costs and descriptions [stage->count]; the costs' sum. */
static uint64_t describe(const cv_session *s, const cv_stage *stage, uint64_t *costs, uint64_t *descriptions)
{
    uint64_t total = 0;
    for (size_t i = 0; i < stage->count; i++) {
        cv_buffer description = {0};
        stage->describe(s, i, &description);
        descriptions[i] = cv_hash64(description.data, description.length);
        cv_buffer_free(&description);
        total += costs[i] = stage->cost(s, i);
    }
    return total;
}

static void begin(cv_session *s, const cv_stage *stage, const cv_phase *phase, uint64_t total)
{
    s->view = cv_progress_view_open();
    s->stage_start = cv_seconds();
    if (!cv_session_is_first(s)) return;
    snprintf(s->stage_name, sizeof s->stage_name, "%s", stage->name);
    s->progress = (cv_progress){.units_total = stage->count,
                                .operations_total = total,
                                .units_done = phase->items_before,
                                .operations_done = phase->cost_before,
                                .operations_before = phase->cost_before,
                                .phase = s->stage_name};
    s->status_pace.next = s->stage_start + STATUS_SECONDS;
    cv_session_status(s, CV_RUN_RUNNING, NULL); /* a short stage would else be over before it was seen */
    if (phase->items_before == stage->count && stage->count > 0)
        cv_info("%s: has all %zu units of %s already", cv_journal_path(s->journal), stage->count, stage->name);
    else if (phase->items_before > 0)
        cv_info("%s: has %zu of %zu units of %s already", cv_journal_path(s->journal), phase->items_before,
                stage->count, stage->name);
}

/* What a person would want to know while the run goes on: a rank hangs. */
static void tell_silence(const cv_session *s, const cv_stage *stage, const cv_dispatch_report *dispatch)
{
    int rank = dispatch->silent_rank;
    if (rank >= 0)
        cv_warn("%s: rank %d on %s does not answer, as if stopped; the others compute what it had", stage->name, rank,
                cv_cluster_host(s->cluster, rank));
}

static void end(cv_session *s, const cv_stage *stage, const cv_phase *phase, uint64_t total,
                const cv_dispatch_report *dispatch)
{
    cv_progress_view_close(&s->view);
    if (!cv_session_is_first(s)) return;
    tell_silence(s, stage, dispatch);
    cv_reserve(&s->stages, &s->stages_capacity, s->num_stages + 1, sizeof *s->stages);
    cv_stage_report *report = &s->stages[s->num_stages++];
    *report = (cv_stage_report){.units = stage->count,
                                .units_from_journal = phase->items_before,
                                .operations_planned = total,
                                .seconds = cv_seconds() - s->stage_start,
                                .copies = dispatch->copies};
    snprintf(report->name, sizeof report->name, "%s", stage->name);
}

bool cv_stage_run(cv_session *s, const cv_stage *stage, cv_error *err)
{
    bool first = cv_session_is_first(s);
    uint64_t *costs = cv_calloc(stage->count, sizeof *costs), total = 0;
    uint64_t *descriptions = cv_calloc(stage->count, sizeof *descriptions);
    if (first) total = describe(s, stage, costs, descriptions);
    run r = {s, stage};
    cv_phase phase = {.name = stage->name,
                      .work = {stage->count, costs, NULL, &r, compute, deliver, show_progress, s->deadline, abandon},
                      .descriptions = descriptions,
                      .journal = s->journal};
    bool ok = cv_phase_resume(s->cluster, &phase, err);
    if (ok) {
        cv_dispatch_report dispatch = {.shares = s->shares};
        begin(s, stage, &phase, total);
        ok = cv_phase_run(s->cluster, &phase, &dispatch, err);
        end(s, stage, &phase, total, &dispatch);
        if (!ok && first && err->status == CV_STOPPED) cv_error_prefix(err, "%s", stage->name);
        ok = cv_cluster_follow(s->cluster, ok && (!first || cv_journal_flush(s->journal, err)), err);
    }
    cv_phase_free(&phase);
    free(costs);
    free(descriptions);
    return ok;
}
