#include "stats_cases.h"
#include "suite.h"

START_TEST(q_values_as_scipy)
{
    json_t *fixture = stats_fixture("overlap.json");
    const json_t *cases = json_object_get(fixture, "false_discovery");
    ck_assert_uint_ge(json_array_size(cases), 5);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        size_t n, m, columns;
        double *p = numbers_of(json_object_get(json_array_get(cases, i), "p"), &n, &columns);
        double *expected = numbers_of(json_object_get(json_array_get(cases, i), "q"), &m, &columns);
        double *q = cv_alloc(n, sizeof *q);
        ck_assert_uint_eq(n, m);
        cv_benjamini_hochberg(p, n, q);
        for (size_t k = 0; k < n; k++) check_near(q[k], expected[k], 1e-15, "q", k);
        free(p);
        free(expected);
        free(q);
    }
    json_decref(fixture);
}
END_TEST

/* A test that was not made takes no part: two tests of three give what these two alone do. */
START_TEST(nan_takes_no_part)
{
    const double p[] = {0.02, NAN, 0.04};
    double q[3];
    cv_benjamini_hochberg(p, 3, q);
    ck_assert_double_eq_tol(q[0], 0.04, 1e-15);
    ck_assert(isnan(q[1]));
    ck_assert_double_eq_tol(q[2], 0.04, 1e-15);
    cv_benjamini_hochberg(p + 1, 1, q);
    ck_assert(isnan(q[0]));
    cv_benjamini_hochberg(NULL, 0, NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("false_discovery");
    tcase_add_test(tests, q_values_as_scipy);
    tcase_add_test(tests, nan_takes_no_part);
    return run_suite(tests);
}
