#include "model/eos.h"
#include "model_files.h"
#include "suite.h"

/* A number or a list where quotes are single; NULL: no such file. */
static cv_model read_from(const char *generation, const char *config, bool fine, cv_error *err)
{
    cv_model model = {.path = scratch, .config = {.vocab_size = 96}};
    if (generation) {
        json_t *json = json_of(generation);
        char *text = json_dumps(json, 0);
        free(scratch_file("generation_config.json", text, strlen(text)));
        free(text);
        json_decref(json);
    }
    free(write_config(config, "{}"));
    *err = (cv_error){CV_OK, ""};
    bool ok = cv_eos_load(&model, err);
    ck_assert_msg(ok == fine, "%s", err->text);
    return model;
}

static const struct {
    const char *generation, *config;
    size_t count;
    int32_t ids[3];
} good[] = {
    {NULL, "{}", 0, {0}},
    {NULL, "{'eos_token_id': null}", 0, {0}},
    {NULL, "{'eos_token_id': 0}", 1, {0}},
    {NULL, "{'eos_token_id': [95, 0, 7]}", 3, {95, 0, 7}},
    {"{}", "{'eos_token_id': 2}", 1, {2}},
    {"{'eos_token_id': null}", "{'eos_token_id': 2}", 1, {2}},
    {"{'eos_token_id': 3}", "{'eos_token_id': 2}", 1, {3}},
    {"{'eos_token_id': [3, 4]}", "{'eos_token_id': 2}", 2, {3, 4}},
    {"{'eos_token_id': [3, 3, 4, 3]}", "{}", 2, {3, 4}},
    {"{'eos_token_id': []}", "{'eos_token_id': 2}", 0, {0}},
    {"{'eos_token_id': 3}", "{'eos_token_id': 'what the first hides'}", 1, {3}},
};

START_TEST(the_tokens_that_end_an_answer)
{
    cv_error err;
    cv_model model = read_from(good[_i].generation, good[_i].config, true, &err);
    ck_assert_uint_eq(model.num_eos, good[_i].count);
    for (size_t i = 0; i < good[_i].count; i++) ck_assert_int_eq(model.eos[i], good[_i].ids[i]);
}
END_TEST

static const struct {
    const char *generation, *config, *file, *message;
} refused[] = {
    {NULL, "{'eos_token_id': 96}", "/config.json", "eos_token_id 96 is no token of the model, whose vocab_size is 96"},
    {NULL, "{'eos_token_id': -1}", "/config.json", "eos_token_id -1"},
    {NULL, "{'eos_token_id': 4294967296}", "/config.json", "eos_token_id 4294967296"}, /* 0 in 32 bits */
    {NULL, "{'eos_token_id': '2'}", "/config.json", "eos_token_id must be a whole number"},
    {NULL, "{'eos_token_id': 2.0}", "/config.json", "eos_token_id must be a whole number"},
    {NULL, "{'eos_token_id': true}", "/config.json", "eos_token_id must be a whole number"},
    {NULL, "{'eos_token_id': {}}", "/config.json", "eos_token_id must be a whole number"},
    {"{'eos_token_id': [3, 96]}", "{}", "/generation_config.json", "eos_token_id 96"},
    {"{'eos_token_id': [3, null]}", "{}", "/generation_config.json", "eos_token_id must be a whole number"},
    {"{'eos_token_id': [[3]]}", "{}", "/generation_config.json", "eos_token_id must be a whole number"},
    {"[]", "{}", "/generation_config.json", "object"},
};

START_TEST(what_is_no_token_is_refused)
{
    cv_error err;
    read_from(refused[_i].generation, refused[_i].config, false, &err);
    assert_refused(&err, refused[_i].file, refused[_i].message);
}
END_TEST

START_TEST(too_many_are_refused)
{
    char list[1024] = "{'eos_token_id': [0";
    for (int i = 1; i <= CV_EOS_MAX; i++) snprintf(list + strlen(list), sizeof list - strlen(list), ", %d", i);
    strcat(list, "]}");
    cv_error err;
    read_from(list, "{}", false, &err);
    assert_refused(&err, "/generation_config.json", "lists more than 64 tokens");
}
END_TEST

START_TEST(a_broken_file_is_refused)
{
    free(scratch_file("generation_config.json", "{", 1));
    cv_error err;
    read_from(NULL, "{'eos_token_id': 2}", false, &err);
    assert_refused(&err, "/generation_config.json", "not valid JSON");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("eos");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, the_tokens_that_end_an_answer, 0, ROWS(good));
    tcase_add_loop_test(tests, what_is_no_token_is_refused, 0, ROWS(refused));
    tcase_add_test(tests, too_many_are_refused);
    tcase_add_test(tests, a_broken_file_is_refused);
    return run_suite(tests);
}
