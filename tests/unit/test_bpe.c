#include "text/bpe.h"

#include "base/buffer.h"

#include "suite.h"
#include "text/tokens.h"
#include "text_cases.h"

#define VOCAB                                                                                                          \
    "'vocab': {'a': 0, 'b': 1, 'c': 2, 'ab': 3, 'bc': 4, 'abc': 5, '<u>': 6, 'aa': 7, '<0xC3>': 8, '<0xA9>': 9}"
#define MERGES "'merges': ['b c', 'a b', 'a bc', 'a a']"

static bool parse(const char *json, cv_bpe *bpe, cv_error *err)
{
    json_t *object = json_of(json);
    bool fine = cv_bpe_parse(bpe, object, (cv_json_place){"file", "model"}, err);
    json_decref(object);
    return fine;
}

static const struct {
    const char *json, *piece, *ids;
} cases[] = {
    {"{" VOCAB "," MERGES "}", "abc", "5"}, /* b c comes before a b */
    {"{" VOCAB "," MERGES "}", "abab", "3 3"},
    {"{" VOCAB "," MERGES "}", "aaa", "7 0"}, /* of equal pairs the left one */
    {"{" VOCAB "," MERGES "}", "axb", "3"},   /* no token and no unknown token: left out, as in the reference */
    {"{" VOCAB "," MERGES "}", "x", ""},
    {"{" VOCAB ", 'merges': [['b', 'c'], ['a', 'bc']]}", "abc", "5"},
    {"{" VOCAB ", 'merges': [['a', 'b'], ['b', 'c']], 'unk_token': '<u>'}", "abc", "3 2"},
    {"{" VOCAB "," MERGES ", 'unk_token': '<u>'}", "xya", "6 6 0"},
    {"{" VOCAB "," MERGES ", 'unk_token': '<u>', 'fuse_unk': true}", "xya", "6 0"},
    {"{" VOCAB "," MERGES ", 'unk_token': '<u>', 'byte_fallback': true}", "\u00e9\u00e8", "8 9 6"},
    {"{" VOCAB ", 'merges': []}", "abc", "0 1 2"},
    {"{" VOCAB ", 'merges': [], 'ignore_merges': true}", "abc", "5"},
    {"{" VOCAB ", 'merges': ['a b', 'b c', 'a b']}", "abc", "0 4"}, /* a pair listed twice counts where it is last */
};

START_TEST(test_encode)
{
    cv_error err;
    cv_bpe bpe = {0};
    ck_assert_msg(parse(cases[_i].json, &bpe, &err), "%s", err.text);
    cv_bpe_scratch scratch = {0};
    cv_tokens tokens = {0};
    cv_buffer ids = {0};
    cv_bpe_encode(&bpe, cases[_i].piece, strlen(cases[_i].piece), &scratch, &tokens);
    cv_buffer_puts(&ids, "");
    for (size_t i = 0; i < tokens.count; i++) cv_buffer_printf(&ids, i ? " %d" : "%d", (int)tokens.ids[i]);
    ck_assert_str_eq(ids.data, cases[_i].ids);
    cv_buffer_free(&ids);
    cv_tokens_free(&tokens);
    cv_bpe_scratch_free(&scratch);
    cv_bpe_free(&bpe);
}
END_TEST

/* A long piece must not cost the square of its length: this one would take hours. */
START_TEST(test_long_piece)
{
    cv_error err;
    cv_bpe bpe = {0};
    cv_bpe_scratch scratch = {0};
    cv_tokens tokens = {0};
    size_t length = 1 << 19;
    char *piece = malloc(length);
    memset(piece, 'a', length);
    ck_assert(parse("{" VOCAB "," MERGES "}", &bpe, &err));
    cv_bpe_encode(&bpe, piece, length, &scratch, &tokens);
    ck_assert_uint_eq(tokens.count, length / 2);
    for (size_t i = 0; i < tokens.count; i++)
        if (tokens.ids[i] != 7) ck_abort_msg("token %zu is %d", i, (int)tokens.ids[i]);
    free(piece);
    cv_tokens_free(&tokens);
    cv_bpe_scratch_free(&scratch);
    cv_bpe_free(&bpe);
}
END_TEST

static const struct {
    const char *json, *message;
} refused[] = {
    {"{}", "model.vocab is missing"},
    {"{'type': 'Unigram', 'vocab': []}", "model.type: \"Unigram\" is not supported"},
    {"{'type': 7}", "model.type must be a string"},
    {"{" VOCAB "}", "model.merges is missing"},
    {"{'vocab': [], 'merges': []}", "model.vocab must be an object"},
    {"{'vocab': {}, 'merges': []}", "model.vocab holds no token"},
    {"{'vocab': {'a': '0'}, 'merges': []}", "the id of the token \"a\" must be a whole number"},
    {"{'vocab': {'a': 1.5}, 'merges': []}", "must be a whole number"},
    {"{'vocab': {'a': -1}, 'merges': []}", "must be a whole number"},
    {"{'vocab': {'a': 99999999999}, 'merges': []}", "must be a whole number below"},
    {"{'vocab': {'a': 16777216}, 'merges': []}", "must be a whole number below"},
    {"{'vocab': {'a': 3, 'b': 3}, 'merges': []}", "\"a\" and \"b\" have the same id 3"},
    {"{" VOCAB ", 'merges': {}}", "model.merges must be an array"},
    {"{" VOCAB ", 'merges': ['ab']}", "model.merges[0] must be a pair"},
    {"{" VOCAB ", 'merges': ['a b c']}", "model.merges[0] must be a pair"},
    {"{" VOCAB ", 'merges': [['a', 'b'], ['a']]}", "model.merges[1] must be a pair"},
    {"{" VOCAB ", 'merges': [['a', 'b'], 'a b']}", "model.merges[1] must be a pair"},
    {"{" VOCAB ", 'merges': [['a', 3]]}", "model.merges[0] must be a pair"},
    {"{" VOCAB ", 'merges': [null]}", "model.merges[0] must be a pair"},
    {"{" VOCAB ", 'merges': ['a z']}", "\"a\" + \"z\" names a token that is not in the vocabulary"},
    {"{" VOCAB ", 'merges': ['c a']}", "names a token that is not in the vocabulary"},
    {"{" VOCAB "," MERGES ", 'unk_token': '<x>'}", "model.unk_token: \"<x>\" is not in the vocabulary"},
    {"{" VOCAB "," MERGES ", 'dropout': 0.1}", "model.dropout must be null or 0"},
    {"{" VOCAB "," MERGES ", 'continuing_subword_prefix': '##'}", "continuing_subword_prefix is not supported"},
    {"{" VOCAB "," MERGES ", 'end_of_word_suffix': '</w>'}", "end_of_word_suffix is not supported"},
    {"{" VOCAB "," MERGES ", 'fuse_unk': 'yes'}", "model.fuse_unk must be true or false"},
    {"{" VOCAB "," MERGES ", 'byte_falback': true}", "did you mean \"byte_fallback\"?"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_bpe bpe = {0};
    ck_assert(!parse(refused[_i].json, &bpe, &err));
    check_error(&err, refused[_i].message);
    cv_bpe_free(&bpe);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("bpe");
    tcase_add_loop_test(tests, test_encode, 0, ROWS(cases));
    tcase_add_test(tests, test_long_piece);
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    return run_suite(tests);
}
