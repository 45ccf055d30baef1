#include "model/rotary.h"

#include "model_files.h"
#include "suite.h"

static const cv_json_place top = {"config.json", ""};

static bool read_by(const char *text, const cv_rotary_rule *rule, cv_config *config, cv_error *err)
{
    *config = (cv_config){.max_position_embeddings = 2048, .head_dim = 16};
    json_t *json = json_of(text);
    bool ok = cv_rotary_read(json, top, rule, config, err);
    json_decref(json);
    return ok;
}

static bool read(const char *text, cv_config *config, cv_error *err)
{
    return read_by(text, &cv_rotary_usual, config, err);
}

#define LLAMA3 "'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0"

static const struct {
    const char *config;
    cv_rope expected;
} good[] = {
    {"{}", {.kind = CV_ROPE_DEFAULT, .theta = 10000}},
    {"{'rope_theta': 500000}", {.kind = CV_ROPE_DEFAULT, .theta = 500000}},
    {"{'rope_theta': null, 'rope_scaling': null}", {.kind = CV_ROPE_DEFAULT, .theta = 10000}},
    {"{'rope_theta': 5e5, 'rope_parameters': {}}", {.kind = CV_ROPE_DEFAULT, .theta = 500000}},
    {"{'rope_parameters': {'rope_theta': 1e6}}", {.kind = CV_ROPE_DEFAULT, .theta = 1e6}},
    {"{'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e6, 'partial_rotary_factor': 1.0}}",
     {.kind = CV_ROPE_DEFAULT, .theta = 1e6}},
    {"{'rope_theta': 7, 'rope_parameters': {'rope_type': 'default', 'rope_theta': 1e6}}", /* inside goes first */
     {.kind = CV_ROPE_DEFAULT, .theta = 1e6}},
    {"{'rope_theta': 7, 'rope_scaling': {'type': 'linear', 'factor': 2}}",
     {.kind = CV_ROPE_LINEAR, .theta = 7, .factor = 2}},
    {"{'rope_scaling': {'type': 'dynamic', 'rope_type': 'linear', 'factor': 2.5}}", /* the newer key goes first */
     {.kind = CV_ROPE_LINEAR, .theta = 10000, .factor = 2.5}},
    {"{'rope_scaling': {'rope_type': 'linear', 'factor': 2}, 'rope_parameters': {'rope_type': 'linear', 'factor': 2}}",
     {.kind = CV_ROPE_LINEAR, .theta = 10000, .factor = 2}},
    {"{'rope_theta': 5e5, 'rope_scaling': {'rope_type': 'llama3', " LLAMA3
     ", 'original_max_position_embeddings': 8192}}",
     {CV_ROPE_LLAMA3, 5e5, 8, 1, 4, 8192, 0}},
    {"{'rope_parameters': {'rope_type': 'llama3', 'rope_theta': 5e5, " LLAMA3 "}}", /* the model's own */
     {CV_ROPE_LLAMA3, 5e5, 8, 1, 4, 2048, 0}},
    {"{'original_max_position_embeddings': 512, 'rope_parameters': {'rope_type': 'llama3', " LLAMA3
     ", 'original_max_position_embeddings': 8192}}", /* beside goes before inside */
     {CV_ROPE_LLAMA3, 10000, 8, 1, 4, 512, 0}},
    {"{'rope_parameters': {'rope_type': 'llama3', 'attention_factor': null, " LLAMA3 "}}",
     {CV_ROPE_LLAMA3, 10000, 8, 1, 4, 2048, 0}},
};

START_TEST(what_is_implemented_is_read)
{
    cv_config config;
    cv_error err;
    const cv_rope *e = &good[_i].expected, *rope = &config.rope;
    ck_assert_msg(read(good[_i].config, &config, &err), "%s", err.text);
    ck_assert_int_eq(rope->kind, e->kind);
    ck_assert_msg(rope->theta == e->theta, "theta %g", rope->theta);
    ck_assert_msg(rope->factor == e->factor, "factor %g", rope->factor);
    ck_assert_msg(rope->low_freq_factor == e->low_freq_factor, "low %g", rope->low_freq_factor);
    ck_assert_msg(rope->high_freq_factor == e->high_freq_factor, "high %g", rope->high_freq_factor);
    ck_assert_msg(rope->original_max_position_embeddings == e->original_max_position_embeddings, "original %g",
                  rope->original_max_position_embeddings);
}
END_TEST

static const struct {
    const char *config, *message;
} bad[] = {
    {"{'rope_theta': 0}", "rope_theta is 0"},
    {"{'rope_theta': -10000}", "rope_theta is -10000"},
    {"{'rope_theta': '10000'}", "rope_theta must be a number"},
    {"{'rope_scaling': 'linear'}", "rope_scaling must be an object"},
    {"{'rope_parameters': [1]}", "rope_parameters must be an object"},
    {"{'rope_parameters': {'rope_theta': 0.5}}", "rope_parameters.rope_theta is 0.5"},
    {"{'rope_parameters': {'rope_type': 'yarn', 'factor': 2}}",
     "rope_parameters.rope_type \"yarn\" is not implemented; implemented are default, linear, llama3"},
    {"{'rope_scaling': {'type': 'dynamic', 'factor': 2}}", "rope_scaling.rope_type \"dynamic\" is not implemented"},
    {"{'rope_scaling': {'rope_type': 'longrope'}}", "\"longrope\" is not implemented"},
    {"{'rope_scaling': {'type': 'mrope', 'mrope_section': [1, 2]}}", "\"mrope\" is not implemented"},
    {"{'rope_scaling': {'type': 7}}", "rope_scaling.type must be a string"},
    {"{'rope_parameters': {'full_attention': {'rope_type': 'default'}}}", "rope_parameters.full_attention is not"},
    {"{'rope_scaling': {'factor': 2}}", "rope_scaling.factor is not implemented for rope_type \"default\""},
    {"{'rope_scaling': {'type': 'linear'}}", "rope_scaling.factor is missing"},
    {"{'rope_scaling': {'type': 'linear', 'factor': 0}}", "rope_scaling.factor is 0"},
    {"{'rope_scaling': {'type': 'linear', 'factor': 2, 'attention_factor': 1.5}}",
     "rope_scaling.attention_factor is not implemented for rope_type \"linear\""},
    {"{'partial_rotary_factor': 0.5}", "config.json: partial_rotary_factor 0.5"},
    {"{'rope_parameters': {'rope_type': 'default', 'partial_rotary_factor': 0.25}}",
     "rope_parameters.partial_rotary_factor 0.25"},
    {"{'rope_scaling': {'type': 'linear', 'factor': 2}, 'rope_parameters': {'rope_type': 'default'}}",
     "rope_scaling and rope_parameters differ"},
    {"{'rope_parameters': {'rope_type': 'llama3', 'low_freq_factor': 1, 'high_freq_factor': 4}}",
     "rope_parameters.factor is missing"},
    {"{'rope_parameters': {'rope_type': 'llama3', 'factor': 8, 'high_freq_factor': 4}}",
     "rope_parameters.low_freq_factor is missing"},
    {"{'rope_parameters': {'rope_type': 'llama3', 'factor': 8, 'low_freq_factor': 1}}",
     "rope_parameters.high_freq_factor is missing"},
    {"{'rope_parameters': {'rope_type': 'llama3', 'factor': 8, 'low_freq_factor': 4, 'high_freq_factor': 4}}",
     "rope_parameters.low_freq_factor must be less than high_freq_factor"},
    {"{'rope_parameters': {'rope_type': 'llama3', " LLAMA3 ", 'original_max_position_embeddings': 0}}",
     "rope_parameters.original_max_position_embeddings is 0"},
    {"{'original_max_position_embeddings': 0, 'rope_parameters': {'rope_type': 'llama3', " LLAMA3 "}}",
     "config.json: original_max_position_embeddings is 0"},
};

START_TEST(what_is_not_implemented_is_refused_by_name)
{
    cv_config config;
    cv_error err = {CV_OK, ""};
    ck_assert(!read(bad[_i].config, &config, &err));
    assert_refused(&err, "config.json", bad[_i].message);
}
END_TEST

static const cv_rotary_rule partial = {.theta_key = "base", .theta = 100, .part_key = "pct", .part = 0.25};
static const cv_rotary_rule plain = {
    .theta_key = "rope_theta", .theta = 100, .part_key = "partial_rotary_factor", .part = 1, .default_only = true};
static const cv_rotary_rule both = {.theta_key = "rope_theta",
                                    .theta = 1e6,
                                    .sliding_theta_key = "local",
                                    .sliding_theta = 100};

#define NESTED(full, sliding) "{'rope_parameters': {'full_attention': {" full "}, 'sliding_attention': {" sliding "}}}"

static const struct {
    const cv_rotary_rule *rule;
    const char *config;
    cv_rope full, sliding;
} by_rule[] = {
    {&partial, "{}", {.theta = 100, .width = 4}, {.theta = 100, .width = 4}},
    {&partial, "{'base': 500, 'pct': 0.5}", {.theta = 500, .width = 8}, {.theta = 500, .width = 8}},
    {&partial, "{'pct': 1}", {.theta = 100}, {.theta = 100}},
    {&partial,
     "{'pct': 0.5, 'rope_parameters': {'rope_type': 'linear', 'factor': 2, 'partial_rotary_factor': 0.125}}",
     {.kind = CV_ROPE_LINEAR, .theta = 100, .factor = 2, .width = 2},
     {.kind = CV_ROPE_LINEAR, .theta = 100, .factor = 2, .width = 2}},
    {&plain, "{'partial_rotary_factor': 0.75}", {.theta = 100, .width = 12}, {.theta = 100, .width = 12}},
    {&both, "{}", {.theta = 1e6}, {.theta = 100}},
    {&both,
     "{'rope_theta': 5e5, 'local': 70, 'rope_scaling': {'rope_type': 'linear', 'factor': 8}}",
     {.kind = CV_ROPE_LINEAR, .theta = 5e5, .factor = 8},
     {.theta = 70}},
    {&both,
     NESTED("'rope_type': 'linear', 'factor': 8, 'rope_theta': 7", "'rope_type': 'default', 'rope_theta': 9"),
     {.kind = CV_ROPE_LINEAR, .theta = 7, .factor = 8},
     {.theta = 9}},
    {&both, "{'local': 70, 'rope_parameters': {'full_attention': null}}", {.theta = 1e6}, {.theta = 70}},
};

static void assert_rope(const cv_rope *rope, const cv_rope *expected)
{
    ck_assert_int_eq(rope->kind, expected->kind);
    ck_assert(rope->theta == expected->theta && rope->factor == expected->factor);
    ck_assert_int_eq(rope->width, expected->width);
}

START_TEST(families_say_it_in_their_own_way)
{
    cv_config config;
    cv_error err;
    ck_assert_msg(read_by(by_rule[_i].config, by_rule[_i].rule, &config, &err), "%s", err.text);
    assert_rope(&config.rope, &by_rule[_i].full);
    assert_rope(&config.sliding_rope, &by_rule[_i].sliding);
}
END_TEST

static const struct {
    const cv_rotary_rule *rule;
    const char *config, *message;
} bad_by_rule[] = {
    {&partial, "{'pct': 0.2}", "pct 0.2 turns 3 elements of each head of 16"},
    {&partial, "{'pct': 0}", "pct 0 turns 0 elements"},
    {&partial, "{'pct': 1.5}", "pct is 1.5"},
    {&plain, "{'rope_scaling': {'type': 'linear', 'factor': 2}}", "rope_type \"linear\" is not implemented for"},
    {&plain, "{'rope_scaling': {'type': 'longrope', 'long_factor': [1]}}", "\"longrope\" is not implemented"},
    {&plain, "{'rope_scaling': {'type': 'su', 'long_factor': [1]}}", "\"su\" is not implemented"},
    {&both, "{'rope_parameters': {'rope_type': 'default'}}", "unknown key rope_parameters.rope_type"},
    {&both, NESTED("'rope_type': 'yarn'", ""), "rope_parameters.full_attention.rope_type \"yarn\" is not"},
    {&both, NESTED("", "'factor': 2"), "rope_parameters.sliding_attention.factor is not implemented for"},
    {&both, NESTED("", "'rope_theta': 0"), "rope_parameters.sliding_attention.rope_theta is 0"},
};

START_TEST(what_a_family_does_not_do_is_refused)
{
    cv_config config;
    cv_error err = {CV_OK, ""};
    ck_assert(!read_by(bad_by_rule[_i].config, bad_by_rule[_i].rule, &config, &err));
    assert_refused(&err, "config.json", bad_by_rule[_i].message);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rotary");
    tcase_add_loop_test(tests, what_is_implemented_is_read, 0, ROWS(good));
    tcase_add_loop_test(tests, what_is_not_implemented_is_refused_by_name, 0, ROWS(bad));
    tcase_add_loop_test(tests, families_say_it_in_their_own_way, 0, ROWS(by_rule));
    tcase_add_loop_test(tests, what_a_family_does_not_do_is_refused, 0, ROWS(bad_by_rule));
    return run_suite(tests);
}
