#include "text/postprocessor.h"

#include "suite.h"
#include "text_cases.h"

#define TEXT "{'Sequence': {'id': 'A', 'type_id': 0}}"
#define TOKEN(name) "{'SpecialToken': {'id': '" name "', 'type_id': 0}}"
#define TEMPLATE(single)                                                                                               \
    "{'type': 'TemplateProcessing', 'single': [" single "], 'pair': [], 'special_tokens': {"                           \
    "'<s>': {'id': '<s>', 'ids': [1], 'tokens': ['<s>']}, '<e>': {'id': '<e>', 'ids': [2, 3], 'tokens': ['x', 'y']}, " \
    "'<far>': {'ids': [10]}, '<odd>': {'ids': ['1']}}}"

static bool parse(const char *json, cv_postprocessor *made, cv_error *err)
{
    json_t *object = json ? json_of(json) : NULL;
    bool fine = cv_postprocessor_parse(made, object, 10, (cv_json_place){"file", "post_processor"}, err);
    json_decref(object);
    return fine;
}

static const struct {
    const char *json;
    size_t before, after;
    int32_t first, last; /* of the ids before the text and behind it */
} cases[] = {
    {NULL, 0, 0, 0, 0},
    {"{'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': false, 'use_regex': true}", 0, 0, 0, 0},
    {TEMPLATE(TEXT), 0, 0, 0, 0},
    {TEMPLATE(TOKEN("<s>") "," TEXT), 1, 0, 1, 0},
    {TEMPLATE(TOKEN("<s>") "," TEXT "," TOKEN("<e>")), 1, 2, 1, 3},
    {"{'type': 'Sequence', 'processors': [{'type': 'ByteLevel'}, " TEMPLATE(TOKEN("<s>") "," TEXT) "]}", 1, 0, 1, 0},
};

START_TEST(test_parse)
{
    cv_error err;
    cv_postprocessor made = {0};
    ck_assert_msg(parse(cases[_i].json, &made, &err), "%s", err.text);
    ck_assert_uint_eq(made.before.count, cases[_i].before);
    ck_assert_uint_eq(made.after.count, cases[_i].after);
    if (made.before.count) ck_assert_int_eq(made.before.ids[0], cases[_i].first);
    if (made.after.count) ck_assert_int_eq(made.after.ids[made.after.count - 1], cases[_i].last);
    cv_postprocessor_free(&made);
}
END_TEST

static const struct {
    const char *json, *message;
} refused[] = {
    {"{'type': 'BertProcessing'}", "post_processor: the type \"BertProcessing\" is not supported"},
    {"{'type': 'RobertaProcessing'}", "is not supported"},
    {"{'type': 'TemplateProcessing'}", "post_processor.single is missing"},
    {TEMPLATE(""), "post_processor.single must hold sequence A once"},
    {TEMPLATE(TEXT "," TEXT), "post_processor.single[1]: the template for one text must hold sequence A once"},
    {TEMPLATE("{'Sequence': {'id': 'B', 'type_id': 0}}"), "must hold sequence A once"},
    {TEMPLATE("{'Other': {}}"), "must be a Sequence or a SpecialToken"},
    {TEMPLATE("3"), "post_processor.single[0] must be an object"},
    {TEMPLATE(TOKEN("<x>") "," TEXT), "special_tokens holds no ids for \"<x>\""},
    {TEMPLATE(TOKEN("<far>") "," TEXT), "the ids of \"<far>\" must be those of tokens"},
    {TEMPLATE(TOKEN("<odd>") "," TEXT), "the ids of \"<odd>\" must be those of tokens"},
    {"{'type': 'Sequence', 'processors': [" TEMPLATE(TEXT) "," TEMPLATE(TEXT) "]}", "a second TemplateProcessing"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_postprocessor made = {0};
    ck_assert(!parse(refused[_i].json, &made, &err));
    check_error(&err, refused[_i].message);
    cv_postprocessor_free(&made);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("postprocessor");
    tcase_add_loop_test(tests, test_parse, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
