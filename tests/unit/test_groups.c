/* Words of the job become heads. The draws of random:K were computed with an independent Philox. */
#include "sweep/groups.h"

#include "base/memory.h"
#include "suite.h"

#include <string.h>

enum { LAYERS = 2, HEADS = 3, PROMPTS = 3, ALL = LAYERS * HEADS };

/* Rows are heads L0H0 to L1H2, columns prompts. Prompt 1 has ties, prompt 2 is zero but for one head. */
static const double ships[ALL][PROMPTS] = {{0.1, 0.5, 0}, {0.9, 0.7, 0},    {0.3, 0.7, 0},
                                           {0.2, 0.1, 0}, {0.8, 0.5, 1e-9}, {0.0, 0.7, 0}};

static cv_head_score ranking[ALL] = {{.layer = 1, .head = 2, .rank = 1}, {.layer = 0, .head = 1, .rank = 2},
                                     {.layer = 1, .head = 0, .rank = 3}, {.layer = 0, .head = 0, .rank = 4},
                                     {.layer = 0, .head = 2, .rank = 5}, {.layer = 1, .head = 1, .rank = 6}};

static const cv_ablation ablation = {.kind = CV_VALUE_SCALE, .epsilon = 0.25};
static cv_ablated_head found[2] = {{1, 1, {0}}, {0, 2, {0}}};

static cv_findings findings(void)
{
    for (int i = 0; i < 2; i++) found[i].ablation = ablation;
    return (cv_findings){.ablation = ablation,
                         .layers = LAYERS,
                         .heads = HEADS,
                         .ranking = ranking,
                         .ships = &ships[0][0],
                         .prompts = PROMPTS,
                         .sahara = {found, 2}};
}

static cv_groups make(const cv_findings *from, cv_job_group_kind kind, int count)
{
    return cv_groups_make(from, &(cv_job_group){.kind = kind, .count = count});
}

/* The group's heads as text, and its ablation the findings'. */
static void expect_group(const cv_groups *groups, size_t variant, size_t prompt, const char *heads)
{
    cv_head_group group = cv_groups_at(groups, variant, prompt);
    const cv_groups one = {.variants = 1, .groups = &group};
    char *text = cv_groups_label(&one, 0);
    ck_assert_str_eq(text, heads);
    free(text);
    for (size_t i = 0; i < group.count; i++) {
        ck_assert_int_eq(group.heads[i].ablation.kind, CV_VALUE_SCALE);
        ck_assert_double_eq(group.heads[i].ablation.epsilon, 0.25);
    }
}

static const struct {
    cv_job_group_kind kind;
    int count;
    const char *heads;
} shared[] = {
    {CV_GROUP_NONE, 0, ""},
    {CV_GROUP_TOP, 1, "L1H2"},
    {CV_GROUP_TOP, 3, "L1H2 L0H1 L1H0"},
    {CV_GROUP_TOP, 6, "L1H2 L0H1 L1H0 L0H0 L0H2 L1H1"},
    {CV_GROUP_SAHARA, 1, "L1H1"},
    {CV_GROUP_SAHARA, 2, "L1H1 L0H2"},
    {CV_GROUP_RANDOM, 1, "L0H2"},
    {CV_GROUP_RANDOM, 6, "L0H2 L0H0 L1H2 L1H0 L0H1 L1H1"},
};

START_TEST(all_prompts_share_a_group)
{
    cv_findings from = findings();
    cv_groups groups = make(&from, shared[_i].kind, shared[_i].count);
    ck_assert_uint_eq(groups.variants, 1);
    ck_assert(!groups.per_prompt);
    for (size_t p = 0; p < PROMPTS; p++) expect_group(&groups, 0, p, shared[_i].heads);
    char *label = cv_groups_label(&groups, 0);
    ck_assert_str_eq(label, shared[_i].heads);
    free(label);
    cv_groups_free(&groups);
    ck_assert_ptr_null(groups.groups);
}
END_TEST

START_TEST(each_prompt_has_its_own_best_heads)
{
    static const char *const best[PROMPTS] = {"L0H1 L1H1 L0H2 L1H0", "L0H1 L0H2 L1H2 L0H0", "L1H1 L0H0 L0H1 L0H2"};
    cv_findings from = findings();
    for (int count = 1; count <= 4; count++) {
        cv_groups groups = make(&from, CV_GROUP_PER_PROMPT, count);
        ck_assert_uint_eq(groups.variants, 1);
        ck_assert(groups.per_prompt);
        for (size_t p = 0; p < PROMPTS; p++) {
            char *wanted = cv_strndup(best[p], (size_t)count * 5 - 1);
            expect_group(&groups, 0, p, wanted);
            free(wanted);
        }
        char *label = cv_groups_label(&groups, 0);
        ck_assert_str_eq(label, "per prompt");
        free(label);
        cv_groups_free(&groups);
    }
}
END_TEST

START_TEST(each_head_is_a_variant)
{
    static const char *const heads[ALL] = {"L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2"};
    cv_findings from = findings();
    cv_groups groups = make(&from, CV_GROUP_EACH_HEAD, 0);
    ck_assert_uint_eq(groups.variants, ALL);
    for (size_t v = 0; v < ALL; v++)
        for (size_t p = 0; p < PROMPTS; p++) expect_group(&groups, v, p, heads[v]);
    cv_groups_free(&groups);
}
END_TEST

/* 32 layers of 32 heads, of which nothing is known but their number. */
static cv_findings large(uint64_t seed)
{
    return (cv_findings){.ablation = ablation, .layers = 32, .heads = 32, .seed = seed};
}

static const struct {
    uint64_t seed;
    const char *heads;
} draws[] = {
    {0, "L11H3 L0H25 L21H11 L22H19 L24H18"},
    {1, "L28H24 L2H24 L0H1 L11H6 L30H19"},
    {7, "L10H11 L1H17 L28H27 L23H9 L22H8"},
    {INT64_MAX, "L27H10 L22H5 L29H19 L10H31 L0H28"},
};

START_TEST(random_heads_come_from_the_seed)
{
    cv_findings from = large(draws[_i].seed);
    cv_groups groups = make(&from, CV_GROUP_RANDOM, 5);
    expect_group(&groups, 0, 0, draws[_i].heads);
    cv_groups_free(&groups);
}
END_TEST

START_TEST(random_heads_are_distinct_and_nested)
{
    cv_findings from = large(3);
    cv_groups all = make(&from, CV_GROUP_RANDOM, 1024), some = make(&from, CV_GROUP_RANDOM, 40);
    bool seen[1024] = {0};
    for (size_t i = 0; i < 1024; i++) {
        cv_ablated_head head = all.heads[i];
        ck_assert(head.layer >= 0 && head.layer < 32 && head.head >= 0 && head.head < 32);
        ck_assert(!seen[head.layer * 32 + head.head]);
        seen[head.layer * 32 + head.head] = true;
        if (i < 40) ck_assert(some.heads[i].layer == head.layer && some.heads[i].head == head.head);
    }
    cv_groups_free(&all);
    cv_groups_free(&some);
}
END_TEST

/* Each of 6 heads must be in about half of 6,000 groups of 3: the standard deviation is 39. */
START_TEST(each_head_is_as_likely)
{
    int times[ALL] = {0};
    cv_findings from = findings();
    for (from.seed = 0; from.seed < 6000; from.seed++) {
        cv_groups groups = make(&from, CV_GROUP_RANDOM, 3);
        for (size_t i = 0; i < 3; i++) times[groups.heads[i].layer * HEADS + groups.heads[i].head]++;
        cv_groups_free(&groups);
    }
    for (int n = 0; n < ALL; n++) ck_assert_msg(abs(times[n] - 3000) < 5 * 39, "head %d: %d times", n, times[n]);
}
END_TEST

START_TEST(room_is_as_large_as_what_fills_it)
{
    cv_findings from = findings();
    for (int i = 0; i < ROWS(shared) + 3; i++) {
        cv_job_group word = {.kind = CV_GROUP_EACH_HEAD};
        if (i < ROWS(shared)) word = (cv_job_group){.kind = shared[i].kind, .count = shared[i].count};
        if (i > ROWS(shared)) word = (cv_job_group){.kind = CV_GROUP_PER_PROMPT, .count = i - ROWS(shared)};
        cv_groups room = cv_groups_allocate(&word, ALL, PROMPTS), full = cv_groups_make(&from, &word);
        ck_assert_uint_eq(room.variants, full.variants);
        ck_assert(room.per_prompt == full.per_prompt);
        ck_assert_uint_eq(room.num_heads, full.num_heads);
        size_t heads = 0;
        for (size_t g = 0; g < (room.per_prompt ? PROMPTS : room.variants); g++) heads += room.groups[g].count;
        ck_assert_uint_eq(heads, room.num_heads);
        cv_groups_free(&room);
        cv_groups_free(&full);
    }
}
END_TEST

/* ---- rows of the clean model ---- */

START_TEST(the_clean_model_is_computed_once_and_shown_everywhere)
{
    cv_job_group words[] = {{(char *)"top:1", CV_GROUP_TOP, 1}, {(char *)"none", CV_GROUP_NONE, 0}};
    cv_job job = {.evaluate = {.groups = words, .num_groups = 2}};
    for (int computed = 0; computed < 3; computed++) {
        ck_assert(cv_group_has_rows(&job, 0, computed));
        ck_assert(cv_group_has_rows(&job, 1, computed) == (computed == 0));
        for (int shown = 0; shown < 3; shown++) {
            ck_assert(cv_group_is_shown(&job, 0, computed, shown) == (computed == shown));
            ck_assert(cv_group_is_shown(&job, 1, computed, shown));
        }
    }
}
END_TEST

/* ---- bytes ---- */

static const cv_config config = {.num_hidden_layers = LAYERS, .num_attention_heads = HEADS, .num_key_value_heads = 1};

START_TEST(heads_travel_without_their_ablation)
{
    cv_ablated_head heads[] = {{1, 2, ablation}, {0, 0, ablation}, {1, 0, ablation}}, back[3];
    cv_buffer bytes = {0};
    cv_put_heads(&bytes, heads, 3);
    ck_assert_uint_eq(bytes.length, sizeof(uint64_t) + 3 * 2 * sizeof(int32_t)); /* and no padding */
    cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
    cv_get_heads(&in, &ablation, &config, back, 3);
    ck_assert(cv_cursor_done(&in));
    for (size_t i = 0; i < 3; i++) {
        ck_assert(back[i].layer == heads[i].layer && back[i].head == heads[i].head);
        ck_assert(back[i].ablation.kind == ablation.kind && back[i].ablation.epsilon == ablation.epsilon);
    }
    for (size_t wanted = 0; wanted < 3; wanted++) { /* not as many as the job says */
        in = cv_cursor_at(bytes.data, bytes.length);
        cv_get_heads(&in, &ablation, &config, back, wanted);
        ck_assert(!in.ok);
    }
    cv_buffer_free(&bytes);
}
END_TEST

static const struct {
    int layer, head;
    cv_granularity granularity;
    bool exists;
} places[] = {
    {0, 0, CV_GRANULARITY_HEAD, true},       {LAYERS - 1, HEADS - 1, CV_GRANULARITY_HEAD, true},
    {LAYERS, 0, CV_GRANULARITY_HEAD, false}, {0, HEADS, CV_GRANULARITY_HEAD, false},
    {-1, 0, CV_GRANULARITY_HEAD, false},     {0, -1, CV_GRANULARITY_HEAD, false},
    {1, 0, CV_GRANULARITY_KV_GROUP, true},   {1, 1, CV_GRANULARITY_KV_GROUP, false},
};

START_TEST(a_head_that_the_model_lacks_is_not_taken)
{
    cv_ablation how = {.granularity = places[_i].granularity};
    cv_ablated_head head = {places[_i].layer, places[_i].head, how}, back;
    cv_buffer bytes = {0};
    cv_put_heads(&bytes, &head, 1);
    cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
    cv_get_heads(&in, &how, &config, &back, 1);
    ck_assert(in.ok == places[_i].exists);
    cv_buffer_free(&bytes);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("groups");
    tcase_add_loop_test(tests, all_prompts_share_a_group, 0, ROWS(shared));
    tcase_add_test(tests, each_prompt_has_its_own_best_heads);
    tcase_add_test(tests, each_head_is_a_variant);
    tcase_add_loop_test(tests, random_heads_come_from_the_seed, 0, ROWS(draws));
    tcase_add_test(tests, random_heads_are_distinct_and_nested);
    tcase_add_test(tests, each_head_is_as_likely);
    tcase_add_test(tests, room_is_as_large_as_what_fills_it);
    tcase_add_test(tests, the_clean_model_is_computed_once_and_shown_everywhere);
    tcase_add_test(tests, heads_travel_without_their_ablation);
    tcase_add_loop_test(tests, a_head_that_the_model_lacks_is_not_taken, 0, ROWS(places));
    return run_suite(tests);
}
