#include "stats_cases.h"
#include "suite.h"

static void check_relative(double found, double expected, const char *what, size_t index)
{
    check_near(found, expected, 1e-12 * fabs(expected), what, index);
}

START_TEST(tails_as_exact_fractions)
{
    json_t *fixture = stats_fixture("overlap.json");
    size_t rows, columns;
    double *cases = numbers_of(json_object_get(fixture, "hypergeometric"), &rows, &columns);
    ck_assert_uint_ge(rows, 40);
    ck_assert_uint_eq(columns, 5);
    for (size_t i = 0; i < rows; i++) {
        const double *c = cases + i * columns;
        uint64_t n = (uint64_t)c[0], marked = (uint64_t)c[1], drawn = (uint64_t)c[2], least = (uint64_t)c[3];
        check_relative(cv_hypergeometric_tail(n, marked, drawn, least), c[4], "tail", i);
        check_relative(cv_hypergeometric_tail(n, drawn, marked, least), c[4], "tail the other way round", i);
    }
    free(cases);
    json_decref(fixture);
}
END_TEST

START_TEST(probabilities_sum_to_the_tails)
{
    for (uint64_t n = 1; n <= 12; n++)
        for (uint64_t marked = 0; marked <= n; marked++)
            for (uint64_t drawn = 0; drawn <= n; drawn++) {
                double probabilities[13], tail = 0, mean = 0;
                uint64_t most = marked < drawn ? marked : drawn;
                cv_hypergeometric(n, marked, drawn, probabilities);
                for (uint64_t x = most + 1; x-- > 0;) {
                    tail += probabilities[x];
                    mean += (double)x * probabilities[x];
                    check_near(cv_hypergeometric_tail(n, marked, drawn, x), tail, 1e-14, "tail", x);
                }
                check_near(mean, (double)(marked * drawn) / (double)n, 1e-13, "mean of n", n);
                ck_assert_double_eq(cv_hypergeometric_tail(n, marked, drawn, most + 1), 0);
                ck_assert_double_eq(cv_hypergeometric_tail(n, marked, drawn, 0), 1);
            }
}
END_TEST

/* All heads of two models of a million are shared by chance with a probability below the smallest double. */
START_TEST(what_is_too_small_is_zero)
{
    ck_assert_double_eq(cv_hypergeometric_tail(1000000, 1000, 1000, 1000), 0);
    ck_assert_double_eq(cv_hypergeometric_tail(1000000, 1000, 1000, 0), 1);
    ck_assert(cv_hypergeometric_tail(1000000, 1000, 1000, 30) > 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hypergeometric");
    tcase_add_test(tests, tails_as_exact_fractions);
    tcase_add_test(tests, probabilities_sum_to_the_tails);
    tcase_add_test(tests, what_is_too_small_is_zero);
    return run_suite(tests);
}
