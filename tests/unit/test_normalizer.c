#include "text/normalizer.h"

#include "suite.h"
#include "text_cases.h"

static const struct {
    const char *json, *text, *normalized;
} cases[] = {
    {"{'type': 'Prepend', 'prepend': '\u2581'}", "ab", "\u2581ab"},
    {"{'type': 'Prepend', 'prepend': '\u2581'}", "", ""},
    {"{'type': 'Replace', 'pattern': {'String': ' '}, 'content': '\u2581'}", " a  b", "\u2581a\u2581\u2581b"},
    {"{'type': 'Replace', 'pattern': {'Regex': '\\\\s+'}, 'content': ' '}", "a \n b", "a b"},
    {"{'type': 'Replace', 'pattern': {'Regex': '\\\\p{M}'}, 'content': ''}", "e\u0301", "e"},
    {"{'type': 'NFC'}", "e\u0301", "\u00e9"},
    {"{'type': 'NFKD'}", "\ufb01\u00e9", "fie\u0301"},
    {"{'type': 'Lowercase'}", "A\u00c9", "a\u00e9"},
    {"{'type': 'Strip', 'strip_left': true, 'strip_right': false}", " \u3000a ", "a "},
    {"{'type': 'Strip', 'strip_left': false, 'strip_right': true}", " a\n\u00a0", " a"},
    {"{'type': 'Strip', 'strip_left': true, 'strip_right': true}", " \n ", ""},
    {"{'type': 'ByteLevel'}", "a \u00e9", "a\u0120\u00c3\u00a9"},
    {"{'type': 'Sequence', 'normalizers': []}", "A", "A"},
    {"{'type': 'Sequence', 'normalizers': [{'type': 'Lowercase'}, {'type': 'Sequence', 'normalizers': "
     "[{'type': 'Prepend', 'prepend': 'X'}]}]}",
     "A", "Xa"},
};

START_TEST(test_apply)
{
    cv_error err;
    json_t *object = json_of(cases[_i].json);
    cv_normalizer *normalizer = cv_normalizer_parse(object, (cv_json_place){"file", "normalizer"}, &err);
    ck_assert_msg(normalizer != NULL, "%s", err.text);
    cv_buffer text = {0};
    cv_buffer_puts(&text, cases[_i].text);
    ck_assert(cv_normalizer_apply(normalizer, &text, &err));
    ck_assert_uint_eq(text.length, strlen(cases[_i].normalized));
    if (text.length) ck_assert_str_eq(text.data, cases[_i].normalized);
    cv_buffer_free(&text);
    cv_normalizer_free(normalizer);
    json_decref(object);
}
END_TEST

static const struct {
    const char *json, *message;
} refused[] = {
    {"{}", "normalizer.type is missing"},
    {"{'type': 'Precompiled'}", "file: normalizer: the type \"Precompiled\" is not supported"},
    {"{'type': 'Nmt'}", "the type \"Nmt\" is not supported"},
    {"{'type': 'Prepend'}", "normalizer.prepend is missing"},
    {"{'type': 'Prepend', 'prepend': 1}", "normalizer.prepend must be a string"},
    {"{'type': 'NFC', 'form': 3}", "unknown key normalizer.form"},
    {"{'type': 'Strip', 'strip_left': true}", "normalizer.strip_right is missing"},
    {"{'type': 'Replace', 'pattern': {'Regex': '['}, 'content': ''}", "a class without ]"},
    {"{'type': 'Sequence'}", "normalizer.normalizers is missing"},
    {"{'type': 'Sequence', 'normalizers': [3]}", "normalizer.normalizers[0] must be an object"},
    {"{'type': 'Sequence', 'normalizers': [{'type': 'NFC'}, {'type': 'Odd'}]}", "normalizer.normalizers[1]: the type"},
};

START_TEST(test_refused)
{
    cv_error err;
    json_t *object = json_of(refused[_i].json);
    ck_assert_ptr_null(cv_normalizer_parse(object, (cv_json_place){"file", "normalizer"}, &err));
    check_error(&err, refused[_i].message);
    json_decref(object);
}
END_TEST

START_TEST(test_nesting)
{
    char text[2000] = "{'type': 'NFC'}", outer[2000];
    for (int i = 0; i < 20; i++) {
        snprintf(outer, sizeof outer, "{'type': 'Sequence', 'normalizers': [%.1900s]}", text);
        memcpy(text, outer, sizeof text);
    }
    cv_error err;
    json_t *object = json_of(text);
    ck_assert_ptr_null(cv_normalizer_parse(object, (cv_json_place){"file", "normalizer"}, &err));
    check_error(&err, "nested too deep");
    json_decref(object);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("normalizer");
    tcase_add_loop_test(tests, test_apply, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_test(tests, test_nesting);
    return run_suite(tests);
}
