#include "sweep/scores.h"

#include "small_grid.h"
#include "suite.h"

#include <math.h>
#include <string.h>

START_TEST(units_find_their_places)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    cv_scores *scores = cv_scores_make(&inputs);
    cv_error err;
    ck_assert(!cv_scores_complete(scores, &err));
    small_fill(scores, &inputs);
    ck_assert_msg(cv_scores_complete(scores, &err), "%s", err.text);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
                cv_score_grid grid = cv_scores_grid(scores, m, a, (cv_prompt_set)set);
                ck_assert_uint_eq(grid.layers, LAYERS);
                ck_assert_uint_eq(grid.heads, a == 0 ? HEADS : 2);
                ck_assert_uint_eq(grid.prompts, set == CV_HARMFUL ? HARMFUL : HARMLESS);
                const double *ships = grid.ships;
                for (int l = 0; l < (int)grid.layers; l++)
                    for (int h = 0; h < (int)grid.heads; h++)
                        for (int p = 0; p < (int)grid.prompts; p++)
                            ck_assert_double_eq(*ships++, small_cell(m, a, set, l, h, p));
            }
    cv_scores_free(scores);
}
END_TEST

START_TEST(a_missing_score_is_named)
{
    cv_inputs inputs = small_inputs(0);
    cv_scores *scores = cv_scores_make(&inputs);
    cv_error err;
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++)
            ck_assert(small_put(scores,
                                (cv_unit){m, a, 0, 0, HARMFUL, 0, LAYERS - (m & a), 0, a ? 2 : HEADS, 0, 0, 0, 0},
                                &err));
    ck_assert(!cv_scores_complete(scores, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_str_eq(err.text, "b, value_scale-kv_group: no unit returned the score of L2H0 for harmful prompt 1");
    ck_assert_ptr_null(cv_scores_grid(scores, 0, 0, CV_HARMLESS).ships);
    cv_scores_free(scores);
}
END_TEST

static const double bad_values[] = {NAN, INFINITY, -INFINITY};

START_TEST(a_score_that_is_not_a_number_is_refused)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    cv_scores *scores = cv_scores_make(&inputs);
    cv_error err;
    const double values[] = {0, 0, 0, bad_values[_i]}; /* layers 1 to 2, head 3, prompts 1 to 2 */
    cv_unit unit = {1, 0, CV_HARMLESS, 0, 2, 1, 3, 3, 4, 0, 0, 0, 0};
    ck_assert(!cv_scores_put(scores, &unit, values, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "models/b: the score of L2H3 under uniform_attention is not a number for "
                                           "prompt 2 of harmless.csv"));
    cv_scores_free(scores);
}
END_TEST

/* Every prompt of (layer, head) gets score(layer, head) times its number from 1. */
START_TEST(angles_lie_by_layer_head_rank)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    inputs.job.subspace.enabled = true; /* of rank 2 */
    cv_scores *scores = cv_scores_make(&inputs);
    small_fill(scores, &inputs);
    cv_error err;
    ck_assert_msg(cv_scores_complete(scores, &err), "%s", err.text);
    cv_score_grid grid = cv_scores_grid(scores, 1, 1, CV_HARMLESS);
    for (int l = 0; l < LAYERS; l++)
        for (int h = 0; h < GROUPS; h++)
            for (int r = 1; r <= CV_SUBSPACE_RANKS; r++)
                ck_assert_double_eq(grid.angles[(l * GROUPS + h) * CV_SUBSPACE_RANKS + r - 1],
                                    small_angle(1, 1, 1, l, h, r));
    size_t count;
    cv_head_score *heads = cv_scores_heads(scores, 1, 1, &count);
    ck_assert_double_eq(heads[0].angle, small_angle(1, 1, 0, heads[0].layer, heads[0].head, 2));
    free(heads);
    cv_scores_free(scores);
}
END_TEST

START_TEST(without_ships_heads_rank_by_their_angle)
{
    cv_inputs inputs = small_inputs(0);
    inputs.job.ships = false;
    inputs.job.subspace.enabled = true;
    cv_scores *scores = cv_scores_make(&inputs);
    double values[LAYERS * HEADS * CV_SUBSPACE_RANKS];
    for (size_t i = 0; i < LAYERS * HEADS * CV_SUBSPACE_RANKS; i++)
        values[i] = (double)(i / CV_SUBSPACE_RANKS * 5 % 12);
    cv_error err;
    cv_unit unit = {0, 0, 0, 0, HARMFUL, 0, LAYERS, 0, HEADS, 0, 0, 0, 0};
    ck_assert_msg(cv_scores_put(scores, &unit, values, &err), "%s", err.text);
    size_t count;
    cv_head_score *heads = cv_scores_heads(scores, 0, 0, &count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_double_eq(heads[i].angle, 11 - (double)i);
        ck_assert_double_nan(heads[i].ships_mean);
        ck_assert_int_eq(heads[i].rank, (int)i + 1);
    }
    free(heads);
    values[5 * CV_SUBSPACE_RANKS + 1] = NAN;
    ck_assert(!cv_scores_put(scores, &unit, values, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "L1H1"));
    ck_assert_ptr_nonnull(strstr(err.text, "rank 2"));
    cv_scores_free(scores);
}
END_TEST

static void put_rows(cv_scores *scores, cv_prompt_set set, int prompts, double (*score)(int layer, int head))
{
    double values[LAYERS * HEADS * HARMFUL];
    cv_error err;
    size_t i = 0;
    for (int l = 0; l < LAYERS; l++)
        for (int h = 0; h < HEADS; h++)
            for (int p = 1; p <= prompts; p++) values[i++] = score(l, h) * p;
    ck_assert(cv_scores_put(scores, &(cv_unit){0, 0, set, 0, prompts, 0, LAYERS, 0, HEADS, 0, 0, 0, 0}, values, &err));
}

static double best_in_the_middle(int layer, int head)
{
    return layer == 1 && head == 2 ? 4 : layer == 2 && head == 0 ? 2 : 1;
}

static double flat(int layer, int head)
{
    (void)layer, (void)head;
    return 1;
}

START_TEST(heads_are_ranked_by_mean_then_layer_then_head)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    cv_scores *scores = cv_scores_make(&inputs);
    put_rows(scores, CV_HARMFUL, HARMFUL, best_in_the_middle);
    put_rows(scores, CV_HARMLESS, HARMLESS, flat);
    size_t count;
    cv_head_score *heads = cv_scores_heads(scores, 0, 0, &count);
    static const int order[][2] = {{1, 2}, {2, 0}, {0, 0}, {0, 1}, {0, 2}, {0, 3},
                                   {1, 0}, {1, 1}, {1, 3}, {2, 1}, {2, 2}, {2, 3}};
    ck_assert_uint_eq(count, LAYERS * HEADS);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(heads[i].layer, order[i][0]);
        ck_assert_int_eq(heads[i].head, order[i][1]);
        ck_assert_int_eq(heads[i].rank, (int)i + 1);
    }
    ck_assert_double_eq(heads[0].ships_mean, 12); /* 4 times the mean of 1 to 5 */
    ck_assert_double_eq(heads[0].harmless_mean, 1.5);
    ck_assert_double_eq(heads[0].specificity, 10.5);
    free(heads);
    cv_scores_free(scores);
}
END_TEST

START_TEST(without_harmless_prompts_there_is_no_specificity)
{
    cv_inputs inputs = small_inputs(0);
    cv_scores *scores = cv_scores_make(&inputs);
    put_rows(scores, CV_HARMFUL, HARMFUL, flat);
    size_t count;
    cv_head_score *heads = cv_scores_heads(scores, 0, 0, &count);
    ck_assert_double_eq(heads[0].ships_mean, 3);
    ck_assert_double_nan(heads[0].harmless_mean);
    ck_assert_double_nan(heads[0].specificity);
    free(heads);
    cv_scores_free(scores);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scores");
    tcase_add_test(tests, angles_lie_by_layer_head_rank);
    tcase_add_test(tests, without_ships_heads_rank_by_their_angle);
    tcase_add_test(tests, units_find_their_places);
    tcase_add_test(tests, a_missing_score_is_named);
    tcase_add_loop_test(tests, a_score_that_is_not_a_number_is_refused, 0, ROWS(bad_values));
    tcase_add_test(tests, heads_are_ranked_by_mean_then_layer_then_head);
    tcase_add_test(tests, without_harmless_prompts_there_is_no_specificity);
    return run_suite(tests);
}
