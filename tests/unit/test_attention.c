#include "engine/attention.h"

#include "suite.h"
#include "tiny_model.h"

#include <math.h>

enum { D = 16, MOST_HEADS = 3, MOST_KEYS = 90 };

static const struct {
    size_t heads, queries, first;
    cv_scoring scoring;
} cases[] = {
    {1, 1, 0, {.scale = 1}},
    {1, 5, 0, {.scale = 0.25f}},
    {3, 4, 7, {.scale = 0.25f}},
    {2, 64, 26, {.scale = 0.25f}},
    {1, 1, 89, {.scale = 3}},
    {2, 3, 2, {.scale = 0}},
    {2, 64, 26, {.scale = 0.25f, .window = 7}},
    {3, 5, 0, {.scale = 0.25f, .window = 1}},
    {1, 5, 3, {.scale = 0.25f, .window = 8}},
    {2, 9, 4, {.scale = 0.5f, .cap = 1.5}},
    {2, 9, 40, {.scale = 2, .cap = 30, .window = 20}},
};

/* Softmax of scaled and capped dot products over the last keys up to each query, in double precision. */
START_TEST(attention_is_its_definition)
{
    size_t heads = cases[_i].heads, n = cases[_i].queries, first = cases[_i].first, keys = first + n;
    static float q[MOST_HEADS * 64 * D], k[MOST_KEYS * D], v[MOST_KEYS * D], z[MOST_HEADS * 64 * D];
    const cv_scoring *scoring = &cases[_i].scoring;
    static float scores[MOST_HEADS * 64 * MOST_KEYS];
    uint64_t seed = 1 + (uint64_t)_i;
    for (size_t i = 0; i < heads * n * D; i++) q[i] = 3 * tiny_uniform(&seed);
    for (size_t i = 0; i < keys * D; i++) {
        k[i] = 3 * tiny_uniform(&seed);
        v[i] = tiny_uniform(&seed);
    }
    cv_attend(heads, n, first, D, scoring, q, k, v, scores, z);
    for (size_t row = 0; row < heads * n; row++) {
        double weight[MOST_KEYS], sum = 0;
        size_t last = first + row % n, window = scoring->window,
               begin = window && last >= window ? last - window + 1 : 0;
        for (size_t j = begin; j <= last; j++) {
            double dot = 0;
            for (size_t c = 0; c < D; c++) dot += (double)q[row * D + c] * (double)k[j * D + c];
            double score = dot * (double)scoring->scale;
            sum += weight[j] = exp(scoring->cap > 0 ? scoring->cap * tanh(score / scoring->cap) : score);
        }
        for (size_t c = 0; c < D; c++) {
            double expected = 0;
            for (size_t j = begin; j <= last; j++) expected += weight[j] / sum * (double)v[j * D + c];
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
