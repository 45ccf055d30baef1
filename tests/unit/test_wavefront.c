/* The wavefront against the plain engine: every ablation, many shapes of prompt blocks. */
#include "suite.h"
#include "tiny_model.h"

#include <caravan/engine.h>
#include <caravan/score.h>

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PROMPTS = 12, LONGEST = 100 };

/* Prompts as ids below 61; the block borrows from here. */
typedef struct sample {
    int32_t tokens[MOST_PROMPTS][LONGEST];
    const int32_t *ids[MOST_PROMPTS];
    size_t count[MOST_PROMPTS];
    cv_prompt_block block;
} sample;

static void add(sample *s, const int32_t *head, size_t head_length, size_t tail_length, uint64_t *seed)
{
    size_t p = s->block.num_prompts++;
    ck_assert_uint_le(head_length + tail_length, LONGEST);
    memcpy(s->tokens[p], head, head_length * sizeof *head);
    for (size_t i = 0; i < tail_length; i++) s->tokens[p][head_length + i] = (int32_t)(tiny_random(seed) % 61);
    s->ids[p] = s->tokens[p];
    s->count[p] = head_length + tail_length;
    s->block.ids = s->ids;
    s->block.count = s->count;
}

/* A system prompt of 70 tokens, more than a block of queries, before short queries. */
static void shared_system(sample *s)
{
    uint64_t seed = 1;
    int32_t system[70];
    for (size_t i = 0; i < 70; i++) system[i] = (int32_t)(tiny_random(&seed) % 61);
    for (size_t p = 0; p < 3; p++) add(s, system, 70, 3 + 2 * p, &seed);
}

/* No common token at all, not even the first; one long enough to be cut into several blocks. */
static void nothing_shared(sample *s)
{
    uint64_t seed = 2;
    for (int32_t p = 0; p < 4; p++) add(s, &p, 1, p == 2 ? 80 : 4 + (size_t)p, &seed);
}

/* Branches at several depths, a prompt that is another's prefix, the same prompt twice, and one of a
 * single token. */
static void tangled(sample *s)
{
    uint64_t seed = 3;
    int32_t head[8] = {7, 7, 9, 11, 13, 7, 7, 7};
    add(s, head, 8, 5, &seed);
    add(s, head, 8, 0, &seed);
    add(s, head, 4, 6, &seed);
    add(s, head, 4, 0, &seed);
    add(s, head, 1, 0, &seed);
    add(s, head, 8, 0, &seed);
    add(s, head + 2, 3, 3, &seed);
    add(s, head + 2, 1, 0, &seed);
}

static const struct {
    const char *name;
    void (*make)(sample *s);
} samples[] = {{"shared system prompt", shared_system}, {"nothing shared", nothing_shared}, {"tangled", tangled}};

static const cv_ablation ablations[] = {
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 1e-5, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 2.5, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_KV_GROUP, 0.5, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, CV_GRANULARITY_HEAD, 0.3, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_K},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Z},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_K},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_Z},
};
enum { NUM_SAMPLES = sizeof samples / sizeof samples[0], NUM_ABLATIONS = sizeof ablations / sizeof ablations[0] };

static cv_head_range all_heads(const cv_model *model, const cv_ablation *ablation)
{
    return (cv_head_range){*ablation, 0, model->config.num_hidden_layers, 0,
                           cv_ablation_heads(ablation, &model->config)};
}

/* Ships against the group's own trunk, by the wavefront: [states, prompts]; free() it. */
static double *wavefront(cv_engine *engine, const sample *s, const cv_head_group *group, const cv_head_range *range)
{
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size, P = s->block.num_prompts,
           S = cv_head_range_states(range);
    float *clean = cv_alloc_floats(P * d), *ablated = cv_alloc_floats(S * P * d);
    double *ships = cv_alloc(S * P, sizeof *ships);
    cv_error err;
    ck_assert_msg(cv_wavefront(engine, &s->block, group, range, clean, ablated, &err), "%s", err.text);
    ck_assert_msg(cv_ships(engine, P, S, clean, ablated, ships, &err), "%s", err.text);
    free(clean);
    free(ablated);
    return ships;
}

/* The plain engine's logits of every prompt, with a group switched off or none; V is 61. */
typedef float all_logits[MOST_PROMPTS][61];

static void plain(cv_engine *engine, const sample *s, const cv_head_group *group, all_logits logits)
{
    cv_error err;
    for (size_t p = 0; p < s->block.num_prompts; p++)
        ck_assert_msg(cv_plain_logits(engine, s->ids[p], s->count[p], group, logits[p], &err), "%s", err.text);
}

/* Sees whether a head of the range is one of the group: then nothing more is switched off. */
static bool in_group(const cv_head_group *group, const cv_ablated_head *head)
{
    for (size_t i = 0; group && i < group->count; i++)
        if (group->heads[i].layer == head->layer && group->heads[i].head == head->head) return true;
    return false;
}

/* The group and one head more. */
static void plain_with(cv_engine *engine, const sample *s, const cv_head_group *group, const cv_ablated_head *head,
                       all_logits logits)
{
    cv_ablated_head heads[8];
    cv_head_group both = {heads, 0};
    for (size_t i = 0; group && i < group->count; i++) heads[both.count++] = group->heads[i];
    if (!in_group(group, head)) heads[both.count++] = *head;
    plain(engine, s, &both, logits);
}

static void compare(cv_engine *engine, const char *name, const sample *s, const cv_head_group *group,
                    const cv_head_range *range)
{
    double *ships = wavefront(engine, s, group, range), *next = ships;
    static all_logits trunk, ablated;
    plain(engine, s, group, trunk);
    for (int l = range->layer_begin; l < range->layer_end; l++)
        for (int h = range->head_begin; h < range->head_end; h++) {
            cv_ablated_head head = {l, h, range->ablation};
            plain_with(engine, s, group, &head, ablated);
            for (size_t p = 0; p < s->block.num_prompts; p++, next++) {
                double expected = cv_kl_divergence(trunk[p], ablated[p], 61);
                bool same = fabs(*next - expected) <= 1e-7 + 1e-4 * expected;
                ck_assert_msg(same, "%s, %s: L%dH%d prompt %zu: %.9g, expected %.9g", name,
                              cv_ablation_name(&range->ablation), l, h, p, *next, expected);
            }
        }
    free(ships);
}

/* Under valgrind, which is a hundred times slower, each ablation meets one sample instead of all, and only
 * one ablation in so many is seen. */
static void compare_all(cv_config config, uint64_t seed, size_t one_in)
{
    bool sparse = getenv("CARAVAN_TEST_SPARSE") != NULL;
    cv_model *model = tiny_model(config, seed);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        sample s = {0};
        samples[i].make(&s);
        for (size_t a = 0; a < NUM_ABLATIONS; a++) {
            if (sparse && (a % NUM_SAMPLES != i || (a + seed) % one_in)) continue;
            cv_head_range range = all_heads(model, &ablations[a]);
            compare(engine, samples[i].name, &s, NULL, &range);
        }
    }
    cv_engine_close(engine);
    tiny_model_free(model);
}

START_TEST(every_ablation_with_grouped_queries)
{
    compare_all(tiny_config(), 100, 1);
}
END_TEST

START_TEST(every_ablation_with_biases_and_tied_embeddings)
{
    cv_config config = tiny_config();
    config.q_bias = config.k_bias = config.v_bias = config.o_bias = config.mlp_bias = true;
    config.tie_word_embeddings = true;
    config.num_key_value_heads = 6;
    config.num_hidden_layers = 2;
    compare_all(config, 200, 1);
}
END_TEST

START_TEST(every_ablation_in_every_kind_of_decoder)
{
    compare_all(tiny_kind(_i), 250 + (uint64_t)_i, 11);
}
END_TEST

START_TEST(a_model_of_one_layer)
{
    cv_config config = tiny_config();
    config.num_hidden_layers = 1;
    compare_all(config, 300, 1);
}
END_TEST

START_TEST(parts_of_the_grid_equal_the_whole)
{
    cv_model *model = tiny_model(tiny_config(), 400);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    sample s = {0};
    tangled(&s);
    for (int l = 0; l < 3; l++) {
        cv_head_range range = {ablations[0], l, l + 1, 1, 4};
        compare(engine, "part", &s, NULL, &range);
    }
    cv_head_range none = {.ablation = ablations[0]};
    free(wavefront(engine, &s, NULL, &none));
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

/* Three heads of two layers, every ablation with every other (or one in every so many of such pairs): the
 * trunk lacks them, and each state one head more. The trunk itself is held to the plain engine too. */
static void compare_beside_groups(cv_config config, uint64_t seed, size_t every)
{
    cv_model *model = tiny_model(config, seed);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    for (size_t a = 0; a < NUM_ABLATIONS; a++) {
        if (ablations[a].granularity == CV_GRANULARITY_KV_GROUP) continue;
        for (size_t b = 0; b < NUM_ABLATIONS; b++) {
            if (ablations[b].granularity == CV_GRANULARITY_KV_GROUP || (a * NUM_ABLATIONS + b + seed) % every) continue;
            cv_ablated_head heads[] = {{1, 2, ablations[a]}, {0, 5, ablations[b]}, {1, 4, ablations[b]}};
            cv_head_group group = {heads, 3};
            cv_head_range range = all_heads(model, &ablations[a]);
            sample s = {0};
            samples[(a + b) % NUM_SAMPLES].make(&s);
            compare(engine, "beside a group", &s, &group, &range);
        }
    }
    cv_engine_close(engine);
    tiny_model_free(model);
}

START_TEST(heads_beside_a_group_that_is_off)
{
    compare_beside_groups(tiny_config(), 450, getenv("CARAVAN_TEST_SPARSE") ? 9 : 1);
}
END_TEST

START_TEST(heads_beside_a_group_in_every_kind_of_decoder)
{
    compare_beside_groups(tiny_kind(_i), 550 + (uint64_t)_i, getenv("CARAVAN_TEST_SPARSE") ? 193 : 5);
}
END_TEST

START_TEST(the_trunk_is_the_state_of_the_plain_engine)
{
    cv_model *model = tiny_model(_i ? tiny_kind(_i - 1) : tiny_config(), 460);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    cv_error err;
    for (size_t a = 0; a < NUM_ABLATIONS; a++) {
        if (_i && getenv("CARAVAN_TEST_SPARSE") && (a + (size_t)_i) % 5) continue;
        cv_ablated_head heads[] = {{0, 1, ablations[a]}, {2, 0, ablations[a]}};
        for (size_t count = 0; count <= 2; count++) {
            cv_head_group group = {heads, count};
            sample s = {0};
            samples[a % NUM_SAMPLES].make(&s);
            float trunk[MOST_PROMPTS * 32], state[32];
            ck_assert_msg(cv_wavefront(engine, &s.block, &group, NULL, trunk, NULL, &err), "%s", err.text);
            for (size_t p = 0; p < s.block.num_prompts; p++) {
                ck_assert_msg(cv_plain_state(engine, s.ids[p], s.count[p], &group, state, &err), "%s", err.text);
                double difference = 0, norm = 0;
                for (size_t i = 0; i < 32; i++) {
                    difference += pow((double)trunk[p * 32 + i] - (double)state[i], 2);
                    norm += pow((double)state[i], 2);
                }
                ck_assert_double_le(sqrt(difference / norm), 2e-6);
            }
        }
    }
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

START_TEST(groups_that_make_no_sense_are_refused)
{
    cv_model *model = tiny_model(tiny_config(), 470);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    sample s = {0};
    tangled(&s);
    const struct {
        cv_ablated_head heads[2];
        const char *says;
    } wrong[] = {
        {{{3, 0, ablations[0]}, {0, 0, ablations[0]}}, "L3H0 does not exist"},
        {{{0, 0, ablations[0]}, {0, 6, ablations[0]}}, "L0H6 does not exist"},
        {{{0, 0, ablations[0]}, {0, -1, ablations[0]}}, "L0H-1 does not exist"},
        {{{1, 1, ablations[0]}, {1, 1, ablations[5]}}, "L1H1 is switched off twice"},
        {{{1, 3, ablations[0]}, {1, 1, ablations[3]}}, "L1H1 is switched off twice"}, /* heads 2 and 3 */
        {{{0, 0, ablations[0]}, {2, 0, {.kind = CV_VALUE_SCALE, .epsilon = 1}}}, "epsilon 1 changes nothing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cv_head_group group = {wrong[i].heads, 2};
        float trunk[MOST_PROMPTS * 32], logits[61];
        cv_error err = {0};
        ck_assert(!cv_wavefront(engine, &s.block, &group, NULL, trunk, NULL, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, wrong[i].says) != NULL, "%s", err.text);
        ck_assert(!cv_plain_logits(engine, s.ids[0], s.count[0], &group, logits, &err));
        ck_assert_msg(strstr(err.text, wrong[i].says) != NULL, "%s", err.text);
    }
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

/* Large enough that bundles are split and that a library would spread a product over threads. */
START_TEST(any_number_of_threads_gives_the_same_bits)
{
    cv_config config = tiny_config();
    config.num_hidden_layers = 6;
    config.num_attention_heads = 9;
    config.vocab_size = getenv("CARAVAN_TEST_SPARSE") ? 61 : 4200;
    cv_model *model = tiny_model(config, 500);
    int threads = omp_get_max_threads();
    bool sparse = getenv("CARAVAN_TEST_SPARSE") != NULL;
    for (size_t i = 0; i < (sparse ? 1 : NUM_SAMPLES); i++) {
        sample s = {0};
        samples[i].make(&s);
        cv_head_range range = all_heads(model, &ablations[i]);
        size_t bytes = cv_head_range_states(&range) * s.block.num_prompts * sizeof(double);
        double *first = NULL;
        for (int t = 1; t <= (sparse ? 2 : 4); t++) {
            omp_set_num_threads(t);
            cv_engine *engine = cv_engine_open(model, LONGEST);
            double *ships = wavefront(engine, &s, NULL, &range);
            cv_engine_close(engine);
            if (first) ck_assert_mem_eq(ships, first, bytes);
            if (first)
                free(ships);
            else
                first = ships;
        }
        free(first);
    }
    omp_set_num_threads(threads);
    tiny_model_free(model);
}
END_TEST

START_TEST(operations_are_those_estimated)
{
    cv_model *model = tiny_model(_i ? tiny_kind(_i - 1) : tiny_config(), 600);
    for (size_t i = 0; i < NUM_SAMPLES; i++)
        for (size_t a = 0; a < NUM_ABLATIONS; a++) {
            if (_i && getenv("CARAVAN_TEST_SPARSE") && (a + i + (size_t)_i) % 7) continue;
            sample s = {0};
            samples[i].make(&s);
            cv_head_range range = all_heads(model, &ablations[a]);
            cv_ablated_head heads[] = {{1, 2, ablations[a]}, {2, 0, ablations[a]}};
            cv_head_group group = {heads, a % 3};
            cv_engine *engine = cv_engine_open(model, LONGEST);
            free(wavefront(engine, &s, &group, &range));
            cv_wavefront_cost cost;
            cv_wavefront_estimate(model, &s.block, &group, &range, 1, &cost);
            cv_wavefront_cost ships = cv_ships_estimate(model, s.block.num_prompts, cv_head_range_states(&range));
            cv_work work = cv_engine_work(engine);
            ck_assert_uint_eq(work.operations, cost.work.operations + ships.work.operations);
            ck_assert_uint_eq(work.weight_bytes, cost.work.weight_bytes + ships.work.weight_bytes);
            cv_engine_close(engine);
        }
    tiny_model_free(model);
}
END_TEST

/* A head whose keys are all zero attends uniformly already. */
START_TEST(a_switch_that_changes_nothing_is_an_error)
{
    cv_model *model = tiny_model(tiny_config(), 700);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    int32_t ids[] = {5, 5, 5, 5};
    const int32_t *prompt = ids;
    size_t count = 4;
    cv_prompt_block block = {1, &prompt, &count};
    memset((void *)model->layers[0].k_proj.data, 0, sizeof(float) * 24 * 32);
    cv_head_range range = {ablations[1], 0, 1, 0, 6};
    float clean[32], ablated[6 * 32];
    cv_error err = {0};
    ck_assert(!cv_wavefront(engine, &block, NULL, &range, clean, ablated, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "L0H0"));
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

START_TEST(weights_that_are_not_finite_are_named)
{
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        cv_model *model = tiny_model(tiny_config(), 800);
        ((float *)model->layers[2].up_proj.data)[77] = wrong[i];
        model->layers[2].up_proj.name = "model.layers.2.mlp.up_proj.weight";
        cv_engine *engine = cv_engine_open(model, LONGEST);
        sample s = {0};
        tangled(&s);
        float clean[MOST_PROMPTS * 32], logits[64];
        cv_error err = {0};
        ck_assert(!cv_wavefront(engine, &s.block, NULL, NULL, clean, NULL, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(err.text, "model.layers.2.mlp.up_proj.weight"));
        ck_assert_ptr_nonnull(strstr(err.text, "element 77"));
        for (int again = 0; again < 2; again++) {
            ck_assert(!cv_plain_logits(engine, s.ids[0], s.count[0], NULL, logits, &err));
            ck_assert_ptr_nonnull(strstr(err.text, "element 77"));
        }
        cv_engine_close(engine);
        tiny_model_free(model);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("wavefront");
    tcase_add_test(tests, every_ablation_with_grouped_queries);
    tcase_add_test(tests, every_ablation_with_biases_and_tied_embeddings);
    tcase_add_loop_test(tests, every_ablation_in_every_kind_of_decoder, 0, TINY_KINDS);
    tcase_add_test(tests, a_model_of_one_layer);
    tcase_add_test(tests, parts_of_the_grid_equal_the_whole);
    tcase_add_test(tests, heads_beside_a_group_that_is_off);
    tcase_add_loop_test(tests, heads_beside_a_group_in_every_kind_of_decoder, 0, TINY_KINDS);
    tcase_add_loop_test(tests, the_trunk_is_the_state_of_the_plain_engine, 0, TINY_KINDS + 1);
    tcase_add_test(tests, groups_that_make_no_sense_are_refused);
    tcase_add_test(tests, any_number_of_threads_gives_the_same_bits);
    tcase_add_loop_test(tests, operations_are_those_estimated, 0, TINY_KINDS + 1);
    tcase_add_test(tests, a_switch_that_changes_nothing_is_an_error);
    tcase_add_test(tests, weights_that_are_not_finite_are_named);
    return run_suite(tests);
}
