#include "report/csv_table.h"

#include "scratch.h"
#include "suite.h"

#include <math.h>
#include <string.h>

static cv_csv_table read_text(const char *text)
{
    cv_error err;
    cv_csv_table table;
    char *path = scratch_file("t.csv", text, strlen(text));
    ck_assert_msg(cv_csv_table_read(path, &table, &err), "%s", err.text);
    free(path);
    return table;
}

START_TEST(fields_are_found_by_name)
{
    cv_csv_table table = read_text("group,n,value\nnone,3,0.5\n\"a,b\",x,\n");
    int n;
    cv_error err;
    ck_assert_uint_eq(table.rows, 2);
    ck_assert_str_eq(cv_csv_table_text(&table, 1, "group"), "a,b");
    ck_assert_double_eq(cv_csv_table_number(&table, 0, "value"), 0.5);
    ck_assert_double_nan(cv_csv_table_number(&table, 1, "value"));
    ck_assert_double_nan(cv_csv_table_number(&table, 1, "n"));
    ck_assert_str_eq(cv_csv_table_text(&table, 0, "nowhere"), "");
    ck_assert_str_eq(cv_csv_table_text(&table, 2, "group"), "");
    ck_assert_double_nan(cv_csv_table_number(&table, 0, "nowhere"));
    ck_assert(cv_csv_table_has(&table, "n") && !cv_csv_table_has(&table, "N"));
    ck_assert(cv_csv_table_index(&table, 0, "n", 3, &n, &err) && n == 3);
    ck_assert(!cv_csv_table_index(&table, 0, "n", 2, &n, &err));
    ck_assert(!cv_csv_table_index(&table, 1, "n", 9, &n, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "t.csv: row 2: n is \"x\", and must be a whole number between 0 and 9"));
    cv_csv_table_free(&table);
}
END_TEST

static const struct {
    const char *text;
    size_t length;
    const char *message;
} broken[] = {
    {"", 0, "t.csv: is empty, without a header"},
    {"a,b\n1\n", 6, "t.csv: line 2: 1 fields, but the header has 2"},
    {"a\n\"b", 4, "t.csv: line 2: a field's opening quote"},
    {"a\n\0\n", 4, "t.csv: holds a NUL byte"},
};

START_TEST(damage_is_told)
{
    cv_error err;
    cv_csv_table table;
    char *path = scratch_file("t.csv", broken[_i].text, broken[_i].length);
    ck_assert(!cv_csv_table_read(path, &table, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, broken[_i].message) != NULL, "%s", err.text);
    free(path);
}
END_TEST

START_TEST(a_missing_table_is_empty)
{
    cv_error err;
    cv_csv_table table;
    char *path = scratch_path("none.csv");
    ck_assert(cv_csv_table_read_if_there(path, &table, &err));
    ck_assert_uint_eq(table.columns + table.rows, 0);
    ck_assert_str_eq(cv_csv_table_text(&table, 0, "a"), "");
    cv_csv_table_free(&table);
    ck_assert(!cv_csv_table_read(path, &table, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "none.csv"));
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("csv_table");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, fields_are_found_by_name);
    tcase_add_loop_test(tests, damage_is_told, 0, ROWS(broken));
    tcase_add_test(tests, a_missing_table_is_empty);
    return run_suite(tests);
}
