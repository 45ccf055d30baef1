#include "stats/normal_scores.h"

#include "stats_cases.h"
#include "suite.h"

START_TEST(quantiles_as_scipy)
{
    json_t *fixture = stats_fixture("overlap.json");
    size_t rows, columns;
    double *cases = numbers_of(json_object_get(fixture, "quantiles"), &rows, &columns);
    ck_assert_uint_ge(rows, 10);
    for (size_t i = 0; i < rows; i++) {
        double expected = cases[2 * i + 1];
        check_near(cv_normal_quantile(cases[2 * i]), expected, 1e-13 + 1e-14 * fabs(expected), "quantile", i);
    }
    free(cases);
    json_decref(fixture);
}
END_TEST

/* Of five items the two equal ones share the mean of ranks 2 and 3. */
START_TEST(ties_share_a_score)
{
    const double values[] = {4, 9, 7, 7, 1};
    double *table = cv_normal_table(5), scores[5];
    cv_ranking ranking = cv_ranking_make(5);
    cv_ranking_set(&ranking, values);
    cv_normal_scores(&ranking, table, scores);
    ck_assert_double_eq_tol(scores[1], cv_normal_quantile(0.9), 1e-15);
    ck_assert_double_eq_tol(scores[2], cv_normal_quantile(0.6), 1e-15);
    ck_assert_double_eq(scores[2], scores[3]);
    ck_assert_double_eq_tol(scores[0], cv_normal_quantile(0.3), 1e-15);
    ck_assert_double_eq(scores[4], -scores[1]);
    cv_ranking_free(&ranking);
    free(table);
}
END_TEST

START_TEST(residuals_are_what_is_left)
{
    const double control[] = {-1, 0, 1}, same[] = {-2, 0, 2}, other[] = {1, -2, 1}, zero[] = {0, 0, 0};
    double fitted[3], residual[3];
    cv_normal_split(same, control, 3, fitted, residual);
    for (int i = 0; i < 3; i++) ck_assert(fitted[i] == same[i] && residual[i] == 0);
    cv_normal_split(other, control, 3, fitted, residual);
    for (int i = 0; i < 3; i++) ck_assert(fitted[i] == 0 && residual[i] == other[i]);
    cv_normal_split(other, zero, 3, fitted, residual);
    for (int i = 0; i < 3; i++) ck_assert(fitted[i] == 0 && residual[i] == other[i]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("normal_scores");
    tcase_add_test(tests, quantiles_as_scipy);
    tcase_add_test(tests, ties_share_a_score);
    tcase_add_test(tests, residuals_are_what_is_left);
    return run_suite(tests);
}
