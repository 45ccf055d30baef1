#include "score/released.h"

#include "suite.h"

#include <caravan/score.h>

#include <math.h>

enum { N = 1000, ROWS_OF_STATES = 40, COLUMNS = 3 };

/* Logits and vectors as tests/reference/released_scores.py has them; so are the expected values. */
static double wave(size_t i, double step)
{
    return sin(0.37 * (double)i) + step * cos(1.7 * (double)i);
}

static void fill(float *logits, double step)
{
    for (size_t i = 0; i < N; i++) logits[i] = (float)(4 * sin(0.37 * (double)i) + step * cos(1.7 * (double)i));
}

static const struct {
    double step, expected;
} divergences[] = {{0.01, 2.5095478122239e-05}, {1.0, 0.23607690632343292}};

/* Sums of a thousand terms in single precision, in another order. */
START_TEST(a_divergence_is_as_pytorch_has_it)
{
    float p[N], q[N];
    fill(p, 0);
    fill(q, divergences[_i].step);
    double released = cv_released_kl(p, q, N);
    ck_assert_msg(fabs(released - divergences[_i].expected) <= 1e-6, "%.9g", released);
    ck_assert_msg(fabs(released - cv_kl_divergence(p, q, N)) <= 1e-6, "%.9g", released);
    ck_assert(fabs(cv_released_kl(p, p, N)) <= 1e-6);
}
END_TEST

/* What 1e-12 does where the ablated model has all but ruled a token out. */
START_TEST(the_added_epsilon_bounds_a_divergence)
{
    static const float p[] = {0, 0}, q[] = {0, -60};
    double exact = cv_kl_divergence(p, q, 2), released = cv_released_kl(p, q, 2);
    ck_assert_msg(fabs(exact - (0.5 * log(0.5) + 0.5 * (log(0.5) + 60))) <= 1e-9, "%.9g", exact);
    ck_assert_msg(fabs(released - (0.5 * log(0.5) + 0.5 * log(0.5e12))) <= 1e-4, "%.9g", released);
}
END_TEST

static const struct {
    double step, expected;
} angles[] = {{0.3, 16.903396606445312}, {0.01, 0.5740312337875366}, {0.0001, 0.01978234015405178}};

static void unit_vector(double *v, double step)
{
    double size = 0;
    for (size_t i = 0; i < ROWS_OF_STATES; i++) size += wave(i, step) * wave(i, step);
    for (size_t i = 0; i < ROWS_OF_STATES; i++) v[i] = wave(i, step) / sqrt(size);
}

/* A cosine near 1 has 24 bits: what lies 3 steps of 2^-24 and less below it is one of 3 angles, or 0. */
START_TEST(an_angle_has_the_steps_of_a_single_precision_cosine)
{
    double a[ROWS_OF_STATES], b[ROWS_OF_STATES];
    unit_vector(a, 0);
    unit_vector(b, angles[_i].step);
    double found = cv_released_angle(a, b, ROWS_OF_STATES), cosine = cos(found / 57.29577951308232);
    double steps = fabs(cosine - cos(angles[_i].expected / 57.29577951308232)) * 16777216;
    ck_assert_msg(steps <= 4, "%.9g: %g steps of the cosine away", found, steps);
    ck_assert_msg(found == 0 || found >= 0.0197, "%.9g", found);
    for (size_t i = 0; i < ROWS_OF_STATES; i++) b[i] = -b[i]; /* a direction has no sign */
    ck_assert_double_eq(cv_released_angle(a, b, ROWS_OF_STATES), found);
}
END_TEST

START_TEST(the_first_column_alone_counts)
{
    double clean[ROWS_OF_STATES * COLUMNS], ablated[ROWS_OF_STATES * COLUMNS];
    for (size_t i = 0; i < ROWS_OF_STATES * COLUMNS; i++) {
        clean[i] = wave(i, 0);
        ablated[i] = wave(i, 0.3);
    }
    double found = cv_released_column_angle(clean, ablated, ROWS_OF_STATES, COLUMNS);
    ck_assert_msg(fabs(found - 15.844491958618164) <= 1e-4, "%.9g", found);
    for (size_t i = 0; i < ROWS_OF_STATES * COLUMNS; i++)
        if (i % COLUMNS) ablated[i] = 100;
    ck_assert_double_eq(cv_released_column_angle(clean, ablated, ROWS_OF_STATES, COLUMNS), found);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("released");
    tcase_add_loop_test(tests, a_divergence_is_as_pytorch_has_it, 0, ROWS(divergences));
    tcase_add_test(tests, the_added_epsilon_bounds_a_divergence);
    tcase_add_loop_test(tests, an_angle_has_the_steps_of_a_single_precision_cosine, 0, ROWS(angles));
    tcase_add_test(tests, the_first_column_alone_counts);
    return run_suite(tests);
}
