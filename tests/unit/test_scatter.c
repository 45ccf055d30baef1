#include "report/scatter.h"

#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

static char *draw(const double *across, const double *up, size_t count, size_t named)
{
    static const char *const names[] = {"L0H0", "L0H1", "L0H2", "L0H3", "L0H4", "L0H5", "L0H6", "L0H7"};
    static char tip[] = "a <tip>", *tips[] = {tip, tip, tip, tip, tip, tip, tip, tip};
    cv_buffer out = {0};
    const cv_scatter plot = {"id", "title", "across", "up", across, up, tips, names, count, named};
    cv_scatter_draw(&out, &plot);
    return cv_buffer_steal(&out);
}

START_TEST(each_head_is_a_point)
{
    const double across[] = {1, 0.1, 0, NAN}, up[] = {0.5, 0.1, 0.2, 1};
    char *svg = draw(across, up, 4, 2);
    ck_assert_uint_eq(count_of(svg, "<circle"), 3);
    ck_assert_uint_eq(count_of(svg, "<title>a &lt;tip&gt;</title></circle>"), 3);
    ck_assert_uint_eq(count_of(svg, ">L0H0</text>"), 1);
    ck_assert_uint_eq(count_of(svg, ">L0H1</text>"), 1);
    ck_assert_uint_eq(count_of(svg, ">L0H2</text>"), 0);
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

/* At one place there is room for a few names; the others are left out, not written over each other. */
START_TEST(names_keep_apart)
{
    const double across[] = {1, 1, 1, 1, 1, 1, 1, 1};
    char *svg = draw(across, across, 8, 8);
    size_t names = count_of(svg, ">L0H");
    ck_assert_uint_ge(names, 1);
    ck_assert_uint_le(names, 4);
    free(svg);
}
END_TEST

START_TEST(no_points_no_fault)
{
    const double none[] = {NAN, NAN}, zeros[] = {0, 0};
    char *svg = draw(none, none, 2, 2);
    ck_assert_uint_eq(count_of(svg, "<circle"), 0);
    ck_assert(is_balanced(svg));
    free(svg);
    svg = draw(zeros, zeros, 2, 0);
    ck_assert_uint_eq(count_of(svg, "<circle"), 2);
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scatter");
    tcase_add_test(tests, each_head_is_a_point);
    tcase_add_test(tests, names_keep_apart);
    tcase_add_test(tests, no_points_no_fault);
    return run_suite(tests);
}
