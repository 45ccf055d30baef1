#include "stats/ranking.h"

#include "base/random.h"
#include "stats_cases.h"
#include "suite.h"

/* Two rankings of the same items, and what comparing them needs. */
typedef struct pair {
    cv_ranking a, b;
    cv_concordance scratch;
    uint32_t *counts;
} pair;

static pair pair_open(const double *x, const double *y, size_t n)
{
    pair p = {cv_ranking_make(n), cv_ranking_make(n), cv_concordance_make(n), cv_alloc(n + 1, sizeof(uint32_t))};
    cv_ranking_set(&p.a, x);
    cv_ranking_set(&p.b, y);
    return p;
}

static void pair_close(pair *p)
{
    cv_ranking_free(&p->a);
    cv_ranking_free(&p->b);
    cv_concordance_free(&p->scratch);
    free(p->counts);
}

/* Random and real rankings, with and without ties: tau by SciPy, rank-biased overlap by published code. */
START_TEST(as_published_implementations)
{
    json_t *fixture = stats_fixture("overlap.json");
    const json_t *cases = json_object_get(fixture, "rankings");
    size_t tied = 0;
    ck_assert_uint_ge(json_array_size(cases), 90);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t n, m, columns;
        double *x = numbers_of(json_object_get(c, "x"), &n, &columns);
        double *y = numbers_of(json_object_get(c, "y"), &m, &columns);
        double persistence = number_of(json_object_get(c, "persistence")), rbo = number_of(json_object_get(c, "rbo"));
        double tau = number_of(json_object_get(c, "kendall_tau"));
        ck_assert_uint_eq(n, m);
        pair p = pair_open(x, y, n);
        check_near(cv_ranking_tau(&p.a, &p.b, &p.scratch), tau, 1e-14, "tau", i);
        check_near(cv_ranking_tau(&p.b, &p.a, &p.scratch), tau, 1e-14, "tau the other way", i);
        check_near(cv_kendall_tau(x, y, n), tau, 1e-14, "tau by sorting", i);
        check_near(cv_ranking_rbo(&p.a, &p.b, persistence, p.counts), rbo, 1e-13, "rank-biased overlap", i);
        check_near(cv_ranking_rbo(&p.b, &p.a, persistence, p.counts), rbo, 1e-13, "the other way", i);
        check_near(cv_rank_biased_overlap(x, y, n, persistence), rbo, 1e-13, "by scores", i);
        tied += p.a.tied > 0 && p.b.tied > 0;
        pair_close(&p);
        free(x);
        free(y);
    }
    ck_assert_uint_ge(tied, 20);
    json_decref(fixture);
}
END_TEST

/* Lengths around the words and vectors that tau is counted in; levels from many ties to hardly any. */
START_TEST(tau_as_by_sorting)
{
    static double x[2200], y[2200];
    cv_random random = cv_random_open(1, CV_RANDOM_PERMUTATION, 0);
    static const size_t lengths[] = {2, 3, 63, 64, 65, 127, 128, 1023, 1024, 1025, 1088, 2047, 2048, 2200};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (uint32_t levels = 2; levels < 3000000; levels *= 30) {
            size_t n = lengths[l];
            for (size_t i = 0; i < n; i++) {
                x[i] = (double)cv_random_below(&random, levels) - levels / 2;
                y[i] = x[i] / 2 + (double)cv_random_below(&random, levels);
            }
            pair p = pair_open(x, y, n);
            check_near(cv_ranking_tau(&p.a, &p.b, &p.scratch), cv_kendall_tau(x, y, n), 1e-14, "tau of length", n);
            pair_close(&p);
        }
}
END_TEST

START_TEST(order_is_that_of_the_tables)
{
    const double scores[] = {-0.0, 3, 0.0, -2, 3, INFINITY, -INFINITY, 1e-310};
    const uint32_t order[] = {5, 1, 4, 7, 0, 2, 3, 6}, first[] = {4, 1, 4, 6, 1, 0, 7, 3},
                   end[] = {6, 3, 6, 7, 3, 1, 8, 4};
    cv_ranking ranking = cv_ranking_make(8);
    cv_ranking_set(&ranking, scores);
    ck_assert_mem_eq(ranking.order, order, sizeof order);
    ck_assert_mem_eq(ranking.first, first, sizeof first);
    ck_assert_mem_eq(ranking.end, end, sizeof end);
    for (uint32_t i = 0; i < 8; i++) ck_assert_uint_eq(ranking.place[order[i]], i);
    ck_assert_uint_eq(ranking.tied, 2);
    cv_ranking_free(&ranking);
}
END_TEST

START_TEST(shared_heads_are_counted_by_depth)
{
    const double x[] = {9, 8, 7, 6, 5, 4}, y[] = {4, 9, 5, 8, 7, 6};
    const size_t k[] = {1, 2, 3, 4, 6};
    const uint32_t expected[] = {0, 1, 1, 2, 6};
    uint32_t shared[5];
    pair p = pair_open(x, y, 6);
    cv_ranking_shared(&p.a, &p.b, k, 5, shared);
    ck_assert_mem_eq(shared, expected, sizeof expected);
    cv_ranking_shared(&p.b, &p.a, k, 5, shared);
    ck_assert_mem_eq(shared, expected, sizeof expected);
    cv_ranking_shared(&p.a, &p.b, k, 0, shared);
    pair_close(&p);
}
END_TEST

/* A ranking whose items are renamed is that of the renamed scores. */
START_TEST(relabelled_as_if_set_anew)
{
    double x[70], moved[70], y[70];
    uint32_t to[70];
    cv_random random = cv_random_open(2, CV_RANDOM_PERMUTATION, 0);
    for (uint32_t i = 0; i < 70; i++) {
        x[i] = cv_random_below(&random, 20);
        y[i] = cv_random_below(&random, 20);
        to[i] = i;
    }
    cv_random_shuffle(&random, to, 70);
    for (size_t i = 0; i < 70; i++) moved[to[i]] = x[i];
    pair p = pair_open(x, y, 70);
    cv_ranking relabelled = cv_ranking_make(70);
    cv_ranking_relabel(&p.a, to, &relabelled);
    double tau = cv_ranking_tau(&relabelled, &p.b, &p.scratch);
    check_near(tau, cv_kendall_tau(moved, y, 70), 1e-15, "tau", 0);
    ck_assert(fabs(tau - cv_kendall_tau(x, y, 70)) > 1e-3);
    check_near(cv_ranking_tau(&p.b, &relabelled, &p.scratch), tau, 1e-15, "tau the other way", 0);
    cv_ranking_free(&relabelled);
    pair_close(&p);
}
END_TEST

START_TEST(the_same_ranking_overlaps_wholly)
{
    const double x[] = {1, 2, 2, 5}, nan[] = {1, NAN, 2, 3}, tied[] = {3, 3, 3, 3};
    ck_assert_double_eq_tol(cv_rank_biased_overlap(x, x, 4, 0.9), 1, 1e-15);
    ck_assert_double_eq_tol(cv_rank_biased_overlap(tied, tied, 4, 0.9), 1, 1e-15);
    ck_assert(cv_rank_biased_overlap(x, tied, 4, 0.9) < 1);
    ck_assert(isnan(cv_rank_biased_overlap(x, nan, 4, 0.9)) && isnan(cv_rank_biased_overlap(nan, x, 4, 0.9)));
    ck_assert(isnan(cv_rank_biased_overlap(x, x, 0, 0.9)));
    pair p = pair_open(x, tied, 4);
    ck_assert(isnan(cv_ranking_tau(&p.a, &p.b, &p.scratch)));
    pair_close(&p);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ranking");
    tcase_add_test(tests, as_published_implementations);
    tcase_add_test(tests, tau_as_by_sorting);
    tcase_add_test(tests, order_is_that_of_the_tables);
    tcase_add_test(tests, shared_heads_are_counted_by_depth);
    tcase_add_test(tests, relabelled_as_if_set_anew);
    tcase_add_test(tests, the_same_ranking_overlaps_wholly);
    return run_suite(tests);
}
