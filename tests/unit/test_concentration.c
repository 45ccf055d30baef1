#include "stats_cases.h"
#include "suite.h"

START_TEST(as_by_the_definition)
{
    json_t *fixture = stats_fixture("overlap.json");
    const json_t *cases = json_object_get(fixture, "concentration");
    ck_assert_uint_ge(json_array_size(cases), 6);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t n, columns;
        double *values = numbers_of(json_object_get(c, "values"), &n, &columns);
        check_near(cv_gini(values, n), number_of(json_object_get(c, "gini")), 1e-14, "Gini", i);
        check_near(cv_top_share(values, n, 3), number_of(json_object_get(c, "top_3")), 1e-14, "share", i);
        free(values);
    }
    json_decref(fixture);
}
END_TEST

START_TEST(equal_and_lone_values)
{
    const double equal[] = {0.1, 0.1, 0.1, 0.1}, lone[] = {0, 0, 0, 7};
    ck_assert_double_eq_tol(cv_gini(equal, 4), 0, 1e-16);
    ck_assert_double_eq(cv_gini(lone, 4), 0.75);
    ck_assert_double_eq_tol(cv_top_share(equal, 4, 1), 0.25, 1e-16);
    ck_assert_double_eq(cv_top_share(equal, 4, 4), 1);
    ck_assert_double_eq(cv_top_share(equal, 4, 9), 1);
    ck_assert_double_eq(cv_top_share(lone, 4, 1), 1);
    ck_assert_double_eq(cv_top_share(lone, 4, 0), 0);
}
END_TEST

START_TEST(what_cannot_be_shared_out_is_nan)
{
    const double zero[] = {0, 0}, negative[] = {1, -1, 3}, nan[] = {1, NAN}, infinite[] = {1, INFINITY};
    ck_assert(isnan(cv_gini(zero, 2)) && isnan(cv_top_share(zero, 2, 1)));
    ck_assert(isnan(cv_gini(negative, 3)) && isnan(cv_top_share(negative, 3, 1)));
    ck_assert(isnan(cv_gini(nan, 2)) && isnan(cv_top_share(nan, 2, 1)));
    ck_assert(isnan(cv_gini(infinite, 2)) && isnan(cv_top_share(infinite, 2, 1)));
    ck_assert(isnan(cv_gini(zero, 0)) && isnan(cv_top_share(zero, 0, 1)));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("concentration");
    tcase_add_test(tests, as_by_the_definition);
    tcase_add_test(tests, equal_and_lone_values);
    tcase_add_test(tests, what_cannot_be_shared_out_is_nan);
    return run_suite(tests);
}
