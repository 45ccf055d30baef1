#include "sweep/worker.h"

#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <string.h>

enum { PROMPTS = 5, LENGTH = 9 };

typedef struct setting {
    cv_model *models[1];
    cv_job_model job_model;
    cv_ablation ablation;
    int32_t ids[PROMPTS][LENGTH];
    cv_tokens tokens[PROMPTS], *sets[1][CV_NUM_PROMPT_SETS];
    cv_inputs inputs;
} setting;

static void make(setting *s)
{
    uint64_t seed = 5;
    *s = (setting){.models = {tiny_model(tiny_config(), 1)}, .ablation = {.kind = CV_UNIFORM_ATTENTION}};
    for (size_t p = 0; p < PROMPTS; p++) {
        for (size_t i = 0; i < LENGTH; i++) s->ids[p][i] = i < 3 ? 7 : (int32_t)(tiny_random(&seed) % 61);
        s->tokens[p] = (cv_tokens){s->ids[p], LENGTH - p, LENGTH};
    }
    s->sets[0][CV_HARMFUL] = s->tokens;
    s->inputs = (cv_inputs){.models = s->models, .num_prompts = {PROMPTS, 0}, .tokens = s->sets};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = &s->job_model, .num_models = 1};
    s->inputs.job.ships = true;
    s->inputs.job.subspace = (cv_job_subspace){false, 1, CV_FINAL_NORM};
    s->inputs.job.ablations = &s->ablation;
    s->inputs.job.num_ablations = 1;
}

static void run(setting *s, const cv_unit *unit, const cv_head_group *group, double *scores, cv_work *work)
{
    cv_worker *worker = cv_worker_open(&s->inputs);
    cv_error err;
    ck_assert_msg(cv_worker_run(worker, unit, group, scores, &err), "%s", err.text);
    *work = cv_worker_work(worker);
    cv_worker_close(worker);
}

/* Parts of the grid, whole or in one dimension, by both engines; with the work that was estimated. */
START_TEST(both_engines_give_a_unit_the_same_scores)
{
    static const cv_unit units[] = {
        {.prompt_end = PROMPTS, .layer_end = 3, .head_end = 6},
        {.prompt_begin = 2, .prompt_end = 3, .layer_begin = 1, .layer_end = 2, .head_begin = 4, .head_end = 6},
        {.prompt_begin = 1, .prompt_end = 5, .layer_begin = 2, .layer_end = 3, .head_end = 1},
    };
    setting s;
    make(&s);
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        double wavefront[3 * 6 * PROMPTS], plain[3 * 6 * PROMPTS];
        cv_work work, plain_work;
        s.inputs.job.engine = CV_ENGINE_WAVEFRONT;
        run(&s, &units[u], NULL, wavefront, &work);
        s.inputs.job.engine = CV_ENGINE_PLAIN;
        run(&s, &units[u], NULL, plain, &plain_work);
        for (size_t i = 0; i < cv_unit_values(&units[u], &s.inputs.job); i++)
            ck_assert_msg(fabs(wavefront[i] - plain[i]) <= 1e-7 + 1e-4 * plain[i], "unit %zu, cell %zu: %.9g, %.9g", u,
                          i, wavefront[i], plain[i]);
        ck_assert_uint_gt(work.operations, 0);
        ck_assert_uint_gt(plain_work.operations, work.operations);
    }
    tiny_model_free(s.models[0]);
}
END_TEST

/* Degrees that single precision can tell apart from none, relative to a whole angle. */
static bool same_angle(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-3 + 1e-3 * b;
}

/* Ships and angles in one unit, and a step of Sahara: angles alone, of states that lack the group too,
 * against the clean ones; a head of the group has the group's own. */
START_TEST(both_engines_give_a_unit_the_same_angles)
{
    setting s;
    make(&s);
    s.inputs.job.subspace = (cv_job_subspace){true, 1, CV_FINAL_NORM};
    cv_ablated_head off[] = {{1, 3, s.ablation}, {0, 0, s.ablation}};
    cv_head_group group = {off, 2};
    for (int step = 0; step < 2; step++) {
        cv_unit unit = {.prompt_end = PROMPTS, .layer_end = 3, .head_end = 6, .step = step};
        double wavefront[18 * (PROMPTS + 8)], plain[18 * (PROMPTS + 8)];
        size_t ships = step ? 0 : 18 * PROMPTS;
        cv_work work;
        ck_assert_uint_eq(cv_unit_values(&unit, &s.inputs.job), ships + 18 * 8);
        s.inputs.job.engine = CV_ENGINE_WAVEFRONT;
        run(&s, &unit, step ? &group : NULL, wavefront, &work);
        s.inputs.job.engine = CV_ENGINE_PLAIN;
        run(&s, &unit, step ? &group : NULL, plain, &work);
        for (size_t i = 0; i < 18 * 8; i++)
            ck_assert_msg(same_angle(wavefront[ships + i], plain[ships + i]), "step %d, value %zu: %.9g, %.9g", step, i,
                          wavefront[ships + i], plain[ships + i]);
        for (size_t i = 0; i < 18; i++) ck_assert_double_gt(plain[ships + i * 8], 0.01);
        if (step) ck_assert(same_angle(wavefront[0], wavefront[(6 + 3) * 8])); /* both are the group alone */
    }
    tiny_model_free(s.models[0]);
}
END_TEST

START_TEST(work_is_what_the_plan_said)
{
    setting s;
    make(&s);
    for (int engine = 0; engine < 4; engine++) {
        s.inputs.job.engine = (cv_engine_choice)(engine % 2);
        s.inputs.job.subspace.enabled = engine >= 2;
        cv_plan plan;
        cv_error err;
        ck_assert_msg(cv_plan_make(&s.inputs, &plan, &err), "%s", err.text);
        for (size_t u = 0; u < plan.count; u++) {
            double scores[3 * 6 * (PROMPTS + 8)];
            cv_work work;
            run(&s, &plan.units[u], NULL, scores, &work);
            ck_assert_uint_eq(work.operations, plan.units[u].operations);
        }
        cv_plan_free(&plan);
    }
    tiny_model_free(s.models[0]);
}
END_TEST

START_TEST(a_model_that_is_not_finite_is_found_before_the_sweep)
{
    setting s;
    make(&s);
    cv_worker *worker = cv_worker_open(&s.inputs);
    cv_error err = {0};
    ck_assert_msg(cv_worker_check_model(worker, 0, &err), "%s", err.text);
    cv_worker_close(worker);
    ((float *)s.models[0]->lm_head.data)[5] = NAN;
    worker = cv_worker_open(&s.inputs);
    ck_assert(!cv_worker_check_model(worker, 0, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "lm_head"));
    cv_worker_close(worker);
    tiny_model_free(s.models[0]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("worker");
    tcase_add_test(tests, both_engines_give_a_unit_the_same_scores);
    tcase_add_test(tests, both_engines_give_a_unit_the_same_angles);
    tcase_add_test(tests, work_is_what_the_plan_said);
    tcase_add_test(tests, a_model_that_is_not_finite_is_found_before_the_sweep);
    return run_suite(tests);
}
