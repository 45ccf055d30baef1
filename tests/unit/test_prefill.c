#include "engine/prefill.h"
#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { SEQUENCES = 24, LENGTH = 6 };

typedef struct sample {
    int32_t ids[SEQUENCES][LENGTH];
    cv_ablated_head heads[2][SEQUENCES]; /* the same twice, so that alike groups are not the same array */
    cv_sequence sequences[SEQUENCES];
} sample;

/* Sequence i has prompt i % 4 under group i % groups; group 0 is none. */
static void make(sample *s, size_t groups)
{
    for (size_t i = 0; i < SEQUENCES; i++) {
        for (size_t t = 0; t < LENGTH; t++) s->ids[i][t] = (int32_t)(t < 3 ? t : 9 * (i % 4) + t);
        for (size_t copy = 0; copy < 2; copy++)
            s->heads[copy][i] = (cv_ablated_head){(int)(i % groups) % 3,
                                                  (int)(i % groups) / 3 % 6,
                                                  {.kind = CV_UNIFORM_ATTENTION, .epsilon = i % groups > 17 ? 0.5 : 0}};
        s->sequences[i] = (cv_sequence){.ids = s->ids[i], .count = LENGTH};
        if (i % groups) s->sequences[i].group = (cv_head_group){&s->heads[i % 2][i], 1};
    }
}

START_TEST(a_prompt_is_there_once_for_each_group)
{
    static sample s;
    static const size_t groups[] = {1, 2, 3, 24};
    for (size_t g = 0; g < 4; g++) {
        make(&s, groups[g]);
        cv_prefill prefill = cv_prefill_make(s.sequences, SEQUENCES);
        ck_assert_uint_eq(prefill.num_prefixes, groups[g]);
        size_t prompts = 0;
        for (size_t p = 0; p < prefill.num_prefixes; p++) {
            size_t different = groups[g] == 24 ? 1 : groups[g] == 2 ? 2 : 4;
            ck_assert_uint_eq(prefill.prefixes[p].trie.num_rows, 3 + different * (LENGTH - 3));
            prompts += prefill.prefixes[p].num_prompts;
        }
        ck_assert_uint_eq(prompts, SEQUENCES);
        for (size_t i = 0; i < SEQUENCES; i++) {
            const cv_trie *trie = &prefill.prefixes[prefill.prefix_of[i]].trie;
            size_t row = trie->end_row[prefill.end_of[i]];
            ck_assert_uint_eq(prefill.prefix_of[i], i % groups[g]);
            ck_assert_uint_eq(trie->position[row], LENGTH - 1);
            for (size_t t = LENGTH; t-- > 0; row = (size_t)trie->parent[row])
                ck_assert_int_eq(trie->token[row], s.ids[i][t]);
        }
        cv_prefill_free(&prefill);
    }
}
END_TEST

/* With one thread the tries pass one after the other, with more side by side, if they are many. */
START_TEST(states_are_the_plain_ones_and_the_same_bits_for_any_number_of_threads)
{
    static sample s;
    if (_i % 4 && getenv("CARAVAN_TEST_SPARSE")) return; /* under valgrind */
    make(&s, 24);
    cv_model *model = tiny_model(_i ? tiny_kind(_i - 1) : tiny_config(), 5);
    size_t d = 32, kv_floats = 3 * LENGTH * 2 * 3 * 8;
    float *ends = cv_alloc_floats(SEQUENCES * d), *kv = cv_alloc_floats(SEQUENCES * kv_floats);
    uint64_t operations = 0;
    int threads = omp_get_max_threads();
    for (int t = 1; t <= 4; t++) {
        omp_set_num_threads(t);
        cv_engine *engine = cv_engine_open(model, LENGTH);
        cv_prefill prefill = cv_prefill_make(s.sequences, SEQUENCES);
        cv_error err;
        ck_assert_msg(cv_prefill_run(&prefill, engine, cv_engine_layer, &err), "%s", err.text);
        ck_assert_uint_eq(cv_engine_work(engine).operations, cv_prefill_estimate(&prefill, model).operations);
        if (t == 1) operations = cv_engine_work(engine).operations;
        ck_assert_uint_eq(cv_engine_work(engine).operations, operations);
        for (size_t i = 0; i < SEQUENCES; i++) {
            const cv_prefix *prefix = &prefill.prefixes[prefill.prefix_of[i]];
            const float *end = prefix->trunk.ends + prefill.end_of[i] * d;
            float state[32];
            ck_assert(cv_plain_state(engine, s.ids[i], LENGTH, &s.sequences[i].group, state, &err));
            for (size_t c = 0; c < d; c++) ck_assert_float_eq_tol(end[c], state[c], 2e-5f);
            if (t == 1) memcpy(ends + i * d, end, d * sizeof *ends);
            if (t == 1) memcpy(kv + i * kv_floats, prefix->kv, kv_floats * sizeof *kv);
            ck_assert_mem_eq(ends + i * d, end, d * sizeof *ends);
            ck_assert_mem_eq(kv + i * kv_floats, prefix->kv, kv_floats * sizeof *kv);
        }
        cv_prefill_free(&prefill);
        cv_engine_close(engine);
    }
    omp_set_num_threads(threads);
    free(ends);
    free(kv);
    tiny_model_free(model);
}
END_TEST

/* Of several wrong ones the first is told, whatever threads do. */
START_TEST(an_error_side_by_side_is_the_first)
{
    static sample s;
    make(&s, 24);
    for (size_t i = 4; i < SEQUENCES; i++) { /* they see one token twice: whatever they attend to is alike */
        s.ids[i][0] = s.ids[i][1] = 9;
        s.sequences[i].count = 2; /* weights of 1/2 are exact, so no rounding looks like a change */
    }
    cv_model *model = tiny_model(tiny_config(), 5);
    memset((void *)model->layers[0].k_proj.data, 0, sizeof(float) * 24 * 32);
    int threads = omp_get_max_threads();
    for (int t = 1; t <= 3; t++) {
        omp_set_num_threads(t);
        for (size_t i = 0; i < SEQUENCES; i++) s.heads[0][i].layer = s.heads[1][i].layer = i < 4 ? 1 : 0;
        for (size_t i = 0; i < SEQUENCES; i++) s.heads[0][i].head = s.heads[1][i].head = (int)i % 6;
        for (size_t i = 0; i < SEQUENCES; i++)
            s.heads[0][i].ablation.epsilon = s.heads[1][i].ablation.epsilon = i < 4 ? 0 : 0.25 + 0.01 * (double)i;
        cv_engine *engine = cv_engine_open(model, LENGTH);
        cv_prefill prefill = cv_prefill_make(s.sequences, SEQUENCES);
        cv_error err = {CV_OK, ""};
        ck_assert(!cv_prefill_run(&prefill, engine, cv_engine_layer, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, "ablating L0H4 by uniform_attention changes nothing") != NULL, "%s", err.text);
        cv_prefill_free(&prefill);
        cv_engine_close(engine);
    }
    omp_set_num_threads(threads);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("prefill");
    tcase_add_test(tests, a_prompt_is_there_once_for_each_group);
    tcase_add_loop_test(tests, states_are_the_plain_ones_and_the_same_bits_for_any_number_of_threads, 0,
                        TINY_KINDS + 1);
    tcase_add_test(tests, an_error_side_by_side_is_the_first);
    return run_suite(tests);
}
