#include "engine/activation.h"

#include "suite.h"

#include <math.h>
#include <string.h>

enum { N = 161 };

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2));
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static const struct {
    cv_activation activation;
    double (*of)(double x);
} kinds[] = {{CV_SILU, silu}, {CV_GELU, gelu}, {CV_GELU_TANH, gelu_tanh}};

START_TEST(activations_are_their_definitions)
{
    float x[N], up[N], gated[N], plain[N];
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) * 0.1f;
    for (int i = 0; i < N; i++) up[i] = 1.0f + 0.01f * (float)i;
    memcpy(gated, x, sizeof x);
    memcpy(plain, x, sizeof x);
    cv_activate(kinds[_i].activation, gated, up, N);
    cv_activate(kinds[_i].activation, plain, NULL, N);
    for (int i = 0; i < N; i++) {
        double expected = kinds[_i].of((double)x[i]), most = 1e-7 + 2e-6 * fabs(expected);
        ck_assert_double_le(fabs((double)plain[i] - expected), most);
        ck_assert_double_le(fabs((double)gated[i] - expected * (double)up[i]), 3 * most);
    }
}
END_TEST

START_TEST(far_out_they_are_zero_or_the_identity)
{
    float far[] = {-1e4f, 1e4f, -60, 60};
    cv_activate(kinds[_i].activation, far, NULL, 4);
    ck_assert(far[0] == 0 && far[1] == 1e4f && fabsf(far[2]) < 1e-20f && far[3] == 60);
    float wrong = NAN;
    cv_activate(kinds[_i].activation, &wrong, NULL, 1);
    ck_assert(isnan(wrong));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("activation");
    tcase_add_loop_test(tests, activations_are_their_definitions, 0, ROWS(kinds));
    tcase_add_loop_test(tests, far_out_they_are_zero_or_the_identity, 0, ROWS(kinds));
    return run_suite(tests);
}
