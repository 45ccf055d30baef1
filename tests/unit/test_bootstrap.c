#include "base/random.h"
#include "stats_cases.h"
#include "suite.h"

#include <omp.h>

START_TEST(bootstrap_as_numpy)
{
    resampling_case c = resampling_open(resampling_files[_i]);
    const json_t *expected = json_object_get(c.fixture, "bootstrap");
    double *mean = expected_rows(&c, expected, "mean", 3), *rank = expected_rows(&c, expected, "rank", 3);
    double *top = expected_rows(&c, expected, "top_probability", 1);
    cv_head_bootstrap *found = cv_alloc(c.heads, sizeof *found);
    cv_error err;
    ck_assert(cv_bootstrap_heads(c.harmful, c.heads, c.num_harmful, c.top, c.how, found, &err));
    for (size_t h = 0; h < c.heads; h++) {
        check_estimate(found[h].mean, mean + 3 * h, 1e-13, "mean of head", h);
        check_estimate(found[h].rank, rank + 3 * h, 1e-10, "rank of head", h);
        check_near(found[h].top_probability, top[h], 1e-14, "top probability of head", h);
    }
    free(mean);
    free(rank);
    free(top);
    free(found);
    resampling_close(&c);
}
END_TEST

START_TEST(intervals_like_those_of_scipys_own_bootstrap)
{
    resampling_case c = resampling_open(resampling_files[_i]);
    double *expected = expected_rows(&c, c.fixture, "scipy_mean", 2);
    cv_head_bootstrap *found = cv_alloc(c.heads, sizeof *found);
    cv_error err;
    c.how.resamples = MANY_RESAMPLES;
    ck_assert(cv_bootstrap_heads(c.harmful, c.heads, c.num_harmful, c.top, c.how, found, &err));
    for (size_t h = 0; h < c.heads; h++) check_like_scipy(found[h].mean, expected + 2 * h, h);
    free(expected);
    free(found);
    resampling_close(&c);
}
END_TEST

/* Two prompts have four resamples, all likely: head 0 leads where prompt 0 is drawn twice, head 1 where
 * prompt 1 is, and where both are drawn the tie goes to the lower index. */
START_TEST(ties_rank_by_index)
{
    const double scores[] = {1, 0, 0, 1};
    cv_head_bootstrap found[2];
    cv_error err;
    ck_assert(cv_bootstrap_heads(scores, 2, 2, 1, (cv_resampling){5, MANY_RESAMPLES}, found, &err));
    double deviation = sqrt(0.75 * 0.25 / MANY_RESAMPLES);
    ck_assert_double_le(fabs(found[0].top_probability - 0.75), 4 * deviation);
    check_near(found[0].top_probability + found[1].top_probability, 1, 1e-15, "sum of probabilities for top", 1);
    ck_assert(found[0].rank.value == 1 && found[1].rank.value == 2);
    ck_assert(found[0].mean.low == 0 && found[0].mean.high == 1 && found[0].mean.value == 0.5);
}
END_TEST

START_TEST(top_counts_ranks)
{
    resampling_case c = resampling_open(resampling_files[0]);
    cv_head_bootstrap *found = cv_alloc(c.heads, sizeof *found);
    cv_error err;
    for (size_t top = 0; top <= c.heads + 1; top++) {
        double sum = 0;
        ck_assert(cv_bootstrap_heads(c.harmful, c.heads, c.num_harmful, top, c.how, found, &err));
        for (size_t h = 0; h < c.heads; h++) sum += found[h].top_probability;
        check_near(sum, (double)(top < c.heads ? top : c.heads), 1e-12, "sum of probabilities for top", top);
    }
    free(found);
    resampling_close(&c);
}
END_TEST

/* More heads and resamples than a tile, neither a multiple of one. */
START_TEST(the_same_bits_for_any_number_of_threads)
{
    enum { H = 37, P = 29, B = 203 };
    double scores[H * P];
    cv_head_bootstrap first[H], found[H];
    cv_estimate first_specificity[H], specificity[H], first_split, split;
    cv_random random = cv_random_open(2, CV_RANDOM_TOKENS, 0);
    cv_resampling how = {3, B};
    cv_error err;
    for (size_t i = 0; i < H * P; i++) scores[i] = cv_random_uniform(&random);
    for (int threads = 1; threads <= 5; threads++) {
        omp_set_num_threads(threads);
        ck_assert(cv_bootstrap_heads(scores, H, P, 10, how, found, &err));
        ck_assert(cv_specificity(scores, P, scores, P - 3, H, how, specificity, &err));
        ck_assert(cv_split_half(scores, H, P, how, &split, &err));
        if (threads == 1) {
            memcpy(first, found, sizeof found);
            memcpy(first_specificity, specificity, sizeof specificity);
            first_split = split;
        }
        ck_assert_mem_eq(found, first, sizeof found);
        ck_assert_mem_eq(specificity, first_specificity, sizeof specificity);
        ck_assert_mem_eq(&split, &first_split, sizeof split);
    }
    how.seed++;
    ck_assert(cv_bootstrap_heads(scores, H, P, 10, how, found, &err));
    ck_assert_mem_ne(found, first, sizeof found);
}
END_TEST

START_TEST(one_prompt_has_no_interval)
{
    const double scores[] = {1, 3, 2};
    cv_head_bootstrap found[3];
    cv_error err;
    ck_assert(cv_bootstrap_heads(scores, 3, 1, 2, (cv_resampling){1, 10}, found, &err));
    for (size_t h = 0; h < 3; h++) {
        check_estimate(found[h].mean, (double[]){scores[h], NAN, NAN}, 0, "mean of head", h);
        check_estimate(found[h].rank, (double[]){4 - scores[h], NAN, NAN}, 0, "rank of head", h);
        ck_assert(isnan(found[h].top_probability));
    }
}
END_TEST

START_TEST(scores_that_are_not_finite_are_refused)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    double scores[] = {1, 2, 3, 4, 5, 6};
    scores[4] = bad[_i];
    cv_head_bootstrap found[2];
    cv_error err;
    ck_assert(!cv_bootstrap_heads(scores, 2, 3, 1, (cv_resampling){1, 10}, found, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "the score of head 1 for prompt 2 is") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("bootstrap");
    tcase_add_loop_test(tests, bootstrap_as_numpy, 0, ROWS(resampling_files));
    tcase_add_loop_test(tests, intervals_like_those_of_scipys_own_bootstrap, 0, 2);
    tcase_add_test(tests, ties_rank_by_index);
    tcase_add_test(tests, top_counts_ranks);
    tcase_add_test(tests, the_same_bits_for_any_number_of_threads);
    tcase_add_test(tests, one_prompt_has_no_interval);
    tcase_add_loop_test(tests, scores_that_are_not_finite_are_refused, 0, 3);
    return run_suite(tests);
}
