#include "sweep/worker.h"

#include "base/memory.h"
#include "sweep/block.h"

#include <caravan/score.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cv_worker {
    const cv_inputs *inputs;
    cv_engine **engines; /* [num_models], NULL until the first unit of a model */
    float **clean; /* [num_models] the clean states [harmful prompts, d] that Sahara compares with; NULL likewise */
};

cv_worker *cv_worker_open(const cv_inputs *inputs)
{
    size_t count = (size_t)inputs->job.num_models;
    cv_worker *worker = cv_calloc(1, sizeof *worker);
    worker->inputs = inputs;
    worker->engines = cv_calloc(count, sizeof *worker->engines);
    worker->clean = cv_calloc(count, sizeof *worker->clean);
    return worker;
}

void cv_worker_close(cv_worker *worker)
{
    if (!worker) return;
    for (int m = 0; m < worker->inputs->job.num_models; m++) {
        cv_engine_close(worker->engines[m]);
        free(worker->clean[m]);
    }
    free(worker->engines);
    free(worker->clean);
    free(worker);
}

cv_engine *cv_worker_engine(cv_worker *worker, int model)
{
    cv_engine **engine = &worker->engines[model];
    if (!*engine) *engine = cv_engine_open(worker->inputs->models[model], cv_inputs_positions(worker->inputs, model));
    return *engine;
}

/* One unit under way. */
typedef struct task {
    const cv_job *job;
    cv_engine *engine;
    const cv_unit *unit;
    cv_prompt_block block;
    cv_head_range range;
    const cv_head_group *group; /* NULL in the sweep */
    size_t d, states;
    float *trunk;   /* [prompts, d] of the model with the group off */
    float *ablated; /* [states, prompts, d] */
} task;

static bool run_wavefront(const task *t, cv_error *err)
{
    return cv_wavefront(t->engine, &t->block, t->group, &t->range, t->trunk, t->ablated, err);
}

/* The group and one head more; the group alone if the head is in it. heads has room for all. */
static cv_head_group joined(const cv_head_group *group, const cv_ablated_head *head, cv_ablated_head *heads)
{
    cv_head_group both = {heads, 0};
    bool is_in = false;
    for (size_t i = 0; group && i < group->count; i++) {
        heads[both.count++] = group->heads[i];
        if (group->heads[i].layer == head->layer && group->heads[i].head == head->head) is_in = true;
    }
    if (!is_in) heads[both.count++] = *head;
    return both;
}

/* One pass for each (layer, head, prompt), as the definition says. */
static bool run_plain(const task *t, cv_error *err)
{
    const cv_head_range *range = &t->range;
    cv_ablated_head *heads = cv_alloc((t->group ? t->group->count : 0) + 1, sizeof *heads);
    float *state = t->ablated;
    bool ok = true;
    for (size_t p = 0; ok && p < t->block.num_prompts; p++)
        ok = cv_plain_state(t->engine, t->block.ids[p], t->block.count[p], t->group, t->trunk + p * t->d, err);
    for (int l = range->layer_begin; ok && l < range->layer_end; l++)
        for (int h = range->head_begin; ok && h < range->head_end; h++) {
            cv_ablated_head head = {l, h, range->ablation};
            cv_head_group off = joined(t->group, &head, heads);
            for (size_t p = 0; ok && p < t->block.num_prompts; p++, state += t->d)
                ok = cv_plain_state(t->engine, t->block.ids[p], t->block.count[p], &off, state, err);
        }
    free(heads);
    return ok;
}

/* Ships of the plain engine's states, each from its own logits. */
static bool plain_ships(const task *t, double *ships, cv_error *err)
{
    size_t V = (size_t)cv_engine_model(t->engine)->config.vocab_size, prompts = t->block.num_prompts;
    float *clean = cv_alloc_floats(V), *ablated = cv_alloc_floats(V);
    bool ok = true;
    for (size_t p = 0; ok && p < prompts; p++) {
        ok = cv_plain_project(t->engine, t->trunk + p * t->d, clean, err);
        for (size_t state = 0; ok && state < t->states; state++) {
            ok = cv_plain_project(t->engine, t->ablated + (state * prompts + p) * t->d, ablated, err);
            if (ok) ships[state * prompts + p] = cv_kl_divergence(clean, ablated, V);
        }
    }
    free(clean);
    free(ablated);
    return ok;
}

/* The clean states of a model's harmful prompts, computed once and kept: units of a step hold them all. */
static const float *clean_states(cv_worker *worker, const task *t, cv_error *err)
{
    float **clean = &worker->clean[t->unit->model];
    assert(t->unit->set == CV_HARMFUL && t->block.num_prompts == worker->inputs->num_prompts[CV_HARMFUL]);
    if (*clean) return *clean;
    *clean = cv_alloc_floats(t->block.num_prompts * t->d);
    task whole = *t;
    whole.group = NULL;
    whole.range.layer_end = whole.range.layer_begin;
    whole.trunk = *clean;
    bool plain = t->job->engine == CV_ENGINE_PLAIN;
    if ((plain ? run_plain : run_wavefront)(&whole, err)) return *clean;
    free(*clean);
    return *clean = NULL;
}

static bool run_task(cv_worker *worker, const task *t, double *values, cv_error *err)
{
    bool plain = t->job->engine == CV_ENGINE_PLAIN, ships = cv_unit_has_ships(t->unit, t->job);
    size_t prompts = t->block.num_prompts;
    if (!(plain ? run_plain : run_wavefront)(t, err)) return false;
    if (ships && !(plain ? plain_ships(t, values, err)
                         : cv_ships(t->engine, prompts, t->states, t->trunk, t->ablated, values, err)))
        return false;
    if (!t->job->subspace.enabled) return true;
    const float *clean = t->unit->step > 0 ? clean_states(worker, t, err) : t->trunk;
    return clean && cv_subspace_angles(t->engine, prompts, t->states, t->job->subspace.state, clean, t->ablated,
                                       values + (ships ? t->states * prompts : 0), err);
}

cv_work cv_worker_work(const cv_worker *worker)
{
    cv_work sum = {0};
    for (int m = 0; m < worker->inputs->job.num_models; m++) {
        if (!worker->engines[m]) continue;
        cv_work work = cv_engine_work(worker->engines[m]);
        sum.operations += work.operations;
        sum.weight_bytes += work.weight_bytes;
    }
    return sum;
}

bool cv_worker_run(cv_worker *worker, const cv_unit *unit, const cv_head_group *group, double *values, cv_error *err)
{
    const cv_inputs *inputs = worker->inputs;
    size_t prompts = (size_t)(unit->prompt_end - unit->prompt_begin);
    task t = {.job = &inputs->job, .engine = cv_worker_engine(worker, unit->model), .unit = unit, .group = group};
    t.block = cv_block_open(inputs->tokens[unit->model][unit->set] + unit->prompt_begin, prompts);
    t.range = cv_unit_range(unit, &inputs->job.ablations[unit->ablation]);
    t.d = (size_t)cv_engine_model(t.engine)->config.hidden_size;
    t.states = cv_unit_states(unit);
    t.trunk = cv_alloc_floats(prompts * t.d);
    t.ablated = cv_alloc_floats(t.states * prompts * t.d);
    bool ok = run_task(worker, &t, values, err);
    free(t.trunk);
    free(t.ablated);
    cv_block_close(&t.block);
    return ok;
}

/* The prompt of the model with the fewest tokens. */
static const cv_tokens *shortest(const cv_inputs *inputs, int model)
{
    const cv_tokens *best = &inputs->tokens[model][CV_HARMFUL][0];
    for (size_t p = 1; p < inputs->num_prompts[CV_HARMFUL]; p++)
        if (inputs->tokens[model][CV_HARMFUL][p].count < best->count) best = &inputs->tokens[model][CV_HARMFUL][p];
    return best;
}

bool cv_worker_check_model(cv_worker *worker, int model, cv_error *err)
{
    cv_engine *engine = cv_worker_engine(worker, model);
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size;
    const cv_tokens *prompt = shortest(worker->inputs, model);
    cv_prompt_block block = cv_block_open(prompt, 1);
    float *clean = cv_alloc_floats(d), unused;
    double none;
    bool ok = cv_wavefront(engine, &block, NULL, NULL, clean, NULL, err) &&
              cv_ships(engine, 1, 0, clean, &unused, &none, err);
    cv_block_close(&block);
    free(clean);
    return ok;
}
