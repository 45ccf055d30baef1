#include "report/scale.h"

#include "suite.h"

#include <math.h>

static const struct {
    cv_scale_kind kind;
    double values[3], low, high;
} ends[] = {
    {CV_SCALE_LINEAR, {0.13, 0.97, NAN}, 0.1, 1}, {CV_SCALE_LINEAR, {-3, 12, 5}, -4, 12},
    {CV_SCALE_LINEAR, {NAN, NAN, NAN}, 0, 1},     {CV_SCALE_LINEAR, {INFINITY, -INFINITY, NAN}, 0, 1},
    {CV_SCALE_LINEAR, {5, 5, 5}, 5, 10},          {CV_SCALE_LINEAR, {0, 0, 0}, 0, 1},
    {CV_SCALE_LINEAR, {-2, -2, -2}, -2, 0},       {CV_SCALE_SQRT, {0.05, 0.2, 0.397}, 0, 0.4},
    {CV_SCALE_SQRT, {0, 0, NAN}, 0, 1},           {CV_SCALE_LOG, {0.003, 40, NAN}, 0.001, 100},
    {CV_SCALE_LOG, {0, -1, 10}, 10, 100},         {CV_SCALE_LOG, {0, 0, NAN}, 0.1, 1},
};

START_TEST(ends_are_round_and_hold_all_values)
{
    cv_scale s = cv_scale_over(ends[_i].kind, ends[_i].values, 3, 0, 100);
    ck_assert_double_eq_tol(s.low, ends[_i].low, 1e-12);
    ck_assert_double_eq_tol(s.high, ends[_i].high, 1e-12);
}
END_TEST

static const struct {
    cv_scale scale;
    double value, place;
} places[] = {
    {{CV_SCALE_LINEAR, 0, 10, 100, 200}, 5, 150},  {{CV_SCALE_LINEAR, 0, 10, 200, 100}, 1, 190},
    {{CV_SCALE_LINEAR, 0, 10, 100, 200}, -1, 100}, {{CV_SCALE_LINEAR, 0, 10, 100, 200}, INFINITY, 200},
    {{CV_SCALE_SQRT, 0, 4, 0, 100}, 1, 50},        {{CV_SCALE_LOG, 0.01, 100, 0, 100}, 1, 50},
    {{CV_SCALE_LOG, 0.01, 100, 0, 100}, 1e-9, 0},
};

START_TEST(values_have_places)
{
    ck_assert_double_eq_tol(cv_scale_at(&places[_i].scale, places[_i].value), places[_i].place, 1e-9);
}
END_TEST

START_TEST(what_is_no_number_has_no_place)
{
    const cv_scale linear = {CV_SCALE_LINEAR, 0, 1, 0, 1}, log = {CV_SCALE_LOG, 1, 10, 0, 1};
    ck_assert_double_nan(cv_scale_at(&linear, NAN));
    ck_assert_double_nan(cv_scale_at(&log, NAN));
    ck_assert_double_nan(cv_scale_at(&log, 0));
    ck_assert_double_nan(cv_scale_at(&log, -1));
}
END_TEST

static const struct {
    cv_scale scale;
    size_t wanted, count;
    double ticks[8];
} ticks[] = {
    {{CV_SCALE_LINEAR, 0, 1, 0, 1}, 5, 6, {0, 0.2, 0.4, 0.6, 0.8, 1}},
    {{CV_SCALE_LINEAR, -4, 12, 0, 1}, 4, 3, {0, 5, 10}},
    {{CV_SCALE_LOG, 0.001, 100, 0, 1}, 8, 6, {0.001, 0.01, 0.1, 1, 10, 100}},
    {{CV_SCALE_LOG, 0.001, 100, 0, 1}, 3, 3, {0.001, 0.1, 10}},
    {{CV_SCALE_SQRT, 0, 0.4, 0, 1}, 4, 5, {0, 0.025, 0.1, 0.2, 0.4}},
};

START_TEST(ticks_are_round)
{
    double found[CV_MOST_TICKS];
    size_t count = cv_scale_ticks(&ticks[_i].scale, ticks[_i].wanted, found);
    ck_assert_uint_eq(count, ticks[_i].count);
    for (size_t i = 0; i < count; i++) ck_assert_double_eq_tol(found[i], ticks[_i].ticks[i], 1e-12);
}
END_TEST

/* For any ends: rising, inside, not too many. */
START_TEST(ticks_lie_inside)
{
    static const double values[] = {1e-300, 3e-17, 0.7, 1, 42, 1e5, 3e200};
    for (int kind = 0; kind < 3; kind++)
        for (size_t a = 0; a < sizeof values / sizeof values[0]; a++)
            for (size_t b = a; b < sizeof values / sizeof values[0]; b++)
                for (size_t wanted = 1; wanted < CV_MOST_TICKS; wanted++) {
                    const double both[] = {values[a], values[b]};
                    cv_scale s = cv_scale_over((cv_scale_kind)kind, both, 2, 0, 1);
                    double found[CV_MOST_TICKS];
                    size_t count = cv_scale_ticks(&s, wanted, found);
                    ck_assert_uint_le(count, wanted + 2);
                    ck_assert_uint_le(count, CV_MOST_TICKS);
                    for (size_t i = 0; i < count; i++) {
                        ck_assert(found[i] >= s.low * (1 - 1e-9) && found[i] <= s.high * (1 + 1e-9));
                        ck_assert(i == 0 || found[i] > found[i - 1]);
                    }
                }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scale");
    tcase_add_loop_test(tests, ends_are_round_and_hold_all_values, 0, ROWS(ends));
    tcase_add_loop_test(tests, values_have_places, 0, ROWS(places));
    tcase_add_test(tests, what_is_no_number_has_no_place);
    tcase_add_loop_test(tests, ticks_are_round, 0, ROWS(ticks));
    tcase_add_test(tests, ticks_lie_inside);
    return run_suite(tests);
}
