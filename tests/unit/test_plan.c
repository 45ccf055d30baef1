#include "sweep/plan.h"

#include "base/memory.h"
#include "suite.h"
#include "sweep/simulate.h"
#include "tiny_model.h"

#include <stdio.h>
#include <string.h>

enum { MOST_PROMPTS = 128, LENGTH = 40 };

/* Inputs of one model known by its shape alone, and prompts that share their first tokens. */
typedef struct setting {
    cv_model model, *models[1];
    cv_layer layers[32]; /* without data */
    cv_job_model job_model;
    cv_ablation ablations[2];
    int32_t ids[MOST_PROMPTS][LENGTH];
    cv_tokens tokens[MOST_PROMPTS], *sets[1][CV_NUM_PROMPT_SETS];
    cv_inputs inputs;
} setting;

static void make(setting *s, cv_config config, size_t harmful, size_t harmless, size_t length, size_t shared)
{
    memset(s, 0, sizeof *s);
    s->model.config = config;
    s->model.path = (char *)"model";
    s->model.layers = s->layers;
    s->models[0] = &s->model;
    s->job_model.name = (char *)"model";
    s->ablations[0] = (cv_ablation){.kind = CV_UNIFORM_ATTENTION};
    s->ablations[1] = (cv_ablation){.kind = CV_VALUE_SCALE, .granularity = CV_GRANULARITY_KV_GROUP};
    for (size_t p = 0; p < MOST_PROMPTS; p++) {
        for (size_t i = 0; i < length; i++) s->ids[p][i] = (int32_t)(i < shared ? i : 1000 + 50 * p + i);
        s->tokens[p] = (cv_tokens){s->ids[p], length - p % 3, LENGTH};
    }
    s->sets[0][CV_HARMFUL] = s->sets[0][CV_HARMLESS] = s->tokens;
    s->inputs = (cv_inputs){.models = s->models, .num_prompts = {harmful, harmless}, .tokens = s->sets};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = &s->job_model, .num_models = 1, .ships = true};
    s->inputs.job.ablations = s->ablations;
    s->inputs.job.num_ablations = 2;
}

static cv_config smollm2(void)
{
    cv_config config = tiny_config();
    config.vocab_size = 49152;
    config.hidden_size = 576;
    config.intermediate_size = 1536;
    config.num_hidden_layers = 30;
    config.num_attention_heads = 9;
    config.head_dim = 64;
    return config;
}

static cv_config llama_2_7b(void)
{
    cv_config config = tiny_config();
    config.vocab_size = 32000;
    config.hidden_size = 4096;
    config.intermediate_size = 11008;
    config.num_hidden_layers = config.num_attention_heads = config.num_key_value_heads = 32;
    config.head_dim = 128;
    return config;
}

/* Every cell of the grid lies in exactly one unit. */
static void check_cover(const setting *s, const cv_plan *plan)
{
    const cv_config *c = &s->model.config;
    size_t cells = 0, expected = 0, largest = (size_t)c->num_hidden_layers * (size_t)c->num_attention_heads;
    unsigned char *seen = cv_calloc(4 * largest * MOST_PROMPTS, 1);
    for (size_t u = 0; u < plan->count; u++) {
        const cv_unit *unit = &plan->units[u];
        for (int l = unit->layer_begin; l < unit->layer_end; l++)
            for (int h = unit->head_begin; h < unit->head_end; h++)
                for (int p = unit->prompt_begin; p < unit->prompt_end; p++) {
                    size_t board = (size_t)(2 * unit->ablation + unit->set);
                    size_t head = (size_t)(l * c->num_attention_heads + h);
                    ck_assert_uint_eq(seen[(board * largest + head) * MOST_PROMPTS + (size_t)p]++, 0);
                }
        cells += cv_unit_values(unit, &s->inputs.job);
    }
    for (int a = 0; a < 2; a++)
        expected += (size_t)(c->num_hidden_layers * cv_ablation_heads(&s->ablations[a], c)) *
                    (s->inputs.num_prompts[0] + s->inputs.num_prompts[1]);
    ck_assert_uint_eq(cells, expected);
    free(seen);
}

static void plan_or_fail(const setting *s, cv_plan *plan)
{
    cv_error err;
    ck_assert_msg(cv_plan_make(&s->inputs, plan, &err), "%s", err.text);
}

START_TEST(units_cover_the_grid_once)
{
    static setting s;
    const cv_config configs[] = {tiny_config(), smollm2(), smollm2()};
    const size_t prompts[][2] = {{7, 3}, {20, 5}, {1, 0}};
    for (size_t i = 0; i < 3; i++) {
        make(&s, configs[i], prompts[i][0], prompts[i][1], 20, 6);
        cv_plan plan, again;
        plan_or_fail(&s, &plan);
        check_cover(&s, &plan);
        plan_or_fail(&s, &again);
        ck_assert_uint_eq(plan.count, again.count);
        ck_assert_mem_eq(plan.units, again.units, plan.count * sizeof *plan.units);
        cv_plan_free(&plan);
        cv_plan_free(&again);
    }
}
END_TEST

START_TEST(totals_are_those_of_the_units)
{
    static setting s;
    make(&s, smollm2(), 20, 0, 20, 6);
    cv_plan plan;
    plan_or_fail(&s, &plan);
    uint64_t operations = 0, memory = 0;
    for (size_t u = 0; u < plan.count; u++) {
        operations += plan.units[u].operations;
        if (plan.units[u].memory_bytes > memory) memory = plan.units[u].memory_bytes;
    }
    ck_assert_uint_eq(plan.operations, operations);
    ck_assert_uint_eq(plan.memory_bytes, memory);
    ck_assert_uint_gt(plan.plain_operations, 2 * plan.operations);
    ck_assert_uint_ge(plan.count, 8); /* enough to share out */
    cv_plan_free(&plan);
}
END_TEST

START_TEST(a_budget_is_kept)
{
    static setting s;
    make(&s, smollm2(), 20, 0, 30, 10);
    for (uint64_t mebibytes = 64; mebibytes >= 16; mebibytes /= 2) {
        s.inputs.job.memory_bytes = mebibytes << 20;
        cv_plan plan;
        plan_or_fail(&s, &plan);
        check_cover(&s, &plan);
        ck_assert_uint_le(plan.memory_bytes, mebibytes << 20);
        cv_plan_free(&plan);
    }
}
END_TEST

START_TEST(a_budget_too_small_is_bad_input)
{
    static setting s;
    make(&s, smollm2(), 20, 0, 30, 10);
    s.inputs.job.memory_bytes = 1 << 18;
    cv_plan plan;
    cv_error err = {0};
    ck_assert(!cv_plan_make(&s.inputs, &plan, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "job.json"));
    ck_assert_ptr_nonnull(strstr(err.text, "engine.memory_gib"));
    ck_assert_ptr_null(plan.units);
}
END_TEST

/* What the paper's own case asks of the planner: it must not take long itself. */
START_TEST(a_large_model_is_planned_at_once)
{
    static setting s;
    make(&s, llama_2_7b(), 100, 0, 30, 4);
    s.inputs.job.memory_bytes = (uint64_t)2 << 30;
    cv_plan plan;
    plan_or_fail(&s, &plan);
    check_cover(&s, &plan);
    ck_assert_uint_le(plan.memory_bytes, (uint64_t)2 << 30);
    ck_assert_uint_ge(plan.count, 64);
    cv_plan_free(&plan);
}
END_TEST

/* AdvBench's size on Llama-2-7B: the units are cut for the ranks that the job names, and then keep them busy
 * though their speeds vary. */
START_TEST(a_thousand_ranks_are_kept_busy)
{
    static setting s;
    make(&s, llama_2_7b(), MOST_PROMPTS, 0, 30, 6);
    s.inputs.job.memory_bytes = (uint64_t)2 << 30;
    s.inputs.job.ranks = 256; /* for a quarter of the prompts */
    cv_plan plan, automatic;
    plan_or_fail(&s, &plan);
    s.inputs.job.ranks = 0;
    plan_or_fail(&s, &automatic);
    ck_assert_uint_ge(plan.count, 2 * automatic.count);
    ck_assert_uint_le(automatic.operations, automatic.least_operations + automatic.least_operations / 20);
    ck_assert_uint_ge(plan.operations, plan.least_operations);
    uint64_t *costs = cv_alloc(plan.count, sizeof *costs);
    double speeds[256];
    cv_simulate_speeds(speeds, 256, 1e12, 0.1, 0);
    for (size_t u = 0; u < plan.count; u++) costs[u] = plan.units[u].operations;
    double ideal = (double)plan.operations / (1e12 * 256), seconds = cv_simulate(costs, plan.count, 256, speeds, 0.001);
    ck_assert_double_ge(ideal / seconds, 0.95);
    free(costs);
    cv_plan_free(&plan);
    cv_plan_free(&automatic);
}
END_TEST

START_TEST(the_plain_engine_is_planned_too)
{
    static setting s;
    make(&s, tiny_config(), 7, 3, 20, 6);
    s.inputs.job.engine = CV_ENGINE_PLAIN;
    cv_plan plan;
    plan_or_fail(&s, &plan);
    check_cover(&s, &plan);
    ck_assert_uint_ge(plan.operations, plan.plain_operations);           /* each unit has its own clean passes */
    ck_assert_uint_ge(plan.memory_bytes, sizeof(float) * (2 * 61 + 32)); /* two logits, and a state at least */
    for (size_t u = 0; u < plan.count; u++)
        ck_assert_uint_gt(plan.units[u].memory_bytes,
                          sizeof(float) * 32 * cv_unit_values(&plan.units[u], &s.inputs.job)); /* their states */
    cv_plan_free(&plan);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("plan");
    tcase_add_test(tests, units_cover_the_grid_once);
    tcase_add_test(tests, totals_are_those_of_the_units);
    tcase_add_test(tests, a_budget_is_kept);
    tcase_add_test(tests, a_budget_too_small_is_bad_input);
    tcase_add_test(tests, a_large_model_is_planned_at_once);
    tcase_add_test(tests, a_thousand_ranks_are_kept_busy);
    tcase_add_test(tests, the_plain_engine_is_planned_too);
    return run_suite(tests);
}
