#include "model/sliding.h"

#include "model_files.h"
#include "suite.h"

static const cv_json_place top = {"config.json", ""};

enum { LAYERS = 4 };

static bool read(const char *text, cv_sliding_rule rule, cv_config *config, cv_error *err)
{
    *config = (cv_config){.architecture = "AnyForCausalLM", .num_hidden_layers = LAYERS};
    json_t *json = json_of(text);
    bool ok = cv_sliding_read(json, top, &rule, config, err);
    json_decref(json);
    return ok;
}

#define NEVER                                                                                                          \
    {                                                                                                                  \
        .kind = CV_SLIDING_NEVER                                                                                       \
    }
#define ALL                                                                                                            \
    {                                                                                                                  \
        .kind = CV_SLIDING_ALL, .window = 50                                                                           \
    }
#define UPPER                                                                                                          \
    {                                                                                                                  \
        .kind = CV_SLIDING_UPPER, .window = 60                                                                         \
    }
#define PATTERN                                                                                                        \
    {                                                                                                                  \
        .kind = CV_SLIDING_PATTERN, .window = 70, .pattern = 3                                                         \
    }
#define FULL "'full_attention'"
#define SLIDING "'sliding_attention'"

static const struct {
    cv_sliding_rule rule;
    const char *config;
    int window[LAYERS];
} good[] = {
    {NEVER, "{'sliding_window': 9, 'use_sliding_window': true, 'max_window_layers': 0}", {0, 0, 0, 0}},
    {NEVER, "{'layer_types': [" FULL ", " FULL "]}", {0, 0, 0, 0}},
    {ALL, "{}", {50, 50, 50, 50}},
    {ALL, "{'sliding_window': 9}", {9, 9, 9, 9}},
    {ALL, "{'sliding_window': null}", {0, 0, 0, 0}},
    {ALL, "{'layer_types': [" SLIDING ", " SLIDING "]}", {50, 50, 50, 50}},
    {{.kind = CV_SLIDING_ALL}, "{}", {0, 0, 0, 0}},
    {UPPER, "{'sliding_window': 9, 'max_window_layers': 0}", {0, 0, 0, 0}},
    {UPPER, "{'use_sliding_window': true}", {0, 0, 0, 0}}, /* from layer 28 on */
    {UPPER, "{'use_sliding_window': true, 'max_window_layers': 3}", {0, 0, 0, 60}},
    {UPPER, "{'use_sliding_window': true, 'sliding_window': 9, 'max_window_layers': 1}", {0, 9, 9, 9}},
    {UPPER, "{'use_sliding_window': true, 'sliding_window': null, 'max_window_layers': 1}", {0, 0, 0, 0}},
    {UPPER,
     "{'use_sliding_window': true, 'max_window_layers': 1, 'layer_types': [" SLIDING ", " FULL ", " FULL ", " FULL "]}",
     {60, 0, 0, 0}},
    {UPPER, "{'layer_types': [" FULL ", " FULL ", " FULL ", " FULL "]}", {0, 0, 0, 0}},
    {PATTERN, "{}", {70, 70, 0, 70}},
    {PATTERN, "{'sliding_window_pattern': 2, 'sliding_window': 9}", {9, 0, 9, 0}},
    {PATTERN, "{'sliding_window': 9, 'layer_types': [" FULL ", " FULL ", " SLIDING ", " FULL "]}", {0, 0, 9, 0}},
};

START_TEST(windows_are_where_transformers_has_them)
{
    cv_config config;
    cv_error err;
    ck_assert_msg(read(good[_i].config, good[_i].rule, &config, &err), "%s", err.text);
    for (int l = 0; l < LAYERS; l++) ck_assert_int_eq(cv_config_window(&config, l), good[_i].window[l]);
}
END_TEST

static const struct {
    cv_sliding_rule rule;
    const char *config, *message;
} bad[] = {
    {NEVER, "{'layer_types': [" FULL ", " SLIDING "]}", "layer_types[1] is \"sliding_attention\", which"},
    {NEVER, "{'layer_types': [" FULL ", 'chunked_attention']}", "layer_types[1] is \"chunked_attention\"; implemented"},
    {NEVER, "{'layer_types': [7]}", "layer_types[0] is \"\""},
    {NEVER, "{'layer_types': 7}", "layer_types must be an array"},
    {ALL, "{'layer_types': [" FULL "]}", "layer_types[0] is \"full_attention\", which AnyForCausalLM does not go by"},
    {ALL, "{'sliding_window': 0}", "sliding_window is 0"},
    {ALL, "{'sliding_window': -1}", "sliding_window is -1"},
    {ALL, "{'sliding_window': 4294967297}", "sliding_window is 4294967297"},
    {UPPER, "{'use_sliding_window': 1}", "use_sliding_window must be true or false"},
    {UPPER, "{'layer_types': [" FULL ", " FULL ", " SLIDING ", " FULL "]}", "but there is no sliding_window"},
    {UPPER, "{'layer_types': [" FULL "]}", "layer_types names 1 layers; num_hidden_layers is 4"},
    {PATTERN, "{'sliding_window': null, 'layer_types': [" SLIDING ", " FULL ", " FULL ", " FULL "]}",
     "layer_types[0] is \"sliding_attention\", but there is no sliding_window"},
    {PATTERN, "{'sliding_window_pattern': 0}", "sliding_window_pattern is 0"},
};

START_TEST(what_makes_no_sense_is_refused)
{
    cv_config config;
    cv_error err = {CV_OK, ""};
    ck_assert(!read(bad[_i].config, bad[_i].rule, &config, &err));
    assert_refused(&err, "config.json", bad[_i].message);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sliding");
    tcase_add_loop_test(tests, windows_are_where_transformers_has_them, 0, ROWS(good));
    tcase_add_loop_test(tests, what_makes_no_sense_is_refused, 0, ROWS(bad));
    return run_suite(tests);
}
