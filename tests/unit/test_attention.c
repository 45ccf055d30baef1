#include "engine/attention.h"

#include "suite.h"
#include "tiny_model.h"

#include <math.h>

enum { D = 16, MOST_HEADS = 3, MOST_KEYS = 90 };

static const struct {
    size_t heads, queries, first;
    float scale;
} cases[] = {{1, 1, 0, 1}, {1, 5, 0, 0.25f}, {3, 4, 7, 0.25f}, {2, 64, 26, 0.25f}, {1, 1, 89, 3}, {2, 3, 2, 0}};

/* Softmax of scaled dot products over the keys up to each query, in double precision. */
START_TEST(attention_is_its_definition)
{
    size_t heads = cases[_i].heads, n = cases[_i].queries, first = cases[_i].first, keys = first + n;
    static float q[MOST_HEADS * 64 * D], k[MOST_KEYS * D], v[MOST_KEYS * D], z[MOST_HEADS * 64 * D];
    static float scores[MOST_HEADS * 64 * MOST_KEYS];
    uint64_t seed = 1 + (uint64_t)_i;
    for (size_t i = 0; i < heads * n * D; i++) q[i] = 3 * tiny_uniform(&seed);
    for (size_t i = 0; i < keys * D; i++) {
        k[i] = 3 * tiny_uniform(&seed);
        v[i] = tiny_uniform(&seed);
    }
    cv_attend(heads, n, first, D, cases[_i].scale, q, k, v, scores, z);
    for (size_t row = 0; row < heads * n; row++) {
        double weight[MOST_KEYS], sum = 0;
        for (size_t j = 0; j <= first + row % n; j++) {
            double dot = 0;
            for (size_t c = 0; c < D; c++) dot += (double)q[row * D + c] * (double)k[j * D + c];
            sum += weight[j] = exp(dot * (double)cases[_i].scale);
        }
        for (size_t c = 0; c < D; c++) {
            double expected = 0;
            for (size_t j = 0; j <= first + row % n; j++) expected += weight[j] / sum * (double)v[j * D + c];
            ck_assert_double_le(fabs((double)z[row * D + c] - expected), 5e-6);
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("attention");
    tcase_add_loop_test(tests, attention_is_its_definition, 0, ROWS(cases));
    return run_suite(tests);
}
