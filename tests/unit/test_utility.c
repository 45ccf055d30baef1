#include "sweep/utility.h"

#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <caravan/score.h>

#include <string.h>

enum { ITEMS = 70, CHOICES = 3, LENGTH = 6, V = 61, WORDS = 4 };

/* One tiny model under two ablations; a task of 70 questions of two or three choices, and one of five. */
typedef struct setting {
    cv_model *models[1];
    cv_job_model job_model;
    cv_ablation ablations[2];
    char *ablation_names[2];
    int32_t prompt[2];
    cv_tokens tokens[1], *sets[1][CV_NUM_PROMPT_SETS];
    cv_job_group groups[WORDS];
    cv_job_utility tasks[2];
    int32_t ids[ITEMS * CHOICES][LENGTH];
    const int32_t *pointers[ITEMS * CHOICES];
    size_t begin[2][ITEMS + 1], count[ITEMS * CHOICES], context[ITEMS * CHOICES];
    cv_task_pairs pairs[2], *all_pairs[1];
    cv_inputs inputs;
    cv_scores *scores;
    cv_chosen *chosen;
    cv_utility *utility;
} setting;

/* Choices of an item share its context. */
static void make_pairs(setting *s)
{
    uint64_t seed = 8;
    size_t pair = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        s->begin[0][i] = pair;
        size_t context = 1 + i % 3;
        for (size_t c = 0; c < 2 + i % 2; c++, pair++) {
            for (size_t t = 0; t < LENGTH; t++)
                s->ids[pair][t] = t < context ? (int32_t)(i + t) % V : (int32_t)(tiny_random(&seed) % V);
            s->pointers[pair] = s->ids[pair];
            s->context[pair] = context;
            s->count[pair] = context + 1 + (i + c) % 2;
        }
    }
    s->begin[0][ITEMS] = pair;
    memcpy(s->begin[1], s->begin[0], sizeof s->begin[0]);
    for (size_t t = 0; t < 2; t++) {
        size_t items = t ? 5 : ITEMS;
        s->pairs[t] = (cv_task_pairs){items, s->begin[t][items], s->begin[t], s->pointers, s->count, s->context, NULL};
    }
    s->all_pairs[0] = s->pairs;
}

static void make(setting *s)
{
    *s = (setting){.models = {tiny_model(tiny_config(), 50)},
                   .job_model = {.name = (char *)"one", .path = (char *)"one"},
                   .ablations = {{.kind = CV_VALUE_SCALE}, {.kind = CV_VALUE_SCALE, .epsilon = 0.5}},
                   .ablation_names = {(char *)"value_scale", (char *)"value_scale-eps0.5"},
                   .groups = {{(char *)"none", CV_GROUP_NONE, 0},
                              {(char *)"per_prompt:1", CV_GROUP_PER_PROMPT, 1},
                              {(char *)"random:2", CV_GROUP_RANDOM, 2},
                              {(char *)"each_head", CV_GROUP_EACH_HEAD, 0}},
                   .tasks = {{(char *)"long", (char *)"long", 0}, {(char *)"short", (char *)"short", 0}}};
    make_pairs(s);
    s->tokens[0] = (cv_tokens){s->prompt, 2, 2};
    s->sets[0][CV_HARMFUL] = s->tokens;
    s->inputs = (cv_inputs){.models = s->models, .num_prompts = {1, 0}, .tokens = s->sets, .pairs = s->all_pairs};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = &s->job_model, .num_models = 1, .ships = true};
    s->inputs.job.ablations = s->ablations;
    s->inputs.job.ablation_names = s->ablation_names;
    s->inputs.job.num_ablations = 2;
    s->inputs.job.evaluate = (cv_job_evaluate){
        .enabled = true, .groups = s->groups, .num_groups = WORDS, .utility = s->tasks, .num_utility = 2};
    s->scores = cv_scores_make(&s->inputs);
    for (int a = 0; a < 2; a++) {
        const double values[18] = {0};
        cv_error err;
        cv_unit unit = {.ablation = a, .prompt_end = 1, .layer_end = 3, .head_end = 6};
        ck_assert(cv_scores_put(s->scores, &unit, values, &err));
    }
    s->chosen = cv_chosen_make(&s->inputs, s->scores, NULL);
    s->utility = cv_utility_make(&s->inputs, s->chosen);
}

static void unmake(setting *s)
{
    cv_utility_free(s->utility);
    cv_chosen_free(s->chosen);
    cv_scores_free(s->scores);
    tiny_model_free(s->models[0]);
}

static cv_batch *plan(const setting *s, size_t *count)
{
    cv_error err;
    cv_batch *batches = cv_utility_plan(s->utility, count, &err);
    ck_assert_msg(batches != NULL, "%s", err.text);
    return batches;
}

/* Groups that differ by prompt, and every head alone, are left out; the clean model is there once. */
START_TEST(rows_follow_the_job)
{
    static const int expected[][3] = {{0, 0, 0}, {0, 0, 2}, {0, 1, 0}, {0, 1, 2}, {1, 0, 2}, {1, 1, 2}};
    setting s;
    make(&s);
    size_t count, first = 0, pairs = 0;
    const cv_utility_row *rows = cv_utility_rows(s.utility, &count);
    ck_assert_uint_eq(count, sizeof expected / sizeof expected[0]);
    for (size_t r = 0; r < count; r++) {
        ck_assert(rows[r].ablation == expected[r][0] && rows[r].task == expected[r][1]);
        ck_assert_int_eq(rows[r].group, expected[r][2]);
        ck_assert_uint_eq(rows[r].first, first);
        ck_assert_uint_eq(rows[r].first_pair, pairs);
        ck_assert_uint_eq(rows[r].count, rows[r].task ? 5 : ITEMS);
        first += rows[r].count;
        pairs += s.pairs[rows[r].task].num;
    }
    char *none = cv_utility_label(s.utility, &rows[0]), *two = cv_utility_label(s.utility, &rows[1]);
    ck_assert_str_eq(none, "");
    ck_assert_uint_eq(strlen(two), strlen("L0H0 L0H0"));
    free(none);
    free(two);
    unmake(&s);
}
END_TEST

START_TEST(batches_are_of_one_row_and_fit_the_budget)
{
    setting s;
    make(&s);
    size_t count, fewer, next = 0;
    cv_batch *batches = plan(&s, &count);
    ck_assert_uint_eq(count, 3 * 2 + 3); /* 64 + 6 of the long task, and 5, for each group */
    for (size_t b = 0; b < count; b++) {
        static const size_t lengths[] = {64, 6, 64, 6, 5, 5, 64, 6, 5};
        ck_assert_uint_eq(batches[b].begin, next);
        ck_assert_uint_eq(batches[b].end - batches[b].begin, lengths[b]);
        next = (size_t)batches[b].end;
    }
    s.inputs.job.memory_bytes = batches[0].memory_bytes / 2;
    cv_batch *smaller = plan(&s, &fewer);
    ck_assert_uint_gt(fewer, count);
    for (size_t b = 0; b < fewer; b++) ck_assert_uint_le(smaller[b].memory_bytes, s.inputs.job.memory_bytes);
    s.inputs.job.memory_bytes = 1000;
    cv_error err = {0};
    ck_assert_ptr_null(cv_utility_plan(s.utility, &count, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "one question of model one needs") != NULL, "%s", err.text);
    free(batches);
    free(smaller);
    unmake(&s);
}
END_TEST

/* ---- log-likelihoods ---- */

static double plain_sum(cv_engine *engine, const setting *s, size_t pair, const cv_head_group *group)
{
    float logits[V];
    double sum = 0;
    cv_error err;
    for (size_t t = s->context[pair]; t < s->count[pair]; t++) {
        double total = 0;
        ck_assert(cv_plain_logits(engine, s->ids[pair], t, group, logits, &err));
        for (size_t v = 0; v < V; v++) total += exp((double)logits[v]);
        sum += (double)logits[s->ids[pair][t]] - log(total);
    }
    return sum;
}

static void run_all(setting *s, cv_engine *engine)
{
    size_t count, num_rows;
    const cv_utility_row *rows = cv_utility_rows(s->utility, &num_rows);
    cv_batch *batches = plan(s, &count);
    cv_error err;
    for (size_t b = count; b-- > 0;) {
        cv_buffer out = {0};
        uint64_t before = cv_engine_work(engine).operations;
        ck_assert_ptr_null(cv_utility_values(s->utility, &rows[0]));
        ck_assert_int_eq(cv_utility_model(s->utility, &batches[b]), 0);
        ck_assert_msg(cv_utility_run(s->utility, engine, &batches[b], &out, &err), "%s", err.text);
        ck_assert_uint_eq(cv_engine_work(engine).operations - before, batches[b].operations);
        ck_assert_msg(cv_utility_put(s->utility, &batches[b], out.data, out.length, &err), "%s", err.text);
        cv_buffer_free(&out);
    }
    free(batches);
}

START_TEST(choices_score_as_the_plain_engine_has_them)
{
    setting s;
    make(&s);
    cv_engine *engine = cv_engine_open(s.models[0], LENGTH);
    run_all(&s, engine);
    size_t num_rows, step = getenv("CARAVAN_TEST_SPARSE") ? 31 : 3;
    const cv_utility_row *rows = cv_utility_rows(s.utility, &num_rows);
    for (size_t r = 0; r < num_rows; r++) {
        const double *values = cv_utility_values(s.utility, &rows[r]);
        ck_assert_ptr_nonnull(values);
        cv_head_group group =
            cv_groups_at(cv_chosen_at(s.chosen, 0, rows[r].ablation, rows[r].group, CV_HARMFUL), 0, 0);
        for (size_t i = 0; i < s.pairs[rows[r].task].num; i += step) {
            double expected = plain_sum(engine, &s, i, &group);
            ck_assert_msg(fabs(values[i] - expected) <= 1e-5, "row %zu, pair %zu: %.9g, expected %.9g", r, i, values[i],
                          expected);
        }
    }
    cv_engine_close(engine);
    unmake(&s);
}
END_TEST

START_TEST(a_description_tells_items_and_heads)
{
    setting s;
    make(&s);
    cv_buffer texts[4] = {{0}};
    size_t count;
    cv_batch *batches = plan(&s, &count);
    cv_utility_describe(s.utility, &batches[2], &texts[0]);
    cv_utility_describe(s.utility, &batches[2], &texts[1]);
    cv_utility_describe(s.utility, &batches[3], &texts[2]);
    s.inputs.job.evaluate.seed = 3;
    cv_chosen *chosen = cv_chosen_make(&s.inputs, s.scores, NULL);
    cv_utility *other = cv_utility_make(&s.inputs, chosen);
    cv_utility_describe(other, &batches[2], &texts[3]);
    ck_assert(texts[1].length == texts[0].length && memcmp(texts[1].data, texts[0].data, texts[0].length) == 0);
    for (int i = 2; i < 4; i++)
        ck_assert(texts[i].length != texts[0].length || memcmp(texts[i].data, texts[0].data, texts[0].length) != 0);
    for (int i = 0; i < 4; i++) cv_buffer_free(&texts[i]);
    cv_utility_free(other);
    cv_chosen_free(chosen);
    free(batches);
    unmake(&s);
}
END_TEST

/* ---- bytes ---- */

static const struct {
    size_t count;
    double last;
} sent[] = {{10, -1}, {13, -1}, {0, 0}, {12, NAN}, {12, -INFINITY}}; /* the five items have 12 choices */

START_TEST(bytes_that_do_not_fit_change_nothing)
{
    setting s;
    make(&s);
    size_t count, num_rows;
    cv_error err = {0};
    double values[13] = {0};
    const cv_utility_row *row = cv_utility_rows(s.utility, &num_rows) + 2;
    cv_batch *batches = plan(&s, &count);
    ck_assert_uint_eq(s.pairs[1].num, 12);
    ck_assert_uint_eq(batches[4].end - batches[4].begin, 5);
    for (size_t i = 0; i < 13; i++) values[i] = -(double)i;
    if (sent[_i].count) values[sent[_i].count - 1] = sent[_i].last;
    cv_buffer bytes = {0};
    cv_put_array(&bytes, values, sent[_i].count, sizeof *values);
    ck_assert(!cv_utility_put(s.utility, &batches[4], bytes.data, bytes.length, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    bytes.length = 0;
    for (size_t i = 0; i < 12; i++) values[i] = -1 - (double)i;
    cv_put_array(&bytes, values, 12, sizeof *values);
    for (size_t length = 0; length < bytes.length; length++)
        ck_assert(!cv_utility_put(s.utility, &batches[4], bytes.data, length, &err));
    ck_assert_ptr_null(cv_utility_values(s.utility, row));
    ck_assert(cv_utility_put(s.utility, &batches[4], bytes.data, bytes.length, &err));
    ck_assert_double_eq(cv_utility_values(s.utility, row)[11], -12);
    cv_buffer_free(&bytes);
    free(batches);
    unmake(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("utility");
    tcase_add_test(tests, rows_follow_the_job);
    tcase_add_test(tests, batches_are_of_one_row_and_fit_the_budget);
    tcase_add_test(tests, choices_score_as_the_plain_engine_has_them);
    tcase_add_test(tests, a_description_tells_items_and_heads);
    tcase_add_loop_test(tests, bytes_that_do_not_fit_change_nothing, 0, ROWS(sent));
    return run_suite(tests);
}
