#include "base/random.h"

#include "suite.h"

#include <math.h>

typedef struct known {
    uint32_t counter[4], key[2], words[4];
} known;

/* The known answers that Random123, the authors' library, is tested with. */
static const known answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
     {UINT32_MAX, UINT32_MAX},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(published_answers)
{
    const known *k = &answers[_i];
    uint32_t words[4];
    cv_philox(k->key, k->counter, words);
    for (int i = 0; i < 4; i++)
        ck_assert_msg(words[i] == k->words[i], "word %d is %08x, not %08x", i, words[i], k->words[i]);
}
END_TEST

START_TEST(seed_use_and_item_are_key_and_counter)
{
    cv_random random = cv_random_open(0x299f31d0a4093822u, CV_RANDOM_HALVES, 0x0370734413198a2eu);
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t words[4];
        cv_philox((uint32_t[]){0xa4093822, 0x299f31d0}, (uint32_t[]){block, CV_RANDOM_HALVES, 0x13198a2e, 0x03707344},
                  words);
        for (int i = 0; i < 4; i++) ck_assert_uint_eq(cv_random_word(&random), words[i]);
    }
}
END_TEST

START_TEST(another_seed_use_or_item_gives_other_numbers)
{
    cv_random same[] = {cv_random_open(1, CV_RANDOM_TOKENS, 2), cv_random_open(1, CV_RANDOM_TOKENS, 2)};
    cv_random other[] = {cv_random_open(3, CV_RANDOM_TOKENS, 2), cv_random_open(1ull << 32 | 1, CV_RANDOM_TOKENS, 2),
                         cv_random_open(1, CV_RANDOM_HEADS, 2), cv_random_open(1, CV_RANDOM_TOKENS, 3),
                         cv_random_open(1, CV_RANDOM_TOKENS, 1ull << 32 | 2)};
    uint32_t first[4];
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(first[i] = cv_random_word(&same[0]), cv_random_word(&same[1]));
    for (int o = 0; o < ROWS(other); o++) {
        int equal = 0;
        for (int i = 0; i < 4; i++) equal += cv_random_word(&other[o]) == first[i];
        ck_assert_msg(equal == 0, "stream %d repeats %d of 4 words", o, equal);
    }
}
END_TEST

START_TEST(uniform_keeps_53_bits_below_one)
{
    cv_random random = cv_random_open(1, CV_RANDOM_TOKENS, 0);
    random.used = 0;
    for (int i = 0; i < 4; i++) random.words[i] = i < 2 ? UINT32_MAX : 0;
    ck_assert_double_eq(cv_random_uniform(&random), 1 - 0x1p-53);
    ck_assert_double_eq(cv_random_uniform(&random), 0);
    random.used = 0;
    random.words[0] = 0x80000000u; /* the first word is the high one */
    random.words[1] = 1u << 11;
    ck_assert_double_eq(cv_random_uniform(&random), 0.5 + 0x1p-53);
}
END_TEST

/* Chi-squared over 256 cells: its mean is 255, its deviation 22.6; 346 is passed by chance once in
 * 10,000 seeds, 180 is undercut as seldom. The low 8 bits of the 53 are looked at too. */
START_TEST(uniform_is_uniform)
{
    enum { N = 1 << 20, CELLS = 256 };
    cv_random random = cv_random_open(7, CV_RANDOM_TOKENS, 0);
    double high[CELLS] = {0}, low[CELLS] = {0};
    double sum = 0, squares = 0, neighbours = 0, last = 0.5;
    for (int i = 0; i < N; i++) {
        double u = cv_random_uniform(&random);
        if (!(u >= 0 && u < 1)) ck_abort_msg("%.17g is outside [0, 1)", u);
        high[(int)(u * CELLS)]++;
        low[(uint64_t)(u * 0x1p53) % CELLS]++;
        sum += u;
        squares += u * u;
        neighbours += (u - 0.5) * (last - 0.5);
        last = u;
    }
    double chi[2] = {0, 0}, expected = (double)N / CELLS;
    for (int c = 0; c < CELLS; c++) {
        chi[0] += (high[c] - expected) * (high[c] - expected) / expected;
        chi[1] += (low[c] - expected) * (low[c] - expected) / expected;
    }
    for (int i = 0; i < 2; i++) ck_assert_msg(chi[i] > 180 && chi[i] < 346, "chi-squared is %g", chi[i]);
    /* Four deviations of the mean, the mean square and the covariance of neighbours. */
    ck_assert_double_le(fabs(sum / N - 0.5), 4 * sqrt(1. / 12 / N));
    ck_assert_double_le(fabs(squares / N - 1. / 3), 4 * sqrt(4. / 45 / N));
    ck_assert_double_le(fabs(neighbours / N), 4. / 12 / sqrt(N));
}
END_TEST

/* Chi-squared with n - 1 degrees of freedom, four deviations around its mean. 3 * 2^30 is where a
 * missing rejection shows most: multiples of 3 would come twice as often as the rest. */
START_TEST(below_is_uniform)
{
    const uint32_t sizes[] = {2, 3, 10, 520, 3u << 30};
    uint32_t n = sizes[_i], cells = n < 1000 ? n : 768;
    enum { N = 200000 };
    double seen[768] = {0};
    cv_random random = cv_random_open(11, CV_RANDOM_BOOTSTRAP, 0);
    for (int i = 0; i < N; i++) {
        uint32_t drawn = cv_random_below(&random, n);
        if (drawn >= n) ck_abort_msg("%u is not below %u", drawn, n);
        seen[drawn % cells]++;
    }
    double chi = 0, expected = (double)N / cells, freedom = cells - 1;
    for (uint32_t c = 0; c < cells; c++) chi += (seen[c] - expected) * (seen[c] - expected) / expected;
    ck_assert_msg(fabs(chi - freedom) < 4 * sqrt(2 * freedom), "chi-squared is %g with %g degrees of freedom", chi,
                  freedom);
}
END_TEST

START_TEST(below_one_and_the_largest)
{
    cv_random random = cv_random_open(1, CV_RANDOM_TOKENS, 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(cv_random_below(&random, 1), 0);
        ck_assert_uint_lt(cv_random_below(&random, UINT32_MAX), UINT32_MAX);
    }
    random.used = 0;
    random.words[0] = 0; /* the one word too many for UINT32_MAX is passed over */
    random.words[1] = 5;
    ck_assert_uint_eq(cv_random_below(&random, UINT32_MAX), 4); /* floor(5 * (2^32 - 1) / 2^32) */
    ck_assert_int_eq(random.used, 2);
}
END_TEST

/* All 24 orders of four items, about equally often. */
START_TEST(shuffle_gives_every_order)
{
    enum { N = 24000 };
    double seen[256] = {0}, chi = 0;
    int orders = 0;
    for (uint64_t item = 0; item < N; item++) {
        cv_random random = cv_random_open(5, CV_RANDOM_PERMUTATION, item);
        uint32_t items[] = {0, 1, 2, 3};
        cv_random_shuffle(&random, items, 4);
        if ((1u << items[0] | 1u << items[1] | 1u << items[2] | 1u << items[3]) != 15) ck_abort_msg("an item is lost");
        seen[items[0] * 64 + items[1] * 16 + items[2] * 4 + items[3]]++;
    }
    for (int i = 0; i < 256; i++) {
        orders += seen[i] > 0;
        if (seen[i] > 0) chi += (seen[i] - 1000) * (seen[i] - 1000) / 1000;
    }
    ck_assert_int_eq(orders, 24);
    ck_assert_msg(chi > 5 && chi < 56, "chi-squared is %g with 23 degrees of freedom", chi);
}
END_TEST

START_TEST(a_position_needs_none_before_it)
{
    cv_random random = cv_random_open(9, CV_RANDOM_TOKENS, 4);
    for (uint32_t position = 0; position < 10; position++) {
        ck_assert_double_eq(cv_random_uniform_at(9, CV_RANDOM_TOKENS, 4, position), cv_random_uniform(&random));
        cv_random_uniform(&random); /* the block's other half */
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("random");
    tcase_add_loop_test(tests, published_answers, 0, ROWS(answers));
    tcase_add_test(tests, seed_use_and_item_are_key_and_counter);
    tcase_add_test(tests, another_seed_use_or_item_gives_other_numbers);
    tcase_add_test(tests, uniform_keeps_53_bits_below_one);
    tcase_add_test(tests, uniform_is_uniform);
    tcase_add_loop_test(tests, below_is_uniform, 0, 5);
    tcase_add_test(tests, below_one_and_the_largest);
    tcase_add_test(tests, shuffle_gives_every_order);
    tcase_add_test(tests, a_position_needs_none_before_it);
    return run_suite(tests);
}
