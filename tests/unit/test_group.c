#include "engine/group.h"

#include "suite.h"

#include <string.h>

/* Three layers of six query heads, which share three key heads two by two. */
static const cv_config config = {.num_hidden_layers = 3, .num_attention_heads = 6, .num_key_value_heads = 3};

static const cv_ablation of_head = {.kind = CV_UNIFORM_ATTENTION},
                         of_group = {.kind = CV_VALUE_SCALE, .granularity = CV_GRANULARITY_KV_GROUP};

static const struct {
    int layer, begin, end;
    bool covered;
} ranges[] = {
    {0, 0, 6, false}, {1, 0, 6, true},  {1, 2, 3, true},  {1, 0, 2, false}, {1, 3, 4, false},
    {1, 4, 6, true},  {1, 5, 6, true},  {1, 3, 5, true},  {1, 2, 2, false}, {2, 0, 1, true},
    {2, 1, 2, true},  {2, 2, 6, false}, {2, 2, 2, false}, {0, 2, 3, false},
};

START_TEST(a_group_covers_its_query_heads)
{
    cv_ablated_head heads[] = {{1, 2, of_head}, {1, 2, of_group}, {2, 0, of_group}}; /* L1: 2, 4, 5; L2: 0, 1 */
    cv_head_group group = {heads, 3};
    bool covers = cv_head_group_covers(&group, &config, ranges[_i].layer, ranges[_i].begin, ranges[_i].end);
    ck_assert_int_eq(covers, ranges[_i].covered);
}
END_TEST

START_TEST(no_group_covers_nothing)
{
    cv_head_group empty = {0};
    for (int layer = 0; layer < 3; layer++) {
        ck_assert(!cv_head_group_covers(NULL, &config, layer, 0, 6));
        ck_assert(!cv_head_group_covers(&empty, &config, layer, 0, 6));
    }
}
END_TEST

/* says NULL: the group can be. */
static const struct {
    cv_ablated_head heads[3];
    size_t count;
    const char *says;
} groups[] = {
    {{{0, 0, {0}}}, 0, NULL},
    {{{0, 0, {0}}, {0, 5, {0}}, {2, 0, {0}}}, 3, NULL},
    {{{0, 0, {0}}, {1, 0, {0}}}, 2, NULL},
    {{{1, 2, {.granularity = CV_GRANULARITY_KV_GROUP}}, {1, 3, {0}}}, 2, NULL}, /* heads 4 and 5, and 3 */
    {{{1, 2, {.granularity = CV_GRANULARITY_KV_GROUP}}, {1, 4, {0}}}, 2, "job: L1H4 is switched off twice"},
    {{{1, 5, {0}}, {1, 2, {.granularity = CV_GRANULARITY_KV_GROUP}}}, 2, "job: L1H2 is switched off twice"},
    {{{0, 3, {0}}, {1, 3, {0}}, {0, 3, {.kind = CV_VALUE_SCALE}}}, 3, "job: L0H3 is switched off twice"},
    {{{3, 0, {0}}}, 1, "job: L3H0 does not exist; the model has layers 0 to 2 and heads 0 to 5"},
    {{{-1, 0, {0}}}, 1, "job: L-1H0 does not exist"},
    {{{0, 0, {0}}, {0, 6, {0}}}, 2, "job: L0H6 does not exist"},
    {{{0, -1, {0}}}, 1, "job: L0H-1 does not exist"},
    {{{0, 3, {.granularity = CV_GRANULARITY_KV_GROUP}}},
     1,
     "L0H3 does not exist; the model has layers 0 to 2 and groups"},
    {{{0, INT32_MAX, {.granularity = CV_GRANULARITY_KV_GROUP}}}, 1, "does not exist"}, /* no product overflows */
    {{{0, 0, {.epsilon = 1}}}, 1, "uniform_attention: epsilon 1 changes nothing"},
};

START_TEST(groups_that_cannot_be_are_named)
{
    cv_head_group group = {groups[_i].heads, groups[_i].count};
    cv_error err = {0};
    bool ok = cv_head_group_check(&group, &config, "job", &err);
    ck_assert_msg(ok == !groups[_i].says, "%s", err.text);
    if (ok) return;
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, groups[_i].says) != NULL, "\"%s\" is not in: %s", groups[_i].says, err.text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("group");
    tcase_add_loop_test(tests, a_group_covers_its_query_heads, 0, ROWS(ranges));
    tcase_add_test(tests, no_group_covers_nothing);
    tcase_add_loop_test(tests, groups_that_cannot_be_are_named, 0, ROWS(groups));
    return run_suite(tests);
}
