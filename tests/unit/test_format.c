#include "text/format.h"

#include "scratch.h"
#include "suite.h"
#include "text_cases.h"

/* A tokenizer of single characters. The begin token is in front of every text, the end token behind. */
static const char TOKENIZER[] =
    "{'model': {'type': 'BPE', 'vocab': {'<b>': 0, '<e>': 1, 'a': 2, ' ': 3, '<i>': 4, '</i>': 5}, 'merges': []},"
    "'added_tokens': [{'id': 0, 'content': '<b>', 'single_word': false, 'lstrip': false, 'rstrip': false,"
    "'normalized': false, 'special': true}],"
    "'post_processor': {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<b>', 'type_id': 0}},"
    "{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '<e>', 'type_id': 0}}], 'pair': [],"
    "'special_tokens': {'<b>': {'ids': [0]}, '<e>': {'ids': [1]}}}}";

static void write_quoted(const char *name, const char *content)
{
    char *text = cv_strdup(content);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    free(scratch_file(name, text, strlen(text)));
    free(text);
}

static cv_tokenizer *open_tokenizer(const char *template)
{
    cv_error err;
    write_quoted("tokenizer.json", TOKENIZER);
    write_quoted("tokenizer_config.json", "{'bos_token': '<b>'}");
    free(scratch_file("chat_template.jinja", template, strlen(template)));
    cv_tokenizer *t = cv_tokenizer_open(scratch, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    return t;
}

#define CHAT "{{ messages[-1].content }}{# <|im_start|><|im_end|> #}"

/* Characters other than a and the blank have no token, and vanish as in the reference. */
static const struct {
    cv_format format;
    const char *template, *prompt, *text, *ids;
} cases[] = {
    {{CV_FORMAT_DIRECT, NULL, NULL}, CHAT, "a a", "a a", "0 2 3 2 1"},
    {{CV_FORMAT_DIRECT, NULL, NULL}, CHAT, "<b>a", "<b>a", "0 2 1"}, /* one begin token, however it came */
    {{CV_FORMAT_DIRECT, NULL, NULL}, CHAT, "a<b>", "a<b>", "0 2 0 1"},
    {{CV_FORMAT_DIRECT, NULL, NULL}, CHAT, "{prompt}", "{prompt}", "0 1"},
    {{CV_FORMAT_QUERY_ANSWER, NULL, NULL}, CHAT, "a", "## Query:a \n## Answer:", "0 3 2 3 3 1"},
    {{CV_FORMAT_CUSTOM, NULL, "<a{prompt}a>"}, CHAT, " {prompt}", "<a {prompt}a>", "0 2 3 2 1"},
    {{CV_FORMAT_CUSTOM, NULL, "<b>{prompt}"}, CHAT, "a", "<b>a", "0 2 1"},
    {{CV_FORMAT_CUSTOM, "a", "{system} {prompt}"}, CHAT, "{system}", "a {system}", "0 2 3 1"},
    {{CV_FORMAT_CHAT, NULL, NULL}, CHAT, "a", "a", "0 2"}, /* the answer is still to come: no end token */
    {{CV_FORMAT_CHAT, NULL, NULL}, "{{ bos_token }}" CHAT, "a", "<b>a", "0 2"},
    {{CV_FORMAT_CHAT, "a", NULL}, "{{ messages[0].content }} " CHAT, "a", "a a", "0 2 3 2"},
    {{CV_FORMAT_CHAT, "", NULL}, "{{ messages[0].role }} " CHAT, "a", "system a", "0 3 2"}, /* empty is not none */
};

START_TEST(test_prompt)
{
    cv_error err;
    cv_tokenizer *t = open_tokenizer(cases[_i].template);
    cv_tokens tokens = {0};
    cv_buffer ids = {0};
    char *text = NULL;
    ck_assert_msg(cv_format_prompt(t, &cases[_i].format, cases[_i].prompt, &tokens, &text, &err), "%s", err.text);
    ck_assert_str_eq(text, cases[_i].text);
    for (size_t i = 0; i < tokens.count; i++) cv_buffer_printf(&ids, i ? " %d" : "%d", (int)tokens.ids[i]);
    ck_assert_str_eq(ids.data, cases[_i].ids);
    cv_buffer_free(&ids);
    cv_tokens_free(&tokens);
    free(text);
    cv_tokenizer_close(t);
}
END_TEST

static const struct {
    cv_format format;
    const char *message;
} refused[] = {
    {{CV_FORMAT_CUSTOM, NULL, NULL}, "format.text must hold {prompt} once"},
    {{CV_FORMAT_CUSTOM, NULL, "no place"}, "format.text must hold {prompt} once"},
    {{CV_FORMAT_CUSTOM, NULL, "{prompt}{prompt}"}, "format.text must hold {prompt} once"},
    {{CV_FORMAT_CUSTOM, NULL, "{system}{prompt}"}, "format.system is not given"},
    {{CV_FORMAT_CUSTOM, "a", "{prompt}"}, "format.text does not hold {system}"},
    {{CV_FORMAT_CUSTOM, "a", "{system}{system}{prompt}"}, "format.text may hold {system} once"},
    {{CV_FORMAT_DIRECT, "a", NULL}, "format.system is only for"},
    {{CV_FORMAT_QUERY_ANSWER, "a", NULL}, "format.system is only for"},
    {{CV_FORMAT_DIRECT, NULL, "{prompt}"}, "format.text is only for format.kind custom"},
    {{CV_FORMAT_CHAT, NULL, "{prompt}"}, "format.text is only for format.kind custom"},
    {{CV_FORMAT_CHAT, NULL, NULL}, "of no family that Caravan knows"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_tokenizer *t = open_tokenizer("{{ messages[0].content }}");
    cv_tokens tokens = {0};
    char *text = NULL;
    ck_assert(!cv_format_prompt(t, &refused[_i].format, "a", &tokens, &text, &err));
    check_error(&err, refused[_i].message);
    ck_assert_uint_eq(tokens.count, 0);
    ck_assert_ptr_null(text);
    cv_tokens_free(&tokens);
    cv_tokenizer_close(t);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("format");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, test_prompt, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
