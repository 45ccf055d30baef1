/* z' of every ablation against its definition, in double precision along the path of each row. */
#include "engine/ablate.h"

#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { STATES = 2, H = 6, K = 3, D = 8, LENGTH = 70 };

static const cv_ablation ablations[] = {
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 1e-5, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 2.5, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, CV_GRANULARITY_HEAD, 0.3, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_K},
    {CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Z},
};
enum { NUM_ABLATIONS = sizeof ablations / sizeof ablations[0] };

/* A bundle of random queries, keys and values over a trie of four prompts, one of them longer than a block
 * of queries; z is its attention. */
typedef struct setting {
    int32_t ids[4][LENGTH];
    cv_model *model;
    cv_engine *engine;
    cv_trie trie;
    cv_queries asked;
    cv_bundle bundle;
    cv_layer_context c;
    size_t threads;
} setting;

static const cv_layer_weights no_weights = {0}; /* of layer 0, whose attention needs none */

static float *random_floats(size_t count, uint64_t *seed)
{
    float *values = cv_alloc_floats(count);
    for (size_t i = 0; i < count; i++) values[i] = 2 * tiny_uniform(seed);
    return values;
}

/* first: rows that the states share, 0 or the roots. */
static void make(setting *s, bool ends, bool share_roots)
{
    static const size_t shared[] = {0, 5, 5, 0}, count[] = {9, 7, LENGTH, 1};
    uint64_t seed = 11;
    *s = (setting){.model = tiny_model(tiny_config(), 3), .threads = (size_t)omp_get_max_threads()};
    for (size_t p = 0; p < 4; p++)
        for (size_t i = 0; i < count[p]; i++)
            s->ids[p][i] = i < shared[p] ? s->ids[0][i] : (int32_t)(tiny_random(&seed) % 61);
    const int32_t *ids[] = {s->ids[0], s->ids[1], s->ids[2], s->ids[3]};
    s->engine = cv_engine_open(s->model, LENGTH);
    s->trie = cv_trie_make(&(cv_prompt_block){4, ids, count});
    s->asked = ends ? cv_queries_ends(&s->trie) : cv_queries_all(&s->trie);
    s->bundle = (cv_bundle){.num_states = STATES, .first = share_roots ? s->trie.num_roots : 0, .asked = &s->asked};
    size_t rows = cv_bundle_rows(&s->bundle, &s->trie), queries = cv_bundle_queries(&s->bundle);
    s->bundle.kv = random_floats(STATES * rows * 2 * K * D, &seed);
    s->bundle.clean_kv = random_floats((s->bundle.first + 1) * 2 * K * D, &seed);
    s->bundle.q = random_floats(STATES * queries * H * D, &seed);
    s->bundle.z = cv_alloc_floats(STATES * queries * H * D);
    s->c =
        (cv_layer_context){s->engine, &no_weights, &s->trie, cv_scratch_make(&s->engine->shape, &s->trie, s->threads)};
    cv_bundle_attend(&s->c, &s->bundle);
}

static void unmake(setting *s)
{
    free(s->bundle.kv);
    free((void *)s->bundle.clean_kv);
    free(s->bundle.q);
    free(s->bundle.z);
    cv_scratch_free(s->c.scratch, s->threads);
    cv_queries_free(&s->asked);
    cv_trie_free(&s->trie);
    cv_engine_close(s->engine);
    tiny_model_free(s->model);
}

/* ---- the definition ---- */

/* Keys (part 0) or values (1) of a row in a state, of all key heads. */
static const float *kv_at(const setting *s, size_t state, size_t row, size_t part)
{
    const cv_bundle *b = &s->bundle;
    size_t own = (state * cv_bundle_rows(b, &s->trie) + row - b->first) * 2 * K * D;
    return (row < b->first ? b->clean_kv + row * 2 * K * D : b->kv + own) + part * K * D;
}

/* Mean over num neighbouring vectors, or vector number one alone where mean is false. */
static void vector_of(const float *vectors, size_t num, bool mean, size_t one, double *out)
{
    for (size_t c = 0; c < D; c++) {
        out[c] = mean ? 0 : (double)vectors[one * D + c];
        for (size_t h = 0; mean && h < num; h++) out[c] += (double)vectors[h * D + c] / (double)num;
    }
}

/* Attention of a head at one row with q, k and the scale of the scores as the ablation has them. */
static void attention(const setting *s, size_t state, const float *queries, size_t row, size_t head,
                      const cv_ablation *ablation, double *z)
{
    bool mean = ablation->kind == CV_MEAN_OVER_HEADS;
    double q[D], k[D], sum = 0, epsilon = ablation->kind == CV_UNIFORM_ATTENTION ? ablation->epsilon : 1;
    vector_of(queries, H, mean && ablation->mean_of == CV_MEAN_OF_Q, head, q);
    memset(z, 0, D * sizeof *z);
    for (ptrdiff_t at = (ptrdiff_t)row; at >= 0; at = s->trie.parent[at]) {
        double score = 0;
        vector_of(kv_at(s, state, (size_t)at, 0), K, mean && ablation->mean_of == CV_MEAN_OF_K, head / 2, k);
        for (size_t c = 0; c < D; c++) score += q[c] * k[c];
        double weight = exp(epsilon * score / sqrt(D));
        sum += weight;
        for (size_t c = 0; c < D; c++) z[c] += weight * (double)kv_at(s, state, (size_t)at, 1)[head / 2 * D + c];
    }
    for (size_t c = 0; c < D; c++) z[c] /= sum;
}

/* query is the bundle's own number of it, of the state's. */
static void defined_z(const setting *s, size_t state, size_t query, size_t row, size_t head,
                      const cv_ablation *ablation, double *z)
{
    size_t at = (state * cv_bundle_queries(&s->bundle) + query) * H * D;
    const float *heads = s->bundle.z + at;
    if (ablation->kind == CV_VALUE_SCALE)
        for (size_t c = 0; c < D; c++) z[c] = ablation->epsilon * (double)heads[head * D + c];
    else if (ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of == CV_MEAN_OF_Z)
        vector_of(heads, H, true, 0, z);
    else
        attention(s, state, s->bundle.q + at, row, head, ablation, z);
}

/* ---- one head ---- */

static void check_head(const setting *s, size_t state, const cv_ablation *ablation, size_t head)
{
    size_t first = cv_ablate_first(ablation, &s->trie), stride = D + 3;
    if (first < s->bundle.first) first = s->bundle.first;
    size_t skipped = cv_queries_below(&s->asked, first), own = cv_queries_below(&s->asked, s->bundle.first);
    size_t queries = s->asked.count - skipped;
    float *z = cv_alloc_floats(queries * stride);
    ck_assert(cv_ablate_head(&s->c, &s->bundle, state, ablation, head, first, z, stride));
    for (size_t i = 0; i < queries; i++) {
        double expected[D];
        size_t row = s->asked.row[skipped + i];
        defined_z(s, state, skipped + i - own, row, head, ablation, expected);
        for (size_t c = 0; c < D; c++)
            ck_assert_msg(fabs((double)z[i * stride + c] - expected[c]) <= 1e-5,
                          "kind %d, head %zu, row %zu, column %zu: %.9g, expected %.9g", (int)ablation->kind, head, row,
                          c, (double)z[i * stride + c], expected[c]);
    }
    free(z);
}

/* _i: whether only the ends ask, and whether the states share the roots. */
START_TEST(a_heads_output_is_the_definitions)
{
    bool share_roots = _i & 2;
    setting s;
    make(&s, _i & 1, share_roots);
    for (size_t a = 0; a < NUM_ABLATIONS; a++)
        for (size_t state = 0; state < STATES; state++)
            for (size_t head = 0; head < H; head++) check_head(&s, state, &ablations[a], head);
    unmake(&s);
}
END_TEST

START_TEST(only_changes_of_z_reach_the_roots)
{
    setting s;
    make(&s, false, false);
    ck_assert_uint_eq(s.trie.num_roots, 2);
    for (size_t a = 0; a < NUM_ABLATIONS; a++) {
        bool of_z = ablations[a].kind == CV_VALUE_SCALE || ablations[a].mean_of == CV_MEAN_OF_Z;
        ck_assert_int_eq(cv_ablate_changes_roots(&ablations[a]), of_z);
        ck_assert_uint_eq(cv_ablate_first(&ablations[a], &s.trie), of_z ? 0 : 2);
    }
    unmake(&s);
}
END_TEST

/* ---- groups ---- */

static cv_ablated_head beside[] = {{1, 4, {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Z}},
                                   {0, 1, {.kind = CV_VALUE_SCALE}},
                                   {1, 0, {.kind = CV_UNIFORM_ATTENTION, .granularity = CV_GRANULARITY_KV_GROUP}},
                                   {1, 5, {.kind = CV_VALUE_SCALE, .epsilon = 3}}};
static const cv_head_group group = {beside, 4};

/* The group's head that a query head of layer 1 belongs to, or NULL. */
static const cv_ablated_head *switched_off(size_t head)
{
    return head < 2 ? &beside[2] : head == 4 ? &beside[0] : head == 5 ? &beside[3] : NULL;
}

static void expect_group(const setting *s, const setting *before)
{
    size_t own = cv_queries_below(&s->asked, s->bundle.first), queries = s->asked.count - own;
    for (size_t i = 0; i < STATES * queries * H; i++) {
        size_t state = i / H / queries, query = i / H % queries, head = i % H, row = s->asked.row[own + query];
        const cv_ablated_head *off = switched_off(head);
        double expected[D];
        for (size_t c = 0; c < D; c++) expected[c] = (double)before->bundle.z[i * D + c];
        bool changes = off && (row >= s->trie.num_roots || cv_ablate_changes_roots(&off->ablation));
        if (changes) defined_z(before, state, query, row, head, &off->ablation, expected);
        for (size_t c = 0; c < D; c++)
            ck_assert_msg(fabs((double)s->bundle.z[i * D + c] - expected[c]) <= (changes ? 1e-5 : 0),
                          "state %zu, row %zu, head %zu", state, row, head);
    }
}

/* None of the layer's heads sees the others' ablation, and heads that stay keep their bits. */
START_TEST(a_group_takes_the_place_of_z)
{
    setting s, before;
    make(&s, _i & 1, _i & 2);
    make(&before, _i & 1, _i & 2);
    const cv_config *config = &s.model->config;
    cv_error err;
    uint64_t done = cv_engine_work(s.engine).operations;
    ck_assert_msg(cv_ablate_group(&s.c, &s.bundle, &group, 1, &err), "%s", err.text);
    expect_group(&s, &before);
    ck_assert_uint_eq(cv_engine_work(s.engine).operations - done,
                      STATES * cv_ablate_group_operations(&group, config, &s.trie, &s.asked, s.bundle.first, 1));
    unmake(&s);
    unmake(&before);
}
END_TEST

START_TEST(other_layers_keep_their_heads)
{
    setting s, before;
    make(&s, false, false);
    make(&before, false, false);
    cv_error err;
    ck_assert(cv_ablate_group(&s.c, &s.bundle, NULL, 1, &err));
    ck_assert(cv_ablate_group(&s.c, &s.bundle, &group, 2, &err));
    ck_assert_mem_eq(s.bundle.z, before.bundle.z, STATES * s.asked.count * H * D * sizeof(float));
    ck_assert(!cv_ablate_group_acts(NULL, 1));
    ck_assert(!cv_ablate_group_acts(&group, 2));
    ck_assert(cv_ablate_group_acts(&group, 0));
    unmake(&s);
    unmake(&before);
}
END_TEST

/* Where all heads say the same, their mean changes nothing: here in the second of two states. */
START_TEST(a_switch_that_changes_nothing_is_named)
{
    setting s;
    make(&s, false, false);
    for (size_t i = s.asked.count * H * D; i < 2 * s.asked.count * H * D; i++) s.bundle.z[i] = 1;
    cv_ablated_head off[] = {{1, 0, {.kind = CV_VALUE_SCALE}},
                             {1, 4, {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Z}}};
    cv_error err = {0};
    ck_assert(!cv_ablate_group(&s.c, &s.bundle, &(cv_head_group){off, 2}, 1, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "ablating L1H4 by mean_over_heads changes nothing") != NULL, "%s", err.text);
    unmake(&s);
}
END_TEST

/* A head that says nothing cannot be changed by scaling, and that is no mistake. */
START_TEST(a_silent_head_may_be_switched_off)
{
    setting s;
    make(&s, false, false);
    for (size_t row = 0; row < 2 * s.trie.num_rows; row++)
        memset(s.bundle.kv + row * 2 * K * D + (K + 2) * D, 0, D * sizeof(float));
    cv_bundle_attend(&s.c, &s.bundle);
    cv_ablated_head off[] = {{1, 5, {.kind = CV_VALUE_SCALE}}};
    cv_error err = {0};
    ck_assert_msg(cv_ablate_group(&s.c, &s.bundle, &(cv_head_group){off, 1}, 1, &err), "%s", err.text);
    unmake(&s);
}
END_TEST

/* ---- what it takes ---- */

START_TEST(only_attention_computed_anew_counts)
{
    setting s;
    make(&s, false, false);
    const cv_config *config = &s.model->config;
    for (size_t a = 0; a < NUM_ABLATIONS; a++) {
        cv_ablation whole = ablations[a];
        whole.granularity = CV_GRANULARITY_KV_GROUP;
        bool anew = whole.kind == CV_UNIFORM_ATTENTION
                        ? whole.epsilon != 0
                        : whole.kind == CV_MEAN_OVER_HEADS && whole.mean_of != CV_MEAN_OF_Z;
        uint64_t one = anew ? cv_queries_attention_operations(&s.asked, 2, 1, D) : 0;
        ck_assert_uint_eq(cv_ablate_operations(&ablations[a], config, &s.asked, 2), one);
        ck_assert_uint_eq(cv_ablate_operations(&whole, config, &s.asked, 2), 2 * one);
    }
    unmake(&s);
}
END_TEST

START_TEST(the_fullest_layer_decides_on_memory)
{
    cv_config config = tiny_config();
    ck_assert_uint_eq(cv_ablate_group_row_floats(NULL, &config), 0);
    ck_assert_uint_eq(cv_ablate_group_row_floats(&group, &config), 4 * D); /* heads 0, 1, 4, 5 of layer 1 */
    ck_assert_uint_eq(cv_ablate_group_row_floats(&(cv_head_group){beside, 2}, &config), D);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ablate");
    tcase_add_loop_test(tests, a_heads_output_is_the_definitions, 0, 4);
    tcase_add_test(tests, only_changes_of_z_reach_the_roots);
    tcase_add_loop_test(tests, a_group_takes_the_place_of_z, 0, 4);
    tcase_add_test(tests, other_layers_keep_their_heads);
    tcase_add_test(tests, a_switch_that_changes_nothing_is_named);
    tcase_add_test(tests, a_silent_head_may_be_switched_off);
    tcase_add_test(tests, only_attention_computed_anew_counts);
    tcase_add_test(tests, the_fullest_layer_decides_on_memory);
    return run_suite(tests);
}
