#include "sweep/simulate.h"

#include "suite.h"

#include <math.h>
#include <stdlib.h>

START_TEST(one_rank_does_all)
{
    const uint64_t costs[] = {3, 1, 4, 1, 5};
    const double speed = 2;
    ck_assert_double_eq(cv_simulate(costs, 5, 1, NULL, 0), 14);
    ck_assert_double_eq(cv_simulate(costs, 5, 1, &speed, 0.5), 7 + 2.5);
    ck_assert_double_eq(cv_simulate(costs, 0, 3, NULL, 1), 0);
}
END_TEST

/* 5, 4 and 3 go out first; then the rank of 3 takes 1 and 1. */
START_TEST(ranks_take_the_most_expensive_unit_left)
{
    const uint64_t costs[] = {3, 1, 4, 1, 5};
    ck_assert_double_eq(cv_simulate(costs, 5, 2, NULL, 0), 7); /* 5 + 1, 4 + 3 or 5 + 1 + 1 and 4 + 3 */
    ck_assert_double_eq(cv_simulate(costs, 5, 3, NULL, 0), 5);
    ck_assert_double_eq(cv_simulate(costs, 5, 100, NULL, 0), 5);
}
END_TEST

/* A rank ten times slower has the second unit; the fast one is done after 10 and takes it over. */
START_TEST(an_idle_rank_takes_over_what_would_be_last)
{
    const uint64_t costs[] = {10, 10};
    const double speeds[] = {1, 0.1};
    ck_assert_double_eq(cv_simulate(costs, 2, 2, speeds, 0), 20);
    const double near[] = {1, 0.6};
    ck_assert_double_eq_tol(cv_simulate(costs, 2, 2, near, 0), 10 / 0.6, 1e-12);
}
END_TEST

START_TEST(many_small_units_keep_all_ranks_busy)
{
    enum { UNITS = 5000, RANKS = 64 };
    uint64_t costs[UNITS], sum = 0;
    double speeds[RANKS], together = 0;
    for (size_t i = 0; i < UNITS; i++) sum += costs[i] = 1000 + i % 97;
    cv_simulate_speeds(speeds, RANKS, 50, 0.1, 1);
    for (size_t r = 0; r < RANKS; r++) together += speeds[r];
    double seconds = cv_simulate(costs, UNITS, RANKS, speeds, 0);
    ck_assert_double_ge(seconds, (double)sum / together);
    ck_assert_double_le(seconds, 1.03 * (double)sum / together);
}
END_TEST

START_TEST(speeds_are_spread_as_asked)
{
    enum { RANKS = 20000 };
    double *speeds = malloc(RANKS * sizeof *speeds), sum = 0, squares = 0;
    cv_simulate_speeds(speeds, RANKS, 3, 0.1, 7);
    for (size_t r = 0; r < RANKS; r++) {
        ck_assert(speeds[r] >= 1.5 && speeds[r] <= 4.5);
        sum += speeds[r];
        squares += speeds[r] * speeds[r];
    }
    double mean = sum / RANKS, deviation = sqrt(squares / RANKS - mean * mean);
    ck_assert_double_eq_tol(mean, 3, 0.01);
    ck_assert_double_eq_tol(deviation, 0.3, 0.01);
    cv_simulate_speeds(speeds, 2, 3, 0, 7);
    ck_assert_double_eq(speeds[1], 3);
    free(speeds);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("simulate");
    tcase_add_test(tests, one_rank_does_all);
    tcase_add_test(tests, ranks_take_the_most_expensive_unit_left);
    tcase_add_test(tests, an_idle_rank_takes_over_what_would_be_last);
    tcase_add_test(tests, many_small_units_keep_all_ranks_busy);
    tcase_add_test(tests, speeds_are_spread_as_asked);
    return run_suite(tests);
}
