#include "stats_cases.h"
#include "suite.h"

START_TEST(specificity_as_numpy)
{
    resampling_case c = resampling_open(resampling_files[_i]);
    double *expected = expected_rows(&c, c.fixture, "specificity", 3);
    cv_estimate *found = cv_alloc(c.heads, sizeof *found);
    cv_error err;
    ck_assert(cv_specificity(c.harmful, c.num_harmful, c.harmless, c.num_harmless, c.heads, c.how, found, &err));
    for (size_t h = 0; h < c.heads; h++) check_estimate(found[h], expected + 3 * h, 1e-13, "specificity of head", h);
    free(expected);
    free(found);
    resampling_close(&c);
}
END_TEST

START_TEST(intervals_like_those_of_scipys_own_bootstrap)
{
    resampling_case c = resampling_open(resampling_files[_i]);
    double *expected = expected_rows(&c, c.fixture, "scipy_specificity", 2);
    cv_estimate *found = cv_alloc(c.heads, sizeof *found);
    cv_error err;
    c.how.resamples = MANY_RESAMPLES;
    ck_assert(cv_specificity(c.harmful, c.num_harmful, c.harmless, c.num_harmless, c.heads, c.how, found, &err));
    for (size_t h = 0; h < c.heads; h++) check_like_scipy(found[h], expected + 2 * h, h);
    free(expected);
    free(found);
    resampling_close(&c);
}
END_TEST

/* A harmless set that differs by a constant, prompt for prompt, leaves nothing to chance; shuffled or
 * shorter by one, it does. */
START_TEST(sets_of_equal_length_are_paired)
{
    const double harmful[] = {1, 5, 2, 8, 3}, harmless[] = {0.5, 4.5, 1.5, 7.5, 2.5},
                 moved[] = {4.5, 1.5, 7.5, 2.5, 0.5};
    const cv_resampling how = {1, 500};
    cv_estimate found;
    cv_error err;
    ck_assert(cv_specificity(harmful, 5, harmless, 5, 1, how, &found, &err));
    check_estimate(found, (double[]){0.5, 0.5, 0.5}, 1e-14, "paired specificity", 0);
    ck_assert(cv_specificity(harmful, 5, moved, 5, 1, how, &found, &err));
    ck_assert(found.high - found.low > 1);
    ck_assert(cv_specificity(harmful, 5, harmless, 4, 1, how, &found, &err));
    ck_assert(found.high - found.low > 1);
}
END_TEST

START_TEST(too_few_prompts_have_no_interval)
{
    const double harmful[] = {1, 2, 3}, harmless[] = {0.5};
    const cv_resampling how = {1, 10};
    cv_estimate found;
    cv_error err;
    ck_assert(cv_specificity(harmful, 3, harmless, 1, 1, how, &found, &err));
    check_estimate(found, (double[]){1.5, NAN, NAN}, 0, "one harmless prompt", 0);
    ck_assert(cv_specificity(harmless, 1, harmful, 3, 1, how, &found, &err));
    check_estimate(found, (double[]){-1.5, NAN, NAN}, 0, "one harmful prompt", 0);
    ck_assert(cv_specificity(harmful, 3, NULL, 0, 1, how, &found, &err));
    check_estimate(found, (double[]){NAN, NAN, NAN}, 0, "no harmless prompts", 0);
}
END_TEST

START_TEST(scores_that_are_not_finite_are_refused)
{
    const double fine[] = {1, 2}, bad[] = {1, NAN};
    cv_estimate found;
    cv_error err;
    ck_assert(!cv_specificity(fine, 2, bad, 2, 1, (cv_resampling){1, 10}, &found, &err));
    ck_assert_msg(strstr(err.text, "the harmless score of head 0 for prompt 2 is") != NULL, "%s", err.text);
    ck_assert(!cv_specificity(bad, 2, fine, 2, 1, (cv_resampling){1, 10}, &found, &err));
    ck_assert_msg(strstr(err.text, "the harmful score of head 0 for prompt 2 is") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("specificity");
    tcase_add_loop_test(tests, specificity_as_numpy, 0, ROWS(resampling_files));
    tcase_add_loop_test(tests, intervals_like_those_of_scipys_own_bootstrap, 0, 2);
    tcase_add_test(tests, sets_of_equal_length_are_paired);
    tcase_add_test(tests, too_few_prompts_have_no_interval);
    tcase_add_test(tests, scores_that_are_not_finite_are_refused);
    return run_suite(tests);
}
