#include "report/table.h"

#include "scratch.h"
#include "suite.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const struct {
    double value;
    const char *text;
} numbers[] = {
    {0, "0"},
    {1, "1"},
    {-2.5, "-2.5"},
    {0.1, "0.1"},
    {1.0 / 3, "0.3333333333333333"},
    {123456789, "123456789"},
    {1e-5, "1e-05"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1e300, "1e+300"},
    {5e-324, "4.94066e-324"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {NAN, ""},
};

/* Short, and the very number when read again. */
START_TEST(a_number_is_as_short_as_it_may_be)
{
    cv_buffer out = {0};
    cv_put_number(&out, numbers[_i].value);
    cv_buffer_puts(&out, "");
    ck_assert_str_eq(out.data, numbers[_i].text);
    if (numbers[_i].text[0]) ck_assert_double_eq(strtod(out.data, NULL), numbers[_i].value);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(an_estimate_is_two_or_three_fields)
{
    cv_buffer out = {0};
    cv_put_estimate(&out, (cv_estimate){0.5, 0.25, 0.75});
    cv_put_interval(&out, (cv_estimate){0.5, 0.125, 1});
    cv_put_estimate(&out, (cv_estimate){NAN, NAN, NAN});
    cv_put_interval(&out, (cv_estimate){2, NAN, NAN});
    ck_assert_str_eq(out.data, ",0.5,0.25,0.75,0.125,1,,,,,");
    cv_buffer_free(&out);
}
END_TEST

static const struct {
    const char *text, *field;
} fields[] = {
    {"", ""},
    {"top:3", "top:3"},
    {"two words", "two words"},
    {"a,b", "\"a,b\""},
    {"say \"no\"", "\"say \"\"no\"\"\""},
    {"line\nbreak", "\"line\nbreak\""},
    {"return\r", "\"return\r\""},
    {"\"", "\"\"\"\""},
    {"100 %d", "100 %d"},
    {"%s,%n", "\"%s,%n\""},
    {"k\xc3\xa4se", "k\xc3\xa4se"},
};

START_TEST(a_field_is_quoted_where_it_must_be)
{
    cv_buffer out = {0};
    cv_buffer_puts(&out, "x");
    cv_put_field(&out, fields[_i].text);
    ck_assert_str_eq(out.data + 1, fields[_i].field);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(a_table_goes_to_its_place)
{
    cv_job_model model = {.name = (char *)"m", .path = (char *)"m"};
    char *names[] = {(char *)"value_scale"};
    cv_job job = {.models = &model, .num_models = 1, .ablation_names = names, .num_ablations = 1};
    cv_error err = {0};
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_ptr_nonnull(folder);
    ck_assert(cv_folder_make(folder, "m/value_scale", &err));
    cv_buffer table = {0};
    cv_buffer_puts(&table, "a,b\n1,2\n");
    ck_assert_msg(cv_table_write(folder, &job, 0, 0, "t.csv", &table, &err), "%s", err.text);
    ck_assert_ptr_null(table.data);
    size_t length;
    char *path = scratch_path("m/value_scale/t.csv"), *text = cv_read_file(path, &length, &err);
    ck_assert_str_eq(text, "a,b\n1,2\n");
    free(path);
    free(text);
    names[0] = (char *)"nowhere"; /* a folder that nobody made: an error, and the table is freed all the same */
    cv_buffer_puts(&table, "a\n");
    ck_assert(!cv_table_write(folder, &job, 0, 0, "t.csv", &table, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "nowhere/t.csv"));
    ck_assert_ptr_null(table.data);
    cv_folder_close(folder);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("table");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, a_number_is_as_short_as_it_may_be, 0, ROWS(numbers));
    tcase_add_test(tests, an_estimate_is_two_or_three_fields);
    tcase_add_loop_test(tests, a_field_is_quoted_where_it_must_be, 0, ROWS(fields));
    tcase_add_test(tests, a_table_goes_to_its_place);
    return run_suite(tests);
}
