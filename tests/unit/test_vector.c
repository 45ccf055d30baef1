#include "engine/vector.h"

#include "suite.h"
#include "tiny_model.h"

#include <math.h>

/* Lengths around every vector width, so that remainders are seen. */
static const size_t lengths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 577};

static void fill(float *x, size_t n, float scale, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) x[i] = scale * tiny_uniform(&seed);
}

static void ck_close(double value, double expected, double relative)
{
    ck_assert_msg(fabs(value - expected) <= relative * fmax(fabs(expected), 1e-30), "%.9g, expected %.9g", value,
                  expected);
}

START_TEST(rmsnorm_is_its_definition)
{
    size_t n = lengths[_i];
    float x[600], weight[600], y[600];
    fill(x, n, 3, 1);
    fill(weight, n, 2, 2);
    cv_rmsnorm(x, weight, 1e-5, n, y);
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < n; i++)
        ck_close((double)y[i], (double)weight[i] * (double)x[i] / sqrt(squares / (double)n + 1e-5), 3e-7);
}
END_TEST

START_TEST(silu_over_its_whole_range)
{
    size_t n = lengths[_i];
    float gate[600], up[600], before[600];
    fill(gate, n, 120, 3); /* exp overflows single precision past 88 */
    fill(up, n, 2, 4);
    for (size_t i = 0; i < n; i++) before[i] = gate[i];
    cv_silu_times(gate, up, n);
    for (size_t i = 0; i < n; i++) {
        double exact = (double)before[i] / (1 + exp(-(double)before[i])) * (double)up[i];
        ck_assert_msg(fabs((double)gate[i] - exact) <= 1e-6 * fabs(exact) + 1e-36, "silu(%g)", (double)before[i]);
    }
}
END_TEST

START_TEST(softmax_sums_to_one)
{
    size_t n = lengths[_i];
    float x[600];
    double exact[600], sum = 0, total = 0;
    fill(x, n, 20, 5);
    for (size_t i = 0; i < n; i++) sum += exact[i] = exp((double)x[i]);
    cv_softmax(x, n);
    for (size_t i = 0; i < n; i++) {
        ck_close((double)x[i], exact[i] / sum, 4e-6);
        total += (double)x[i];
    }
    ck_close(total, 1, 1e-6);
}
END_TEST

START_TEST(sums_and_products)
{
    size_t n = lengths[_i];
    float x[600], y[600], z[600];
    double dot = 0;
    fill(x, n, 1, 6);
    fill(y, n, 1, 7);
    for (size_t i = 0; i < n; i++) {
        dot += (double)x[i] * (double)y[i];
        z[i] = y[i];
    }
    ck_assert_double_le(fabs((double)cv_dot(x, y, n) - dot), 1e-6 * (double)n);
    ck_assert_double_le(fabs(cv_dot_double(x, y, n) - dot), 1e-13);
    cv_add(z, x, n);
    for (size_t i = 0; i < n; i++) ck_assert_float_eq(z[i], y[i] + x[i]);
}
END_TEST

START_TEST(one_bad_value_is_found_anywhere)
{
    size_t n = lengths[_i];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    float x[600];
    fill(x, n, 3e38f, 8);
    ck_assert(cv_all_finite(x, n));
    for (size_t i = 0; i < n; i++) {
        float kept = x[i];
        x[i] = bad[i % 3];
        ck_assert(!cv_all_finite(x, n));
        x[i] = kept;
    }
}
END_TEST

START_TEST(log_softmax_parts)
{
    size_t n = lengths[_i];
    float narrow[600];
    double a[600], b[600], p[600], sum = 0, difference = 0;
    fill(narrow, n, 30, 9);
    cv_to_double(narrow, n, a);
    for (size_t i = 0; i < n; i++) ck_assert_double_eq(a[i], (double)narrow[i]);
    fill(narrow, n, 30, 10);
    cv_to_double(narrow, n, b);
    double largest = a[0];
    for (size_t i = 0; i < n; i++) largest = fmax(largest, a[i]);
    ck_assert_double_eq(cv_max(a, n), largest);
    for (size_t i = 0; i < n; i++) sum += exp(a[i] - largest);
    ck_close(cv_sum_exp(a, largest, n), sum, 1e-14);
    cv_exp_shifted(a, largest + log(sum), n, p);
    for (size_t i = 0; i < n; i++) {
        ck_close(p[i], exp(a[i] - largest) / sum, 1e-13);
        difference += p[i] * (a[i] - b[i]);
    }
    ck_assert_double_le(fabs(cv_weighted_difference(p, a, b, n) - difference), 1e-12);
    a[n / 2] = NAN;
    ck_assert(isnan(cv_sum_exp(a, 0, n)));
}
END_TEST

START_TEST(rotation_keeps_lengths_and_pairs_halves)
{
    size_t half = lengths[_i];
    float x[1200], before[1200], cosine[600], sine[600];
    fill(before, 2 * half, 1, 11);
    for (size_t i = 0; i < 2 * half; i++) x[i] = before[i];
    for (size_t i = 0; i < half; i++) {
        cosine[i] = cosf((float)i);
        sine[i] = sinf((float)i);
    }
    cv_rotate(x, cosine, sine, half);
    for (size_t i = 0; i < half; i++) {
        double a = (double)before[i], b = (double)before[i + half], angle = (double)i;
        ck_assert_double_le(fabs((double)x[i] - (a * cos(angle) - b * sin(angle))), 1e-6);
        ck_assert_double_le(fabs((double)x[i + half] - (b * cos(angle) + a * sin(angle))), 1e-6);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("vector");
    tcase_add_loop_test(tests, rmsnorm_is_its_definition, 0, ROWS(lengths));
    tcase_add_loop_test(tests, silu_over_its_whole_range, 0, ROWS(lengths));
    tcase_add_loop_test(tests, softmax_sums_to_one, 0, ROWS(lengths));
    tcase_add_loop_test(tests, sums_and_products, 0, ROWS(lengths));
    tcase_add_loop_test(tests, one_bad_value_is_found_anywhere, 0, ROWS(lengths));
    tcase_add_loop_test(tests, log_softmax_parts, 0, ROWS(lengths));
    tcase_add_loop_test(tests, rotation_keeps_lengths_and_pairs_halves, 0, ROWS(lengths));
    return run_suite(tests);
}
