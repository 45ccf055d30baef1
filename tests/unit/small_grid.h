/* Inputs of a small sweep with no file behind them: two models of one shape, two ablations, and
 * prompts of a few tokens. For tests of what happens to scores once they are computed. */
#ifndef TESTS_SMALL_GRID_H
#define TESTS_SMALL_GRID_H

#include "sweep/inputs.h"
#include "sweep/plan.h"
#include "sweep/scores.h"

#include <caravan/score.h>

#include <check.h>

enum { LAYERS = 3, HEADS = 4, GROUPS = 2, HARMFUL = 5, HARMLESS = 2 };

static cv_model small_model = {.config = {.architecture = "LlamaForCausalLM",
                                          .num_hidden_layers = LAYERS,
                                          .num_attention_heads = HEADS,
                                          .num_key_value_heads = GROUPS,
                                          .hidden_size = 16,
                                          .head_dim = 8,
                                          .vocab_size = 96},
                               .parameters = 1024};
static cv_model *small_models[] = {&small_model, &small_model};
static cv_job_model small_job_models[] = {{.name = (char *)"a", .path = (char *)"models/a"},
                                          {.name = (char *)"b", .path = (char *)"models/b", .base = (char *)"base"}};
static cv_ablation small_ablations[] = {{.kind = CV_UNIFORM_ATTENTION},
                                        {.kind = CV_VALUE_SCALE, .granularity = CV_GRANULARITY_KV_GROUP}};
static char *small_ablation_names[] = {(char *)"uniform_attention", (char *)"value_scale-kv_group"};
static char *small_prompts[] = {(char *)"one", (char *)"two, käse", (char *)"three", (char *)"", (char *)"five"};
static char *small_formats[] = {(char *)"{prompt}", (char *)"<{prompt}>"};
static int32_t small_ids[] = {1, 2, 3, 4, 5, 6};
static cv_tokens small_tokens[] = {
    {small_ids, 1, 1}, {small_ids, 3, 3}, {small_ids + 2, 4, 4}, {small_ids, 6, 6}, {small_ids + 1, 2, 2}};
static cv_tokens *small_token_sets[2][CV_NUM_PROMPT_SETS] = {{small_tokens, small_tokens},
                                                             {small_tokens, small_tokens}};

/* harmless is 0 or HARMLESS. Nothing is to be freed. */
static inline cv_inputs small_inputs(size_t harmless)
{
    cv_inputs inputs = {.models = small_models,
                        .num_prompts = {HARMFUL, harmless},
                        .prompts = {small_prompts, small_prompts},
                        .format_texts = small_formats,
                        .tokens = small_token_sets};
    inputs.job.file = (char *)"jobs/small.json";
    inputs.job.text = (char *)"{\"name\": \"small\"}";
    inputs.job.text_length = 17;
    inputs.job.name = (char *)"small";
    inputs.job.output = (char *)"out";
    inputs.job.ships = true;
    inputs.job.subspace = (cv_job_subspace){false, 2, CV_FINAL_NORM};
    inputs.job.models = small_job_models;
    inputs.job.num_models = 2;
    inputs.job.ablations = small_ablations;
    inputs.job.ablation_names = small_ablation_names;
    inputs.job.num_ablations = 2;
    inputs.job.prompts[CV_HARMFUL].file = (char *)"harmful.csv";
    inputs.job.prompts[CV_HARMLESS].file = harmless ? (char *)"harmless.csv" : NULL;
    return inputs;
}

/* Scores that tell their own place. */
static inline double small_cell(int m, int a, int set, int l, int h, int p)
{
    return m + 0.1 * a + 0.01 * set + 10 * l + 100 * h + 1000 * p;
}

static inline double small_angle(int m, int a, int set, int l, int h, int r)
{
    return 0.001 * small_cell(m, a, set, l, h, 0) + r;
}

/* A unit's values; angles too where has_angles. */
static inline bool small_put_all(cv_scores *scores, cv_unit unit, bool has_angles, cv_error *err)
{
    double values[LAYERS * HEADS * (HARMFUL + CV_SUBSPACE_RANKS)];
    size_t i = 0;
    for (int l = unit.layer_begin; l < unit.layer_end; l++)
        for (int h = unit.head_begin; h < unit.head_end; h++)
            for (int p = unit.prompt_begin; p < unit.prompt_end; p++)
                values[i++] = small_cell(unit.model, unit.ablation, unit.set, l, h, p);
    for (int l = unit.layer_begin; has_angles && l < unit.layer_end; l++)
        for (int h = unit.head_begin; h < unit.head_end; h++)
            for (int r = 1; r <= CV_SUBSPACE_RANKS; r++)
                values[i++] = small_angle(unit.model, unit.ablation, unit.set, l, h, r);
    return cv_scores_put(scores, &unit, values, err);
}

static inline bool small_put(cv_scores *scores, cv_unit unit, cv_error *err)
{
    return small_put_all(scores, unit, false, err);
}

/* Fills all grids by units of one layer and up to three prompts (all where angles need them), from the
 * last to the first. */
static inline void small_fill(cv_scores *scores, const cv_inputs *inputs)
{
    cv_error err;
    bool angles = inputs->job.subspace.enabled;
    for (int m = 1; m >= 0; m--)
        for (int a = 1; a >= 0; a--)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
                for (int l = LAYERS - 1; l >= 0; l--) {
                    int prompts = (int)inputs->num_prompts[set], step = angles ? prompts : 3;
                    for (int p = 0; p < prompts; p += step) {
                        int end = p + step < prompts ? p + step : prompts;
                        cv_unit unit = {m, a, set, p, end, l, l + 1, 0, a == 0 ? HEADS : GROUPS, 0, 0, 0, 0};
                        ck_assert_msg(small_put_all(scores, unit, angles, &err), "%s", err.text);
                    }
                }
}

#endif
