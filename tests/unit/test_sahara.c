#include "sweep/sahara.h"

#include "small_grid.h"
#include "suite.h"

#include <math.h>
#include <string.h>

/* Fills a step's boards of both models under both ablations. */
static void put_all(cv_sahara *sahara, const cv_inputs *inputs, double (*angle)(int m, int a, int l, int h))
{
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++)
            for (int l = 0; l < LAYERS; l++)
                for (int h = 0; h < cv_ablation_heads(&inputs->job.ablations[a], &small_model.config); h++)
                    cv_sahara_put(sahara, m, a, l, h, angle(m, a, l, h));
}

/* Largest in layer m, at head a. */
static double peaked(int m, int a, int l, int h)
{
    return 10 - abs(l - m) - 0.1 * abs(h - a);
}

static double flat(int m, int a, int l, int h)
{
    (void)m, (void)a, (void)l, (void)h;
    return 3;
}

static cv_inputs make_inputs(int steps)
{
    cv_inputs inputs = small_inputs(0);
    inputs.job.sahara_steps = steps;
    return inputs;
}

static void choose(cv_sahara *sahara)
{
    cv_error err;
    ck_assert_msg(cv_sahara_choose(sahara, &err), "%s", err.text);
}

START_TEST(the_largest_angle_joins_and_stays)
{
    cv_inputs inputs = make_inputs(3);
    cv_sahara *sahara = cv_sahara_make(&inputs);
    for (int step = 0; step < 3; step++) {
        ck_assert_int_eq(cv_sahara_steps_done(sahara), step);
        put_all(sahara, &inputs, peaked);
        choose(sahara);
    }
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            cv_head_group group = cv_sahara_group(sahara, m, a);
            ck_assert_uint_eq(group.count, 3);
            ck_assert(group.heads[0].layer == m && group.heads[0].head == a);
            ck_assert_int_eq(group.heads[0].ablation.kind, small_ablations[a].kind);
            ck_assert_int_eq(group.heads[1].layer, m);
            ck_assert_int_eq(group.heads[1].head, a == 0 ? 1 : 0);
            /* the first step scores the head, later ones have none for it */
            ck_assert_double_eq(cv_sahara_board(sahara, m, a, 0)[m * (a ? GROUPS : HEADS) + a], 10);
            ck_assert_double_nan(cv_sahara_board(sahara, m, a, 1)[m * (a ? GROUPS : HEADS) + a]);
            ck_assert_double_nan(cv_sahara_board(sahara, m, a, 2)[m * (a ? GROUPS : HEADS) + a]);
        }
    cv_sahara_free(sahara);
}
END_TEST

START_TEST(of_equal_angles_the_lowest_head_joins)
{
    cv_inputs inputs = make_inputs(2);
    cv_sahara *sahara = cv_sahara_make(&inputs);
    for (int step = 0; step < 2; step++) {
        put_all(sahara, &inputs, flat);
        choose(sahara);
    }
    cv_head_group group = cv_sahara_group(sahara, 1, 0);
    ck_assert(group.heads[0].layer == 0 && group.heads[0].head == 0);
    ck_assert(group.heads[1].layer == 0 && group.heads[1].head == 1);
    cv_sahara_free(sahara);
}
END_TEST

START_TEST(an_angle_that_is_missing_is_named)
{
    cv_inputs inputs = make_inputs(1);
    cv_sahara *sahara = cv_sahara_make(&inputs);
    put_all(sahara, &inputs, flat);
    cv_sahara_put(sahara, 1, 0, 2, 3, NAN);
    cv_error err = {0};
    ck_assert(!cv_sahara_choose(sahara, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "model b") && strstr(err.text, "L2H3"), "%s", err.text);
    cv_sahara_free(sahara);
}
END_TEST

START_TEST(another_rank_hears_of_the_heads)
{
    cv_inputs inputs = make_inputs(3);
    cv_sahara *sahara = cv_sahara_make(&inputs), *other = cv_sahara_make(&inputs);
    cv_error err = {0};
    for (int step = 0; step < 2; step++) {
        put_all(sahara, &inputs, peaked);
        choose(sahara);
    }
    cv_buffer bytes = {0};
    cv_sahara_pack(sahara, &bytes);
    ck_assert_msg(cv_sahara_unpack(other, bytes.data, bytes.length, &err), "%s", err.text);
    ck_assert_int_eq(cv_sahara_steps_done(other), 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(cv_sahara_group(other, 1, 1).heads[i].layer, cv_sahara_group(sahara, 1, 1).heads[i].layer);
        ck_assert_int_eq(cv_sahara_group(other, 1, 1).heads[i].head, cv_sahara_group(sahara, 1, 1).heads[i].head);
    }
    for (size_t length = 0; length < bytes.length; length++)
        ck_assert(!cv_sahara_unpack(other, bytes.data, length, &err));
    for (size_t i = 0; i + 4 <= bytes.length; i += 4) { /* steps and heads are small numbers */
        memcpy(bytes.data + i, "\x7f\xff\xff\xff", 4);
        ck_assert(!cv_sahara_unpack(other, bytes.data, bytes.length, &err));
        bytes.length = 0;
        cv_sahara_pack(sahara, &bytes);
    }
    cv_buffer_free(&bytes);
    cv_sahara_free(sahara);
    cv_sahara_free(other);
}
END_TEST

/* The sweep's angles at the job's rank, of every head: no step is computed for what is known already. */
START_TEST(the_first_board_is_the_sweeps)
{
    cv_inputs inputs = make_inputs(2);
    inputs.job.subspace = (cv_job_subspace){true, 3, CV_FINAL_NORM};
    cv_scores *scores = cv_scores_make(&inputs);
    small_fill(scores, &inputs);
    cv_sahara *sahara = cv_sahara_make(&inputs);
    cv_sahara_put_sweep(sahara, scores);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            cv_score_grid grid = cv_scores_grid(scores, m, a, CV_HARMFUL);
            const double *board = cv_sahara_board(sahara, m, a, 0);
            for (size_t row = 0; row < grid.layers * grid.heads; row++) {
                int l = (int)(row / grid.heads), h = (int)(row % grid.heads);
                ck_assert_double_eq(board[row], grid.angles[row * CV_SUBSPACE_RANKS + 2]);
                ck_assert_double_eq(board[row], small_angle(m, a, CV_HARMFUL, l, h, 3));
            }
        }
    choose(sahara);
    cv_head_group group = cv_sahara_group(sahara, 1, 0);
    ck_assert(group.heads[0].layer == LAYERS - 1 && group.heads[0].head == HEADS - 1);
    cv_sahara_free(sahara);
    cv_scores_free(scores);
}
END_TEST

/* Units of a later step have angles alone, for all ranks. */
START_TEST(units_of_a_step_find_their_places)
{
    cv_inputs inputs = make_inputs(3);
    inputs.job.subspace = (cv_job_subspace){true, 2, CV_FINAL_NORM};
    cv_sahara *sahara = cv_sahara_make(&inputs);
    put_all(sahara, &inputs, peaked);
    choose(sahara);
    double values[2 * 3 * CV_SUBSPACE_RANKS];
    for (size_t i = 0; i < 2 * 3 * CV_SUBSPACE_RANKS; i++) values[i] = (double)i;
    cv_unit unit = {.model = 1, .prompt_end = HARMFUL, .layer_begin = 1, .layer_end = 3, .head_end = 3, .step = 1};
    cv_sahara_put_unit(sahara, &unit, values);
    const double *board = cv_sahara_board(sahara, 1, 0, 1);
    for (int l = 0; l < LAYERS; l++)
        for (int h = 0; h < HEADS; h++) {
            double angle = board[l * HEADS + h];
            if (l == 0 || h == 3 || (l == 1 && h == 0)) /* not in the unit, or in the group */
                ck_assert_double_nan(angle);
            else
                ck_assert_double_eq(angle, ((l - 1) * 3 + h) * CV_SUBSPACE_RANKS + 1);
        }
    ck_assert_double_nan(cv_sahara_board(sahara, 0, 0, 1)[1]);
    cv_sahara_free(sahara);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sahara");
    tcase_add_test(tests, the_largest_angle_joins_and_stays);
    tcase_add_test(tests, of_equal_angles_the_lowest_head_joins);
    tcase_add_test(tests, an_angle_that_is_missing_is_named);
    tcase_add_test(tests, another_rank_hears_of_the_heads);
    tcase_add_test(tests, the_first_board_is_the_sweeps);
    tcase_add_test(tests, units_of_a_step_find_their_places);
    return run_suite(tests);
}
