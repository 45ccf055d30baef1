/* Ids and decoded texts against Hugging Face's tokenizers, for the tiny tokenizers of the fixtures (real
 * ones: test_real_tokenizers.c); and files that are refused. */
#include "text/tokenizer.h"

#include "scratch.h"
#include "suite.h"
#include "text_reference.h"

static const char *const tiny[] = {"tiny-bytes", "tiny-gpt2", "tiny-blocks", "tiny-prepended", "tiny-words"};

START_TEST(test_same_as_hugging_face)
{
    char *folder = text_fixture_path(tiny[_i]);
    check_fixture(folder, tiny[_i]);
    free(folder);
}
END_TEST

START_TEST(test_tokens)
{
    cv_error err;
    char *folder = text_fixture_path("tiny-bytes");
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    int32_t size = cv_tokenizer_size(t);
    ck_assert_str_eq(cv_tokenizer_token(t, 0), "<begin>");
    ck_assert_ptr_nonnull(cv_tokenizer_token(t, size - 1));
    ck_assert_ptr_null(cv_tokenizer_token(t, size));
    ck_assert_ptr_null(cv_tokenizer_token(t, -1));
    size_t length;
    char *text = cv_tokenizer_decode(t, (int32_t[]){-5, size, 0, INT32_MAX}, 4, false, &length);
    ck_assert_str_eq(text, "<begin>"); /* ids without token are passed over */
    free(text);
    cv_tokenizer_close(t);
    cv_tokenizer_close(NULL);
    free(folder);
}
END_TEST

START_TEST(test_bad_text)
{
    cv_error err;
    cv_tokens out = {0};
    char *folder = text_fixture_path("tiny-bytes");
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert(!cv_tokenizer_encode(t, "ab\xff", 3, true, &out, &err));
    check_error(&err, "not valid UTF-8 at byte 2");
    cv_tokens_free(&out);
    cv_tokenizer_close(t);
    free(folder);
}
END_TEST

#define MODEL "'model': {'type': 'BPE', 'vocab': {'a': 0}, 'merges': []}"

/* Files from the internet: each of these is one clear line. */
static const struct {
    const char *json, *message;
} hostile[] = {
    {"", "not valid JSON"},
    {"\x7f"
     "ELF",
     "not valid JSON"},
    {"[]", "must hold one JSON object"},
    {"{}", "model is missing"},
    {"{'model': 3}", "model must be an object"},
    {"{'model': {'vocab': {'a': 0, 'a': 1}, 'merges': []}}", "not valid JSON: duplicate object key"},
    {"{'model': {'vocab': {'a\\u0000': 0}, 'merges': []}}", "not valid JSON: NUL byte in object key"},
    {"{'model': {'vocab': {'\xff': 0}, 'merges': []}}", "not valid JSON"},
    {"{" MODEL ", 'version': '2.0'}", "version \"2.0\" is not supported"},
    {"{" MODEL ", 'version': 1.0}", "version must be a string"},
    {"{" MODEL ", 'truncation': {'max_length': 8}}", "truncation must be null"},
    {"{" MODEL ", 'padding': {}}", "padding must be null"},
    {"{" MODEL ", 'pre_tokeniser': null}", "did you mean \"pre_tokenizer\"?"},
    {"{" MODEL ", 'added_tokens': {}}", "added_tokens must be an array"},
    {"{" MODEL ", 'added_tokens': [null]}", "added_tokens[0] must be an object"},
    {"{" MODEL ", 'normalizer': []}", "normalizer must be an object"},
    {"{" MODEL ", 'normalizer': {'type': 'BertNormalizer'}}", "the type \"BertNormalizer\" is not supported"},
    {"{" MODEL ", 'pre_tokenizer': {'type': 'FixedLength', 'length': 5}}", "the type \"FixedLength\" is not supported"},
    {"{" MODEL ", 'post_processor': {'type': 'BertProcessing'}}", "the type \"BertProcessing\" is not supported"},
    {"{" MODEL ", 'decoder': {'type': 'WordPiece'}}", "the type \"WordPiece\" is not supported"},
};

START_TEST(test_hostile)
{
    cv_error err;
    char *text = cv_strdup(hostile[_i].json);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    char *path = scratch_file("tokenizer.json", text, strlen(text));
    ck_assert_ptr_null(cv_tokenizer_open(scratch, &err));
    check_error(&err, hostile[_i].message);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    free(path);
    free(text);
}
END_TEST

START_TEST(test_missing_file)
{
    cv_error err;
    ck_assert_ptr_null(cv_tokenizer_open(scratch, &err));
    check_error(&err, "tokenizer.json");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("tokenizer");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, test_same_as_hugging_face, 0, ROWS(tiny));
    tcase_add_test(tests, test_tokens);
    tcase_add_test(tests, test_bad_text);
    tcase_add_loop_test(tests, test_hostile, 0, ROWS(hostile));
    tcase_add_test(tests, test_missing_file);
    return run_suite(tests);
}
