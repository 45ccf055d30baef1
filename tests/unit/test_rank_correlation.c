#include "base/random.h"
#include "stats_cases.h"
#include "suite.h"

START_TEST(correlations_as_scipy)
{
    json_t *fixture = stats_fixture("rank_correlation.json");
    const json_t *cases = json_object_get(fixture, "cases");
    ck_assert_uint_ge(json_array_size(cases), 9);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t n, num_y, columns;
        double *x = numbers_of(json_object_get(c, "x"), &n, &columns);
        double *y = numbers_of(json_object_get(c, "y"), &num_y, &columns);
        ck_assert_uint_eq(n, num_y);
        check_near(cv_spearman(x, y, n), number_of(json_object_get(c, "spearman")), 1e-14, "rho", i);
        check_near(cv_spearman(y, x, n), number_of(json_object_get(c, "spearman")), 1e-14, "rho the other way", i);
        check_near(cv_kendall_tau(x, y, n), number_of(json_object_get(c, "kendall_tau")), 1e-14, "tau", i);
        check_near(cv_kendall_tau(y, x, n), number_of(json_object_get(c, "kendall_tau")), 1e-14, "tau the other way",
                   i);
        free(x);
        free(y);
    }
    json_decref(fixture);
}
END_TEST

/* Tau-b by its definition: all pairs looked at. */
static double tau_of_pairs(const double *x, const double *y, size_t n)
{
    double sum = 0, in_x = 0, in_y = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            int a = (x[i] > x[j]) - (x[i] < x[j]), b = (y[i] > y[j]) - (y[i] < y[j]);
            sum += a * b;
            in_x += a != 0;
            in_y += b != 0;
        }
    return sum / sqrt(in_x * in_y);
}

/* Every length to 70 takes the merges through all ways of being cut short. */
START_TEST(tau_as_by_all_pairs)
{
    double x[700], y[700];
    cv_random random = cv_random_open(1, CV_RANDOM_PERMUTATION, 0);
    for (size_t n = 2; n <= 700; n += n < 70 ? 1 : 315) {
        for (uint32_t levels = 2; levels < 5000; levels *= 12) {
            for (size_t i = 0; i < n; i++) {
                x[i] = cv_random_below(&random, levels);
                y[i] = x[i] + cv_random_below(&random, levels);
            }
            check_near(cv_kendall_tau(x, y, n), tau_of_pairs(x, y, n), 1e-14, "tau of length", n);
        }
    }
}
END_TEST

START_TEST(perfect_agreement_is_one_exactly)
{
    double x[257], up[257], down[257];
    for (int i = 0; i < 257; i++) {
        x[i] = (i * 37) % 257;
        up[i] = exp(x[i] / 50);
        down[i] = -x[i];
    }
    for (size_t n = 2; n <= 257; n++) {
        ck_assert_double_eq(cv_spearman(x, up, n), 1);
        ck_assert_double_eq(cv_spearman(x, down, n), -1);
        ck_assert_double_eq(cv_kendall_tau(x, up, n), 1);
        ck_assert_double_eq(cv_kendall_tau(x, down, n), -1);
    }
}
END_TEST

START_TEST(no_correlation_is_made_up)
{
    const double fine[] = {1, 2, 3}, nan[] = {1, NAN, 3}, constant[] = {2, 2, 2};
    const double zeros[] = {0.0, -0.0, 0.0}, infinite[] = {-INFINITY, 2, INFINITY};
    ck_assert(isnan(cv_spearman(fine, nan, 3)) && isnan(cv_spearman(nan, fine, 3)));
    ck_assert(isnan(cv_kendall_tau(fine, nan, 3)) && isnan(cv_kendall_tau(nan, fine, 3)));
    ck_assert(isnan(cv_spearman(fine, constant, 3)) && isnan(cv_spearman(constant, fine, 3)));
    ck_assert(isnan(cv_kendall_tau(fine, constant, 3)) && isnan(cv_kendall_tau(constant, fine, 3)));
    ck_assert(isnan(cv_spearman(fine, zeros, 3)) && isnan(cv_kendall_tau(fine, zeros, 3)));
    ck_assert(isnan(cv_spearman(fine, fine, 1)) && isnan(cv_kendall_tau(fine, fine, 1)));
    ck_assert(isnan(cv_spearman(fine, fine, 0)) && isnan(cv_kendall_tau(fine, fine, 0)));
    ck_assert_double_eq(cv_spearman(fine, infinite, 3), 1);
    ck_assert_double_eq(cv_kendall_tau(fine, infinite, 3), 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rank_correlation");
    tcase_add_test(tests, correlations_as_scipy);
    tcase_add_test(tests, tau_as_by_all_pairs);
    tcase_add_test(tests, perfect_agreement_is_one_exactly);
    tcase_add_test(tests, no_correlation_is_made_up);
    return run_suite(tests);
}
