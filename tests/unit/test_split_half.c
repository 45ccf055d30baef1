#include "base/random.h"
#include "stats_cases.h"
#include "suite.h"

START_TEST(split_half_as_scipy)
{
    resampling_case c = resampling_open(resampling_files[_i]);
    size_t rows, columns;
    double *expected = numbers_of(json_object_get(c.fixture, "split_half"), &rows, &columns);
    cv_estimate found;
    cv_error err;
    ck_assert_uint_eq(rows, 3);
    ck_assert(cv_split_half(c.harmful, c.heads, c.num_harmful, c.how, &found, &err));
    check_estimate(found, expected, 1e-13, "split-half correlation", 0);
    free(expected);
    resampling_close(&c);
}
END_TEST

/* Heads that differ whatever is asked rank alike in every half; scores that are noise alone rank by
 * chance. */
START_TEST(signal_and_noise_are_told_apart)
{
    enum { H = 40, P = 31 };
    static double signal[H * P], noise[H * P];
    cv_random random = cv_random_open(8, CV_RANDOM_TOKENS, 0);
    cv_estimate found;
    cv_error err;
    for (size_t i = 0; i < H * P; i++) {
        noise[i] = cv_random_uniform(&random);
        signal[i] = (double)(i / P) + noise[i]; /* the means of a head's halves stay within its step */
    }
    ck_assert(cv_split_half(signal, H, P, (cv_resampling){1, 300}, &found, &err));
    check_estimate(found, (double[]){1, 1, 1}, 0.02, "correlation of signal", 0);
    ck_assert(cv_split_half(noise, H, P, (cv_resampling){1, 300}, &found, &err));
    ck_assert_msg(fabs(found.value) < 0.2 && found.low < -0.1 && found.high > 0.1, "%g in [%g, %g]", found.value,
                  found.low, found.high);
}
END_TEST

START_TEST(what_cannot_be_split_gives_nan)
{
    const double scores[] = {1, 2, 3}, equal[] = {1, 1, 1, 1};
    const double nothing[] = {NAN, NAN, NAN};
    const cv_resampling how = {1, 10};
    cv_estimate found;
    cv_error err;
    ck_assert(cv_split_half(scores, 3, 1, how, &found, &err));
    check_estimate(found, nothing, 0, "one prompt", 0);
    ck_assert(cv_split_half(scores, 1, 3, how, &found, &err));
    check_estimate(found, nothing, 0, "one head", 0);
    ck_assert(cv_split_half(equal, 2, 2, how, &found, &err));
    check_estimate(found, nothing, 0, "equal heads", 0);
}
END_TEST

START_TEST(scores_that_are_not_finite_are_refused)
{
    const double bad[] = {1, 2, INFINITY, 4};
    cv_estimate found;
    cv_error err;
    ck_assert(!cv_split_half(bad, 2, 2, (cv_resampling){1, 10}, &found, &err));
    ck_assert_msg(strstr(err.text, "the score of head 1 for prompt 1 is inf") != NULL, "%s", err.text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("split_half");
    tcase_add_loop_test(tests, split_half_as_scipy, 0, ROWS(resampling_files));
    tcase_add_test(tests, signal_and_noise_are_told_apart);
    tcase_add_test(tests, what_cannot_be_split_gives_nan);
    tcase_add_test(tests, scores_that_are_not_finite_are_refused);
    return run_suite(tests);
}
