#include "engine/norm.h"

#include "suite.h"
#include "tiny_model.h"

#include <math.h>
#include <string.h>

enum { NUM_ROWS = 3, N = 24 };

/* The definitions in double precision. */
static void expect(const cv_config *c, const float *x, size_t n, const float *weight, const float *bias, double *y)
{
    double mean = 0, squares = 0;
    for (size_t i = 0; c->norm == CV_NORM_LAYER && i < n; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        y[i] =
            ((double)x[i] - mean) / sqrt(squares + c->rms_norm_eps) * (double)weight[i] + (bias ? (double)bias[i] : 0);
}

static const struct {
    cv_norm_kind kind;
    bool bias;
} kinds[] = {{CV_NORM_RMS, false}, {CV_NORM_LAYER, true}, {CV_NORM_LAYER, false}};

START_TEST(rows_are_normed)
{
    cv_config c = {.norm = kinds[_i].kind, .rms_norm_eps = 0.01};
    float x[NUM_ROWS * N], weight[N], bias[N], y[NUM_ROWS * N];
    uint64_t seed = 3;
    for (size_t i = 0; i < NUM_ROWS * N; i++) x[i] = 1 + tiny_uniform(&seed);
    for (size_t i = 0; i < N; i++) weight[i] = 1 + tiny_uniform(&seed);
    for (size_t i = 0; i < N; i++) bias[i] = tiny_uniform(&seed);
    const float *b = kinds[_i].bias ? bias : NULL;
    cv_norm_rows(&c, NUM_ROWS, N, x, weight, b, y);
    for (size_t r = 0; r < NUM_ROWS; r++) {
        double expected[N], wide[N];
        expect(&c, x + r * N, N, weight, b, expected);
        cv_norm_double(&c, N, x + r * N, weight, b, wide);
        for (size_t i = 0; i < N; i++) {
            ck_assert_double_le(fabs((double)y[r * N + i] - expected[i]), 2e-6);
            ck_assert_double_le(fabs(wide[i] - expected[i]), 1e-14);
        }
    }
    float again[NUM_ROWS * N];
    memcpy(again, x, sizeof x);
    cv_norm_rows(&c, NUM_ROWS, N, again, weight, b, again); /* in place */
    ck_assert_mem_eq(again, y, sizeof y);
    cv_norm_rows(&c, NUM_ROWS, N, x, NULL, NULL, y); /* no norm */
    ck_assert_mem_eq(x, y, sizeof y);
}
END_TEST

/* 4 heads of 6: each by itself, or all as one vector. */
START_TEST(heads_are_normed_each_or_as_one)
{
    cv_config c = {.head_dim = 6, .rms_norm_eps = 0.01};
    float x[N], weight[N], y[N];
    double expected[N];
    uint64_t seed = 4;
    for (size_t i = 0; i < N; i++) x[i] = tiny_uniform(&seed) * (float)(1 + i / 6);
    for (size_t i = 0; i < N; i++) weight[i] = 1 + tiny_uniform(&seed);
    memcpy(y, x, sizeof x);
    cv_norm_heads(&c, 4, weight, y);
    ck_assert_mem_eq(x, y, sizeof y);
    c.qk_norm = CV_QK_NORM_HEAD;
    cv_norm_heads(&c, 4, weight, y);
    for (size_t h = 0; h < 4; h++) expect(&c, x + 6 * h, 6, weight, NULL, expected + 6 * h);
    for (size_t i = 0; i < N; i++) ck_assert_double_le(fabs((double)y[i] - expected[i]), 2e-6);
    c.qk_norm = CV_QK_NORM_WIDTH;
    memcpy(y, x, sizeof x);
    cv_norm_heads(&c, 4, weight, y);
    expect(&c, x, N, weight, NULL, expected);
    for (size_t i = 0; i < N; i++) ck_assert_double_le(fabs((double)y[i] - expected[i]), 2e-6);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("norm");
    tcase_add_loop_test(tests, rows_are_normed, 0, ROWS(kinds));
    tcase_add_test(tests, heads_are_normed_each_or_as_one);
    return run_suite(tests);
}
