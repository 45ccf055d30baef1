#include "sweep/batch.h"

#include "suite.h"
#include "tiny_model.h"

#include <string.h>

/* Items of two models; each takes its weight in MiB, beside a base. */
typedef struct setting {
    cv_model models[2], *pointers[2];
    cv_job_model job_models[2];
    cv_inputs inputs;
    size_t total, second, most; /* items, the first of model 1, most of a batch */
    uint64_t base;
    uint64_t weight[64];
} setting;

static const uint64_t MIB = 1 << 20;

static int model_of(const void *context, size_t item)
{
    return item >= ((const setting *)context)->second;
}

static size_t reach(const void *context, size_t begin)
{
    const setting *s = context;
    size_t end = begin < s->second ? s->second : s->total;
    return end - begin < s->most ? end : begin + s->most;
}

static cv_wavefront_cost price(const void *context, size_t begin, size_t end)
{
    const setting *s = context;
    cv_wavefront_cost cost = {.memory_bytes = s->base * MIB, .thread_bytes = 7};
    for (size_t i = begin; i < end; i++) {
        cost.work.operations += 100 + i;
        cost.memory_bytes += s->weight[i] * MIB;
    }
    return cost;
}

static void make(setting *s, size_t total, size_t second, size_t most, uint64_t base, uint64_t budget)
{
    *s = (setting){.total = total, .second = second, .most = most, .base = base};
    s->pointers[0] = &s->models[0];
    s->pointers[1] = &s->models[1];
    s->job_models[0].name = (char *)"small";
    s->job_models[1].name = (char *)"large";
    s->inputs = (cv_inputs){.models = s->pointers};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = s->job_models, .num_models = 2};
    s->inputs.job.memory_bytes = budget * MIB;
    for (size_t i = 0; i < total; i++) s->weight[i] = 10;
}

static cv_batch *cut(const setting *s, size_t *count, cv_error *err)
{
    cv_batching batching = {&s->inputs, "answer", s->total, s, model_of, reach, price};
    *err = (cv_error){0};
    return cv_batches_cut(&batching, count, err);
}

/* The lengths of the batches, which cover all items once, in order, each with its own price. */
static void expect_lengths(const setting *s, size_t num, const size_t *lengths)
{
    size_t count, next = 0;
    cv_error err;
    cv_batch *batches = cut(s, &count, &err);
    ck_assert_msg(batches != NULL, "%s", err.text);
    ck_assert_uint_eq(count, num);
    for (size_t b = 0; b < count; b++) {
        cv_wavefront_cost cost = price(s, next, next + lengths[b]);
        ck_assert_uint_eq(batches[b].begin, next);
        ck_assert_uint_eq(batches[b].end, next + lengths[b]);
        ck_assert_uint_eq(batches[b].operations, cost.work.operations);
        ck_assert_uint_eq(batches[b].memory_bytes, cost.memory_bytes);
        ck_assert_uint_eq(batches[b].thread_bytes, 7);
        next += lengths[b];
    }
    ck_assert_uint_eq(next, s->total);
    free(batches);
}

START_TEST(a_batch_is_as_large_as_may_be)
{
    setting s;
    make(&s, 20, 13, 8, 0, 1000);
    expect_lengths(&s, 3, (size_t[]){8, 5, 7});
}
END_TEST

/* 100 MiB hold 10 items; a reach of 16 is halved to 8, and one heavy item more to 4. */
START_TEST(batches_that_are_too_large_are_halved)
{
    setting s;
    make(&s, 20, 20, 16, 0, 100);
    expect_lengths(&s, 3, (size_t[]){8, 6, 6});
    s.weight[2] = 50;
    expect_lengths(&s, 3, (size_t[]){4, 8, 8});
}
END_TEST

/* 1 GiB beside a single item: the base does not count, however large, as no batch is without it. */
START_TEST(the_automatic_budget_is_beside_one_item)
{
    setting s;
    make(&s, 40, 40, 40, 5000, 0);
    for (size_t i = 0; i < 40; i++) s.weight[i] = 100;
    expect_lengths(&s, 4, (size_t[]){10, 8, 11, 11});
    s.models[0].weight_bytes = 2048 * MIB;
    expect_lengths(&s, 2, (size_t[]){20, 20});
    s.models[0].weight_bytes = 4096 * MIB;
    expect_lengths(&s, 1, (size_t[]){40});
}
END_TEST

START_TEST(an_item_that_is_too_large_is_named)
{
    setting s;
    make(&s, 20, 10, 16, 0, 1024);
    s.weight[15] = 1536;
    size_t count;
    cv_error err;
    ck_assert_ptr_null(cut(&s, &count, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_str_eq(err.text, "job.json: engine.memory_gib is 1, but one answer of model large needs 1.5");
    s.inputs.job.memory_bytes = 0; /* then it is computed all the same */
    cv_batch *batches = cut(&s, &count, &err);
    ck_assert_ptr_nonnull(batches);
    free(batches);
}
END_TEST

START_TEST(nothing_is_no_error)
{
    setting s;
    make(&s, 0, 0, 8, 0, 1);
    expect_lengths(&s, 0, NULL);
}
END_TEST

/* 16-bit layers are widened, and kept once answers are generated; 32-bit ones lie in the file. */
START_TEST(kept_layers_are_those_that_are_widened)
{
    cv_model *model = tiny_model(tiny_config(), 1), *models[] = {model};
    cv_inputs inputs = {.models = models};
    inputs.job.evaluate.num_decode = 1;
    ck_assert_uint_eq(cv_kept_layers_bytes(&inputs, 0), 0);
    for (int l = 0; l < 3; l++) model->layers[l].up_proj.dtype = CV_BF16;
    uint64_t bytes = 3 * sizeof(float) * 48 * 32;
    ck_assert_uint_eq(cv_kept_layers_bytes(&inputs, 0), bytes);
    inputs.job.engine = CV_ENGINE_PLAIN;
    ck_assert_uint_eq(cv_kept_layers_bytes(&inputs, 0), bytes);
    inputs.job.evaluate.num_decode = 0;
    ck_assert_uint_eq(cv_kept_layers_bytes(&inputs, 0), 0);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("batch");
    tcase_add_test(tests, a_batch_is_as_large_as_may_be);
    tcase_add_test(tests, batches_that_are_too_large_are_halved);
    tcase_add_test(tests, the_automatic_budget_is_beside_one_item);
    tcase_add_test(tests, an_item_that_is_too_large_is_named);
    tcase_add_test(tests, nothing_is_no_error);
    tcase_add_test(tests, kept_layers_are_those_that_are_widened);
    return run_suite(tests);
}
