#include "report/dots.h"

#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

static char *draw(const char *const *labels, size_t rows, const char *const *series, size_t num_series,
                  const cv_estimate *dots, const double *range)
{
    cv_buffer out = {0};
    const cv_dots plot = {"id", "title", "axis", labels, rows, series, num_series, dots, range, CV_SCALE_LINEAR};
    cv_dots_draw(&out, &plot);
    return cv_buffer_steal(&out);
}

START_TEST(each_estimate_has_a_mark_and_a_line)
{
    const char *labels[] = {"none", "<b>"}, *series[] = {"one", "two"};
    const cv_estimate dots[] = {{0.5, 0.25, 0.75}, {0.1, NAN, NAN}, {NAN, NAN, NAN}, {1, 0, 1}};
    const double range[] = {0, 1};
    char *svg = draw(labels, 2, series, 2, dots, range);
    ck_assert_uint_eq(count_of(svg, "<title>none, one: 0.5 (0.25 to 0.75)</title>"), 1);
    ck_assert_uint_eq(count_of(svg, "<title>none, two: 0.1</title>"), 1);
    ck_assert_uint_eq(count_of(svg, "<title>&lt;b&gt;, one"), 0);
    ck_assert_uint_eq(count_of(svg, "<title>&lt;b&gt;, two: 1 (0 to 1)</title>"), 1);
    ck_assert_uint_eq(count_of(svg, "stroke-width=\"2\"/>"), 2); /* the intervals */
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

/* The middle of a mark by its value: 0 to 1 lie between the first and the last tick. */
START_TEST(marks_lie_at_their_values)
{
    const char *labels[] = {"a", "b", "c"}, *series[] = {"s"};
    const cv_estimate dots[] = {{0, NAN, NAN}, {0.5, NAN, NAN}, {1, NAN, NAN}};
    const double range[] = {0, 1};
    char *svg = draw(labels, 3, series, 1, dots, range);
    double x[3];
    const char *at = svg;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, "m-4.5 0"); /* the disc of the first series */
        ck_assert_ptr_nonnull(at);
        const char *begin = at;
        while (*begin != 'M') begin--;
        x[i] = strtod(begin + 1, NULL);
        at++;
    }
    ck_assert_double_gt(x[2], x[0] + 100);
    ck_assert_double_eq_tol(x[1], (x[0] + x[2]) / 2, 0.02);
    free(svg);
}
END_TEST

START_TEST(long_labels_are_cut_between_characters)
{
    const char *labels[] = {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                            "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                            "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                            "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"},
               *series[] = {"s"};
    const cv_estimate dots[] = {{1, NAN, NAN}};
    char *svg = draw(labels, 1, series, 1, dots, NULL);
    ck_assert_uint_eq(count_of(svg, "\xc3\xa4\xe2\x80\xa6</text>"), 1);
    ck_assert_uint_eq(count_of(svg, "\xef\xbf\xbd"), 0);
    free(svg);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("dots");
    tcase_add_test(tests, each_estimate_has_a_mark_and_a_line);
    tcase_add_test(tests, marks_lie_at_their_values);
    tcase_add_test(tests, long_labels_are_cut_between_characters);
    return run_suite(tests);
}
