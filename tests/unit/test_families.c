/* Both engines against transformers on every family of tests/fixtures/families, clean and with heads
 * switched off in every way; and answers, token by token, against the plain engine. */
#include "model_fixture.h"

#include <caravan/decode.h>

#include <dirent.h>
#include <string.h>

enum { MOST_SWITCHES = 8, MOST_ENTRIES = 16, MOST_NEW_TOKENS = 12 };

static const char *const families[] = {
    "llama",       "mistral-window", "qwen2-window", "qwen3",    "qwen3-window",        "gemma2", "gemma3",
    "gemma3-2025", "phi3",           "olmo2",        "gpt-neox", "gpt-neox-sequential", "gpt2",   "gpt2-inner",
};

/* Under valgrind, which is a hundred times slower, each family meets one in so many of its entries, other
 * ones than its neighbours do. */
static size_t step(void)
{
    return getenv("CARAVAN_TEST_SPARSE") ? 4 : 1;
}

/* An entry of "ablated": heads that are off together, and the prompts' logits without them. */
typedef struct ablated {
    cv_ablated_head heads[MOST_SWITCHES];
    size_t count, num_prompts;
    size_t prompts[FIXTURE_MOST_PROMPTS];
    float *expected; /* [num_prompts, V] */
    char what[160];
} ablated;

static const char *word(const json_t *fields, const char *key)
{
    const char *value = json_string_value(json_object_get(fields, key));
    ck_assert_ptr_nonnull(value);
    return value;
}

static cv_ablated_head read_switch(const json_t *fields)
{
    int kind = cv_ablation_kind_of(word(fields, "kind"));
    int granularity = cv_granularity_of(word(fields, "granularity")), mean_of = cv_mean_of_of(word(fields, "mean_of"));
    ck_assert(kind >= 0 && granularity >= 0 && mean_of >= 0);
    cv_ablation ablation = {.kind = (cv_ablation_kind)kind, .granularity = (cv_granularity)granularity};
    if (ablation.kind == CV_MEAN_OVER_HEADS)
        ablation.mean_of = (cv_mean_of)mean_of;
    else
        ablation.epsilon = json_number_value(json_object_get(fields, "epsilon"));
    return (cv_ablated_head){(int)json_integer_value(json_object_get(fields, "layer")),
                             (int)json_integer_value(json_object_get(fields, "head")), ablation};
}

static void read_ablated(const model_fixture *f, const json_t *fields, ablated *a)
{
    const json_t *switches = json_object_get(fields, "switches"), *prompts = json_object_get(fields, "prompts");
    const json_t *logits = json_object_get(fields, "logits");
    *a = (ablated){.count = json_array_size(switches), .num_prompts = json_array_size(prompts)};
    ck_assert(a->count >= 1 && a->count <= MOST_SWITCHES);
    ck_assert(a->num_prompts >= 1 && a->num_prompts <= f->num_prompts && json_array_size(logits) == a->num_prompts);
    for (size_t i = 0; i < a->count; i++) {
        a->heads[i] = read_switch(json_array_get(switches, i));
        char *name = cv_ablation_name(&a->heads[i].ablation);
        size_t used = strlen(a->what);
        snprintf(a->what + used, sizeof a->what - used, "%s%s:%d:%d", i ? " " : "", name, a->heads[i].layer,
                 a->heads[i].head);
        free(name);
    }
    a->expected = cv_alloc_floats(a->num_prompts * f->V);
    for (size_t p = 0; p < a->num_prompts; p++) {
        a->prompts[p] = (size_t)json_integer_value(json_array_get(prompts, p));
        ck_assert_uint_lt(a->prompts[p], f->num_prompts);
        fixture_row(json_array_get(logits, p), f->V, a->expected + p * f->V);
    }
}

/* states [num_prompts, d] after the last layer, as logits against those expected. */
static void compare_states(const model_fixture *f, const char *way, const ablated *a, const float *states)
{
    float *logits = cv_alloc_floats(f->V);
    cv_error err;
    for (size_t p = 0; p < a->num_prompts; p++) {
        char what[256];
        snprintf(what, sizeof what, "%s, prompt %zu, %s", way, a->prompts[p], a->what);
        ck_assert_msg(cv_plain_project(f->engine, states + p * f->engine->shape.d, logits, &err), "%s", err.text);
        fixture_compare(f, what, a->expected + p * f->V, logits);
    }
    free(logits);
}

static void check_plain(const model_fixture *f, const ablated *a)
{
    size_t d = f->engine->shape.d;
    float *states = cv_alloc_floats(a->num_prompts * d);
    cv_head_group group = {a->heads, a->count};
    cv_error err;
    for (size_t p = 0; p < a->num_prompts; p++) {
        size_t prompt = a->prompts[p];
        ck_assert_msg(cv_plain_state(f->engine, f->ids[prompt], f->count[prompt], &group, states + p * d, &err), "%s",
                      err.text);
    }
    compare_states(f, "plain", a, states);
    free(states);
}

/* All heads as the trunk's group; then the last of them as a state that is born from a trunk without the
 * others. */
static void check_wavefront(const model_fixture *f, const ablated *a)
{
    size_t n = a->num_prompts, d = f->engine->shape.d, count[FIXTURE_MOST_PROMPTS];
    const int32_t *ids[FIXTURE_MOST_PROMPTS];
    float *trunk = cv_alloc_floats(n * d), *state = cv_alloc_floats(n * d);
    for (size_t p = 0; p < n; p++) {
        ids[p] = f->ids[a->prompts[p]];
        count[p] = f->count[a->prompts[p]];
    }
    cv_prompt_block block = {n, ids, count};
    cv_head_group group = {a->heads, a->count};
    cv_error err;
    ck_assert_msg(cv_wavefront(f->engine, &block, &group, NULL, trunk, NULL, &err), "%s", err.text);
    compare_states(f, "trunk", a, trunk);
    if (a->count > 0) {
        const cv_ablated_head *last = &a->heads[a->count - 1];
        cv_head_range range = {last->ablation, last->layer, last->layer + 1, last->head, last->head + 1};
        group.count--;
        ck_assert_msg(cv_wavefront(f->engine, &block, &group, &range, trunk, state, &err), "%s", err.text);
        compare_states(f, "state", a, state);
    }
    free(trunk);
    free(state);
}

static void check_clean(const model_fixture *f)
{
    ablated clean = {.num_prompts = step() > 1 ? 3 : f->num_prompts, .expected = f->expected, .what = "clean"};
    for (size_t p = 0; p < clean.num_prompts; p++) clean.prompts[p] = p;
    check_plain(f, &clean);
    check_wavefront(f, &clean);
}

/* The fixture of a row of the table, and all its entries: their number. */
static size_t open_family(int row, model_fixture *f, ablated *entries)
{
    char directory[512];
    snprintf(directory, sizeof directory, "%s/tests/fixtures/families/%s", CARAVAN_SOURCE_DIR, families[row]);
    fixture_open(f, directory, families[row]);
    const json_t *list = json_object_get(f->reference, "ablated");
    size_t count = json_array_size(list);
    ck_assert_uint_ge(count, 8);
    ck_assert_uint_le(count, MOST_ENTRIES);
    for (size_t i = 0; i < count; i++) read_ablated(f, json_array_get(list, i), &entries[i]);
    return count;
}

START_TEST(logits_equal_those_of_transformers)
{
    model_fixture f;
    ablated entries[MOST_ENTRIES];
    size_t count = open_family(_i, &f, entries);
    check_clean(&f);
    for (size_t i = 0; i < count; i++) {
        if ((i + (size_t)_i) % step() == 0) {
            check_plain(&f, &entries[i]);
            check_wavefront(&f, &entries[i]);
        }
        free(entries[i].expected);
    }
    fixture_close(&f);
}
END_TEST

static void same_answer(const model_fixture *f, const ablated *a, const cv_tokens *answer, const cv_tokens *plain)
{
    ck_assert_msg(answer->count == plain->count && plain->count > 0, "%s: %s: %zu and %zu tokens", f->name, a->what,
                  answer->count, plain->count);
    for (size_t t = 0; t < plain->count; t++)
        ck_assert_msg(answer->ids[t] == plain->ids[t], "%s: %s: token %zu is %d, by the plain engine %d", f->name,
                      a->what, t, (int)answer->ids[t], (int)plain->ids[t]);
}

/* All entries' groups at once, each on one of its prompts; in the first one's place nothing is off. */
START_TEST(answers_equal_those_of_the_plain_engine)
{
    model_fixture f;
    ablated entries[MOST_ENTRIES];
    cv_sequence sequences[MOST_ENTRIES];
    cv_tokens answers[MOST_ENTRIES] = {0}, plain[MOST_ENTRIES] = {0};
    bool stopped[MOST_ENTRIES];
    size_t count = open_family(_i, &f, entries), used = count / step(), new = MOST_NEW_TOKENS / step();
    for (size_t i = 0; i < used; i++) {
        size_t prompt = entries[i].prompts[i % entries[i].num_prompts];
        cv_head_group group = {entries[i].heads, i ? entries[i].count : 0};
        sequences[i] = (cv_sequence){f.ids[prompt], f.count[prompt], group, {.kind = CV_GREEDY}, 0};
    }
    cv_error err;
    ck_assert_msg(cv_generate(f.engine, sequences, used, new, answers, stopped, &err), "%s", err.text);
    ck_assert_msg(cv_plain_generate(f.engine, sequences, used, new, plain, stopped, &err), "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        if (i < used) same_answer(&f, &entries[i], &answers[i], &plain[i]);
        cv_tokens_free(&answers[i]);
        cv_tokens_free(&plain[i]);
        free(entries[i].expected);
    }
    fixture_close(&f);
}
END_TEST

START_TEST(every_fixture_is_in_the_table)
{
    DIR *folder = opendir(CARAVAN_SOURCE_DIR "/tests/fixtures/families");
    ck_assert_ptr_nonnull(folder);
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0) seen++;
    closedir(folder);
    ck_assert_int_eq(seen, ROWS(families));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("families");
    tcase_add_loop_test(tests, logits_equal_those_of_transformers, 0, ROWS(families));
    tcase_add_loop_test(tests, answers_equal_those_of_the_plain_engine, 0, ROWS(families));
    tcase_add_test(tests, every_fixture_is_in_the_table);
    return run_suite(tests);
}
