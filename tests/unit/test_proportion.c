#include "stats_cases.h"
#include "suite.h"

START_TEST(wilson_as_scipy)
{
    json_t *fixture = stats_fixture("proportion.json");
    size_t rows, columns;
    double *cases = numbers_of(json_object_get(fixture, "wilson"), &rows, &columns);
    ck_assert(rows >= 10 && columns == 4);
    for (size_t i = 0; i < rows; i++) {
        const double *c = cases + 4 * i, expected[] = {c[0] / c[1], c[2], c[3]};
        check_estimate(cv_wilson((uint64_t)c[0], (uint64_t)c[1]), expected, 1e-14, "proportion", i);
    }
    free(cases);
    json_decref(fixture);
}
END_TEST

START_TEST(wilson_ends_exactly_at_none_and_all)
{
    for (uint64_t n = 1; n < 200; n++) {
        cv_estimate none = cv_wilson(0, n), all = cv_wilson(n, n);
        ck_assert_double_eq(none.low, 0);
        ck_assert_double_eq(all.high, 1);
        ck_assert(none.high > 0 && none.high < 1);
        ck_assert_double_le(fabs(none.high - (1 - all.low)), 1e-15);
    }
}
END_TEST

START_TEST(nothing_asked_gives_nan)
{
    cv_estimate wilson = cv_wilson(0, 0), difference = cv_accuracy_difference(NULL, NULL, 0);
    ck_assert(isnan(wilson.value) && isnan(wilson.low) && isnan(wilson.high));
    ck_assert(isnan(difference.value) && isnan(difference.low) && isnan(difference.high));
}
END_TEST

/* Items that both, a alone, b alone and none got right; published ends, to four places. */
static const struct {
    size_t both, a, b, none;
    double low, high;
} published[] = {
    /* Examples of Newcombe 1998 */
    {36, 12, 2, 0, 0.0569, 0.3404},
    {18, 12, 2, 18, 0.0562, 0.3290},
    {53, 0, 0, 1, -0.0729, 0.0729},
    {0, 30, 0, 0, 0.8395, 1},
    /* As the R package contingencytables (Fagerland, Lydersen and Laake) gives it */
    {59, 6, 16, 80, -0.1186, -0.0046},
};

/* The difference for that many items of each kind, a and b swapped if asked. */
static cv_estimate difference_of(size_t both, size_t only_a, size_t only_b, size_t none)
{
    size_t n = both + only_a + only_b + none;
    bool *a = cv_calloc(n, sizeof *a), *b = cv_calloc(n, sizeof *b);
    for (size_t i = 0; i < n; i++) {
        a[i] = i < both + only_a;
        b[i] = i < both || (i >= both + only_a && i < n - none);
    }
    cv_estimate result = cv_accuracy_difference(a, b, n);
    free(a);
    free(b);
    return result;
}

START_TEST(difference_as_published)
{
    size_t both = published[_i].both, a = published[_i].a, b = published[_i].b, none = published[_i].none;
    double value = ((double)a - (double)b) / (double)(both + a + b + none);
    const double expected[] = {value, published[_i].low, published[_i].high};
    const double negated[] = {-value, -published[_i].high, -published[_i].low};
    check_estimate(difference_of(both, a, b, none), expected, 0.5001e-4, "difference", (size_t)_i);
    check_estimate(difference_of(both, b, a, none), negated, 0.5001e-4, "swapped difference", (size_t)_i);
}
END_TEST

START_TEST(difference_stays_within_bounds)
{
    for (size_t both = 0; both < 4; both++)
        for (size_t a = 0; a < 4; a++)
            for (size_t b = 0; b < 4; b++)
                for (size_t none = both + a + b ? 0 : 1; none < 4; none++) {
                    cv_estimate d = difference_of(both, a, b, none);
                    ck_assert_msg(d.low >= -1 && d.low <= d.value && d.value <= d.high && d.high <= 1 && d.low < d.high,
                                  "%zu %zu %zu %zu: %g in [%g, %g]", both, a, b, none, d.value, d.low, d.high);
                }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("proportion");
    tcase_add_test(tests, wilson_as_scipy);
    tcase_add_test(tests, wilson_ends_exactly_at_none_and_all);
    tcase_add_test(tests, nothing_asked_gives_nan);
    tcase_add_loop_test(tests, difference_as_published, 0, ROWS(published));
    tcase_add_test(tests, difference_stays_within_bounds);
    return run_suite(tests);
}
