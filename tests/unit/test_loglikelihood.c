#include "score/loglikelihood.h"

#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

/* A model whose vocabulary is more than one slice. */
enum { VOCABULARY = 1500, NUM = 6, TOKENS = 3 + 3 + 2 + 5 + 1 + 2 };

static cv_model *model;
static cv_engine *engine;

static void open_model(void)
{
    cv_config config = tiny_config();
    config.vocab_size = VOCABULARY;
    model = tiny_model(config, 11);
    engine = cv_engine_open(model, 8);
}

static void close_model(void)
{
    cv_engine_close(engine);
    tiny_model_free(model);
}

/* Choices with one context, one of them the start of another; a text by itself; and contexts of one
 * token, the second of which the first is the start of. */
static const int32_t texts[NUM][9] = {{5, 1400, 7, 1023, 1024, 1499},
                                      {5, 1400, 7, 1023, 1024, 0},
                                      {5, 1400, 7, 1023, 2},
                                      {9, 3, 9, 8, 9, 9},
                                      {5, 1400},
                                      {1400, 5, 5}};
static const int32_t *const ids[NUM] = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]};
static const size_t count[NUM] = {6, 6, 5, 6, 2, 3}, context[NUM] = {3, 3, 3, 1, 1, 1};
static const cv_continuations all = {NUM, ids, count, context};

static const cv_ablated_head heads[] = {{0, 2, {.kind = CV_UNIFORM_ATTENTION}},
                                        {0, 3, {.kind = CV_VALUE_SCALE, .epsilon = 0.25}},
                                        {2, 5, {.kind = CV_UNIFORM_ATTENTION}}};
static const cv_head_group groups[] = {{NULL, 0}, {heads, 1}, {heads + 1, 1}, {heads, 3}};

/* log p(token | prefix) from the plain engine's logits. */
static double plain_value(const int32_t *prefix, size_t length, int32_t token, const cv_head_group *group)
{
    static float logits[VOCABULARY];
    cv_error err;
    ck_assert_msg(cv_plain_logits(engine, prefix, length, group, logits, &err), "%s", err.text);
    double largest = -INFINITY, sum = 0;
    for (size_t v = 0; v < VOCABULARY; v++) largest = fmax(largest, (double)logits[v]);
    for (size_t v = 0; v < VOCABULARY; v++) sum += exp((double)logits[v] - largest);
    return (double)logits[token] - largest - log(sum);
}

/* Every token of every text, under the groups, in blocks of several sizes. */
START_TEST(values_equal_those_of_the_plain_engine)
{
    const size_t row_budgets[] = {1, 7, CV_LOGLIKELIHOOD_ROWS};
    const cv_head_group *group = &groups[_i];
    double expected[TOKENS], values[TOKENS], sums[NUM];
    size_t t = 0;
    for (size_t i = 0; i < NUM; i++)
        for (size_t n = context[i]; n < count[i]; n++) expected[t++] = plain_value(ids[i], n, ids[i][n], group);
    ck_assert_uint_eq(t, TOKENS);
    ck_assert_uint_eq(cv_continuations_tokens(&all), TOKENS);
    for (size_t b = 0; b < 3; b++) {
        cv_error err;
        for (t = 0; t < TOKENS; t++) values[t] = NAN;
        ck_assert_msg(cv_loglikelihood(engine, &all, group, row_budgets[b], values, &err), "%s", err.text);
        for (t = 0; t < TOKENS; t++)
            ck_assert_msg(fabs(values[t] - expected[t]) <= 2e-5, "%zu rows, token %zu: %.9g, expected %.9g",
                          row_budgets[b], t, values[t], expected[t]);
        cv_loglikelihood_sums(&all, values, sums);
        ck_assert_double_eq(sums[2], values[6] + values[7]);
        ck_assert_double_eq(sums[4], values[13]);
    }
}
END_TEST

START_TEST(groups_change_the_values)
{
    cv_error err;
    double clean[TOKENS], ablated[TOKENS];
    ck_assert(cv_loglikelihood(engine, &all, NULL, 100, clean, &err));
    ck_assert(cv_loglikelihood(engine, &all, &groups[0], 100, ablated, &err));
    ck_assert_mem_eq(clean, ablated, sizeof clean);
    ck_assert(cv_loglikelihood(engine, &all, &groups[3], 100, ablated, &err));
    for (size_t t = 0; t < 8; t++) ck_assert_double_gt(fabs(clean[t] - ablated[t]), 1e-3);
}
END_TEST

/* One continuation for every token of the vocabulary: they share a prefix, and probabilities add up. */
START_TEST(probabilities_add_up_to_one)
{
    static int32_t pair[VOCABULARY][3];
    static const int32_t *every[VOCABULARY];
    static size_t three[VOCABULARY], two[VOCABULARY];
    static double values[VOCABULARY];
    for (size_t v = 0; v < VOCABULARY; v++) {
        memcpy(pair[v], (int32_t[]){17, 4, (int32_t)v}, sizeof pair[v]);
        every[v] = pair[v];
        three[v] = 3;
        two[v] = 2;
    }
    cv_continuations vocabulary = {VOCABULARY, every, three, two};
    cv_error err;
    cv_prefixes prefixes = cv_prefixes_make(&vocabulary, 0, VOCABULARY);
    ck_assert_uint_eq(prefixes.num, 1);
    ck_assert_uint_eq(prefixes.num_tokens, VOCABULARY);
    cv_prefixes_free(&prefixes);
    ck_assert(cv_loglikelihood(engine, &vocabulary, &groups[1], 2, values, &err));
    double sum = 0;
    for (size_t v = 0; v < VOCABULARY; v++) sum += exp(values[v]);
    ck_assert_double_le(fabs(sum - 1), 1e-10);
}
END_TEST

/* Which of the prefixes of the texts above are different, among neighbours. */
START_TEST(neighbours_share_prefixes)
{
    const size_t expected[TOKENS] = {0, 1, 2, 0, 1, 2, 0, 1, 3, 4, 5, 6, 7, 8, 9, 10};
    cv_prefixes p = cv_prefixes_make(&all, 0, NUM);
    ck_assert_uint_eq(p.num, 11);
    ck_assert_uint_eq(p.num_tokens, TOKENS);
    ck_assert_mem_eq(p.prefix, expected, sizeof expected);
    ck_assert_int_eq(p.token[5], 0);
    ck_assert_uint_eq(p.count[2], 5);
    ck_assert_mem_eq(p.ids[2], texts[0], 5 * sizeof(int32_t));
    cv_prefixes_free(&p);
}
END_TEST

START_TEST(blocks_keep_to_their_rows)
{
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 0, 1), 1); /* one at least */
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 0, 5), 3); /* the first three share all five */
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 0, 9), 3);
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 0, 10), 4);
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 3, 6), 5);
    ck_assert_uint_eq(cv_loglikelihood_block(&all, 0, SIZE_MAX), NUM);
}
END_TEST

static cv_work work_since(cv_work before)
{
    cv_work now = cv_engine_work(engine);
    return (cv_work){now.operations - before.operations, now.weight_bytes - before.weight_bytes};
}

START_TEST(the_estimate_is_what_is_counted)
{
    double values[TOKENS];
    cv_error err;
    for (size_t rows = 1; rows < 40; rows += 9) {
        cv_wavefront_cost cost = cv_loglikelihood_estimate(model, &all, &groups[_i], rows);
        cv_work before = cv_engine_work(engine);
        ck_assert(cv_loglikelihood(engine, &all, &groups[_i], rows, values, &err));
        cv_work done = work_since(before);
        ck_assert_uint_eq(done.operations, cost.work.operations);
        ck_assert_uint_eq(done.weight_bytes, cost.work.weight_bytes);
        ck_assert(cost.memory_bytes > 0 && cost.thread_bytes > 0);
    }
}
END_TEST

/* Memory follows the rows of a block, not the number of texts. */
START_TEST(memory_is_bounded)
{
    enum { MANY = 400, LENGTH = 9 };
    static int32_t words[MANY][LENGTH];
    static const int32_t *many[MANY];
    static size_t nine[MANY], four[MANY];
    uint64_t seed = 5;
    for (size_t i = 0; i < MANY; i++) {
        for (size_t n = 0; n < LENGTH; n++) words[i][n] = (int32_t)(tiny_random(&seed) % VOCABULARY);
        many[i] = words[i];
        nine[i] = LENGTH;
        four[i] = 4;
    }
    cv_continuations some = {MANY / 4, many, nine, four}, more = {MANY, many, nine, four};
    cv_wavefront_cost a = cv_loglikelihood_estimate(model, &some, NULL, 200);
    cv_wavefront_cost b = cv_loglikelihood_estimate(model, &more, NULL, 200);
    cv_wavefront_cost c = cv_loglikelihood_estimate(model, &more, NULL, 3200);
    ck_assert_uint_le(b.memory_bytes, a.memory_bytes + a.memory_bytes / 50);
    ck_assert_uint_gt(c.memory_bytes, 2 * b.memory_bytes);
}
END_TEST

START_TEST(threads_do_not_change_the_bits)
{
    double one[TOKENS], two[TOKENS];
    cv_error err;
    omp_set_num_threads(1);
    ck_assert(cv_loglikelihood(engine, &all, &groups[3], 8, one, &err));
    omp_set_num_threads(3);
    ck_assert(cv_loglikelihood(engine, &all, &groups[3], 8, two, &err));
    ck_assert_mem_eq(one, two, sizeof one);
}
END_TEST

/* The last token is scored but not fed, so a text may be one longer than the engine's positions. */
START_TEST(a_text_of_one_token_more_than_positions)
{
    double value;
    cv_error err;
    const int32_t text[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, *one = text;
    cv_continuations c = {1, &one, (size_t[]){9}, (size_t[]){8}};
    ck_assert_msg(cv_loglikelihood(engine, &c, NULL, 100, &value, &err), "%s", err.text);
    ck_assert_double_le(fabs(value - plain_value(text, 8, 9, NULL)), 2e-5);
}
END_TEST

START_TEST(tokens_outside_the_vocabulary_are_refused)
{
    double values[2];
    cv_error err;
    const int32_t last[] = {1, 2, VOCABULARY}, first[] = {1, -7, 3}, *one;
    cv_continuations c = {1, &one, (size_t[]){3}, (size_t[]){2}};
    one = last;
    ck_assert(!cv_loglikelihood(engine, &c, NULL, 100, values, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "token 1500 is outside"));
    one = first;
    ck_assert(!cv_loglikelihood(engine, &c, NULL, 100, values, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "token -7 is outside"));
}
END_TEST

START_TEST(nothing_to_score_is_fine)
{
    cv_error err;
    cv_continuations none = {0, NULL, NULL, NULL};
    ck_assert(cv_loglikelihood(engine, &none, NULL, 100, NULL, &err));
    ck_assert_uint_eq(cv_loglikelihood_estimate(model, &none, NULL, 100).work.operations, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("loglikelihood");
    tcase_add_checked_fixture(tests, open_model, close_model);
    tcase_add_loop_test(tests, values_equal_those_of_the_plain_engine, 0, ROWS(groups));
    tcase_add_test(tests, groups_change_the_values);
    tcase_add_test(tests, probabilities_add_up_to_one);
    tcase_add_test(tests, neighbours_share_prefixes);
    tcase_add_test(tests, blocks_keep_to_their_rows);
    tcase_add_loop_test(tests, the_estimate_is_what_is_counted, 0, ROWS(groups));
    tcase_add_test(tests, memory_is_bounded);
    tcase_add_test(tests, threads_do_not_change_the_bits);
    tcase_add_test(tests, a_text_of_one_token_more_than_positions);
    tcase_add_test(tests, tokens_outside_the_vocabulary_are_refused);
    tcase_add_test(tests, nothing_to_score_is_fine);
    return run_suite(tests);
}
