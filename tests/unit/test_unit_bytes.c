#include "sweep/unit_bytes.h"

#include "suite.h"
#include "sweep/bytes.h"

#include <string.h>

static cv_job_model models[] = {{.name = "one"}, {.name = "two"}};
static char *names[] = {"uniform_attention", "value_scale"};
static const cv_job job = {
    .models = models, .num_models = 2, .ablation_names = names, .num_ablations = 2, .ships = true};
static const cv_unit unit = {
    .model = 1, .ablation = 1, .prompt_end = 3, .layer_end = 2, .head_begin = 1, .head_end = 3};

static cv_buffer described(const cv_unit *which, const cv_job *of, const cv_head_group *group)
{
    cv_buffer text = {0};
    cv_unit_describe(which, of, group, &text);
    return text;
}

static bool same(const cv_buffer *a, const cv_buffer *b)
{
    return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* Whatever changes what a unit is changes its description; numbers of the job do not. */
START_TEST(descriptions_tell_units_apart)
{
    static const cv_ablated_head head = {1, 2, {.kind = CV_VALUE_SCALE}};
    cv_head_group none = {NULL, 0}, group = {&head, 1};
    cv_unit others[] = {unit, unit, unit, unit, unit, unit, unit, unit};
    others[0].model = others[1].ablation = 0;
    others[2].set = others[3].prompt_begin = others[4].layer_begin = 1;
    others[5].head_begin = 0;
    others[6].step = 1;
    others[7].prompt_end = 2;
    cv_buffer text = described(&unit, &job, &none), with = described(&unit, &job, &group);
    ck_assert(!same(&text, &with));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        cv_buffer other = described(&others[i], &job, &none);
        ck_assert_msg(!same(&text, &other), "unit %zu", i);
        cv_buffer_free(&other);
    }
    cv_job part = job;
    part.models = models + 1;
    part.num_models = 1;
    cv_unit moved = unit;
    moved.model = 0;
    cv_buffer there = described(&moved, &part, &none);
    ck_assert(same(&text, &there));
    cv_buffer_free(&there);
    cv_buffer_free(&with);
    cv_buffer_free(&text);
}
END_TEST

START_TEST(values_come_back_or_are_refused)
{
    cv_error err;
    double values[12] = {0.5, 1, 2};
    ck_assert_uint_eq(cv_unit_values(&unit, &job), 12);
    cv_buffer bytes = {0};
    cv_put_array(&bytes, values, 12, sizeof *values);
    double *read = cv_unit_read(&unit, &job, 7, bytes.data, bytes.length, &err);
    ck_assert_ptr_nonnull(read);
    ck_assert_mem_eq(read, values, sizeof values);
    free(read);
    ck_assert_ptr_null(cv_unit_read(&unit, &job, 7, bytes.data, bytes.length - 1, &err));
    ck_assert_msg(strstr(err.text, "unit 7"), "%s", err.text);
    bytes.length = 0;
    cv_put_array(&bytes, values, 11, sizeof *values);
    ck_assert_ptr_null(cv_unit_read(&unit, &job, 7, bytes.data, bytes.length, &err));
    cv_buffer_free(&bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("unit_bytes");
    tcase_add_test(tests, descriptions_tell_units_apart);
    tcase_add_test(tests, values_come_back_or_are_refused);
    return run_suite(tests);
}
