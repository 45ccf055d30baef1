/* The stages of a run, in their order. Each shares what its items need with all ranks, then runs them. */
#include "cli/session.h"
#include "cli/stage.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <stdio.h>
#include <stdlib.h>

/* Rank 0's array into the others' *array (owned, NULL before), of elements of size bytes. Collective. */
static bool share_array(cv_session *s, void **array, size_t *count, size_t size, cv_error *err)
{
    cv_buffer bytes = {0};
    if (cv_session_is_first(s)) cv_put_array(&bytes, *array, *count, size);
    cv_cluster_broadcast(s->cluster, &bytes);
    bool ok = true;
    if (!cv_session_is_first(s)) {
        cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
        *array = cv_get_array(&in, count, size);
        ok = cv_cursor_done(&in) || cv_failed(err, "the list of units arrived damaged");
    }
    cv_buffer_free(&bytes);
    return cv_cluster_agree(s->cluster, ok, err);
}

static bool share_plan(cv_session *s, cv_error *err)
{
    void *units = s->plan.units;
    bool ok = share_array(s, &units, &s->plan.count, sizeof *s->plan.units, err);
    s->plan.units = units;
    return ok;
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
    const cv_unit *u = &s->plan.units[item];
    const int32_t parts[] = {u->model,       u->ablation,  u->set,        u->prompt_begin, u->prompt_end,
                             u->layer_begin, u->layer_end, u->head_begin, u->head_end,     u->step};
    cv_put_array(out, parts, sizeof parts / sizeof parts[0], sizeof parts[0]);
    cv_head_group group = group_of(s, u);
    for (size_t i = 0; i < group.count; i++) {
        cv_put_i64(out, group.heads[i].layer);
        cv_put_i64(out, group.heads[i].head);
    }
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

/* The values of a unit, to be freed with free(); NULL if the bytes are no such thing. */
static double *values_of(const cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    size_t count, expected = cv_unit_values(&s->plan.units[item], &s->inputs.job);
    cv_cursor in = cv_cursor_at(bytes, length);
    double *values = cv_get_array(&in, &count, sizeof *values);
    if (cv_cursor_done(&in) && count == expected) return values;
    cv_failed(err, "unit %zu yielded %zu bytes, which are not its %zu scores", item, length, expected);
    free(values);
    return NULL;
}

static bool take_scores(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    double *values = values_of(s, item, bytes, length, err);
    bool ok = values && cv_scores_put(s->scores, &s->plan.units[item], values, err);
    free(values);
    return ok;
}

static bool sweep(cv_session *s, cv_error *err)
{
    cv_stage stage = {"sweep", s->plan.count, unit_cost, describe_unit, compute_unit, take_scores};
    if (!cv_stage_run(s, &stage, err)) return false;
    return cv_cluster_agree(s->cluster, !cv_session_is_first(s) || cv_scores_complete(s->scores, err), err);
}

static bool take_angles(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const cv_unit *u = &s->plan.units[item];
    double *values = values_of(s, item, bytes, length, err), *next = values;
    if (!values) return false;
    for (int l = u->layer_begin; l < u->layer_end; l++)
        for (int h = u->head_begin; h < u->head_end; h++, next += CV_SUBSPACE_RANKS)
            cv_sahara_put(s->sahara, u->model, u->ablation, l, h, next[s->inputs.job.subspace.rank - 1]);
    free(values);
    return true;
}

/* The first step's scores are the sweep's own. */
static void take_first_step(cv_session *s)
{
    const cv_job *job = &s->inputs.job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            cv_score_grid grid = cv_scores_grid(s->scores, m, a, CV_HARMFUL);
            for (size_t row = 0; row < grid.layers * grid.heads; row++)
                cv_sahara_put(s->sahara, m, a, (int)(row / grid.heads), (int)(row % grid.heads),
                              grid.angles[row * CV_SUBSPACE_RANKS + (size_t)job->subspace.rank - 1]);
        }
}

/* Rank 0 chooses the step's head; all ranks hear of it. */
static bool choose(cv_session *s, cv_error *err)
{
    cv_buffer bytes = {0};
    bool first = cv_session_is_first(s), ok = !first || cv_sahara_choose(s->sahara, err);
    if (!cv_cluster_agree(s->cluster, ok, err)) return false;
    if (first) cv_sahara_pack(s->sahara, &bytes);
    cv_cluster_broadcast(s->cluster, &bytes);
    ok = first || cv_sahara_unpack(s->sahara, bytes.data, bytes.length, err);
    cv_buffer_free(&bytes);
    return cv_cluster_agree(s->cluster, ok, err);
}

static bool search(cv_session *s, cv_error *err)
{
    bool first = cv_session_is_first(s);
    s->sahara = cv_sahara_make(&s->inputs);
    if (first) take_first_step(s);
    for (int step = 1; choose(s, err); step++) {
        if (step == s->inputs.job.sahara_steps) return true;
        cv_plan_free(&s->plan);
        if (!cv_cluster_agree(s->cluster, !first || cv_plan_sahara(&s->inputs, s->sahara, &s->plan, err), err) ||
            !share_plan(s, err))
            return false;
        char name[32];
        snprintf(name, sizeof name, "sahara %d", step + 1);
        cv_stage stage = {name, s->plan.count, unit_cost, describe_unit, compute_unit, take_angles};
        if (!cv_stage_run(s, &stage, err)) return false;
    }
    return false;
}

/* ---- answers ---- */

/* The groups of heads that the words of the job stand for, on all ranks. */
static bool share_chosen(cv_session *s, cv_error *err)
{
    cv_buffer bytes = {0};
    bool first = cv_session_is_first(s);
    if (first) {
        s->chosen = cv_chosen_make(&s->inputs, s->scores, s->sahara);
        cv_chosen_pack(s->chosen, &bytes);
    }
    cv_cluster_broadcast(s->cluster, &bytes);
    if (!first) s->chosen = cv_chosen_unpack(&s->inputs, bytes.data, bytes.length, err);
    cv_buffer_free(&bytes);
    return cv_cluster_agree(s->cluster, s->chosen != NULL, err);
}

static uint64_t answers_cost(const cv_session *s, size_t item)
{
    return s->answer_units[item].operations;
}

static void describe_answers(const cv_session *s, size_t item, cv_buffer *out)
{
    cv_evaluation_describe(s->evaluation, &s->answer_units[item], out);
}

static bool compute_answers(cv_session *s, size_t item, cv_buffer *out, cv_error *err)
{
    const cv_answer_unit *unit = &s->answer_units[item];
    cv_engine *engine = cv_worker_engine(s->worker, cv_evaluation_model(s->evaluation, unit));
    return cv_evaluation_run(s->evaluation, engine, unit, out, err);
}

static bool take_answers(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    return cv_evaluation_put(s->evaluation, &s->answer_units[item], bytes, length, err);
}

static bool answer(cv_session *s, cv_error *err)
{
    bool first = cv_session_is_first(s), ok = true;
    s->evaluation = cv_evaluation_make(&s->inputs, s->chosen);
    if (first) {
        s->answer_units = cv_evaluation_plan(s->evaluation, &s->num_answer_units, err);
        ok = s->answer_units != NULL;
    }
    if (!cv_cluster_agree(s->cluster, ok, err)) return false;
    void *units = s->answer_units;
    ok = share_array(s, &units, &s->num_answer_units, sizeof *s->answer_units, err);
    s->answer_units = units;
    cv_stage stage = {"answers", s->num_answer_units, answers_cost, describe_answers, compute_answers, take_answers};
    if (!ok || !cv_stage_run(s, &stage, err)) return false;
    if (first) s->verdicts = cv_verdicts_make(&s->inputs, s->evaluation, err);
    return cv_cluster_agree(s->cluster, !first || s->verdicts, err);
}

/* ---- utility ---- */

static uint64_t choices_cost(const cv_session *s, size_t item)
{
    return s->utility_units[item].operations;
}

static void describe_choices(const cv_session *s, size_t item, cv_buffer *out)
{
    cv_utility_describe(s->utility, &s->utility_units[item], out);
}

static bool compute_choices(cv_session *s, size_t item, cv_buffer *out, cv_error *err)
{
    const cv_utility_unit *unit = &s->utility_units[item];
    cv_engine *engine = cv_worker_engine(s->worker, cv_utility_model(s->utility, unit));
    return cv_utility_run(s->utility, engine, unit, out, err);
}

static bool take_choices(cv_session *s, size_t item, const char *bytes, size_t length, cv_error *err)
{
    return cv_utility_put(s->utility, &s->utility_units[item], bytes, length, err);
}

static bool choose_answers(cv_session *s, cv_error *err)
{
    s->utility = cv_utility_make(&s->inputs, s->chosen);
    if (cv_session_is_first(s)) s->utility_units = cv_utility_plan(s->utility, &s->num_utility_units);
    void *units = s->utility_units;
    bool ok = share_array(s, &units, &s->num_utility_units, sizeof *s->utility_units, err);
    s->utility_units = units;
    cv_stage stage = {"utility", s->num_utility_units, choices_cost, describe_choices, compute_choices, take_choices};
    return ok && cv_stage_run(s, &stage, err);
}

bool cv_session_run(cv_session *s, cv_error *err)
{
    const cv_job *job = &s->inputs.job;
    return sweep(s, err) && (job->sahara_steps == 0 || search(s, err)) &&
           (!job->evaluate.enabled || share_chosen(s, err)) && (job->evaluate.num_decode == 0 || answer(s, err)) &&
           (job->evaluate.num_utility == 0 || choose_answers(s, err));
}
