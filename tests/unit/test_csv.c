#include "text/csv.h"

#include "suite.h"
#include "text_cases.h"

/* Fields are joined with |, records with /. */
static const struct {
    const char *csv, *records;
} cases[] = {
    {"", ""},
    {"a,b\n1,2\n", "a|b/1|2"},
    {"a,b\r\n1,2\r\n", "a|b/1|2"},
    {"a,b\n1,2", "a|b/1|2"},
    {"a\n\n\r\nb", "a/b"},
    {",\n", "|"},
    {"a,\n,b", "a|/|b"},
    {"\"a\"\n\"\"", "a/"},
    {"\"a,b\",\"c\"\"d\"", "a,b|c\"d"},
    {"\"two\nlines\",x", "two\nlines|x"},
    {"\"two\r\nlines\"\r\nx", "two\r\nlines/x"},
    {" a , b ", " a | b "},
    {"a\rb", "a\rb"},
};

START_TEST(test_records)
{
    cv_error err;
    cv_csv csv = {.at = cases[_i].csv, .end = cases[_i].csv + strlen(cases[_i].csv), .line = 1};
    cv_buffer out = {0};
    cv_buffer_puts(&out, "");
    bool first = true;
    while (cv_csv_next(&csv, &err) == CV_CSV_RECORD) {
        if (!first) cv_buffer_puts(&out, "/");
        first = false;
        for (size_t i = 0; i < csv.count; i++) cv_buffer_printf(&out, "%s%s", i ? "|" : "", csv.fields[i]);
    }
    ck_assert_ptr_eq(csv.at, csv.end);
    ck_assert_str_eq(out.data, cases[_i].records);
    cv_buffer_free(&out);
    cv_csv_free(&csv);
}
END_TEST

static const struct {
    const char *csv, *message;
} broken[] = {
    {"a\n\"b", "line 2: a field's opening quote has no closing one"},
    {"a\n\"b\nc\nd", "line 2: a field's opening quote has no closing one"},
    {"a\n\"b\"c", "line 2: text behind a field's closing quote"},
    {"a\nb\"c\"", "line 2: a quote inside a field"},
    {"\"x\ny\",\"z\" \n", "line 2: text behind a field's closing quote"},
};

START_TEST(test_broken)
{
    cv_error err;
    cv_csv csv = {.at = broken[_i].csv, .end = broken[_i].csv + strlen(broken[_i].csv), .line = 1};
    cv_csv_state state;
    while ((state = cv_csv_next(&csv, &err)) == CV_CSV_RECORD) {
    }
    ck_assert_int_eq(state, CV_CSV_ERROR);
    check_error(&err, broken[_i].message);
    cv_csv_free(&csv);
}
END_TEST

START_TEST(test_line_numbers)
{
    cv_error err;
    const char *text = "h\n\"a\nb\"\n\nc\n";
    const size_t lines[] = {1, 2, 5};
    cv_csv csv = {.at = text, .end = text + strlen(text), .line = 1};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(cv_csv_next(&csv, &err), CV_CSV_RECORD);
        ck_assert_uint_eq(csv.record_line, lines[i]);
    }
    ck_assert_int_eq(cv_csv_next(&csv, &err), CV_CSV_END);
    cv_csv_free(&csv);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("csv");
    tcase_add_loop_test(tests, test_records, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_broken, 0, ROWS(broken));
    tcase_add_test(tests, test_line_numbers);
    return run_suite(tests);
}
