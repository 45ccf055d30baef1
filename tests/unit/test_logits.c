/* Both engines against transformers, on every fixture of tests/fixtures/models. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "suite.h"

#include <caravan/engine.h>

#include <dirent.h>
#include <math.h>
#include <string.h>

enum { LONGEST = 128, MOST_PROMPTS = 16 };

typedef struct fixture {
    cv_model *model;
    cv_engine *engine;
    json_t *reference;
    size_t num_prompts, V;
    int32_t tokens[MOST_PROMPTS][LONGEST];
    const int32_t *ids[MOST_PROMPTS];
    size_t count[MOST_PROMPTS];
    float *expected; /* [num_prompts, V] */
} fixture;

static void read_prompt(fixture *f, size_t p, const json_t *prompt)
{
    const json_t *ids = json_object_get(prompt, "ids"), *logits = json_object_get(prompt, "logits");
    f->ids[p] = f->tokens[p];
    f->count[p] = json_array_size(ids);
    ck_assert_uint_ge(f->count[p], 1);
    ck_assert_uint_le(f->count[p], LONGEST);
    ck_assert_uint_eq(json_array_size(logits), f->V);
    for (size_t i = 0; i < f->count[p]; i++) f->tokens[p][i] = (int32_t)json_integer_value(json_array_get(ids, i));
    for (size_t v = 0; v < f->V; v++) f->expected[p * f->V + v] = (float)json_number_value(json_array_get(logits, v));
}

static void open_fixture(fixture *f, const char *directory)
{
    cv_error err;
    *f = (fixture){.model = cv_model_open(directory, &err)};
    ck_assert_msg(f->model != NULL, "%s", err.text);
    f->engine = cv_engine_open(f->model, LONGEST);
    f->V = (size_t)f->model->config.vocab_size;
    char *path = cv_path_join(directory, "reference.json");
    f->reference = cv_json_load(path, 0, &err);
    ck_assert_msg(f->reference != NULL, "%s", err.text);
    const json_t *prompts = json_object_get(f->reference, "prompts");
    f->num_prompts = json_array_size(prompts);
    ck_assert_uint_ge(f->num_prompts, 5);
    ck_assert_uint_le(f->num_prompts, MOST_PROMPTS);
    f->expected = cv_alloc_floats(f->num_prompts * f->V);
    for (size_t p = 0; p < f->num_prompts; p++) read_prompt(f, p, json_array_get(prompts, p));
    free(path);
}

static void close_fixture(fixture *f)
{
    cv_engine_close(f->engine);
    cv_model_close(f->model);
    json_decref(f->reference);
    free(f->expected);
}

/* Relative L2 error at most 1e-5 and the same argmax. */
static void compare(const fixture *f, const char *name, size_t p, const float *logits)
{
    const float *expected = f->expected + p * f->V;
    double difference = 0, size = 0;
    size_t best = 0, expected_best = 0;
    for (size_t v = 0; v < f->V; v++) {
        difference += pow((double)logits[v] - (double)expected[v], 2);
        size += pow((double)expected[v], 2);
        if (logits[v] > logits[best]) best = v;
        if (expected[v] > expected[expected_best]) expected_best = v;
    }
    ck_assert_msg(sqrt(difference / size) <= 1e-5, "%s, prompt %zu: relative error %g", name, p,
                  sqrt(difference / size));
    ck_assert_msg(best == expected_best, "%s, prompt %zu: argmax %zu, expected %zu", name, p, best, expected_best);
}

static void check_plain(const fixture *f, const char *name)
{
    float *logits = cv_alloc_floats(f->V);
    cv_error err;
    for (size_t p = 0; p < f->num_prompts; p++) {
        ck_assert_msg(cv_plain_logits(f->engine, f->ids[p], f->count[p], NULL, logits, &err), "%s", err.text);
        compare(f, name, p, logits);
    }
    free(logits);
}

/* All prompts in one trie: the clean state of a sweep without heads. */
static void check_wavefront(const fixture *f, const char *name)
{
    size_t d = f->engine->shape.d;
    float *clean = cv_alloc_floats(f->num_prompts * d), *logits = cv_alloc_floats(f->V);
    cv_prompt_block block = {f->num_prompts, f->ids, f->count};
    cv_error err;
    ck_assert_msg(cv_wavefront(f->engine, &block, NULL, NULL, clean, NULL, &err), "%s", err.text);
    for (size_t p = 0; p < f->num_prompts; p++) {
        ck_assert_msg(cv_plain_project(f->engine, clean + p * d, logits, &err), "%s", err.text);
        compare(f, name, p, logits);
    }
    free(clean);
    free(logits);
}

START_TEST(logits_equal_those_of_transformers)
{
    const char *root = CARAVAN_SOURCE_DIR "/tests/fixtures/models";
    DIR *folder = opendir(root);
    ck_assert_ptr_nonnull(folder);
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *directory = cv_path_join(root, entry->d_name), *config = cv_path_join(directory, "config.json");
        if (entry->d_name[0] != '.' && cv_file_exists(config)) {
            fixture f;
            open_fixture(&f, directory);
            check_plain(&f, entry->d_name);
            check_wavefront(&f, entry->d_name);
            close_fixture(&f);
            seen++;
        }
        free(directory);
        free(config);
    }
    closedir(folder);
    ck_assert_int_ge(seen, 18);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("logits");
    tcase_add_test(tests, logits_equal_those_of_transformers);
    return run_suite(tests);
}
