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
};

cv_worker *cv_worker_open(const cv_inputs *inputs)
{
    cv_worker *worker = cv_calloc(1, sizeof *worker);
    worker->inputs = inputs;
    worker->engines = cv_calloc((size_t)inputs->job.num_models, sizeof *worker->engines);
    return worker;
}

void cv_worker_close(cv_worker *worker)
{
    if (!worker) return;
    for (int m = 0; m < worker->inputs->job.num_models; m++) cv_engine_close(worker->engines[m]);
    free(worker->engines);
    free(worker);
}

static cv_engine *engine_of(cv_worker *worker, int model)
{
    cv_engine **engine = &worker->engines[model];
    if (!*engine)
        *engine = cv_engine_open(worker->inputs->models[model], (int)cv_inputs_longest(worker->inputs, model));
    return *engine;
}

static bool run_wavefront(cv_engine *engine, const cv_prompt_block *block, const cv_head_range *range, double *scores,
                          cv_error *err)
{
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size, prompts = block->num_prompts;
    size_t states = cv_head_range_states(range);
    float *clean = cv_alloc_floats(prompts * d), *ablated = cv_alloc_floats(states * prompts * d);
    bool ok = cv_wavefront(engine, block, NULL, range, clean, ablated, err) &&
              cv_ships(engine, prompts, states, clean, ablated, scores, err);
    free(clean);
    free(ablated);
    return ok;
}

/* One pass for each (layer, head, prompt), as the definition says. */
static bool run_plain(cv_engine *engine, const cv_prompt_block *block, const cv_head_range *range, double *scores,
                      cv_error *err)
{
    size_t V = (size_t)cv_engine_model(engine)->config.vocab_size;
    float *clean = cv_alloc_floats(V), *ablated = cv_alloc_floats(V);
    bool ok = true;
    for (size_t p = 0; ok && p < block->num_prompts; p++) {
        double *score = scores + p;
        ok = cv_plain_logits(engine, block->ids[p], block->count[p], NULL, clean, err);
        for (int l = range->layer_begin; ok && l < range->layer_end; l++)
            for (int h = range->head_begin; ok && h < range->head_end; h++, score += block->num_prompts) {
                cv_ablated_head head = {l, h, range->ablation};
                cv_head_group group = {&head, 1};
                ok = cv_plain_logits(engine, block->ids[p], block->count[p], &group, ablated, err);
                if (ok) *score = cv_kl_divergence(clean, ablated, V);
            }
    }
    free(clean);
    free(ablated);
    return ok;
}

bool cv_worker_run(cv_worker *worker, const cv_unit *unit, double *scores, cv_work *work, cv_error *err)
{
    const cv_inputs *inputs = worker->inputs;
    cv_engine *engine = engine_of(worker, unit->model);
    cv_work before = cv_engine_work(engine);
    cv_prompt_block block = cv_block_open(inputs->tokens[unit->model][unit->set] + unit->prompt_begin,
                                          (size_t)(unit->prompt_end - unit->prompt_begin));
    cv_head_range range = cv_unit_range(unit, &inputs->job.ablations[unit->ablation]);
    bool plain = inputs->job.engine == CV_ENGINE_PLAIN;
    bool ok = (plain ? run_plain : run_wavefront)(engine, &block, &range, scores, err);
    cv_block_close(&block);
    cv_work after = cv_engine_work(engine);
    *work = (cv_work){after.operations - before.operations, after.weight_bytes - before.weight_bytes};
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
    cv_engine *engine = engine_of(worker, model);
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
