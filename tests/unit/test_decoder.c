/* The texts are those of tokenizers' decoders. */
#include "text/decoder.h"

#include "suite.h"
#include "text_cases.h"

#define BYTES "{'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': true, 'use_regex': true}"
#define STRIP(start, stop) "{'type': 'Strip', 'content': ' ', 'start': " start ", 'stop': " stop "}"
#define REPLACE "{'type': 'Replace', 'pattern': {'String': '\u2581'}, 'content': ' '}"
#define METASPACE(scheme) "{'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': '" scheme "'}"
#define MARK "\xef\xbf\xbd"

static const struct {
    const char *json;
    const char *tokens[6];
    const char *text;
} cases[] = {
    {NULL, {"a", "b"}, "a b"},
    {NULL, {NULL}, ""},
    {BYTES, {"Hi", "\u0120the", "\u00c3", "\u00a9"}, "Hi the\u00e9"},
    {BYTES, {"\u00c3", "a"}, MARK "a"},
    {BYTES, {"<|x y|>", "\u0120"}, "<|x y|> "}, /* characters that stand for no byte */
    {"{'type': 'ByteFallback'}", {"a", "<0xC3>", "<0xA9>", "b"}, "a\u00e9b"},
    {"{'type': 'ByteFallback'}", {"<0xC3>", "<0x41>", "b", "<0x0a>"}, MARK MARK "b\n"},
    {"{'type': 'ByteFallback'}", {"<0xZZ>", "<0x4>", "<0x+A>"}, "<0xZZ><0x4>\n"},
    {METASPACE("always"), {"\u2581a\u2581", "\u2581b"}, "a b"},
    {METASPACE("never"), {"\u2581a", "\u2581b"}, " a b"},
    {STRIP("1", "0"), {"  a ", " b"}, " a b"},
    {STRIP("2", "1"), {"   a  "}, " a "},
    {"{'type': 'Sequence', 'decoders': [" REPLACE ", {'type': 'ByteFallback'}, {'type': 'Fuse'}, " STRIP("1", "0") "]}",
     {"\u2581a", "\u2581\u2581b", "<0x0A>"},
     "a  b\n"},
    {"{'type': 'Sequence', 'decoders': []}", {"a", "b"}, "ab"},
};

START_TEST(test_apply)
{
    cv_error err;
    json_t *object = cases[_i].json ? json_of(cases[_i].json) : NULL;
    cv_decoder *decoder = cv_decoder_parse(object, (cv_json_place){"file", "decoder"}, &err);
    ck_assert_msg(decoder != NULL, "%s", err.text);
    cv_pieces tokens = {0};
    cv_buffer out = {0};
    for (size_t i = 0; i < 6 && cases[_i].tokens[i]; i++)
        cv_pieces_add(&tokens, cases[_i].tokens[i], strlen(cases[_i].tokens[i]));
    cv_decoder_apply(decoder, &tokens, &out);
    cv_buffer_puts(&out, "");
    ck_assert_str_eq(out.data, cases[_i].text);
    cv_buffer_free(&out);
    cv_pieces_free(&tokens);
    cv_decoder_free(decoder);
    json_decref(object);
}
END_TEST

static const struct {
    const char *json, *message;
} refused[] = {
    {"{'type': 'WordPiece'}", "decoder: the type \"WordPiece\" is not supported"},
    {"{'type': 'CTC'}", "is not supported"},
    {"{'type': 'Replace', 'pattern': {'Regex': 'a'}, 'content': ''}", "a decoder's regular expression"},
    {"{'type': 'Strip', 'content': 'ab', 'start': 0, 'stop': 0}", "decoder.content must be one character"},
    {"{'type': 'Strip', 'content': 'a', 'start': -1, 'stop': 0}", "decoder.start is -1"},
    {"{'type': 'Metaspace'}", "decoder.replacement is missing"},
    {METASPACE("often"), "\"often\" is not known"},
};

START_TEST(test_refused)
{
    cv_error err;
    json_t *object = json_of(refused[_i].json);
    ck_assert_ptr_null(cv_decoder_parse(object, (cv_json_place){"file", "decoder"}, &err));
    check_error(&err, refused[_i].message);
    json_decref(object);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("decoder");
    tcase_add_loop_test(tests, test_apply, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
