/* The stages of a run, in their order. Each shares what its items need with all ranks, then runs them. */
#include "cli/session.h"
#include "cli/stage.h"

#include "base/memory.h"
#include "sweep/bytes.h"
#include "sweep/unit_bytes.h"

#include <stdio.h>
#include <stdlib.h>

/* From here on no step waits for all ranks (cluster/cluster.h), so what rank 0 tells must not fail to arrive. */
static void arrived(bool whole, const char *what)
{
    if (!whole) cv_fatal("%s arrived damaged", what);
}

/* Rank 0's array into the others' *array (owned, NULL before), of elements of size bytes. */
static void share_array(cv_session *s, void **array, size_t *count, size_t size)
{
    cv_buffer bytes = {0};
    if (cv_session_is_first(s)) cv_put_array(&bytes, *array, *count, size);
    cv_cluster_tell(s->cluster, &bytes);
    if (!cv_session_is_first(s)) {
        cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
        *array = cv_get_array(&in, count, size);
        arrived(cv_cursor_done(&in), "the list of units");
    }
    cv_buffer_free(&bytes);
}

static void share_plan(cv_session *s)
{
    void *units = s->plan.units;
    share_array(s, &units, &s->plan.count, sizeof *s->plan.units);
    s->plan.units = units;
}

/* ---- the sweep and Sahara's steps ---- */

static cv_head_group group_of(const cv_session *s, const cv_unit *unit)
{
    return unit->step > 0 ? cv_sahara_group(s->sahara, unit->model, unit->ablation) : (cv_head_group){NULL, 0};
}

static uint64_t unit_cost(const cv_session *s, size_t item)
{
    return s->plan.units[item].operations;
}

static void describe_unit(const cv_session *s, size_t item, cv_buffer *out)
{
    const cv_unit *unit = &s->plan.units[item];
    cv_head_group group = group_of(s, unit);
    cv_unit_describe(unit, &s->inputs.job, &group, out);
}

/* What a unit yields: its values as doubles. */
static bool compute_unit(cv_session *s, size_t item, cv_buffer *out, cv_error *err)
{
    const cv_unit *unit = &s->plan.units[item];
    size_t count = cv_unit_values(unit, &s->inputs.job);
    double *values = cv_alloc(count, sizeof *values);
    cv_head_group group = group_of(s, unit);
    bool ok = cv_worker_run(s->worker, unit, &group, values, err);
    if (ok) cv_put_array(out, values, count, sizeof *values);
    free(values);
    return ok;
}

static bool take_scores(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    double *values = cv_unit_read(&s->plan.units[item], &s->inputs.job, item, bytes, length, err);
    bool ok = values && cv_scores_put(s->scores, &s->plan.units[item], values, err);
    free(values);
    return ok;
}

static bool sweep(cv_session *s, cv_error *err)
{
    cv_stage stage = {"sweep", s->plan.count, unit_cost, describe_unit, compute_unit, take_scores};
    if (!cv_stage_run(s, &stage, err)) return false;
    return cv_cluster_follow(s->cluster, !cv_session_is_first(s) || cv_scores_complete(s->scores, err), err);
}

static bool take_angles(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    double *values = cv_unit_read(&s->plan.units[item], &s->inputs.job, item, bytes, length, err);
    if (values) cv_sahara_put_unit(s->sahara, &s->plan.units[item], values);
    free(values);
    return values != NULL;
}

/* Rank 0 chooses the step's head; all ranks hear of it. */
static bool choose(cv_session *s, cv_error *err)
{
    cv_buffer bytes = {0};
    bool first = cv_session_is_first(s), ok = !first || cv_sahara_choose(s->sahara, err);
    if (!cv_cluster_follow(s->cluster, ok, err)) return false;
    if (first) cv_sahara_pack(s->sahara, &bytes);
    cv_cluster_tell(s->cluster, &bytes);
    arrived(first || cv_sahara_unpack(s->sahara, bytes.data, bytes.length, err), "the chosen heads");
    cv_buffer_free(&bytes);
    return true;
}

static bool search(cv_session *s, cv_error *err)
{
    bool first = cv_session_is_first(s);
    s->sahara = cv_sahara_make(&s->inputs);
    if (first) cv_sahara_put_sweep(s->sahara, s->scores);
    for (int step = 1; choose(s, err); step++) {
        if (step == s->inputs.job.sahara_steps) return true;
        cv_plan_free(&s->plan);
        if (!cv_cluster_follow(s->cluster, !first || cv_plan_sahara(&s->inputs, s->sahara, &s->plan, err), err))
            return false;
        share_plan(s);
        char name[32];
        snprintf(name, sizeof name, "sahara %d", step + 1);
        cv_stage stage = {name, s->plan.count, unit_cost, describe_unit, compute_unit, take_angles};
        if (!cv_stage_run(s, &stage, err)) return false;
    }
    return false;
}

/* ---- answers and utility: items in batches ---- */

/* The groups of heads that the words of the job stand for, on all ranks. */
static bool share_chosen(cv_session *s, cv_error *err)
{
    cv_buffer bytes = {0};
    bool first = cv_session_is_first(s);
    if (first) {
        s->chosen = cv_chosen_make(&s->inputs, s->scores, s->sahara);
        cv_chosen_pack(s->chosen, &bytes);
    }
    cv_cluster_tell(s->cluster, &bytes);
    if (!first) s->chosen = cv_chosen_unpack(&s->inputs, bytes.data, bytes.length, err);
    cv_buffer_free(&bytes);
    arrived(s->chosen != NULL, "the groups of heads");
    return true;
}

/* Rank 0's batches, which come in place of an earlier stage's, to all ranks; NULL there is an error. */
static bool share_batches(cv_session *s, cv_batch *batches, size_t count, cv_error *err)
{
    free(s->batches);
    s->batches = batches;
    s->num_batches = batches ? count : 0;
    if (!cv_cluster_follow(s->cluster, !cv_session_is_first(s) || batches, err)) return false;
    void *array = s->batches;
    share_array(s, &array, &s->num_batches, sizeof *s->batches);
    s->batches = array;
    return true;
}

static uint64_t batch_cost(const cv_session *s, size_t item)
{
    return s->batches[item].operations;
}

static void describe_answers(const cv_session *s, size_t item, cv_buffer *out)
{
    cv_evaluation_describe(s->evaluation, &s->batches[item], out);
}

static bool compute_answers(cv_session *s, size_t item, cv_buffer *out, cv_error *err)
{
    const cv_batch *batch = &s->batches[item];
    cv_engine *engine = cv_worker_engine(s->worker, cv_evaluation_model(s->evaluation, batch));
    return cv_evaluation_run(s->evaluation, engine, batch, out, err);
}

static bool take_answers(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    return cv_evaluation_put(s->evaluation, &s->batches[item], bytes, length, err);
}

static bool generate_answers(cv_session *s, cv_error *err)
{
    bool first = cv_session_is_first(s);
    s->evaluation = cv_evaluation_make(&s->inputs, s->chosen);
    size_t count = 0;
    cv_batch *batches = first ? cv_evaluation_plan(s->evaluation, &count, err) : NULL;
    if (!share_batches(s, batches, count, err)) return false;
    cv_stage stage = {"answers", s->num_batches, batch_cost, describe_answers, compute_answers, take_answers};
    if (!cv_stage_run(s, &stage, err)) return false;
    if (first) s->verdicts = cv_verdicts_make(&s->inputs, s->evaluation, err);
    return cv_cluster_follow(s->cluster, !first || s->verdicts, err);
}

static void describe_choices(const cv_session *s, size_t item, cv_buffer *out)
{
    cv_utility_describe(s->utility, &s->batches[item], out);
}

static bool compute_choices(cv_session *s, size_t item, cv_buffer *out, cv_error *err)
{
    const cv_batch *batch = &s->batches[item];
    cv_engine *engine = cv_worker_engine(s->worker, cv_utility_model(s->utility, batch));
    return cv_utility_run(s->utility, engine, batch, out, err);
}

static bool take_choices(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    return cv_utility_put(s->utility, &s->batches[item], bytes, length, err);
}

static bool measure_utility(cv_session *s, cv_error *err)
{
    s->utility = cv_utility_make(&s->inputs, s->chosen);
    size_t count = 0;
    cv_batch *batches = cv_session_is_first(s) ? cv_utility_plan(s->utility, &count, err) : NULL;
    if (!share_batches(s, batches, count, err)) return false;
    cv_stage stage = {"utility", s->num_batches, batch_cost, describe_choices, compute_choices, take_choices};
    return cv_stage_run(s, &stage, err);
}

bool cv_session_run(cv_session *s, cv_error *err)
{
    const cv_job *job = &s->inputs.job;
    return sweep(s, err) && (job->sahara_steps == 0 || search(s, err)) &&
           (!job->evaluate.enabled || share_chosen(s, err)) &&
           (job->evaluate.num_decode == 0 || generate_answers(s, err)) &&
           (job->evaluate.num_utility == 0 || measure_utility(s, err));
}
