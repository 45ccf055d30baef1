#include "engine/sample.h"
#include "suite.h"
#include "tiny_model.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

enum { V = 1000, K = 12 };

/* Few different values, so that many are equal. */
static void make_logits(float *logits, int distinct, uint64_t seed)
{
    for (size_t i = 0; i < V; i++) logits[i] = (float)(int)(tiny_random(&seed) % (uint64_t)distinct) / 7.0f - 3.0f;
}

static void by_counting(const float *logits, size_t k, cv_candidate *best)
{
    bool taken[V] = {false};
    for (size_t j = 0; j < k; j++) {
        size_t next = V;
        for (size_t i = 0; i < V; i++)
            if (!taken[i] && (next == V || logits[i] > logits[next])) next = i;
        taken[next] = true;
        best[j] = (cv_candidate){logits[next], (int32_t)next};
    }
}

START_TEST(the_largest_however_the_vocabulary_is_cut)
{
    static const size_t slices[] = {1, 7, 128, 333, V};
    const int distinct[] = {1, 3, 40, 1 << 20};
    float logits[V];
    for (size_t d = 0; d < 4; d++)
        for (size_t k = 1; k <= K; k += 1 + k / 4)
            for (size_t s = 0; s < 5; s++) {
                cv_candidate expected[K], items[K];
                make_logits(logits, distinct[d], 10 * d + k);
                by_counting(logits, k, expected);
                cv_best best = {items, k, 0};
                size_t count = (V + slices[s] - 1) / slices[s];
                for (size_t i = 0; i < count; i++) { /* from the last slice to the first, or the other way */
                    size_t first = (s % 2 ? i : count - 1 - i) * slices[s];
                    cv_best_add_slice(&best, logits + first, V - first < slices[s] ? V - first : slices[s], first);
                }
                ck_assert_uint_eq(best.count, k);
                cv_best_sort(&best);
                for (size_t j = 0; j < k; j++) {
                    ck_assert_int_eq(items[j].id, expected[j].id);
                    ck_assert(items[j].logit == expected[j].logit);
                }
            }
}
END_TEST

START_TEST(fewer_than_k_are_all)
{
    const float logits[] = {0.5f, -1, 0.5f};
    cv_candidate items[K];
    cv_best best = {items, K, 0};
    cv_best_add_slice(&best, logits, 3, 40);
    cv_best_sort(&best);
    ck_assert_uint_eq(best.count, 3);
    ck_assert(items[0].id == 40 && items[1].id == 42 && items[2].id == 41);
    cv_sampling greedy = {.kind = CV_GREEDY, .k = 7}, wide = {.kind = CV_TOP_K, .k = 1000, .temperature = 1};
    ck_assert_uint_eq(cv_sampling_candidates(&greedy, 96), 1);
    ck_assert_uint_eq(cv_sampling_candidates(&wide, 96), 96);
    ck_assert_uint_eq(cv_sampling_candidates(&wide, 4096), 1000);
}
END_TEST

/* Probabilities 1/2, 1/4, 1/8, 1/8 at temperature 1; at 1/2 their squares, at 2 their roots. */
START_TEST(a_number_falls_into_a_tokens_share)
{
    const float logits[] = {(float)log(0.125), (float)log(0.5), (float)log(0.125), (float)log(0.25)};
    cv_candidate items[4];
    cv_best best = {items, 4, 0};
    cv_best_add_slice(&best, logits, 4, 0);
    cv_best_sort(&best);
    static const struct {
        double temperature, uniform;
        int32_t id;
    } cases[] = {
        {1, 0, 1},          {1, 0.499, 1},      {1, 0.501, 3},       {1, 0.749, 3},  {1, 0.751, 0},
        {1, 0.874, 0},      {1, 0.876, 2},      {1, 1 - 0x1p-53, 2}, {0.5, 0.72, 1}, {0.5, 0.73, 3},
        {0.5, 0.9, 3},      {0.5, 0.92, 0},     {2, 0.36, 1},        {2, 0.37, 3},   {1e-300, 0.999, 1},
        {1e300, 0.2499, 1}, {1e300, 0.2501, 3}, {1e300, 0.7501, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cv_sampling sampling = {.kind = CV_TOP_K, .k = 4, .temperature = cases[i].temperature};
        int32_t id = cv_sample(&sampling, &best, cases[i].uniform);
        ck_assert_msg(id == cases[i].id, "temperature %g, %g: %d", cases[i].temperature, cases[i].uniform, id);
    }
    cv_sampling greedy = {.kind = CV_GREEDY};
    ck_assert_int_eq(cv_sample(&greedy, &best, 0.99), 1);
}
END_TEST

/* The 99.9 % point of chi-squared with 4 degrees of freedom; the seed is fixed, so it holds or not. */
START_TEST(frequencies_are_the_probabilities)
{
    enum { DRAWS = 20000, TOKENS = 5 };
    const float logits[TOKENS] = {1.25f, -0.5f, 0.75f, 1.0f, -2.0f};
    const double temperatures[] = {0.7, 1, 1.8};
    for (size_t t = 0; t < 3; t++) {
        cv_candidate items[TOKENS];
        cv_best best = {items, TOKENS, 0};
        cv_best_add_slice(&best, logits, TOKENS, 0);
        cv_best_sort(&best);
        cv_sequence sequence = {.sampling = {CV_TOP_K, TOKENS, temperatures[t], 11}};
        double seen[TOKENS] = {0}, total = 0, chi = 0;
        for (size_t i = 0; i < DRAWS; i++) {
            sequence.stream = i / 100;
            seen[cv_sample_at(&sequence, &best, i % 100)]++;
        }
        for (size_t v = 0; v < TOKENS; v++) total += exp((double)logits[v] / temperatures[t]);
        for (size_t v = 0; v < TOKENS; v++) {
            double expected = DRAWS * exp((double)logits[v] / temperatures[t]) / total;
            chi += pow(seen[v] - expected, 2) / expected;
        }
        ck_assert_msg(chi < 18.47, "temperature %g: chi-squared %g", temperatures[t], chi);
    }
}
END_TEST

START_TEST(a_number_hangs_on_seed_stream_and_position)
{
    const float logits[2] = {0, 0};
    cv_candidate items[2];
    cv_best best = {items, 2, 0};
    cv_best_add_slice(&best, logits, 2, 0);
    cv_best_sort(&best);
    uint64_t bits[4] = {0};
    for (size_t i = 0; i < 64; i++) {
        cv_sequence a = {.sampling = {CV_TOP_K, 2, 1, 5}, .stream = 9}, b = a, c = a, d = a;
        b.sampling.seed = 5 + (1ull << 40);
        c.stream = 9 + (1ull << 40);
        bits[0] |= (uint64_t)cv_sample_at(&a, &best, i) << i;
        bits[1] |= (uint64_t)cv_sample_at(&b, &best, i) << i;
        bits[2] |= (uint64_t)cv_sample_at(&c, &best, i) << i;
        bits[3] |= (uint64_t)cv_sample_at(&d, &best, i + 64) << i;
        double uniform = cv_random_uniform_at(5, CV_RANDOM_TOKENS, 9, (uint32_t)i);
        ck_assert_int_eq(cv_sample_at(&a, &best, i), uniform < 0.5 ? 0 : 1);
    }
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++) ck_assert(bits[i] != bits[j]);
}
END_TEST

static const struct {
    cv_sampling sampling;
    const char *message;
} refused[] = {
    {{CV_TOP_K, 0, 1, 0}, "k 0"},
    {{CV_TOP_K, -3, 1, 0}, "k -3"},
    {{CV_TOP_K, 5, 0, 0}, "temperature 0"},
    {{CV_TOP_K, 5, -1, 0}, "temperature -1"},
    {{CV_TOP_K, 5, NAN, 0}, "temperature "},
    {{CV_TOP_K, 5, INFINITY, 0}, "temperature inf"},
};

START_TEST(samplings_that_make_no_sense_are_refused)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_sampling_check(&refused[_i].sampling, "job.json", &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "job.json: top_k with "));
    ck_assert_ptr_nonnull(strstr(err.text, refused[_i].message));
    cv_sampling greedy = {.kind = CV_GREEDY}, fine = {CV_TOP_K, 1, 0.1, 0};
    ck_assert(cv_sampling_check(&greedy, "job.json", &err) && cv_sampling_check(&fine, "job.json", &err));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sample");
    tcase_add_test(tests, the_largest_however_the_vocabulary_is_cut);
    tcase_add_test(tests, fewer_than_k_are_all);
    tcase_add_test(tests, a_number_falls_into_a_tokens_share);
    tcase_add_test(tests, frequencies_are_the_probabilities);
    tcase_add_test(tests, a_number_hangs_on_seed_stream_and_position);
    tcase_add_loop_test(tests, samplings_that_make_no_sense_are_refused, 0, ROWS(refused));
    return run_suite(tests);
}
