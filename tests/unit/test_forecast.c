#include "sweep/forecast.h"

#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <string.h>

enum { PROMPTS = 6, LENGTH = 9 };

/* A job with all stages but utility, on one tiny model. */
typedef struct setting {
    cv_model *models[1];
    cv_job_model job_model;
    cv_ablation ablation;
    char *ablation_names[1];
    int32_t ids[PROMPTS][LENGTH];
    cv_tokens tokens[PROMPTS], *sets[1][CV_NUM_PROMPT_SETS];
    cv_job_group groups[4];
    cv_job_decode decode;
    cv_inputs inputs;
} setting;

static void make(setting *s)
{
    uint64_t seed = 9;
    *s = (setting){.models = {tiny_model(tiny_config(), 1)},
                   .job_model = {.name = (char *)"m", .path = (char *)"m"},
                   .ablation_names = {(char *)"uniform_attention"},
                   .groups = {{(char *)"none", CV_GROUP_NONE, 0},
                              {(char *)"top:2", CV_GROUP_TOP, 2},
                              {(char *)"sahara:3", CV_GROUP_SAHARA, 3},
                              {(char *)"each_head", CV_GROUP_EACH_HEAD, 0}},
                   .decode = {.name = (char *)"greedy", .samples = 1}};
    for (size_t p = 0; p < PROMPTS; p++) {
        for (size_t i = 0; i < LENGTH; i++) s->ids[p][i] = i < 3 ? 7 : (int32_t)(tiny_random(&seed) % 61);
        s->tokens[p] = (cv_tokens){s->ids[p], LENGTH, LENGTH};
    }
    s->sets[0][CV_HARMFUL] = s->sets[0][CV_HARMLESS] = s->tokens;
    s->inputs = (cv_inputs){.models = s->models, .num_prompts = {PROMPTS, PROMPTS}, .tokens = s->sets};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = &s->job_model, .num_models = 1, .ships = true};
    s->inputs.job.ablations = &s->ablation;
    s->inputs.job.ablation_names = s->ablation_names;
    s->inputs.job.num_ablations = 1;
    s->inputs.job.subspace = (cv_job_subspace){true, 1, CV_FINAL_NORM};
    s->inputs.job.sahara_steps = 3;
    s->inputs.job.evaluate = (cv_job_evaluate){.enabled = true,
                                               .groups = s->groups,
                                               .num_groups = 4,
                                               .decode = &s->decode,
                                               .num_decode = 1,
                                               .max_new_tokens = 5};
}

static void forecast_or_fail(const setting *s, cv_forecast *forecast)
{
    cv_error err;
    ck_assert_msg(cv_forecast_make(&s->inputs, forecast, &err), "%s", err.text);
}

START_TEST(all_stages_are_foreseen)
{
    static const char *const names[] = {"sweep", "sahara 2", "sahara 3", "answers"};
    setting s;
    make(&s);
    cv_forecast forecast;
    forecast_or_fail(&s, &forecast);
    ck_assert_uint_eq(forecast.num_stages, 4);
    for (size_t i = 0; i < 4; i++) {
        const cv_forecast_stage *stage = &forecast.stages[i];
        uint64_t sum = 0;
        for (size_t u = 0; u < stage->count; u++) sum += stage->costs[u];
        ck_assert_str_eq(stage->name, names[i]);
        ck_assert_uint_gt(stage->count, 0);
        ck_assert_uint_gt(stage->memory_bytes, 0);
        ck_assert_uint_eq(sum, stage->operations);
    }
    ck_assert_uint_eq(forecast.stages[0].operations, forecast.sweep.operations);
    ck_assert_uint_lt(forecast.stages[1].operations, forecast.stages[0].operations); /* no vocabulary, no control */
    cv_forecast_free(&forecast);
    tiny_model_free(s.models[0]);
}
END_TEST

/* Answers under 1 + 1 + 1 + 18 groups take more than under 1, and longer ones more than short ones. */
START_TEST(answers_grow_with_groups_and_length)
{
    setting s;
    make(&s);
    cv_forecast whole, fewer, longer;
    forecast_or_fail(&s, &whole);
    s.inputs.job.evaluate.num_groups = 1;
    forecast_or_fail(&s, &fewer);
    s.inputs.job.evaluate.max_new_tokens = 10;
    forecast_or_fail(&s, &longer);
    uint64_t one = fewer.stages[3].operations;
    ck_assert_uint_gt(whole.stages[3].operations, 17 * one); /* prompts are read once for several groups */
    ck_assert_uint_lt(whole.stages[3].operations, 21 * one);
    ck_assert_uint_gt(longer.stages[3].operations, one);
    cv_forecast_free(&whole);
    cv_forecast_free(&fewer);
    cv_forecast_free(&longer);
    tiny_model_free(s.models[0]);
}
END_TEST

START_TEST(a_budget_that_is_too_small_is_named)
{
    setting s;
    make(&s);
    s.inputs.job.memory_bytes = 1000;
    cv_forecast forecast;
    cv_error err = {0};
    ck_assert(!cv_forecast_make(&s.inputs, &forecast, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "engine.memory_gib"));
    tiny_model_free(s.models[0]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("forecast");
    tcase_add_test(tests, all_stages_are_foreseen);
    tcase_add_test(tests, answers_grow_with_groups_and_length);
    tcase_add_test(tests, a_budget_that_is_too_small_is_named);
    return run_suite(tests);
}
