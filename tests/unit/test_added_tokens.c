#include "text/added_tokens.h"

#include "suite.h"
#include "text_cases.h"

#define FLAGS(word, left, right, normalized, special)                                                                  \
    "'single_word': " word ", 'lstrip': " left ", 'rstrip': " right ", 'normalized': " normalized                      \
    ", 'special': " special "}"
#define PLAIN FLAGS("false", "false", "false", "false", "true")

static const char LIST[] = "{'list': ["
                           "{'id': 3, 'content': '<s>', " PLAIN ","
                           "{'id': 4, 'content': '<s>x', " PLAIN ","
                           "{'id': 5, 'content': '<l>', " FLAGS(
                               "false", "true", "false", "false",
                               "true") ","
                                       "{'id': 6, 'content': '<r>', " FLAGS(
                                           "false", "false", "true", "false",
                                           "false") ","
                                                    "{'id': 7, 'content': '<w>', " FLAGS(
                                                        "true", "false", "false", "false",
                                                        "true") ","
                                                                "{'id': 8, 'content': 'New', " FLAGS(
                                                                    "false", "false", "false", "true",
                                                                    "true") ","
                                                                            "{'id': 1, 'content': 'ab', " PLAIN "]}";

typedef struct setting {
    cv_vocabulary vocabulary;
    cv_normalizer *normalizer;
    cv_added_tokens added;
} setting;

/* Three tokens in the vocabulary, a normalizer that lowers letters, and the list. */
static bool make(setting *s, const char *list, cv_error *err)
{
    json_t *vocabulary = json_of("{'a': 0, 'ab': 1, 'b': 2}"), *lower = json_of("{'type': 'Lowercase'}");
    json_t *top = json_of(list);
    *s = (setting){0};
    ck_assert(cv_vocabulary_parse(&s->vocabulary, vocabulary, (cv_json_place){"file", "vocab"}, err));
    s->normalizer = cv_normalizer_parse(lower, (cv_json_place){"file", "normalizer"}, err);
    bool fine = cv_added_tokens_parse(&s->added, json_object_get(top, "list"), &s->vocabulary, s->normalizer,
                                      (cv_json_place){"file", "added_tokens"}, err);
    json_decref(vocabulary);
    json_decref(lower);
    json_decref(top);
    return fine;
}

static void unmake(setting *s)
{
    cv_added_tokens_free(&s->added);
    cv_normalizer_free(s->normalizer);
    cv_vocabulary_free(&s->vocabulary);
}

/* Segments are joined with |, tokens as #id. */
static const struct {
    const char *text;
    bool normalized;
    const char *segments;
} cases[] = {
    {"", false, ""},
    {"plain", false, "plain"},
    {"a<s>b", false, "a|#3|b"},
    {"<s><s>xy", false, "#3|#4|y"}, /* the longest */
    {"<s", false, "<s"},
    {"cabc", false, "c|#1|c"},
    {"a \u3000<l>b", false, "a|#5|b"},
    {"a<r> \n b", false, "a|#6|b"},
    {"a<r>  <l> b", false, "a|#6|#5| b"}, /* blanks swallowed already */
    {"a <w> b", false, "a |#7| b"},
    {"a<w> b", false, "a<w> b"},
    {"\u00e9<w>", false, "\u00e9<w>"},
    {"<w>1", false, "<w>1"},
    {"<w><w>", false, "#7|#7"},
    {"_<w>.<w>.", false, "_<w>.|#7|."},
    {"new New", false, "new New"}, /* is searched for in normalized text only */
    {"a new", true, "a |#8"},
    {"a New <s>", true, "a New <s>"},
};

START_TEST(test_split)
{
    cv_error err;
    setting s;
    ck_assert_msg(make(&s, LIST, &err), "%s", err.text);
    cv_segments segments = {0};
    cv_buffer out = {0};
    const char *text = cases[_i].text;
    cv_added_tokens_split(&s.added, cases[_i].normalized, text, strlen(text), &segments);
    cv_buffer_puts(&out, "");
    for (size_t i = 0; i < segments.count; i++) {
        cv_segment part = segments.items[i];
        if (i) cv_buffer_puts(&out, "|");
        if (part.id >= 0)
            cv_buffer_printf(&out, "#%d", (int)part.id);
        else
            cv_buffer_append(&out, text + part.start, part.end - part.start);
    }
    ck_assert_str_eq(out.data, cases[_i].segments);
    cv_buffer_free(&out);
    cv_segments_free(&segments);
    unmake(&s);
}
END_TEST

START_TEST(test_find)
{
    cv_error err;
    setting s;
    ck_assert(make(&s, LIST, &err));
    ck_assert_str_eq(cv_added_tokens_find(&s.added, 1)->content, "ab");
    ck_assert_str_eq(cv_added_tokens_find(&s.added, 8)->content, "New");
    ck_assert_str_eq(cv_added_tokens_find(&s.added, 8)->searched, "new");
    ck_assert(cv_added_tokens_find(&s.added, 3)->skipped);
    ck_assert(!cv_added_tokens_find(&s.added, 6)->skipped);
    ck_assert(!cv_added_tokens_find(&s.added, 8)->skipped); /* its normalized spelling is no special token's */
    ck_assert_ptr_null(cv_added_tokens_find(&s.added, 0));
    ck_assert_ptr_null(cv_added_tokens_find(&s.added, -1));
    ck_assert_ptr_null(cv_added_tokens_find(&s.added, 99));
    unmake(&s);
}
END_TEST

static const struct {
    const char *list, *message;
} refused[] = {
    {"{'list': [7]}", "added_tokens[0] must be an object"},
    {"{'list': [{}]}", "added_tokens[0].id is missing"},
    {"{'list': [{'id': 3}]}", "added_tokens[0].content is missing"},
    {"{'list': [{'id': 3, 'content': 'x'}]}", "added_tokens[0].single_word is missing"},
    {"{'list': [{'id': -3, 'content': 'x', " PLAIN "]}", "added_tokens[0].id is -3; it must lie between"},
    {"{'list': [{'id': 4294967296, 'content': 'x', " PLAIN "]}", "it must lie between"},
    {"{'list': [{'id': 'x', 'content': 'x', " PLAIN "]}", "added_tokens[0].id must be a whole number"},
    {"{'list': [{'id': 9, 'content': 'x', " PLAIN "]}",
     "the token \"x\" has the id 9, but its place in the vocabulary is 3"},
    {"{'list': [{'id': 3, 'content': 'a', " PLAIN "]}", "has the id 3, but its place in the vocabulary is 0"},
    {"{'list': [{'id': 0, 'content': 'a', " PLAIN ", {'id': 0, 'content': 'a', " PLAIN "]}", "is there twice"},
    {"{'list': [{'id': 3, 'content': 'x', 'regex': true, " PLAIN "]}", "unknown key added_tokens[0].regex"},
};

START_TEST(test_refused)
{
    cv_error err;
    setting s;
    ck_assert(!make(&s, refused[_i].list, &err));
    check_error(&err, refused[_i].message);
    unmake(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("added tokens");
    tcase_add_loop_test(tests, test_split, 0, ROWS(cases));
    tcase_add_test(tests, test_find);
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
