#include "stats_cases.h"
#include "suite.h"

START_TEST(distances_as_scipy)
{
    json_t *fixture = stats_fixture("overlap.json");
    const json_t *cases = json_object_get(fixture, "depth");
    ck_assert_uint_ge(json_array_size(cases), 7);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t n, m, columns;
        double *a = numbers_of(json_object_get(c, "a"), &n, &columns);
        double *b = numbers_of(json_object_get(c, "b"), &m, &columns);
        double expected = number_of(json_object_get(c, "distance"));
        check_near(cv_depth_distance(a, n, b, m), expected, 1e-14, "distance", i);
        check_near(cv_depth_distance(b, m, a, n), expected, 1e-14, "distance the other way", i);
        ck_assert_double_eq(cv_depth_distance(a, n, a, n), 0);
        free(a);
        free(b);
    }
    json_decref(fixture);
}
END_TEST

START_TEST(profiles_are_shares)
{
    const double scores[] = {1, 2, 0, 0, 4, 1};
    double profile[3];
    cv_depth_profile(scores, 3, 2, profile);
    ck_assert_double_eq(profile[0], 0.375);
    ck_assert_double_eq(profile[1], 0);
    ck_assert_double_eq(profile[2], 0.625);
    const double first[] = {1, 0, 0, 0}, last[] = {0, 0, 0, 1};
    ck_assert_double_eq(cv_depth_distance(first, 4, last, 4), 0.75);
}
END_TEST

START_TEST(no_profile_is_made_up)
{
    const double zero[] = {0, 0}, negative[] = {1, -0.5}, nan[] = {NAN, 1};
    double profile[2];
    const double *const cases[] = {zero, negative, nan};
    for (int i = 0; i < 3; i++) {
        cv_depth_profile(cases[i], 2, 1, profile);
        ck_assert(isnan(profile[0]) && isnan(profile[1]));
        ck_assert(isnan(cv_depth_distance(profile, 2, profile, 2)));
    }
    ck_assert(isnan(cv_depth_distance(zero, 0, zero, 2)));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("depth");
    tcase_add_test(tests, distances_as_scipy);
    tcase_add_test(tests, profiles_are_shares);
    tcase_add_test(tests, no_profile_is_made_up);
    return run_suite(tests);
}
