#include "report/lines.h"

#include "picture.h"
#include "suite.h"

START_TEST(each_line_has_its_points)
{
    cv_buffer out = {0};
    const double one[][2] = {{0.25, 0.5}, {0.75, 1}}, two[][2] = {{0.5, 0}};
    const cv_line lines[] = {{"<one>", one, 2}, {"two", two, 1}, {"none", NULL, 0}};
    const cv_lines plot = {"id", "title", "across", "up", lines, 3};
    cv_lines_draw(&out, &plot);
    ck_assert_uint_eq(count_of(out.data, "<path fill=\"none\" d=\"M"), 2);
    ck_assert_uint_eq(count_of(out.data, "<title>&lt;one&gt; at 0.25: 0.5</title>"), 1);
    ck_assert_uint_eq(count_of(out.data, "<title>&lt;one&gt; at 0.75: 1</title>"), 1);
    ck_assert_uint_eq(count_of(out.data, "<title>two at 0.5: 0</title>"), 1);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

START_TEST(no_lines_no_fault)
{
    cv_buffer out = {0};
    const cv_lines plot = {"id", "title", "across", "up", NULL, 0};
    cv_lines_draw(&out, &plot);
    ck_assert(is_balanced(out.data));
    cv_buffer_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lines");
    tcase_add_test(tests, each_line_has_its_points);
    tcase_add_test(tests, no_lines_no_fault);
    return run_suite(tests);
}
