/* Batched decoding against the plain engine, which reads the whole text anew for each token. */
#include "base/file.h"
#include "engine/decode.h"
#include "suite.h"
#include "tiny_model.h"

#include <caravan/decode.h>

#include <dirent.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 64, LONGEST = 90, V = 61 };

/* Sequences that own their prompts. */
typedef struct sample {
    int32_t ids[MOST][LONGEST];
    cv_sequence sequences[MOST];
    size_t count;
} sample;

static void add(sample *s, size_t shared, size_t length, cv_head_group group, cv_sampling sampling)
{
    size_t i = s->count++;
    uint64_t head = 7, tail = 1000 + length * 31 + shared;
    ck_assert_uint_lt(i, MOST);
    for (size_t t = 0; t < length; t++) s->ids[i][t] = (int32_t)(tiny_random(t < shared ? &head : &tail) % V);
    s->sequences[i] = (cv_sequence){s->ids[i], length, group, sampling, 100 + i};
}

/* The answers of one call. */
typedef struct answers {
    cv_tokens tokens[MOST];
    bool stopped[MOST];
} answers;

typedef bool (*generate)(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                         cv_tokens *out, bool *stopped, cv_error *err);

static answers answer(generate by, cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens)
{
    answers a = {0};
    cv_error err;
    ck_assert_msg(by(engine, sequences, count, max_new_tokens, a.tokens, a.stopped, &err), "%s", err.text);
    return a;
}

static void free_answers(answers *a)
{
    for (size_t i = 0; i < MOST; i++) cv_tokens_free(&a->tokens[i]);
}

static void compare_one(const answers *a, size_t i, const answers *b, size_t j, const char *what)
{
    ck_assert_msg(a->tokens[i].count == b->tokens[j].count && a->stopped[i] == b->stopped[j],
                  "%s: answer %zu has %zu tokens, expected %zu", what, i, a->tokens[i].count, b->tokens[j].count);
    for (size_t t = 0; t < a->tokens[i].count; t++)
        ck_assert_msg(a->tokens[i].ids[t] == b->tokens[j].ids[t], "%s: answer %zu: token %zu is %d, expected %d", what,
                      i, t, (int)a->tokens[i].ids[t], (int)b->tokens[j].ids[t]);
}

static void compare(const answers *a, const answers *b, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) compare_one(a, i, b, i, what);
}

#define HEAD CV_GRANULARITY_HEAD
#define GROUP CV_GRANULARITY_KV_GROUP
static const cv_ablation ablations[] = {
    {CV_UNIFORM_ATTENTION, HEAD, 0, CV_MEAN_OF_Q},    {CV_UNIFORM_ATTENTION, HEAD, 1e-5, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, HEAD, 2.5, CV_MEAN_OF_Q},  {CV_UNIFORM_ATTENTION, GROUP, 0, CV_MEAN_OF_Q},
    {CV_UNIFORM_ATTENTION, GROUP, 0.5, CV_MEAN_OF_Q}, {CV_VALUE_SCALE, HEAD, 0, CV_MEAN_OF_Q},
    {CV_VALUE_SCALE, HEAD, 0.3, CV_MEAN_OF_Q},        {CV_VALUE_SCALE, GROUP, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, HEAD, 0, CV_MEAN_OF_Q},      {CV_MEAN_OVER_HEADS, HEAD, 0, CV_MEAN_OF_K},
    {CV_MEAN_OVER_HEADS, HEAD, 0, CV_MEAN_OF_Z},      {CV_MEAN_OVER_HEADS, GROUP, 0, CV_MEAN_OF_Q},
    {CV_MEAN_OVER_HEADS, GROUP, 0, CV_MEAN_OF_K},     {CV_MEAN_OVER_HEADS, GROUP, 0, CV_MEAN_OF_Z},
};
enum { NUM_ABLATIONS = sizeof ablations / sizeof ablations[0] };
static const cv_sampling greedy = {.kind = CV_GREEDY};
static const cv_sampling top_5 = {CV_TOP_K, 5, 1.5, 3};

/* Three heads of three layers for each ablation, and groups that mix kinds within a layer. */
static cv_ablated_head single[NUM_ABLATIONS][3], mixed[3][6];

static void make_groups(void)
{
    for (size_t a = 0; a < NUM_ABLATIONS; a++)
        for (int l = 0; l < 3; l++) single[a][l] = (cv_ablated_head){l, (l + (int)a) % 3, ablations[a]};
    static const size_t kinds[3][6] = {{0, 6, 9, 10, 1, 8}, {10, 10, 0, 0, 5, 0}, {2, 9, 9, 0, 6, 1}};
    for (size_t g = 0; g < 3; g++)
        for (int h = 0; h < 6; h++) mixed[g][h] = (cv_ablated_head){g == 1 ? h % 3 : 1, h, ablations[kinds[g][h]]};
}

/* Every ablation on prompts that share beginnings, are alike, or are one token; clean ones between. */
static void everything(sample *s)
{
    make_groups();
    for (size_t a = 0; a < NUM_ABLATIONS; a++) {
        cv_head_group group = {single[a], 1 + a % 3};
        add(s, 5, 9, group, greedy);
        add(s, 5, 7 + a % 3, group, top_5);
        if (a % 3 == 0) add(s, 9, 9, (cv_head_group){0}, a % 2 ? top_5 : greedy);
    }
    for (size_t g = 0; g < 3; g++) {
        add(s, 5, 9, (cv_head_group){mixed[g], 6}, greedy);
        add(s, 5, 9, (cv_head_group){mixed[g], 6}, top_5);
        add(s, 5, 5, (cv_head_group){mixed[g], 6}, top_5);
    }
    add(s, 1, 1, (cv_head_group){single[0], 3}, greedy);
    add(s, 2, 70, (cv_head_group){single[9], 3}, greedy);
}

static bool by_layers(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                      cv_tokens *out, bool *stopped, cv_error *err)
{
    return cv_generate_by(engine, cv_engine_layer, sequences, count, max_new_tokens, out, stopped, err);
}

/* The batch, the batch with layers that are not kept, and each sequence alone. */
static void check_everything(cv_config config, uint64_t seed)
{
    cv_model *model = tiny_model(config, seed);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    static sample s;
    s = (sample){0};
    everything(&s);
    size_t new = getenv("CARAVAN_TEST_SPARSE") ? 2 : 16;
    answers expected = answer(cv_plain_generate, engine, s.sequences, s.count, new);
    answers batch = answer(cv_generate, engine, s.sequences, s.count, new);
    compare(&batch, &expected, s.count, "batch");
    answers layers = answer(by_layers, engine, s.sequences, s.count, new);
    compare(&layers, &expected, s.count, "layer by layer");
    for (size_t i = 0; i < s.count; i++) {
        ck_assert_uint_eq(expected.tokens[i].count, new);
        answers alone = answer(cv_generate, engine, &s.sequences[i], 1, new);
        compare_one(&alone, 0, &expected, i, "alone");
        free_answers(&alone);
    }
    free_answers(&expected);
    free_answers(&batch);
    free_answers(&layers);
    cv_engine_close(engine);
    tiny_model_free(model);
}

START_TEST(every_ablation_with_grouped_queries)
{
    check_everything(tiny_config(), 100);
}
END_TEST

START_TEST(every_ablation_with_biases_and_tied_embeddings)
{
    cv_config config = tiny_config();
    config.q_bias = config.k_bias = config.v_bias = config.o_bias = config.mlp_bias = true;
    config.tie_word_embeddings = true;
    config.num_key_value_heads = 6;
    check_everything(config, 200);
}
END_TEST

START_TEST(every_ablation_in_every_kind_of_decoder)
{
    check_everything(tiny_kind(_i), 250 + (uint64_t)_i);
}
END_TEST

START_TEST(any_number_of_threads_gives_the_same_tokens)
{
    cv_config config = tiny_config();
    config.intermediate_size = 500;
    cv_model *model = tiny_model(config, 300);
    static sample s;
    s = (sample){0};
    everything(&s);
    answers first = {0};
    int threads = omp_get_max_threads();
    for (int t = 1; t <= (getenv("CARAVAN_TEST_SPARSE") ? 2 : 4); t++) {
        omp_set_num_threads(t);
        cv_engine *engine = cv_engine_open(model, LONGEST);
        answers now = answer(cv_generate, engine, s.sequences, s.count, 8);
        cv_engine_close(engine);
        if (t > 1) compare(&now, &first, s.count, "threads");
        if (t > 1)
            free_answers(&now);
        else
            first = now;
    }
    omp_set_num_threads(threads);
    free_answers(&first);
    tiny_model_free(model);
}
END_TEST

/* A token that comes up in an answer, made one that ends it: at the first place, or later, or twice. */
START_TEST(answers_end_where_the_model_ends_them)
{
    cv_model *model = tiny_model(tiny_config(), 400);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    static sample s;
    s = (sample){0};
    everything(&s);
    answers whole = answer(cv_generate, engine, s.sequences, s.count, 16);
    size_t ended = 0, at_once = 0, went_on = 0;
    for (size_t i = 0; i < s.count; i += getenv("CARAVAN_TEST_SPARSE") ? 25 : 5) {
        model->eos[0] = 60 - whole.tokens[i].ids[0] > 0 ? 60 : 0;
        model->eos[1] = whole.tokens[i].ids[i % 4];
        model->num_eos = 2;
        answers cut = answer(cv_generate, engine, s.sequences, s.count, 16);
        answers plain = answer(cv_plain_generate, engine, &s.sequences[i], 1, 16);
        compare_one(&cut, i, &plain, 0, "cut");
        free_answers(&plain);
        for (size_t j = 0; j < s.count; j++) {
            size_t length = 0;
            while (length < 16 && !cv_is_eos(model, whole.tokens[j].ids[length])) length++;
            ck_assert_uint_eq(cut.tokens[j].count, length);
            ck_assert(cut.stopped[j] == (length < 16));
            if (length) ck_assert_mem_eq(cut.tokens[j].ids, whole.tokens[j].ids, length * sizeof(int32_t));
            ended += length < 16;
            at_once += length == 0;
            went_on += length == 16;
        }
        free_answers(&cut);
    }
    ck_assert_msg(ended > 0 && at_once > 0 && went_on > 0, "%zu ended, %zu at once, %zu not", ended, at_once, went_on);
    free_answers(&whole);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

START_TEST(no_tokens_and_one_token)
{
    cv_model *model = tiny_model(tiny_config(), 500);
    cv_engine *engine = cv_engine_open(model, 9);
    static sample s;
    s = (sample){0};
    add(&s, 5, 9, (cv_head_group){0}, greedy);
    answers none = answer(cv_generate, engine, s.sequences, 1, 0);
    ck_assert_uint_eq(none.tokens[0].count, 0);
    ck_assert(!none.stopped[0]);
    answer(cv_generate, engine, s.sequences, 0, 5);
    answers one = answer(cv_generate, engine, s.sequences, 1, 1); /* the last of 9 positions answers */
    answers expected = answer(cv_plain_generate, engine, s.sequences, 1, 1);
    compare(&one, &expected, 1, "one token");
    ck_assert_uint_eq(one.tokens[0].count, 1);
    free_answers(&one);
    free_answers(&expected);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

/* The 99.9 % point of chi-squared with 4 degrees of freedom; seeds are fixed, so it holds or not. */
static double chi_squared(cv_engine *engine, const cv_sequence *like, const double *p, size_t draws)
{
    cv_sequence *sequences = cv_alloc(draws, sizeof *sequences);
    cv_tokens *out = cv_calloc(draws, sizeof *out);
    bool *stopped = cv_alloc(draws, sizeof *stopped);
    double seen[V] = {0}, chi = 0;
    for (size_t i = 0; i < draws; i++) {
        sequences[i] = *like;
        sequences[i].stream = i;
    }
    cv_error err;
    ck_assert_msg(cv_generate(engine, sequences, draws, 2, out, stopped, &err), "%s", err.text);
    for (size_t i = 0; i < draws; i++) {
        ck_assert_uint_eq(out[i].count, 2);
        seen[out[i].ids[0]]++;
        cv_tokens_free(&out[i]);
    }
    for (size_t v = 0; v < V; v++) {
        double expected = (double)draws * p[v];
        ck_assert_msg(expected > 0 || seen[v] == 0, "token %zu is not among the likeliest", v);
        if (expected > 0) chi += (seen[v] - expected) * (seen[v] - expected) / expected;
    }
    free(sequences);
    free(out);
    free(stopped);
    return chi;
}

START_TEST(frequencies_are_the_models_probabilities)
{
    make_groups();
    cv_model *model = tiny_model(tiny_config(), 600);
    cv_engine *engine = cv_engine_open(model, LONGEST);
    static sample s;
    s = (sample){0};
    add(&s, 5, 9, (cv_head_group){0}, (cv_sampling){CV_TOP_K, 5, 1, 8});
    add(&s, 5, 9, (cv_head_group){mixed[0], 6}, (cv_sampling){CV_TOP_K, 5, 2, 8});
    for (size_t i = 0; i < s.count; i++) {
        float logits[V];
        double p[V] = {0}, total = 0;
        cv_error err;
        ck_assert(cv_plain_logits(engine, s.ids[i], 9, &s.sequences[i].group, logits, &err));
        for (size_t j = 0; j < 5; j++) { /* the five largest, one after the other */
            size_t next = V;
            for (size_t v = 0; v < V; v++)
                if (p[v] == 0 && (next == V || logits[v] > logits[next])) next = v;
            total += p[next] = exp((double)logits[next] / s.sequences[i].sampling.temperature);
        }
        for (size_t v = 0; v < V; v++) p[v] /= total;
        double chi = chi_squared(engine, &s.sequences[i], p, getenv("CARAVAN_TEST_SPARSE") ? 400 : 4000);
        ck_assert_msg(chi < 18.47, "chi-squared %g", chi);
    }
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

START_TEST(operations_are_those_estimated)
{
    cv_model *model = tiny_model(_i ? tiny_kind(_i - 1) : tiny_config(), 700);
    static sample s;
    s = (sample){0};
    everything(&s);
    for (size_t new = 0; new < 5; new += 2) {
        cv_engine *engine = cv_engine_open(model, LONGEST);
        answers a = answer(cv_generate, engine, s.sequences, s.count, new);
        cv_wavefront_cost cost = cv_generate_estimate(model, s.sequences, s.count, new);
        ck_assert_uint_eq(cv_engine_work(engine).operations, cost.work.operations);
        ck_assert_uint_le(cv_engine_work(engine).weight_bytes, cost.work.weight_bytes);
        ck_assert((cost.memory_bytes > 0) == (new > 0));
        free_answers(&a);
        cv_engine_close(engine);
    }
    tiny_model_free(model);
}
END_TEST

/* Single precision read in place, and 16 bits widened. */
START_TEST(checkpoints_of_every_kind)
{
    const char *root = CARAVAN_SOURCE_DIR "/tests/fixtures/models";
    DIR *folder = opendir(root);
    ck_assert_ptr_nonnull(folder);
    make_groups();
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *directory = cv_path_join(root, entry->d_name), *config = cv_path_join(directory, "config.json");
        if (entry->d_name[0] != '.' && cv_file_exists(config)) {
            cv_error err;
            cv_model *model = cv_model_open(directory, &err);
            ck_assert_msg(model != NULL, "%s", err.text);
            cv_engine *engine = cv_engine_open(model, LONGEST);
            cv_ablated_head heads[] = {{0, 1, ablations[0]}, {1, 0, ablations[2]}, {1, 1, ablations[10]}};
            static sample s;
            s = (sample){0};
            add(&s, 4, 8, (cv_head_group){0}, greedy);
            add(&s, 4, 9, (cv_head_group){heads, 3}, greedy);
            add(&s, 4, 9, (cv_head_group){heads, 2}, top_5);
            answers expected = answer(cv_plain_generate, engine, s.sequences, s.count, 12);
            answers batch = answer(cv_generate, engine, s.sequences, s.count, 12);
            compare(&batch, &expected, s.count, entry->d_name);
            free_answers(&expected);
            free_answers(&batch);
            cv_engine_close(engine);
            cv_model_close(model);
            seen++;
        }
        free(directory);
        free(config);
    }
    closedir(folder);
    ck_assert_int_ge(seen, 18);
}
END_TEST

static void assert_refused(cv_engine *engine, const cv_sequence *sequence, size_t new, const char *message)
{
    const generate both[] = {cv_generate, cv_plain_generate};
    for (size_t i = 0; i < 2; i++) {
        cv_tokens out = {0};
        bool stopped;
        cv_error err = {CV_OK, ""};
        ck_assert(!both[i](engine, sequence, 1, new, &out, &stopped, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, message) != NULL, "\"%s\" does not say %s", err.text, message);
        cv_tokens_free(&out);
    }
}

START_TEST(what_cannot_be_continued_is_refused)
{
    make_groups();
    cv_model *model = tiny_model(tiny_config(), 800);
    cv_engine *engine = cv_engine_open(model, 20);
    static sample s;
    s = (sample){0};
    add(&s, 5, 9, (cv_head_group){0}, greedy);
    cv_sequence good = s.sequences[0], bad = good;
    bad.count = 0;
    assert_refused(engine, &bad, 4, "a prompt without tokens");
    assert_refused(engine, &good, 13, "a prompt of 9 tokens and 13 new ones do not fit into 20 positions");
    assert_refused(engine, &good, SIZE_MAX, "do not fit into 20 positions");
    cv_ablated_head missing = {3, 0, ablations[0]}, twice[] = {{1, 2, ablations[0]}, {1, 1, ablations[3]}};
    bad = good;
    bad.group = (cv_head_group){&missing, 1};
    assert_refused(engine, &bad, 4, "L3H0 does not exist");
    bad.group = (cv_head_group){twice, 2};
    assert_refused(engine, &bad, 4, "switched off twice");
    bad = good;
    bad.sampling = (cv_sampling){CV_TOP_K, 0, 1, 0};
    assert_refused(engine, &bad, 4, "k 0");
    bad = good;
    s.ids[0][3] = V;
    assert_refused(engine, &bad, 4, "token 61 is outside the model's vocabulary");
    s.ids[0][3] = 3;
    float *head = (float *)model->lm_head.data, kept = head[77];
    model->lm_head.name = "lm_head.weight";
    head[77] = NAN;
    assert_refused(engine, &good, 4, "tensor lm_head.weight holds NaN at element 77");
    head[77] = kept;
    memset((void *)model->layers[0].k_proj.data, 0, sizeof(float) * 24 * 32); /* attends uniformly already */
    memset(s.ids[0], 0, sizeof s.ids[0]);
    cv_ablated_head idle = {0, 0, ablations[1]};
    bad = good;
    bad.count = 2; /* weights of 1/2 are exact, so no rounding looks like a change */
    bad.group = (cv_head_group){&idle, 1};
    assert_refused(engine, &bad, 4, "ablating L0H0 by uniform_attention changes nothing");
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("decode");
    tcase_add_test(tests, every_ablation_with_grouped_queries);
    tcase_add_test(tests, every_ablation_with_biases_and_tied_embeddings);
    tcase_add_loop_test(tests, every_ablation_in_every_kind_of_decoder, 0, TINY_KINDS);
    tcase_add_test(tests, any_number_of_threads_gives_the_same_tokens);
    tcase_add_test(tests, answers_end_where_the_model_ends_them);
    tcase_add_test(tests, no_tokens_and_one_token);
    tcase_add_test(tests, frequencies_are_the_models_probabilities);
    tcase_add_loop_test(tests, operations_are_those_estimated, 0, TINY_KINDS + 1);
    tcase_add_test(tests, checkpoints_of_every_kind);
    tcase_add_test(tests, what_cannot_be_continued_is_refused);
    return run_suite(tests);
}
