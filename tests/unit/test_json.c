#include "base/json.h"

#include "scratch.h"
#include "suite.h"

#include <math.h>

static json_t *parse(const char *text, int flags, cv_error *err)
{
    return cv_json_parse(text, strlen(text), "job.json", flags, err);
}

/* {"value": TEXT}, which must be valid. */
static json_t *with_value(const char *text)
{
    char whole[200];
    cv_error err;
    snprintf(whole, sizeof whole, "{\"value\": %s}", text);
    json_t *object = parse(whole, 0, &err);
    ck_assert_msg(object != NULL, "%s", err.text);
    return object;
}

static const cv_json_place top = {"job.json", ""}, inner = {"job.json", "engine"};

/* Length -1: the text up to its NUL. */
static const struct {
    const char *text;
    int length;
    const char *message;
} broken[] = {
    {"", -1, "job.json:1:0: not valid JSON"},
    {"[1, 2]", -1, "job.json: the file must hold one JSON object"},
    {"7", -1, "job.json"},
    {"{\"a\": 1,}", -1, "job.json:1:9: not valid JSON"},
    {"{\n\n  \"a\" 1}", -1, "job.json:3:"},
    {"{\"a\": 1} trailing", -1, "not valid JSON"},
    {"{\"a\": 1, \"a\": 2}", -1, "duplicate object key"},
    {"{\"a\": \"\xff\"}", -1, "not valid JSON"},
    {"{\"a\": \"\xed\xa0\x80\"}", -1, "not valid JSON"}, /* a surrogate, which is no UTF-8 */
    {"{\"a\": NaN}", -1, "not valid JSON"},
    {"{\"a\": 1e999}", -1, "not valid JSON"},
    {"{\"a\": 9223372036854775808}", -1, "not valid JSON"}, /* 2^63 */
    {"{\"a\": 01}", -1, "not valid JSON"},
    {"{\"a\": 1}\0", 9, "not valid JSON"},
    {"{\"a\": ", -1, "not valid JSON"},
    {"\xef\xbb\xbf{}", -1, "not valid JSON"},
};

START_TEST(broken_json_is_bad_input_with_its_place)
{
    size_t length = broken[_i].length < 0 ? strlen(broken[_i].text) : (size_t)broken[_i].length;
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_json_parse(broken[_i].text, length, "job.json", 0, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, broken[_i].message) != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_bottomless_file_is_refused_not_followed)
{
    enum { DEPTH = 100000 };
    static char text[DEPTH + 6] = "{\"a\":";
    memset(text + 5, '[', DEPTH);
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(parse(text, 0, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
}
END_TEST

START_TEST(a_file_is_loaded)
{
    char *path = scratch_file("job.json", "{\"name\": \"demo\"}", 16);
    cv_error err;
    json_t *object = cv_json_load(path, 0, &err);
    ck_assert_ptr_nonnull(object);
    ck_assert_str_eq(json_string_value(json_object_get(object, "name")), "demo");
    json_decref(object);
    free(path);
}
END_TEST

START_TEST(a_file_that_is_missing_or_broken_is_named)
{
    char *missing = scratch_path("missing.json"), *cut = scratch_file("cut.json", "{\"name\"", 7);
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_json_load(missing, 0, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, missing));
    err = (cv_error){CV_OK, ""};
    ck_assert_ptr_null(cv_json_load(cut, 0, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, cut));
    free(missing);
    free(cut);
}
END_TEST

START_TEST(huge_integers_are_reals_where_asked)
{
    cv_error err;
    json_t *object = parse("{\"model_max_length\": 1000000000000000019884624838656}", CV_JSON_HUGE_INTEGERS, &err);
    ck_assert_ptr_nonnull(object);
    double value = 0;
    ck_assert(cv_json_real(object, top, "model_max_length", CV_REQUIRED, 0, INFINITY, &value, &err));
    ck_assert_double_eq(value, 1e30);
    json_decref(object);
}
END_TEST

static const struct {
    const char *text;
    cv_json_place at;
    const char *message; /* NULL: no error */
} key_lists[] = {
    {"{}", {"job.json", ""}, NULL},
    {"{\"precision\": 1, \"memory_gib\": 2}", {"job.json", ""}, NULL},
    {"{\"precison\": 1}", {"job.json", ""}, "job.json: unknown key precison; did you mean \"precision\"?"},
    {"{\"memory_gb\": 1}",
     {"job.json", "engine"},
     "job.json: unknown key engine.memory_gb; did you mean \"memory_gib\"?"},
    {"{\"quantisation\": 1}", {"job.json", "engine"}, "job.json: unknown key engine.quantisation"},
    {"{\"\": 1}", {"job.json", ""}, "job.json: unknown key "},
    {"{\"a key of more than sixty-three letters, which is not compared with others\": 1}",
     {"job.json", ""},
     "job.json: unknown key a key of more than sixty-three letters, which is not compared with others"},
};

START_TEST(unknown_keys_are_bad_input_with_a_suggestion)
{
    static const char *const keys[] = {"precision", "memory_gib", NULL};
    cv_error err = {CV_OK, ""};
    json_t *object = parse(key_lists[_i].text, 0, &err);
    ck_assert_ptr_nonnull(object);
    bool ok = cv_json_only_keys(object, key_lists[_i].at, keys, &err);
    ck_assert_int_eq(ok, key_lists[_i].message == NULL);
    if (!ok) {
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_str_eq(err.text, key_lists[_i].message);
    }
    json_decref(object);
}
END_TEST

/* Whole numbers in [-10, 2^53 + 1]; error NULL: accepted as number. */
static const struct {
    const char *text;
    int64_t number;
    const char *error;
} integers[] = {
    {"0", 0, NULL},
    {"-10", -10, NULL},
    {"9007199254740993", 9007199254740993, NULL}, /* 2^53 + 1, which no double can hold */
    {"9007199254740994", 0, "it must lie between -10 and 9007199254740993"},
    {"-11", 0, "it must lie between"},
    {"9223372036854775807", 0, "it must lie between"},
    {"-9223372036854775808", 0, "it must lie between"},
    {"1.0", 0, "must be a whole number"},
    {"1e3", 0, "must be a whole number"},
    {"\"1\"", 0, "must be a whole number"},
    {"true", 0, "must be a whole number"},
    {"[1]", 0, "must be a whole number"},
};

START_TEST(integers_are_exact_and_in_range)
{
    json_t *object = with_value(integers[_i].text);
    int64_t number = 42;
    cv_error err = {CV_OK, ""};
    bool ok = cv_json_int(object, inner, "value", CV_REQUIRED, -10, 9007199254740993, &number, &err);
    ck_assert_int_eq(ok, integers[_i].error == NULL);
    ck_assert_int_eq(number, ok ? integers[_i].number : 42);
    if (!ok) {
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(err.text, "job.json: engine.value"));
        ck_assert_msg(strstr(err.text, integers[_i].error) != NULL, "%s", err.text);
    }
    json_decref(object);
}
END_TEST

/* Numbers in [0, 1]. */
static const struct {
    const char *text;
    double number;
    const char *error;
} reals[] = {
    {"0", 0, NULL},
    {"1", 1, NULL},
    {"1e-05", 1e-05, NULL},
    {"-0.0", 0, NULL},
    {"1.0000001", 0, "it must lie between 0 and 1"},
    {"-1e-300", 0, "it must lie between"},
    {"\"0.5\"", 0, "must be a number"},
    {"false", 0, "must be a number"},
    {"{}", 0, "must be a number"},
};

START_TEST(reals_are_finite_and_in_range)
{
    json_t *object = with_value(reals[_i].text);
    double number = 42;
    cv_error err = {CV_OK, ""};
    bool ok = cv_json_real(object, inner, "value", CV_REQUIRED, 0, 1, &number, &err);
    ck_assert_int_eq(ok, reals[_i].error == NULL);
    ck_assert_double_eq(number, ok ? reals[_i].number : 42);
    if (!ok) ck_assert_msg(strstr(err.text, reals[_i].error) != NULL, "%s", err.text);
    json_decref(object);
}
END_TEST

/* Which of the readers take which kinds of value, in the order of the columns. */
static const struct {
    const char *text;
    bool string, boolean, object, array;
} kinds[] = {
    {"\"demo\"", true, false, false, false},
    {"\"\"", true, false, false, false},
    {"\"a\\u0000b\"", false, false, false, false}, /* a C string cannot hold it */
    {"true", false, true, false, false},
    {"false", false, true, false, false},
    {"0", false, false, false, false},
    {"{\"a\": 1}", false, false, true, false},
    {"{}", false, false, true, false},
    {"[]", false, false, false, true},
    {"[{}]", false, false, false, true},
};

START_TEST(each_reader_takes_its_own_kind_only)
{
    json_t *object = with_value(kinds[_i].text), *child = NULL;
    const char *string = NULL;
    bool boolean = false;
    cv_error err = {CV_OK, ""};
    ck_assert_int_eq(cv_json_string(object, top, "value", CV_REQUIRED, &string, &err), kinds[_i].string);
    ck_assert_int_eq(string != NULL, kinds[_i].string);
    ck_assert_int_eq(cv_json_bool(object, top, "value", CV_REQUIRED, &boolean, &err), kinds[_i].boolean);
    ck_assert_int_eq(boolean, strcmp(kinds[_i].text, "true") == 0);
    ck_assert_int_eq(cv_json_object(object, top, "value", CV_REQUIRED, &child, &err), kinds[_i].object);
    ck_assert_int_eq(child != NULL, kinds[_i].object);
    child = NULL;
    ck_assert_int_eq(cv_json_array(object, top, "value", CV_REQUIRED, &child, &err), kinds[_i].array);
    ck_assert_int_eq(child != NULL, kinds[_i].array);
    json_decref(object);
}
END_TEST

/* Every reader must agree with ok, and leave *out alone. */
static void read_absent(const json_t *object, cv_json_need need, bool ok)
{
    const char *string = "before";
    bool boolean = true;
    int64_t integer = 42;
    double real = 42;
    json_t *child = json_null();
    cv_error err = {CV_OK, ""};
    ck_assert_int_eq(cv_json_string(object, inner, "value", need, &string, &err), ok);
    ck_assert_int_eq(cv_json_bool(object, inner, "value", need, &boolean, &err), ok);
    ck_assert_int_eq(cv_json_int(object, inner, "value", need, 0, 1, &integer, &err), ok);
    ck_assert_int_eq(cv_json_real(object, inner, "value", need, 0, 1, &real, &err), ok);
    ck_assert_int_eq(cv_json_object(object, inner, "value", need, &child, &err), ok);
    ck_assert_int_eq(cv_json_array(object, inner, "value", need, &child, &err), ok);
    if (!ok) ck_assert_str_eq(err.text, "job.json: engine.value is missing");
    ck_assert_str_eq(string, "before");
    ck_assert(boolean);
    ck_assert_int_eq(integer, 42);
    ck_assert_double_eq(real, 42);
    ck_assert_ptr_eq(child, json_null());
}

START_TEST(absent_and_null_keep_the_default_unless_required)
{
    json_t *empty = json_object(), *null = with_value("null");
    read_absent(empty, CV_OPTIONAL, true);
    read_absent(empty, CV_REQUIRED, false);
    read_absent(null, CV_OPTIONAL, true);
    read_absent(null, CV_REQUIRED, false);
    json_decref(empty);
    json_decref(null);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("json");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, broken_json_is_bad_input_with_its_place, 0, ROWS(broken));
    tcase_add_test(tests, a_bottomless_file_is_refused_not_followed);
    tcase_add_test(tests, a_file_is_loaded);
    tcase_add_test(tests, a_file_that_is_missing_or_broken_is_named);
    tcase_add_test(tests, huge_integers_are_reals_where_asked);
    tcase_add_loop_test(tests, unknown_keys_are_bad_input_with_a_suggestion, 0, ROWS(key_lists));
    tcase_add_loop_test(tests, integers_are_exact_and_in_range, 0, ROWS(integers));
    tcase_add_loop_test(tests, reals_are_finite_and_in_range, 0, ROWS(reals));
    tcase_add_loop_test(tests, each_reader_takes_its_own_kind_only, 0, ROWS(kinds));
    tcase_add_test(tests, absent_and_null_keep_the_default_unless_required);
    return run_suite(tests);
}
