/* A folder of tests/fixtures with a small model and reference.json: what transformers computes with it. */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "suite.h"

#include <caravan/engine.h>

#include <math.h>

enum { FIXTURE_LONGEST = 128, FIXTURE_MOST_PROMPTS = 16 };

typedef struct model_fixture {
    const char *name;
    cv_model *model;
    cv_engine *engine;
    json_t *reference;
    size_t num_prompts, V;
    int32_t tokens[FIXTURE_MOST_PROMPTS][FIXTURE_LONGEST];
    const int32_t *ids[FIXTURE_MOST_PROMPTS];
    size_t count[FIXTURE_MOST_PROMPTS];
    float *expected; /* [num_prompts, V] */
} model_fixture;

/* A row of numbers of the reference, into row [V]. */
static inline void fixture_row(const json_t *logits, size_t V, float *row)
{
    ck_assert_uint_eq(json_array_size(logits), V);
    for (size_t v = 0; v < V; v++) {
        ck_assert(json_is_number(json_array_get(logits, v)));
        row[v] = (float)json_number_value(json_array_get(logits, v));
    }
}

static inline void fixture_prompt(model_fixture *f, size_t p, const json_t *prompt)
{
    const json_t *ids = json_object_get(prompt, "ids");
    f->ids[p] = f->tokens[p];
    f->count[p] = json_array_size(ids);
    ck_assert_uint_ge(f->count[p], 1);
    ck_assert_uint_le(f->count[p], FIXTURE_LONGEST);
    for (size_t i = 0; i < f->count[p]; i++) f->tokens[p][i] = (int32_t)json_integer_value(json_array_get(ids, i));
    fixture_row(json_object_get(prompt, "logits"), f->V, f->expected + p * f->V);
}

/* Fails the test if the folder, a path below the source's, cannot be opened. */
static inline void fixture_open(model_fixture *f, const char *directory, const char *name)
{
    cv_error err;
    *f = (model_fixture){.name = name, .model = cv_model_open(directory, &err)};
    ck_assert_msg(f->model != NULL, "%s", err.text);
    int most = f->model->config.max_position_embeddings;
    f->engine = cv_engine_open(f->model, most < FIXTURE_LONGEST ? most : FIXTURE_LONGEST);
    f->V = (size_t)f->model->config.vocab_size;
    char *path = cv_path_join(directory, "reference.json");
    f->reference = cv_json_load(path, 0, &err);
    ck_assert_msg(f->reference != NULL, "%s", err.text);
    const json_t *prompts = json_object_get(f->reference, "prompts");
    f->num_prompts = json_array_size(prompts);
    ck_assert_uint_ge(f->num_prompts, 5);
    ck_assert_uint_le(f->num_prompts, FIXTURE_MOST_PROMPTS);
    f->expected = cv_alloc_floats(f->num_prompts * f->V);
    for (size_t p = 0; p < f->num_prompts; p++) fixture_prompt(f, p, json_array_get(prompts, p));
    free(path);
}

static inline void fixture_close(model_fixture *f)
{
    cv_engine_close(f->engine);
    cv_model_close(f->model);
    json_decref(f->reference);
    free(f->expected);
}

/* Relative L2 error at most 1e-5 and the same argmax; NaN fails. what says which prompt, or more. */
static inline void fixture_compare(const model_fixture *f, const char *what, const float *expected, const float *logits)
{
    double difference = 0, size = 0;
    size_t best = 0, expected_best = 0;
    for (size_t v = 0; v < f->V; v++) {
        difference += pow((double)logits[v] - (double)expected[v], 2);
        size += pow((double)expected[v], 2);
        if (logits[v] > logits[best]) best = v;
        if (expected[v] > expected[expected_best]) expected_best = v;
    }
    ck_assert_msg(sqrt(difference / size) <= 1e-5, "%s: %s: relative error %g", f->name, what, sqrt(difference / size));
    ck_assert_msg(best == expected_best, "%s: %s: argmax %zu, expected %zu", f->name, what, best, expected_best);
}

#endif
