/* Both engines against transformers on every family of tests/fixtures/families, clean and with heads
 * switched off in every way. */
#include "model_fixture.h"

#include <string.h>

enum { MOST_SWITCHES = 8 };

static const char *const families[] = {"llama"};

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
    ablated clean = {.num_prompts = f->num_prompts, .expected = f->expected, .what = "clean"};
    for (size_t p = 0; p < f->num_prompts; p++) clean.prompts[p] = p;
    check_plain(f, &clean);
    check_wavefront(f, &clean);
}

START_TEST(logits_equal_those_of_transformers)
{
    char directory[512];
    snprintf(directory, sizeof directory, "%s/tests/fixtures/families/%s", CARAVAN_SOURCE_DIR, families[_i]);
    model_fixture f;
    fixture_open(&f, directory, families[_i]);
    check_clean(&f);
    const json_t *entries = json_object_get(f.reference, "ablated");
    ck_assert_uint_ge(json_array_size(entries), 8);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        ablated a;
        read_ablated(&f, json_array_get(entries, i), &a);
        check_plain(&f, &a);
        check_wavefront(&f, &a);
        free(a.expected);
    }
    fixture_close(&f);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("families");
    tcase_add_loop_test(tests, logits_equal_those_of_transformers, 0, ROWS(families));
    return run_suite(tests);
}
