/* The trunk layer by layer, against the plain engine and against itself without a group. */
#include "engine/trunk.h"

#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { PROMPTS = 4, LENGTH = 12, L = 3, WIDTH = 2 * 3 * 8, d = 32, HD = 6 * 8 };

/* Prompts that branch, one that another begins with, and one of a single token. */
typedef struct setting {
    int32_t tokens[PROMPTS][LENGTH];
    const int32_t *ids[PROMPTS];
    size_t count[PROMPTS];
    cv_model *model;
    cv_engine *engine;
    cv_trie trie;
    cv_queries all, ends;
    cv_scratch *scratch;
    size_t threads;
} setting;

static void make_of(setting *s, size_t first, size_t num)
{
    static const size_t count[PROMPTS] = {9, 4, 12, 1};
    uint64_t seed = 21;
    *s = (setting){.model = tiny_model(tiny_config(), 31), .threads = (size_t)omp_get_max_threads()};
    for (size_t p = 0; p < PROMPTS; p++) {
        for (size_t i = 0; i < LENGTH; i++)
            s->tokens[p][i] = p == 2 && i >= 6 ? (int32_t)(tiny_random(&seed) % 61) : (int32_t)(7 * i % 61);
        s->ids[p] = s->tokens[p];
        s->count[p] = count[p];
    }
    s->engine = cv_engine_open(s->model, LENGTH);
    s->trie = cv_trie_make(&(cv_prompt_block){num, s->ids + first, s->count + first});
    s->all = cv_queries_all(&s->trie);
    s->ends = cv_queries_ends(&s->trie);
    s->scratch = cv_scratch_make(&s->engine->shape, &s->trie, s->threads);
}

static void make(setting *s)
{
    make_of(s, 0, PROMPTS);
}

static void unmake(setting *s)
{
    cv_scratch_free(s->scratch, s->threads);
    cv_queries_free(&s->all);
    cv_queries_free(&s->ends);
    cv_trie_free(&s->trie);
    cv_engine_close(s->engine);
    tiny_model_free(s->model);
}

static cv_layer_context context_of(const setting *s, size_t layer)
{
    cv_error err;
    const cv_layer_weights *weights = cv_engine_layer(s->engine, layer, &err);
    ck_assert_msg(weights != NULL, "%s", err.text);
    return (cv_layer_context){s->engine, weights, &s->trie, s->scratch};
}

static const cv_queries *asked_in(const setting *s, size_t layer)
{
    return layer == L - 1 ? &s->ends : &s->all;
}

/* All layers; kept [L, rows, WIDTH] holds each one's keys and values, or is NULL. */
static cv_trunk pass(const setting *s, const cv_head_group *group, float *kept)
{
    cv_trunk trunk;
    cv_error err;
    ck_assert_msg(cv_trunk_open(&trunk, s->engine, &s->trie, group, kept, &err), "%s", err.text);
    for (size_t l = 0; l < L; l++) {
        cv_layer_context c = context_of(s, l);
        if (kept) cv_trunk_keep_kv(&trunk, kept + l * s->trie.num_rows * WIDTH);
        ck_assert_msg(cv_trunk_attend(&trunk, &c, l, asked_in(s, l), &err), "%s", err.text);
        ck_assert_msg(cv_trunk_finish(&trunk, &c, l, &err), "%s", err.text);
    }
    return trunk;
}

static cv_ablated_head heads[] = {{0, 2, {.kind = CV_VALUE_SCALE}},
                                  {0, 1, {.kind = CV_UNIFORM_ATTENTION, .granularity = CV_GRANULARITY_KV_GROUP}},
                                  {2, 5, {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_K}}};

/* Of the heads [begin, begin + count). The first two name one query head twice: not both. */
static const struct {
    size_t begin, count;
} groups[] = {{0, 0}, {0, 1}, {1, 1}, {2, 1}, {1, 2}};

START_TEST(states_are_those_of_the_plain_engine)
{
    setting s;
    make(&s);
    cv_head_group group = {heads + groups[_i].begin, groups[_i].count};
    cv_trunk trunk = pass(&s, &group, NULL);
    for (size_t p = 0; p < PROMPTS; p++) {
        float state[d];
        cv_error err;
        ck_assert_msg(cv_plain_state(s.engine, s.ids[p], s.count[p], &group, state, &err), "%s", err.text);
        for (size_t c = 0; c < d; c++) ck_assert_float_eq_tol(trunk.ends[s.trie.end_of[p] * d + c], state[c], 2e-5f);
    }
    cv_trunk_close(&trunk);
    unmake(&s);
}
END_TEST

START_TEST(a_group_without_heads_is_none)
{
    setting s;
    make(&s);
    cv_head_group empty = {heads, 0};
    cv_trunk none = pass(&s, NULL, NULL), trunk = pass(&s, &empty, NULL);
    ck_assert_ptr_null(none.ablated_z);
    ck_assert_mem_eq(none.ends, trunk.ends, s.trie.num_ends * d * sizeof(float));
    cv_trunk_close(&none);
    cv_trunk_close(&trunk);
    unmake(&s);
}
END_TEST

/* In the first layer the streams are alike, so all but the output must be the clean trunk's, bit by bit:
 * states are born from what the heads would have said. */
START_TEST(what_heads_see_stays_when_they_are_off)
{
    setting s;
    make(&s);
    cv_head_group group = {heads, 1};
    cv_trunk clean, ablated;
    cv_error err;
    cv_layer_context c = context_of(&s, 0);
    size_t rows = s.trie.num_rows;
    ck_assert(cv_trunk_open(&clean, s.engine, &s.trie, NULL, NULL, &err));
    ck_assert(cv_trunk_open(&ablated, s.engine, &s.trie, &group, NULL, &err));
    ck_assert(cv_trunk_attend(&clean, &c, 0, &s.all, &err));
    ck_assert(cv_trunk_attend(&ablated, &c, 0, &s.all, &err));
    ck_assert_mem_eq(ablated.bundle.q, clean.bundle.q, rows * HD * sizeof(float));
    ck_assert_mem_eq(ablated.bundle.z, clean.bundle.z, rows * HD * sizeof(float));
    ck_assert_mem_eq(ablated.bundle.kv, clean.bundle.kv, rows * WIDTH * sizeof(float));
    for (size_t row = 0; row < rows; row++)
        ck_assert_mem_ne(ablated.bundle.xq + row * d, clean.bundle.xq + row * d, d * sizeof(float));
    cv_trunk_close(&clean);
    cv_trunk_close(&ablated);
    unmake(&s);
}
END_TEST

START_TEST(keys_and_values_of_every_layer_can_be_kept)
{
    setting s;
    make(&s);
    cv_head_group group = {heads + 1, 2};
    size_t floats = s.trie.num_rows * WIDTH;
    float *kept = cv_alloc_floats(L * floats);
    cv_trunk keeps = pass(&s, &group, kept), other;
    ck_assert_ptr_null(keeps.kv);
    cv_error err;
    ck_assert(cv_trunk_open(&other, s.engine, &s.trie, &group, NULL, &err));
    for (size_t l = 0; l < L; l++) {
        cv_layer_context c = context_of(&s, l);
        ck_assert(cv_trunk_attend(&other, &c, l, asked_in(&s, l), &err));
        ck_assert_mem_eq(other.bundle.kv, kept + l * floats, floats * sizeof *kept);
        ck_assert(cv_trunk_finish(&other, &c, l, &err));
    }
    ck_assert_mem_eq(other.ends, keeps.ends, s.trie.num_ends * d * sizeof(float));
    cv_trunk_close(&keeps);
    cv_trunk_close(&other);
    free(kept);
    unmake(&s);
}
END_TEST

START_TEST(operations_are_those_estimated)
{
    setting s;
    make(&s);
    cv_head_group group = {heads + groups[_i].begin, groups[_i].count};
    uint64_t expected = 0;
    for (size_t l = 0; l < L; l++) expected += cv_trunk_operations(s.model, &s.trie, asked_in(&s, l), &group, l);
    cv_trunk trunk = pass(&s, &group, NULL);
    ck_assert_uint_eq(cv_engine_work(s.engine).operations, expected);
    cv_trunk_close(&trunk);
    unmake(&s);
}
END_TEST

/* x, kv, q, z and the ends; with a group a second z, and for a moment the z' of a layer's heads. */
START_TEST(bytes_are_those_held)
{
    setting s;
    make(&s);
    uint64_t rows = s.trie.num_rows, ends = s.trie.num_ends * d, clean = rows * (d + WIDTH + 2 * HD) + ends;
    ck_assert_uint_eq(cv_trunk_bytes(s.model, &s.trie, NULL), 4 * clean);
    ck_assert_uint_eq(cv_trunk_bytes(s.model, &s.trie, &(cv_head_group){heads, 0}), 4 * clean);
    ck_assert_uint_eq(cv_trunk_bytes(s.model, &s.trie, &(cv_head_group){heads, 1}), 4 * (clean + rows * (HD + 8)));
    ck_assert_uint_eq(cv_trunk_bytes(s.model, &s.trie, &(cv_head_group){heads + 1, 2}), 4 * (clean + rows * (HD + 16)));
    s.model->config.norms |= CV_NORM_ATTENTION_OUTPUT; /* attention's output and the stream before it joins */
    ck_assert_uint_eq(cv_trunk_bytes(s.model, &s.trie, NULL), 4 * (clean + 2 * rows * d));
    unmake(&s);
}
END_TEST

START_TEST(a_token_outside_the_vocabulary_leaves_nothing)
{
    setting s;
    make(&s);
    s.trie.token[3] = 61;
    cv_trunk trunk;
    cv_error err = {0};
    ck_assert(!cv_trunk_open(&trunk, s.engine, &s.trie, &(cv_head_group){heads, 1}, NULL, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_null(trunk.bundle.x);
    ck_assert_ptr_null(trunk.kv);
    cv_trunk_close(&trunk);
    unmake(&s);
}
END_TEST

/* A single token's heads say their values; where these are alike for all heads, their mean is each one's. */
START_TEST(a_switch_that_changes_nothing_is_an_error)
{
    setting s;
    make_of(&s, 3, 1);
    float *bias = cv_alloc_floats(24);
    for (size_t i = 0; i < 24; i++) bias[i] = 1;
    memset((void *)s.model->layers[1].v_proj.data, 0, sizeof(float) * 24 * d);
    s.model->layers[1].v_bias = (cv_tensor){.data = bias, .dtype = CV_F32, .rows = 1, .columns = 24, .name = "v_bias"};
    cv_ablated_head off = {1, 3, {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Z}};
    cv_head_group group = {&off, 1};
    cv_trunk trunk;
    cv_error err = {0};
    ck_assert(cv_trunk_open(&trunk, s.engine, &s.trie, &group, NULL, &err));
    cv_layer_context c = context_of(&s, 0);
    ck_assert(cv_trunk_attend(&trunk, &c, 0, &s.all, &err) && cv_trunk_finish(&trunk, &c, 0, &err));
    c = context_of(&s, 1);
    ck_assert(!cv_trunk_attend(&trunk, &c, 1, &s.all, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "ablating L1H3 by mean_over_heads changes nothing") != NULL, "%s", err.text);
    cv_trunk_close(&trunk);
    unmake(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trunk");
    tcase_add_loop_test(tests, states_are_those_of_the_plain_engine, 0, ROWS(groups));
    tcase_add_test(tests, a_group_without_heads_is_none);
    tcase_add_test(tests, what_heads_see_stays_when_they_are_off);
    tcase_add_test(tests, keys_and_values_of_every_layer_can_be_kept);
    tcase_add_loop_test(tests, operations_are_those_estimated, 0, ROWS(groups));
    tcase_add_test(tests, bytes_are_those_held);
    tcase_add_test(tests, a_token_outside_the_vocabulary_leaves_nothing);
    tcase_add_test(tests, a_switch_that_changes_nothing_is_an_error);
    return run_suite(tests);
}
