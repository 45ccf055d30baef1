/* What the expressions match was taken from tokenizers (Oniguruma). */
#include "text/pattern.h"

#include "base/buffer.h"

#include "suite.h"
#include "text_cases.h"

#include <string.h>

/* An expression, a text, and the text with each match in [ ]. */
static const struct {
    const char *expression, *text, *marked;
} matches[] = {
    {"\\s+", "a  b\tc", "a[  ]b[\t]c"},
    {"\\s", "a\u180e\u00a0\u2003b", "a\u180e[\u00a0][\u2003]b"}, /* U+180E is no white space */
    {"\\S+", "a \u180e", "[a] [\u180e]"},
    {"\\p{L}+", "ab1\u00e9\u4e00\u0939", "[ab]1[\u00e9\u4e00\u0939]"},
    {"\\p{L}+", "\U00031350\U0001e030 \U00010d4a", "[\U00031350\U0001e030] [\U00010d4a]"}, /* Unicode 15 and 16 */
    {"[^\\s\\p{L}\\p{N}]+", "a!? \U00031350\u20ac", "a[!?] \U00031350[\u20ac]"},
    {"\\p{N}{1,3}", "12345", "[123][45]"},
    {"\\p{N}", "\u0663\u00bd\u2167\U0001ccf0", "[\u0663][\u00bd][\u2167][\U0001ccf0]"},
    {"\\P{L}+", "a12b", "a[12]b"},
    {"\\p{^L}+", "a12b", "a[12]b"},
    {"\\w+", "a_1\u00b2 \u0301-", "[a_1\u00b2] [\u0301]-"},
    {"\\W", "a-b", "a[-]b"},
    {"\\d+", "12\u0663x", "[12\u0663]x"},
    {"\\p{Han}+", "\u4e00\u3001\U00031350", "[\u4e00]\u3001[\U00031350]"}, /* the script, not where it is used */
    {"(?i:'s|'t)", "it'S 'T 's", "it['S] ['T] ['s]"},
    {"(?i:'s)", "'\u017f", "['\u017f]"}, /* the long s is an s */
    {"a+b|a", "aab a", "[aab] [a]"},
    {"\\s+(?!\\S)|\\s+", "a   b  ", "a[  ][ ]b[  ]"},
    {"(?<=a)b", "ab bb", "a[b] bb"},
    {"(?<!a)b", "ab bb", "ab [b][b]"},
    {"(?>a+)b", "aab", "[aab]"},
    {"a++b|a", "aac", "[a][a]c"},
    {"a+?", "aa", "[a][a]"},
    {"^.", "ab\ncd", "[a]b\n[c]d"},
    {"[\\r\\n]+$", "a\n\nb\r\n", "a[\n]\nb[\r\n]"},
    {"[a-c\\-]+", "a-d", "[a-]d"},
    {"\\x41\\u0042\\x{43}", "ABC", "[ABC]"},
    {"[\u4e00-\u9fa5]+", "a\u4e2d\u6587b", "a[\u4e2d\u6587]b"},
    {"x*", "axxb", "[]a[xx]b[]"},
    {"a|", "ab", "[a]b[]"},
};

static void mark(const cv_spans *spans, const char *text, cv_buffer *out)
{
    size_t covered = 0;
    for (size_t i = 0; i < spans->count; i++) {
        ck_assert_uint_eq(spans->items[i].start, covered);
        covered = spans->items[i].end;
        cv_buffer_puts(out, spans->items[i].is_match ? "[" : "");
        cv_buffer_append(out, text + spans->items[i].start, covered - spans->items[i].start);
        cv_buffer_puts(out, spans->items[i].is_match ? "]" : "");
    }
    ck_assert_uint_eq(covered, strlen(text));
}

START_TEST(test_regex)
{
    cv_error err;
    cv_pattern *pattern = cv_pattern_regex(matches[_i].expression, &err);
    ck_assert_msg(pattern != NULL, "%s", err.text);
    cv_spans spans = {0};
    cv_buffer out = {0};
    ck_assert(cv_pattern_find(pattern, matches[_i].text, strlen(matches[_i].text), &spans, &err));
    mark(&spans, matches[_i].text, &out);
    ck_assert_str_eq(out.data, matches[_i].marked);
    ck_assert(!cv_pattern_is_string(pattern));
    cv_buffer_free(&out);
    cv_spans_free(&spans);
    cv_pattern_free(pattern);
}
END_TEST

START_TEST(test_string)
{
    cv_error err;
    cv_pattern *pattern = cv_pattern_string(".a");
    cv_spans spans = {0};
    cv_buffer out = {0};
    ck_assert(cv_pattern_find(pattern, "ba.a.a.", 7, &spans, &err));
    mark(&spans, "ba.a.a.", &out);
    ck_assert_str_eq(out.data, "ba[.a][.a].");
    ck_assert(cv_pattern_is_string(pattern));
    ck_assert(cv_pattern_find(pattern, "", 0, &spans, &err));
    ck_assert_uint_eq(spans.count, 0);
    cv_buffer_free(&out);
    cv_spans_free(&spans);
    cv_pattern_free(pattern);
}
END_TEST

/* What the two libraries may read otherwise is refused by name. */
static const struct {
    const char *expression, *message;
} refused[] = {
    {"\\bword", "this escape"},
    {"\\Aa", "this escape"},
    {"(a)\\1", "this escape"},
    {"\\X", "this escape"},
    {"\\h", "this escape"},
    {"a\\", "a final \\"},
    {"\\p{Foo}", "the property"},
    {"\\pL", "\\p without {NAME}"},
    {"[\\P{L}]", "a complement"},
    {"[[:alpha:]]", "[ inside"},
    {"[a&&b]", "&& inside"},
    {"[]a]", "] as the first"},
    {"[a", "a class without ]"},
    {"(?<name>a)", "kind of group"},
    {"(?i)a", "kind of group"},
    {"(?m:.)", "kind of group"},
    {"(?#c)", "kind of group"},
    {"a{1,3}+", "after {n,m}"},
    {"a{2}?", "after {n,m}"},
    {"a{,2}", "this use of {"},
    {"a{b}", "this use of {"},
    {"*a", "without anything"},
    {"a**", "without anything"},
    {"(a", "a group without )"},
    {"a)", ") without ("},
    {"(?i:stress)", "ligature"},
    {"(?i:\u00e9)", "outside ASCII"},
    {"(?i:\\p{Lu})", "of case"},
    {"\\xff", "a byte above"},
    {"\\x{110000}", "code escape"},
    {"\\u00g0", "code escape"},
    {"[\\D]", "\\D in"},
    {"[z-a]", "regular expression [z-a]"},
};

START_TEST(test_refused)
{
    cv_error err;
    ck_assert_ptr_null(cv_pattern_regex(refused[_i].expression, &err));
    check_error(&err, refused[_i].message);
    ck_assert_ptr_nonnull(strstr(err.text, "regular expression"));
}
END_TEST

/* An expression that needs exponential time is stopped, and says so. */
START_TEST(test_limits)
{
    cv_error err;
    cv_spans spans = {0};
    cv_pattern *pattern = cv_pattern_regex("(a|aa|aaa)+$", &err);
    char text[200];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'b';
    ck_assert_ptr_nonnull(pattern);
    ck_assert(!cv_pattern_find(pattern, text, sizeof text, &spans, &err));
    check_error(&err, "too much for the regular expression");
    cv_spans_free(&spans);
    cv_pattern_free(pattern);
}
END_TEST

START_TEST(test_long_text)
{
    cv_error err;
    cv_spans spans = {0};
    size_t length = 1 << 20;
    char *text = malloc(length);
    memset(text, 'a', length);
    memset(text + length / 2, ' ', length / 2);
    cv_pattern *pattern = cv_pattern_regex("\\p{L}+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", &err);
    ck_assert(cv_pattern_find(pattern, text, length, &spans, &err));
    ck_assert_uint_eq(spans.count, 2);
    cv_spans_free(&spans);
    cv_pattern_free(pattern);
    free(text);
}
END_TEST

static const struct {
    const char *json, *message;
} malformed[] = {
    {"{'pattern': 'a'}", "must be an object"},
    {"{}", "pattern is missing"},
    {"{'pattern': {}}", "must be {\"String\": ...} or {\"Regex\": ...}"},
    {"{'pattern': {'String': 'a', 'Regex': 'b'}}", "must be {\"String\""},
    {"{'pattern': {'String': 3}}", "String must be a string"},
    {"{'pattern': {'String': ''}}", "must not be empty"},
    {"{'pattern': {'Regex': '('}}", "file: place.pattern: regular expression"},
};

START_TEST(test_malformed)
{
    cv_error err;
    json_t *object = json_of(malformed[_i].json);
    ck_assert_ptr_null(cv_pattern_parse(object, (cv_json_place){"file", "place"}, "pattern", &err));
    check_error(&err, malformed[_i].message);
    json_decref(object);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pattern");
    tcase_add_loop_test(tests, test_regex, 0, ROWS(matches));
    tcase_add_test(tests, test_string);
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_test(tests, test_limits);
    tcase_add_test(tests, test_long_text);
    tcase_add_loop_test(tests, test_malformed, 0, ROWS(malformed));
    return run_suite(tests);
}
