#include "sweep/chosen.h"

#include "base/memory.h"
#include "small_answers.h"
#include "suite.h"

#include <string.h>

/* The first two of 12 and of 6 heads that seed 4 draws, by an independent Philox. */
#define RANDOM_12 "L1H1 L0H3"
#define RANDOM_6 "L1H0 L0H1"

/* small_cell grows by 10 a layer and by 100 a head, for all prompts alike, and so do the angles. */
static const struct {
    int ablation, word;
    const char *heads;
} expected[] = {
    {0, NONE, ""},
    {0, TOP_2, "L2H3 L1H3"},
    {0, SAHARA_1, "L2H3"},
    {0, RANDOM_2, RANDOM_12},
    {0, PER_PROMPT_1, "per prompt"},
    {0, EACH_HEAD, "L0H0"},
    {1, NONE, ""},
    {1, TOP_2, "L2H1 L1H1"},
    {1, SAHARA_1, "L2H1"},
    {1, RANDOM_2, RANDOM_6},
    {1, PER_PROMPT_1, "per prompt"},
    {1, EACH_HEAD, "L0H0"},
};

static void expect_heads(const cv_chosen *chosen, const cv_inputs *inputs, int row)
{
    for (int m = 0; m < 2; m++)
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
            int a = expected[row].ablation;
            const cv_groups *groups = cv_chosen_at(chosen, m, a, expected[row].word, (cv_prompt_set)set);
            char *label = cv_groups_label(groups, 0);
            ck_assert_str_eq(label, expected[row].heads);
            free(label);
            for (size_t i = 0; i < groups->num_heads; i++) {
                ck_assert_int_eq(groups->heads[i].ablation.kind, inputs->job.ablations[a].kind);
                ck_assert_int_eq(groups->heads[i].ablation.granularity, inputs->job.ablations[a].granularity);
            }
        }
}

START_TEST(words_become_heads)
{
    cv_inputs inputs = small_evaluation(HARMLESS, false);
    cv_chosen *chosen = small_chosen(&inputs);
    expect_heads(chosen, &inputs, _i);
    cv_chosen_free(chosen);
}
END_TEST

/* Each set's own prompts decide, and there are as many groups as the set has prompts. */
START_TEST(each_prompt_of_a_set_has_its_heads)
{
    cv_inputs inputs = small_evaluation(HARMLESS, false);
    cv_chosen *chosen = small_chosen(&inputs);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        const cv_groups *groups = cv_chosen_at(chosen, 1, 1, PER_PROMPT_1, (cv_prompt_set)set);
        ck_assert_uint_eq(groups->num_heads, inputs.num_prompts[set]);
        for (size_t p = 0; p < inputs.num_prompts[set]; p++) {
            cv_head_group group = cv_groups_at(groups, 0, p);
            ck_assert_uint_eq(group.count, 1);
            ck_assert(group.heads[0].layer == 2 && group.heads[0].head == 1);
        }
    }
    ck_assert_uint_eq(cv_chosen_at(chosen, 0, 0, EACH_HEAD, CV_HARMFUL)->variants, LAYERS * HEADS);
    ck_assert_uint_eq(cv_chosen_at(chosen, 0, 1, EACH_HEAD, CV_HARMFUL)->variants, LAYERS * GROUPS);
    cv_chosen_free(chosen);
}
END_TEST

START_TEST(a_set_without_prompts_has_no_groups)
{
    cv_inputs inputs = small_evaluation(0, false);
    cv_chosen *chosen = small_chosen(&inputs);
    for (int w = 0; w < WORDS; w++) {
        ck_assert_uint_gt(cv_chosen_at(chosen, 0, 0, w, CV_HARMFUL)->variants, 0);
        ck_assert_uint_eq(cv_chosen_at(chosen, 0, 0, w, CV_HARMLESS)->variants, 0);
    }
    cv_chosen_free(chosen);
}
END_TEST

/* Without Ships there is no ranking by them, without a search none of its heads: none and random are left. */
START_TEST(a_job_without_ships_and_search_has_its_control)
{
    static cv_job_group words[] = {{(char *)"none", CV_GROUP_NONE, 0}, {(char *)"random:2", CV_GROUP_RANDOM, 2}};
    cv_inputs inputs = small_evaluation(HARMLESS, false);
    inputs.job.ships = false;
    inputs.job.evaluate.groups = words;
    inputs.job.evaluate.num_groups = 2;
    cv_scores *scores = cv_scores_make(&inputs);
    double values[LAYERS * HEADS * CV_SUBSPACE_RANKS] = {0};
    cv_error err;
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++)
            for (int set = 0; set < 2; set++) {
                cv_unit unit = {m, a, set, 0, (int)inputs.num_prompts[set], 0, LAYERS, 0, a == 0 ? HEADS : GROUPS,
                                0, 0, 0,   0};
                ck_assert_msg(cv_scores_put(scores, &unit, values, &err), "%s", err.text);
            }
    cv_chosen *chosen = cv_chosen_make(&inputs, scores, NULL);
    char *label = cv_groups_label(cv_chosen_at(chosen, 1, 0, 1, CV_HARMLESS), 0);
    ck_assert_str_eq(label, RANDOM_12);
    free(label);
    cv_chosen_free(chosen);
    cv_scores_free(scores);
}
END_TEST

/* ---- bytes ---- */

static void pack(const cv_inputs *inputs, cv_buffer *bytes)
{
    cv_chosen *chosen = small_chosen(inputs);
    cv_chosen_pack(chosen, bytes);
    cv_chosen_free(chosen);
}

START_TEST(another_rank_has_the_same_heads)
{
    for (size_t harmless = 0; harmless <= HARMLESS; harmless += HARMLESS) {
        cv_inputs inputs = small_evaluation(harmless, false);
        cv_buffer bytes = {0}, again = {0};
        cv_error err = {0};
        pack(&inputs, &bytes);
        cv_chosen *chosen = cv_chosen_unpack(&inputs, bytes.data, bytes.length, &err);
        ck_assert_msg(chosen != NULL, "%s", err.text);
        for (int row = 0; harmless && row < ROWS(expected); row++) expect_heads(chosen, &inputs, row);
        cv_chosen_pack(chosen, &again);
        ck_assert_uint_eq(again.length, bytes.length);
        ck_assert_mem_eq(again.data, bytes.data, bytes.length);
        cv_chosen_free(chosen);
        cv_buffer_free(&bytes);
        cv_buffer_free(&again);
    }
}
END_TEST

static void expect_refused(const cv_inputs *inputs, const char *data, size_t length)
{
    char *copy = cv_alloc(length, 1); /* of its own, so that a read past the end is noticed */
    cv_error err = {0};
    if (length) memcpy(copy, data, length);
    ck_assert_ptr_null(cv_chosen_unpack(inputs, copy, length, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_str_eq(err.text, "the chosen heads arrived damaged");
    free(copy);
}

START_TEST(cut_bytes_are_refused_at_every_length)
{
    cv_inputs inputs = small_evaluation(HARMLESS, true);
    cv_buffer bytes = {0};
    pack(&inputs, &bytes);
    for (size_t length = 0; length < bytes.length; length++) expect_refused(&inputs, bytes.data, length);
    cv_buffer_append(&bytes, "x", 1);
    expect_refused(&inputs, bytes.data, bytes.length);
    cv_buffer_free(&bytes);
}
END_TEST

/* The bytes are counts of heads, and heads, which are numbers below 12: with one of them past its end there is no
 * such head, or not as many as the job wants. */
START_TEST(numbers_out_of_range_are_refused)
{
    cv_inputs inputs = small_evaluation(HARMLESS, true);
    cv_buffer bytes = {0};
    pack(&inputs, &bytes);
    for (size_t i = 0; i + 4 <= bytes.length; i += 4)
        for (int high = 0; high < 2; high++) {
            char before[4];
            memcpy(before, bytes.data + i, 4);
            memcpy(bytes.data + i, high ? "\xff\xff\xff\xff" : "\x0c\0\0\0", 4);
            expect_refused(&inputs, bytes.data, bytes.length);
            memcpy(bytes.data + i, before, 4);
        }
    cv_buffer_free(&bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("chosen");
    tcase_add_loop_test(tests, words_become_heads, 0, ROWS(expected));
    tcase_add_test(tests, each_prompt_of_a_set_has_its_heads);
    tcase_add_test(tests, a_set_without_prompts_has_no_groups);
    tcase_add_test(tests, a_job_without_ships_and_search_has_its_control);
    tcase_add_test(tests, another_rank_has_the_same_heads);
    tcase_add_test(tests, cut_bytes_are_refused_at_every_length);
    tcase_add_test(tests, numbers_out_of_range_are_refused);
    return run_suite(tests);
}
