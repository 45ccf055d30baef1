#include "engine/rope.h"

#include "suite.h"

#include <math.h>

/* The angle of a pair at a position, from the published formulas in double precision. */
static double angle(const cv_rope *rope, size_t pair, size_t head_dim, size_t position)
{
    double frequency = pow(rope->theta, -2.0 * (double)pair / (double)head_dim);
    if (rope->kind == CV_ROPE_LINEAR) frequency /= rope->factor;
    if (rope->kind == CV_ROPE_LLAMA3) {
        double turns = rope->original_max_position_embeddings * frequency / (2 * M_PI);
        double smooth = (turns - rope->low_freq_factor) / (rope->high_freq_factor - rope->low_freq_factor);
        smooth = fmin(1, fmax(0, smooth));
        frequency *= smooth + (1 - smooth) / rope->factor;
    }
    return (double)position * frequency;
}

static const cv_rope ropes[] = {
    {.kind = CV_ROPE_DEFAULT, .theta = 10000},
    {.kind = CV_ROPE_DEFAULT, .theta = 500000},
    {.kind = CV_ROPE_LINEAR, .theta = 10000, .factor = 4},
    {CV_ROPE_LLAMA3, 500000, 8, 1, 4, 8192, 0},
    {.kind = CV_ROPE_DEFAULT, .theta = 10000, .width = 8},
    {CV_ROPE_LLAMA3, 10000, 8, 1, 4, 64, 0}, /* where all three ranges occur among few pairs */
};

START_TEST(angles_are_the_published_ones)
{
    enum { HEAD_DIM = 32, POSITIONS = 300 };
    const cv_rope *rope = &ropes[_i];
    cv_rope_table table = cv_rope_make(rope, HEAD_DIM, POSITIONS);
    size_t width = rope->width ? (size_t)rope->width : HEAD_DIM;
    ck_assert_uint_eq(table.half, width / 2);
    for (size_t position = 0; position < POSITIONS; position++)
        for (size_t pair = 0; pair < table.half; pair++) {
            double exact = angle(rope, pair, width, position), most = 1e-6 + 3e-7 * exact;
            size_t at = position * table.half + pair;
            ck_assert_double_le(fabs((double)table.cosine[at] - cos(exact)), most);
            ck_assert_double_le(fabs((double)table.sine[at] - sin(exact)), most);
        }
    cv_rope_free(&table);
}
END_TEST

START_TEST(position_zero_turns_nothing)
{
    cv_rope_table table = cv_rope_make(&ropes[0], 4, 2);
    float heads[] = {1, 2, 3, 4, 5, 6, 7, 8};
    cv_rope_apply(&table, 0, 2, heads);
    for (int i = 0; i < 8; i++) ck_assert_float_eq(heads[i], (float)(i + 1));
    cv_rope_apply(&table, 1, 2, heads);
    ck_assert_double_le(fabs((double)heads[4] - (5 * cos(1) - 7 * sin(1))), 1e-6);
    cv_rope_free(&table);
}
END_TEST

/* The rest of each head stays. */
START_TEST(a_part_of_each_head_is_turned)
{
    cv_rope_table table = cv_rope_make(&(cv_rope){.theta = 10000, .width = 2}, 4, 2);
    float heads[] = {1, 2, 3, 4, 5, 6, 7, 8};
    cv_rope_apply(&table, 1, 2, heads);
    ck_assert_double_le(fabs((double)heads[4] - (5 * cos(1) - 6 * sin(1))), 1e-6);
    ck_assert_double_le(fabs((double)heads[5] - (6 * cos(1) + 5 * sin(1))), 1e-6);
    for (int i = 0; i < 8; i++)
        if (i % 4 >= 2) ck_assert_float_eq(heads[i], (float)(i + 1));
    cv_rope_free(&table);
    table = cv_rope_make(&(cv_rope){.kind = CV_ROPE_NONE}, 4, 2);
    cv_rope_apply(&table, 1, 1, heads + 2);
    ck_assert_float_eq(heads[2], 3);
    cv_rope_free(&table);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rope");
    tcase_add_loop_test(tests, angles_are_the_published_ones, 0, ROWS(ropes));
    tcase_add_test(tests, position_zero_turns_nothing);
    tcase_add_test(tests, a_part_of_each_head_is_turned);
    return run_suite(tests);
}
