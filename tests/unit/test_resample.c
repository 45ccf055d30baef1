#include "stats/resample.h"

#include "stats_cases.h"
#include "suite.h"

/* Sizes around those of a tile. Sums run over the prompts in their order, so they are equal bit for bit. */
START_TEST(weighted_sums_as_by_loops)
{
    enum { ROWS_MOST = 9, HEADS_MOST = 17, P = 11 };
    double weights[ROWS_MOST * P], scores[HEADS_MOST * P], sums[ROWS_MOST * HEADS_MOST];
    cv_random random = cv_random_open(1, CV_RANDOM_TOKENS, 0);
    for (size_t i = 0; i < ROWS_MOST * P; i++) weights[i] = cv_random_below(&random, 4);
    for (size_t i = 0; i < HEADS_MOST * P; i++) scores[i] = cv_random_uniform(&random);
    for (size_t rows = 1; rows <= ROWS_MOST; rows++)
        for (size_t heads = 1; heads <= HEADS_MOST; heads++) {
            for (size_t i = 0; i < rows * heads; i++) sums[i] = NAN;
            cv_weighted_sums(weights, rows, scores, heads, P, sums);
            for (size_t i = 0; i < rows * heads; i++) {
                double sum = 0;
                for (size_t p = 0; p < P; p++) sum += weights[i / heads * P + p] * scores[i % heads * P + p];
                ck_assert_double_eq(sums[i], sum);
            }
        }
}
END_TEST

/* Scores that are powers of a base show how often each prompt was drawn. */
START_TEST(a_resample_draws_as_many_prompts_as_there_are)
{
    enum { P = 5, B = 4000, BASE = 16 };
    const double scores[P] = {1, BASE, BASE * BASE, BASE * BASE * BASE, BASE * BASE * BASE * BASE};
    double drawn[P] = {0}, chi = 0;
    double *means = cv_resampled_means(scores, 1, P, CV_RANDOM_BOOTSTRAP, (cv_resampling){6, B});
    for (size_t b = 0; b < B; b++) {
        long code = lround(means[b] * P), total = 0;
        for (size_t p = 0; p < P; p++, code /= BASE) {
            total += code % BASE;
            drawn[p] += (double)(code % BASE);
        }
        ck_assert_int_eq(total, P);
    }
    for (size_t p = 0; p < P; p++) chi += (drawn[p] - B) * (drawn[p] - B) / B;
    ck_assert_msg(chi < 23.5, "chi-squared is %g with 4 degrees of freedom", chi); /* by chance once in 10,000 */
    free(means);
}
END_TEST

START_TEST(quantiles_lie_between_order_statistics)
{
    double hundred_and_one[101], two[] = {3, 1}, one[] = {7}, nan[] = {1, 2, NAN, 3, 4};
    for (int i = 0; i <= 100; i++) hundred_and_one[i] = (i * 37) % 101;
    check_estimate(cv_percentile_interval(9, hundred_and_one, 101), (double[]){9, 2.5, 97.5}, 1e-13, "interval", 101);
    check_estimate(cv_percentile_interval(2, two, 2), (double[]){2, 1.05, 2.95}, 1e-14, "interval", 2);
    check_estimate(cv_percentile_interval(7, one, 1), (double[]){7, 7, 7}, 0, "interval", 1);
    check_estimate(cv_percentile_interval(1, nan, 5), (double[]){1, NAN, NAN}, 0, "interval", 5);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("resample");
    tcase_add_test(tests, weighted_sums_as_by_loops);
    tcase_add_test(tests, a_resample_draws_as_many_prompts_as_there_are);
    tcase_add_test(tests, quantiles_lie_between_order_statistics);
    return run_suite(tests);
}
