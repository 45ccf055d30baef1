#include "suite.h"

#include <caravan/engine.h>

#include <math.h>
#include <string.h>

static const struct {
    cv_ablation ablation;
    const char *name;
} names[] = {
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q}, "uniform_attention"},
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 1e-5, CV_MEAN_OF_Q}, "uniform_attention-eps1e-05"},
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_KV_GROUP, 0.5, CV_MEAN_OF_Q}, "uniform_attention-eps0.5-kv_group"},
    {{CV_VALUE_SCALE, CV_GRANULARITY_KV_GROUP, 0, CV_MEAN_OF_Q}, "value_scale-kv_group"},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q}, "mean_over_heads"},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Z}, "mean_over_heads-z"},
};

START_TEST(a_name_tells_what_is_not_the_default)
{
    char *name = cv_ablation_name(&names[_i].ablation);
    ck_assert_str_eq(name, names[_i].name);
    free(name);
}
END_TEST

START_TEST(words_go_both_ways)
{
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(cv_ablation_kind_of(cv_ablation_kind_name((cv_ablation_kind)i)), i);
        ck_assert_int_eq(cv_mean_of_of(cv_mean_of_name((cv_mean_of)i)), i);
    }
    for (int i = 0; i < 2; i++) ck_assert_int_eq(cv_granularity_of(cv_granularity_name((cv_granularity)i)), i);
    ck_assert_int_eq(cv_ablation_kind_of("zero"), -1);
    ck_assert_int_eq(cv_mean_of_of("v"), -1);
    ck_assert_int_eq(cv_granularity_of("layer"), -1);
}
END_TEST

static const struct {
    cv_ablation ablation;
    int heads, kv_heads;
    const char *complaint; /* NULL: fine */
} checks[] = {
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q}, 1, 1, NULL},
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 1, CV_MEAN_OF_Q}, 8, 8, "changes nothing"},
    {{CV_VALUE_SCALE, CV_GRANULARITY_HEAD, 1 + 1e-9, CV_MEAN_OF_Q}, 8, 8, "changes nothing"},
    {{CV_UNIFORM_ATTENTION, CV_GRANULARITY_HEAD, 1e300, CV_MEAN_OF_Q}, 8, 8, "at most"},
    {{CV_VALUE_SCALE, CV_GRANULARITY_HEAD, -0.5, CV_MEAN_OF_Q}, 8, 8, "negative"},
    {{CV_VALUE_SCALE, CV_GRANULARITY_HEAD, (double)NAN, CV_MEAN_OF_Q}, 8, 8, "finite"},
    {{CV_VALUE_SCALE, CV_GRANULARITY_HEAD, (double)INFINITY, CV_MEAN_OF_Q}, 8, 8, "finite"},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Q}, 1, 1, "one query head"},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_Z}, 8, 1, NULL},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_K}, 8, 1, "one key head"},
    {{CV_MEAN_OVER_HEADS, CV_GRANULARITY_HEAD, 0, CV_MEAN_OF_K}, 8, 2, NULL},
};

START_TEST(senseless_parameters_are_refused)
{
    cv_config config = {.num_attention_heads = checks[_i].heads, .num_key_value_heads = checks[_i].kv_heads};
    cv_error err = {0};
    bool fine = cv_ablation_check(&checks[_i].ablation, &config, &err);
    ck_assert_int_eq(fine, checks[_i].complaint == NULL);
    if (fine) return;
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, checks[_i].complaint));
}
END_TEST

START_TEST(groups_and_spans)
{
    cv_config config = {.num_attention_heads = 9, .num_key_value_heads = 3};
    cv_ablation head = {.granularity = CV_GRANULARITY_HEAD}, group = {.granularity = CV_GRANULARITY_KV_GROUP};
    ck_assert_int_eq(cv_ablation_heads(&head, &config), 9);
    ck_assert_int_eq(cv_ablation_span(&head, &config), 1);
    ck_assert_int_eq(cv_ablation_heads(&group, &config), 3);
    ck_assert_int_eq(cv_ablation_span(&group, &config), 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ablation");
    tcase_add_loop_test(tests, a_name_tells_what_is_not_the_default, 0, ROWS(names));
    tcase_add_test(tests, words_go_both_ways);
    tcase_add_loop_test(tests, senseless_parameters_are_refused, 0, ROWS(checks));
    tcase_add_test(tests, groups_and_spans);
    return run_suite(tests);
}
