#include "report/distribution.h"

#include "picture.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

static char *draw(const double *a, const double *b, size_t count)
{
    cv_buffer out = {0};
    const char *names[] = {"one", "two"};
    const double *values[] = {a, b};
    const cv_distribution plot = {"id", "title", "axis", names, values, b ? 2 : 1, count};
    cv_distribution_draw(&out, &plot);
    return cv_buffer_steal(&out);
}

/* The points of the n-th curve. */
static size_t points_of(const char *svg, int n, double points[][2], size_t most)
{
    const char *at = svg;
    for (int i = 0; i <= n; i++) {
        at = strstr(at, "<path fill=\"none\" d=\"M");
        ck_assert_ptr_nonnull(at);
        at += strlen("<path fill=\"none\" d=\"");
    }
    size_t count = 0;
    while (*at != '"') {
        int used;
        ck_assert_uint_lt(count, most);
        ck_assert_int_eq(sscanf(at + 1, "%lf %lf%n", &points[count][0], &points[count][1], &used), 2);
        at += 1 + used;
        count++;
    }
    return count;
}

START_TEST(a_curve_climbs_at_each_value)
{
    const double a[] = {0.01, 1, 0.1, NAN};
    double points[16][2];
    char *svg = draw(a, NULL, 4);
    size_t count = points_of(svg, 0, points, 16);
    ck_assert_uint_eq(count, 7); /* two a step, and the end */
    double foot = points[0][1], top = points[count - 1][1];
    ck_assert_double_lt(top, foot - 100);
    ck_assert_double_eq_tol(points[1][1], foot + (top - foot) / 3, 0.02);
    ck_assert_double_eq_tol(points[3][1], foot + (top - foot) * 2 / 3, 0.02);
    ck_assert_double_eq_tol(points[2][0], (points[0][0] + points[4][0]) / 2, 0.02); /* decades are alike */
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

START_TEST(zeros_lie_at_the_edge)
{
    const double a[] = {0, 0, 1, 1e-20}, b[] = {0, 0, 0, 0};
    double points[16][2], zeros[16][2];
    char *svg = draw(a, b, 4);
    size_t count = points_of(svg, 0, points, 16);
    ck_assert_double_eq(points[0][0], points[1][0]);
    ck_assert_double_eq_tol(points[1][1], points[0][1] + 0.75 * (points[count - 1][1] - points[0][1]), 0.02);
    ck_assert_uint_eq(points_of(svg, 1, zeros, 16), 3);
    ck_assert_double_eq(zeros[0][0], points[0][0]);
    free(svg);
    svg = draw(b, b, 4); /* nothing but zeros */
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

START_TEST(no_values_no_curve)
{
    const double a[] = {NAN, NAN};
    char *svg = draw(a, NULL, 2);
    ck_assert_uint_eq(count_of(svg, "<path fill=\"none\""), 0);
    ck_assert(is_balanced(svg));
    free(svg);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("distribution");
    tcase_add_test(tests, a_curve_climbs_at_each_value);
    tcase_add_test(tests, zeros_lie_at_the_edge);
    tcase_add_test(tests, no_values_no_curve);
    return run_suite(tests);
}
