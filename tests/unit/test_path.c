/* One new token's attention over a path in pieces, against that over the same keys in one. */
#include "engine/attention.h"
#include "engine/path.h"
#include "suite.h"
#include "tiny_model.h"

#include <string.h>

enum { D = 12, G = 3, STRIDE = 30, MOST = 64 };

typedef struct pieces {
    float memory[MOST][STRIDE]; /* rows: k at 2, v at 15 */
    cv_run runs[8];
    float k[MOST][D], v[MOST][D]; /* gathered */
    cv_path path;
} pieces;

/* Runs of lengths [num], one after the other from the back of memory, the odd ones with rows close together. */
static void make(pieces *p, const size_t *lengths, size_t num, uint64_t seed)
{
    size_t end = MOST, keys = 0;
    for (size_t i = 0; i < MOST * STRIDE; i++) (&p->memory[0][0])[i] = tiny_uniform(&seed);
    for (size_t r = 0; r < num; r++) {
        end -= lengths[r];
        const float *at = p->memory[end];
        size_t stride = r % 2 ? D + 1 : STRIDE;
        p->runs[r] = (cv_run){at + 2, at + 15, lengths[r], stride};
        for (size_t j = 0; j < lengths[r]; j++, keys++) {
            memcpy(p->k[keys], p->runs[r].k + j * stride, sizeof p->k[keys]);
            memcpy(p->v[keys], p->runs[r].v + j * stride, sizeof p->v[keys]);
        }
    }
    p->path = (cv_path){p->runs, num, keys};
}

static const struct {
    size_t lengths[8], num;
} cases[] = {{{1}, 1}, {{1, 1}, 2}, {{5, 1, 7}, 3}, {{1, 3, 0, 20, 2}, 5}, {{60}, 1}};

START_TEST(attention_over_pieces_is_attention)
{
    static pieces p;
    make(&p, cases[_i].lengths, cases[_i].num, 5);
    uint64_t seed = 9;
    float q[G * D], z[G * D], scores[G * MOST], expected[G * D], scratch[G * MOST];
    for (size_t i = 0; i < G * D; i++) q[i] = 3 * tiny_uniform(&seed);
    for (size_t heads = 1; heads <= G; heads++) {
        const cv_scoring scoring = {.scale = 0.7f};
        cv_path_attend(&p.path, heads, D, &scoring, q, scores, z);
        cv_attend(heads, 1, p.path.keys - 1, D, &scoring, q, &p.k[0][0], &p.v[0][0], scratch, expected);
        for (size_t i = 0; i < heads * D; i++) ck_assert_float_eq_tol(z[i], expected[i], 1e-6f);
    }
}
END_TEST

/* A window over pieces against the same window over the keys in one, with a soft cap. */
START_TEST(a_window_leaves_the_last_keys)
{
    static pieces p;
    float q[G * D], z[G * D], scores[G * MOST], expected[G * D], scratch[G * MOST];
    uint64_t seed = 10;
    for (size_t i = 0; i < G * D; i++) q[i] = 3 * tiny_uniform(&seed);
    make(&p, cases[_i].lengths, cases[_i].num, 7);
    for (size_t window = 1; window <= p.path.keys + 1; window++) {
        make(&p, cases[_i].lengths, cases[_i].num, 7);
        const cv_scoring scoring = {.scale = 0.7f, .cap = 2, .window = window};
        cv_path last = cv_path_last(&p.path, window, p.runs);
        ck_assert_uint_eq(last.keys, window < p.path.keys ? window : p.path.keys);
        cv_path_attend(&last, G, D, &scoring, q, scores, z);
        cv_attend(G, 1, p.path.keys - 1, D, &scoring, q, &p.k[0][0], &p.v[0][0], scratch, expected);
        for (size_t i = 0; i < G * D; i++) ck_assert_float_eq_tol(z[i], expected[i], 1e-6f);
    }
}
END_TEST

START_TEST(sums_are_over_all_values)
{
    static pieces p;
    make(&p, cases[_i].lengths, cases[_i].num, 6);
    double sum[D];
    for (size_t c = 0; c < D; c++) sum[c] = (double)c;
    cv_path_sum(&p.path, D, sum);
    for (size_t c = 0; c < D; c++) {
        double expected = (double)c;
        for (size_t j = 0; j < p.path.keys; j++) expected += (double)p.v[j][c];
        ck_assert(sum[c] == expected); /* in order of position, so to the last bit */
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("path");
    tcase_add_loop_test(tests, attention_over_pieces_is_attention, 0, ROWS(cases));
    tcase_add_loop_test(tests, a_window_leaves_the_last_keys, 0, ROWS(cases));
    tcase_add_loop_test(tests, sums_are_over_all_values, 0, ROWS(cases));
    return run_suite(tests);
}
