#include "sweep/forecast.h"

#include "base/memory.h"
#include "sweep/chosen.h"
#include "sweep/evaluate.h"
#include "sweep/sahara.h"
#include "sweep/scores.h"
#include "sweep/utility.h"

#include <stdio.h>
#include <stdlib.h>

/* What the stages after the sweep stand on. */
typedef struct stand_in {
    cv_scores *scores;
    cv_sahara *sahara; /* NULL without a search */
    cv_chosen *chosen; /* NULL without evaluate */
} stand_in;

static cv_forecast_stage *add_stage(cv_forecast *forecast, const char *name, size_t units)
{
    cv_reserve(&forecast->stages, &forecast->capacity, forecast->num_stages + 1, sizeof *forecast->stages);
    cv_forecast_stage *stage = &forecast->stages[forecast->num_stages++];
    *stage = (cv_forecast_stage){.costs = cv_alloc(units, sizeof *stage->costs)};
    snprintf(stage->name, sizeof stage->name, "%s", name);
    return stage;
}

static void add_unit(cv_forecast_stage *stage, uint64_t operations, uint64_t memory_bytes, uint64_t thread_bytes)
{
    stage->costs[stage->count++] = operations;
    stage->operations += operations;
    stage->least_operations += operations;
    if (memory_bytes > stage->memory_bytes) stage->memory_bytes = memory_bytes;
    if (thread_bytes > stage->thread_bytes) stage->thread_bytes = thread_bytes;
}

static void add_plan(cv_forecast *forecast, const char *name, const cv_plan *plan)
{
    cv_forecast_stage *stage = add_stage(forecast, name, plan->count);
    for (size_t u = 0; u < plan->count; u++)
        add_unit(stage, plan->units[u].operations, plan->units[u].memory_bytes, plan->units[u].thread_bytes);
    stage->least_operations = plan->least_operations;
}

/* Every score of the sweep zero. */
static bool fill_scores(const cv_inputs *inputs, const cv_plan *sweep, cv_scores *scores, cv_error *err)
{
    bool ok = true;
    for (size_t u = 0; ok && u < sweep->count; u++) {
        double *zeros = cv_calloc(cv_unit_values(&sweep->units[u], &inputs->job), sizeof *zeros);
        ok = cv_scores_put(scores, &sweep->units[u], zeros, err);
        free(zeros);
    }
    return ok;
}

/* Every angle of a step zero. */
static bool choose(const cv_inputs *inputs, cv_sahara *sahara, cv_error *err)
{
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            const cv_config *config = &inputs->models[m]->config;
            for (int l = 0; l < config->num_hidden_layers; l++)
                for (int h = 0; h < cv_ablation_heads(&job->ablations[a], config); h++)
                    cv_sahara_put(sahara, m, a, l, h, 0);
        }
    return cv_sahara_choose(sahara, err);
}

static bool add_search(const cv_inputs *inputs, cv_sahara *sahara, cv_forecast *forecast, cv_error *err)
{
    for (int step = 1; choose(inputs, sahara, err); step++) {
        cv_plan plan;
        char name[32];
        if (step == inputs->job.sahara_steps) return true;
        if (!cv_plan_sahara(inputs, sahara, &plan, err)) return false;
        snprintf(name, sizeof name, "sahara %d", step + 1);
        add_plan(forecast, name, &plan);
        cv_plan_free(&plan);
    }
    return false;
}

/* batches is taken over; NULL is the error that was met on making them. */
static bool add_batches(cv_forecast *forecast, const char *name, cv_batch *batches, size_t count)
{
    if (!batches) return false;
    cv_forecast_stage *stage = add_stage(forecast, name, count);
    for (size_t b = 0; b < count; b++)
        add_unit(stage, batches[b].operations, batches[b].memory_bytes, batches[b].thread_bytes);
    free(batches);
    return true;
}

static bool add_answers(const cv_inputs *inputs, const cv_chosen *chosen, cv_forecast *forecast, cv_error *err)
{
    size_t count;
    cv_evaluation *evaluation = cv_evaluation_make(inputs, chosen);
    cv_batch *batches = cv_evaluation_plan(evaluation, &count, err);
    cv_evaluation_free(evaluation);
    return add_batches(forecast, "answers", batches, count);
}

static bool add_utility(const cv_inputs *inputs, const cv_chosen *chosen, cv_forecast *forecast, cv_error *err)
{
    size_t count;
    cv_utility *utility = cv_utility_make(inputs, chosen);
    cv_batch *batches = cv_utility_plan(utility, &count, err);
    cv_utility_free(utility);
    return add_batches(forecast, "utility", batches, count);
}

static bool add_stages(const cv_inputs *inputs, stand_in *s, cv_forecast *forecast, cv_error *err)
{
    const cv_job *job = &inputs->job;
    if (job->sahara_steps > 0) {
        s->sahara = cv_sahara_make(inputs);
        if (!add_search(inputs, s->sahara, forecast, err)) return false;
    }
    if (!job->evaluate.enabled) return true;
    s->scores = cv_scores_make(inputs);
    if (!fill_scores(inputs, &forecast->sweep, s->scores, err)) return false;
    s->chosen = cv_chosen_make(inputs, s->scores, s->sahara);
    if (job->evaluate.num_decode > 0 && !add_answers(inputs, s->chosen, forecast, err)) return false;
    return job->evaluate.num_utility == 0 || add_utility(inputs, s->chosen, forecast, err);
}

bool cv_forecast_make(const cv_inputs *inputs, cv_forecast *forecast, cv_error *err)
{
    *forecast = (cv_forecast){0};
    if (!cv_plan_make(inputs, &forecast->sweep, err)) return false;
    add_plan(forecast, "sweep", &forecast->sweep);
    stand_in s = {0};
    bool ok = add_stages(inputs, &s, forecast, err);
    cv_chosen_free(s.chosen);
    cv_sahara_free(s.sahara);
    cv_scores_free(s.scores);
    if (!ok) cv_forecast_free(forecast);
    return ok;
}

void cv_forecast_free(cv_forecast *forecast)
{
    for (size_t i = 0; i < forecast->num_stages; i++) free(forecast->stages[i].costs);
    free(forecast->stages);
    cv_plan_free(&forecast->sweep);
    *forecast = (cv_forecast){0};
}
