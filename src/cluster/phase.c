#include "cluster/phase.h"

#include "base/memory.h"

#include <stdlib.h>

static bool resume(cv_phase *phase, cv_error *err)
{
    const cv_dispatch *work = &phase->work;
    phase->done = cv_calloc(work->count, sizeof *phase->done);
    if (!phase->journal) return true;
    if (!cv_journal_resume(phase->journal, phase->name, phase->descriptions, work->count, work->deliver, work->context,
                           phase->done, err))
        return false;
    for (size_t i = 0; i < work->count; i++) {
        if (!phase->done[i]) continue;
        phase->items_before++;
        phase->cost_before += work->costs[i];
    }
    return true;
}

bool cv_phase_resume(cv_cluster *cluster, cv_phase *phase, cv_error *err)
{
    phase->items_before = 0;
    phase->cost_before = 0;
    return cv_cluster_follow(cluster, cv_cluster_rank(cluster) != 0 || resume(phase, err), err);
}

static bool compute(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err)
{
    const cv_phase *phase = context;
    return phase->work.compute(phase->work.context, item, out, work, err);
}

/* A result that is refused must not be kept, or it would be refused again by each later run. */
static bool deliver(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const cv_phase *phase = context;
    return phase->work.deliver(phase->work.context, item, bytes, length, err) &&
           (!phase->journal ||
            cv_journal_append(phase->journal, phase->name, item, phase->descriptions[item], bytes, length, err));
}

static void tick(void *context, size_t items_done, uint64_t cost_done)
{
    const cv_phase *phase = context;
    if (phase->work.tick) phase->work.tick(phase->work.context, items_done, cost_done);
}

static void abandon(void *context)
{
    const cv_phase *phase = context;
    cv_error err;
    if (phase->journal) cv_journal_flush(phase->journal, &err); /* there is nobody left to tell */
    if (phase->work.abandon) phase->work.abandon(phase->work.context);
}

bool cv_phase_run(cv_cluster *cluster, cv_phase *phase, cv_dispatch_report *report, cv_error *err)
{
    cv_dispatch dispatch = {.count = phase->work.count,
                            .costs = phase->work.costs,
                            .done = phase->done,
                            .context = phase,
                            .compute = compute,
                            .deliver = deliver,
                            .tick = tick,
                            .deadline = phase->work.deadline,
                            .abandon = abandon};
    return cv_dispatch_run(cluster, &dispatch, report, err);
}

void cv_phase_free(cv_phase *phase)
{
    free(phase->done);
    phase->done = NULL;
}
