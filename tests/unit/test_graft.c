#include "model/graft.h"

#include "model_fixture.h"

#include <string.h>

#define DEMO CARAVAN_SOURCE_DIR "/jobs/demo/models/"

static cv_model *grafted(const char *directory, const char *attention)
{
    cv_error err;
    cv_model *model = cv_model_open_grafted(directory, attention, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    return model;
}

static void compute(const cv_model *model, const int32_t *ids, size_t count, float *logits)
{
    cv_error err;
    cv_engine *engine = cv_engine_open(model, (int)count);
    ck_assert_msg(cv_plain_logits(engine, ids, count, NULL, logits, &err), "%s", err.text);
    cv_engine_close(engine);
}

static double distance(const float *a, const float *b, size_t n)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    return sqrt(difference / size);
}

static const char *const pairs[][2] = {{"chat-a", "base-1"}, {"base-1", "chat-a"}};

START_TEST(logits_are_those_of_transformers)
{
    char body[512], donor[512], reference[512];
    cv_error err;
    snprintf(body, sizeof body, DEMO "%s", pairs[_i][0]);
    snprintf(donor, sizeof donor, DEMO "%s", pairs[_i][1]);
    snprintf(reference, sizeof reference, CARAVAN_SOURCE_DIR "/tests/fixtures/graft/%s-with-%s.json", pairs[_i][0],
             pairs[_i][1]);
    model_fixture f = {.name = reference, .model = grafted(body, donor)};
    cv_model *alone = grafted(body, NULL);
    f.V = (size_t)f.model->config.vocab_size;
    f.reference = cv_json_load(reference, 0, &err);
    ck_assert_msg(f.reference != NULL, "%s", err.text);
    const json_t *prompts = json_object_get(f.reference, "prompts");
    f.num_prompts = json_array_size(prompts);
    ck_assert_uint_ge(f.num_prompts, 5);
    ck_assert_uint_le(f.num_prompts, FIXTURE_MOST_PROMPTS);
    f.expected = cv_alloc_floats(f.num_prompts * f.V);
    float *logits = cv_alloc_floats(f.V);
    for (size_t p = 0; p < f.num_prompts; p++) {
        const float *expected = f.expected + p * f.V;
        fixture_prompt(&f, p, json_array_get(prompts, p));
        compute(f.model, f.ids[p], f.count[p], logits);
        fixture_compare(&f, "grafted", expected, logits);
        compute(alone, f.ids[p], f.count[p], logits);
        ck_assert_msg(distance(logits, expected, f.V) > 1e-3, "the graft changes nothing");
    }
    ck_assert_uint_eq(f.model->parameters, alone->parameters);
    ck_assert_uint_eq(f.model->weight_bytes, alone->weight_bytes);
    cv_model_close(alone);
    free(logits);
    fixture_close(&f);
}
END_TEST

START_TEST(its_own_attention_changes_nothing)
{
    static const int32_t ids[] = {3, 1, 4, 1, 5};
    cv_model *alone = grafted(DEMO "chat-b", NULL), *self = grafted(DEMO "chat-b", DEMO "chat-b");
    ck_assert_ptr_null(alone->attention);
    ck_assert_ptr_nonnull(self->attention);
    size_t V = (size_t)alone->config.vocab_size;
    float *a = cv_alloc_floats(V), *b = cv_alloc_floats(V);
    compute(alone, ids, 5, a);
    compute(self, ids, 5, b);
    ck_assert_mem_eq(a, b, V * sizeof *a);
    free(a);
    free(b);
    cv_model_close(alone);
    cv_model_close(self);
}
END_TEST

/* Fixtures of one size that differ in what attention does, and one of another size. */
static const struct {
    const char *body, *donor, *words;
} misfits[] = {
    {"gqa", "mha", "num_key_value_heads is 2 here and 4 there"},
    {"gqa", "head-dim", "head_dim is "},
    {"gqa", "mqa-3-layers", "num_hidden_layers is "},
    {"gqa", "attention-bias", "the bias of q is 0 here and 1 there"},
    {"qwen2", "gqa", "the bias of q is 1 here and 0 there"},
    {"gqa", "rope-theta", "rope_theta is "},
    {"gqa", "rope-linear", "the kind of rope is "},
    {"rope-llama3", "gqa", "num_attention_heads is 2 here and "},
};

START_TEST(misfits_are_refused)
{
    char body[512], donor[512];
    cv_error err = {CV_OK, ""};
    snprintf(body, sizeof body, CARAVAN_SOURCE_DIR "/tests/fixtures/models/%s", misfits[_i].body);
    snprintf(donor, sizeof donor, CARAVAN_SOURCE_DIR "/tests/fixtures/models/%s", misfits[_i].donor);
    ck_assert_ptr_null(cv_model_open_grafted(body, donor, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, misfits[_i].words) && strstr(err.text, body) && strstr(err.text, donor), "%s",
                  err.text);
}
END_TEST

/* Files of another type are fine: each tensor is widened as it is stored. */
START_TEST(another_type_is_fine)
{
    cv_model *model =
        grafted(CARAVAN_SOURCE_DIR "/tests/fixtures/models/gqa", CARAVAN_SOURCE_DIR "/tests/fixtures/models/bf16");
    ck_assert_int_eq(model->layers[0].q_proj.dtype, CV_BF16);
    ck_assert_int_eq(model->layers[0].down_proj.dtype, CV_F32);
    cv_model_close(model);
}
END_TEST

START_TEST(a_missing_donor_is_named)
{
    cv_error err;
    ck_assert_ptr_null(cv_model_open_grafted(DEMO "chat-a", "/nowhere/at/all", &err));
    ck_assert_msg(strstr(err.text, "/nowhere/at/all") != NULL, "%s", err.text);
    ck_assert_ptr_null(cv_model_open_grafted("/nowhere/at/all", DEMO "chat-a", &err));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("graft");
    tcase_add_loop_test(tests, logits_are_those_of_transformers, 0, ROWS(pairs));
    tcase_add_test(tests, its_own_attention_changes_nothing);
    tcase_add_loop_test(tests, misfits_are_refused, 0, ROWS(misfits));
    tcase_add_test(tests, another_type_is_fine);
    tcase_add_test(tests, a_missing_donor_is_named);
    return run_suite(tests);
}
