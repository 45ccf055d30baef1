/* The pieces are those of tokenizers' pre_tokenize_str. */
#include "text/pretokenizer.h"

#include "suite.h"
#include "text_cases.h"

#define SPLIT(pattern, behavior)                                                                                       \
    "{'type': 'Split', 'pattern': " pattern ", 'behavior': '" behavior "', 'invert': false}"
#define METASPACE(scheme, split)                                                                                       \
    "{'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': '" scheme "', 'split': " split "}"

/* Pieces are joined with |. */
static const struct {
    const char *json, *text, *pieces;
} cases[] = {
    {NULL, "a b", "a b"},
    {NULL, "", ""},
    {SPLIT("{'String': '-'}", "Removed"), "a--b-c", "a|b|c"},
    {SPLIT("{'String': '-'}", "Isolated"), "a--b-c", "a|-|-|b|-|c"},
    {SPLIT("{'String': '-'}", "MergedWithPrevious"), "a--b-c", "a-|-|b-|c"},
    {SPLIT("{'String': '-'}", "MergedWithPrevious"), "-a-", "-|a-"},
    {SPLIT("{'String': '-'}", "MergedWithNext"), "a--b-c", "a|-|-b|-c"},
    {SPLIT("{'String': '-'}", "MergedWithNext"), "-a-", "-a|-"},
    {SPLIT("{'String': '-'}", "Contiguous"), "a--b-c", "a|--|b|-|c"},
    {"{'type': 'Split', 'pattern': {'Regex': '\\\\p{L}+'}, 'behavior': 'Removed', 'invert': true}", "ab 1cd", "ab|cd"},
    {"{'type': 'ByteLevel', 'add_prefix_space': false, 'trim_offsets': true}", "Hi there  you're 12!\n",
     "Hi|\u0120there|\u0120|\u0120you|'re|\u012012|!|\u010a"},
    {"{'type': 'ByteLevel', 'add_prefix_space': true, 'use_regex': false}", "a b", "\u0120a\u0120b"},
    {"{'type': 'ByteLevel', 'add_prefix_space': true, 'use_regex': false}", " a", "\u0120a"},
    {"{'type': 'Digits', 'individual_digits': true}", "a12\u0663b", "a|1|2|\u0663|b"},
    {"{'type': 'Digits', 'individual_digits': false}", "a12\u0663b", "a|12\u0663|b"},
    {METASPACE("always", "true"), "a b  c", "\u2581a|\u2581b|\u2581|\u2581c"},
    {METASPACE("always", "true"), " a", "\u2581a"},
    {METASPACE("never", "true"), "a b", "a|\u2581b"},
    {METASPACE("first", "false"), "a b", "\u2581a\u2581b"},
    {"{'type': 'Metaspace', 'replacement': '_', 'add_prefix_space': true, 'str_rep': '_'}", "a b", "_a|_b"},
    {"{'type': 'WhitespaceSplit'}", " a\u3000b\n", "a|b"},
    {"{'type': 'Sequence', 'pretokenizers': [{'type': 'WhitespaceSplit'}, {'type': 'Digits', 'individual_digits': "
     "false}, {'type': 'ByteLevel', 'add_prefix_space': false, 'use_regex': false}]}",
     "a1 \u00e9", "a|1|\u00c3\u00a9"},
};

static void join(const cv_pieces *pieces, cv_buffer *out)
{
    cv_buffer_puts(out, "");
    for (size_t i = 0; i < pieces->count; i++) {
        size_t length;
        const char *piece = cv_pieces_at(pieces, i, &length);
        if (i) cv_buffer_puts(out, "|");
        cv_buffer_append(out, piece, length);
    }
}

static cv_pretokenizer *parse(const char *json, cv_error *err)
{
    json_t *object = json ? json_of(json) : NULL;
    cv_pretokenizer *made = cv_pretokenizer_parse(object, (cv_json_place){"file", "pre_tokenizer"}, err);
    json_decref(object);
    return made;
}

START_TEST(test_apply)
{
    cv_error err;
    cv_pretokenizer *pretokenizer = parse(cases[_i].json, &err);
    ck_assert_msg(pretokenizer != NULL, "%s", err.text);
    cv_pieces pieces = {0};
    cv_buffer out = {0};
    ck_assert(cv_pretokenizer_apply(pretokenizer, cases[_i].text, strlen(cases[_i].text), true, &pieces, &err));
    join(&pieces, &out);
    ck_assert_str_eq(out.data, cases[_i].pieces);
    cv_buffer_free(&out);
    cv_pieces_free(&pieces);
    cv_pretokenizer_free(pretokenizer);
}
END_TEST

START_TEST(test_first)
{
    cv_error err;
    cv_pretokenizer *pretokenizer = parse(METASPACE("first", "true"), &err);
    cv_pieces pieces = {0};
    cv_buffer out = {0};
    ck_assert(cv_pretokenizer_apply(pretokenizer, "a b", 3, false, &pieces, &err));
    join(&pieces, &out);
    ck_assert_str_eq(out.data, "a|\u2581b");
    cv_buffer_free(&out);
    cv_pieces_free(&pieces);
    cv_pretokenizer_free(pretokenizer);
}
END_TEST

static const struct {
    const char *json, *message;
} refused[] = {
    {"{'type': 'BertPreTokenizer'}", "pre_tokenizer: the type \"BertPreTokenizer\" is not supported"},
    {"{'type': 'Whitespace'}", "is not supported"},
    {"{'type': 'UnicodeScripts'}", "is not supported"},
    {"{'type': 'Split', 'pattern': {'String': 'a'}}", "pre_tokenizer.behavior is missing"},
    {SPLIT("{'String': 'a'}", "Sideways"), "the behavior \"Sideways\" is not known"},
    {SPLIT("{'Regex': '(?'}", "Removed"), "pre_tokenizer.pattern: regular expression"},
    {"{'type': 'Split', 'pattern': {'String': 'a'}, 'behavior': 'Removed', 'inverted': true}",
     "did you mean \"invert\"?"},
    {"{'type': 'ByteLevel'}", "add_prefix_space is missing"},
    {"{'type': 'Digits', 'individual_digits': 1}", "must be true or false"},
    {"{'type': 'Metaspace', 'replacement': 'ab'}", "replacement must be one character"},
    {"{'type': 'Metaspace', 'replacement': ''}", "replacement must be one character"},
    {METASPACE("sometimes", "true"), "prepend_scheme: \"sometimes\" is not known"},
    {"{'type': 'Metaspace', 'replacement': '_', 'add_prefix_space': false}", "contradicts prepend_scheme"},
    {"{'type': 'Sequence', 'pretokenizers': [{'type': 'WhitespaceSplit'}, " METASPACE("first", "true") "]}",
     "behind another pre-tokenizer"},
};

START_TEST(test_refused)
{
    cv_error err;
    ck_assert_ptr_null(parse(refused[_i].json, &err));
    check_error(&err, refused[_i].message);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pretokenizer");
    tcase_add_loop_test(tests, test_apply, 0, ROWS(cases));
    tcase_add_test(tests, test_first);
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
