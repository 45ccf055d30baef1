/* Ids and decoded texts against Hugging Face's tokenizers, on the strings of the fixtures. Tokenizers
 * that may not be part of the repository are looked for in other folders. */
#include "text/tokenizer.h"

#include "base/file.h"
#include "scratch.h"
#include "suite.h"
#include "text_cases.h"

/* Tokenizers, and where they lie. */
static const struct {
    const char *name;
    enum { FIXTURE, SHARED, SMOLLM2 } place;
} known[] = {
    {"tiny-bytes", FIXTURE}, {"tiny-blocks", FIXTURE}, {"tiny-prepended", FIXTURE},
    {"tiny-words", FIXTURE}, {"smollm2", SMOLLM2},     {"mistral-7b", SHARED},
    {"llama-3", SHARED},     {"qwen3", SHARED},        {"gemma-3", SHARED},
};

/* The folder of a tokenizer, NULL (after a word on stdout) where it is not here. Free with free(). */
static char *folder_of(int i)
{
    char path[1024];
    const char *shared = getenv("CARAVAN_SHARED"), *smollm2 = getenv("CARAVAN_SMOLLM2");
    if (known[i].place == FIXTURE) return text_fixture_path(known[i].name);
    if (known[i].place == SMOLLM2)
        snprintf(path, sizeof path, "%s", smollm2 ? smollm2 : "");
    else if (shared)
        snprintf(path, sizeof path, "%s/tokenizers/%s", shared, known[i].name);
    else
        snprintf(path, sizeof path, "%s/../shared/tokenizers/%s", CARAVAN_SOURCE_DIR, known[i].name);
    char *file = cv_path_join(path, "tokenizer.json");
    bool here = *path && cv_file_exists(file);
    free(file);
    if (here) return cv_strdup(path);
    printf("skipped: the tokenizer of %s is not here (%s)\n", known[i].name,
           known[i].place == SMOLLM2 ? "CARAVAN_SMOLLM2 names no folder with it" : path);
    fflush(stdout);
    return NULL;
}

/* The ids that text_fixtures.py packed into digits. */
static void unpack(const char *digits, int width, cv_tokens *out)
{
    for (; *digits; digits += width) {
        int32_t id = 0;
        for (int d = width - 1; d >= 0; d--) id = id * 91 + (digits[d] - '#' - (digits[d] > '\\'));
        cv_reserve(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);
        out->ids[out->count++] = id;
    }
}

static void append_list(const json_t *list, cv_tokens *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        cv_reserve(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);
        out->ids[out->count++] = (int32_t)json_integer_value(json_array_get(list, i));
    }
}

static void same_ids(const cv_tokens *found, const cv_tokens *expected, size_t string, const char *what)
{
    for (size_t i = 0; i < found->count && i < expected->count; i++)
        if (found->ids[i] != expected->ids[i])
            ck_abort_msg("string %zu, %s: id %zu is %d, not %d", string, what, i, (int)found->ids[i],
                         (int)expected->ids[i]);
    ck_assert_msg(found->count == expected->count, "string %zu, %s: %zu ids, not %zu", string, what, found->count,
                  expected->count);
}

static void check_encoding(const cv_tokenizer *t, const json_t *text, const json_t *fixture, size_t string,
                           const cv_tokens *body)
{
    cv_error err;
    cv_tokens found = {0}, around = {0};
    ck_assert(cv_tokenizer_encode(t, json_string_value(text), json_string_length(text), false, &found, &err));
    same_ids(&found, body, string, "without special tokens");
    append_list(json_object_get(fixture, "before"), &around);
    for (size_t i = 0; i < body->count; i++) {
        cv_reserve(&around.ids, &around.capacity, around.count + 1, sizeof *around.ids);
        around.ids[around.count++] = body->ids[i];
    }
    append_list(json_object_get(fixture, "after"), &around);
    found.count = 0;
    ck_assert(cv_tokenizer_encode(t, json_string_value(text), json_string_length(text), true, &found, &err));
    same_ids(&found, &around, string, "with special tokens");
    cv_tokens_free(&found);
    cv_tokens_free(&around);
}

static void check_decoding(const cv_tokenizer *t, const json_t *expected, bool skip, size_t string,
                           const cv_tokens *ids)
{
    size_t length;
    char *text = cv_tokenizer_decode(t, ids->ids, ids->count, skip, &length);
    bool same = length == json_string_length(expected) && memcmp(text, json_string_value(expected), length) == 0;
    ck_assert_msg(same, "string %zu decodes to \"%s\", not \"%s\"", string, text, json_string_value(expected));
    free(text);
}

/* fixture[key] holds the texts that differ from the usual one, by the string's index. */
static const json_t *or_other(const json_t *fixture, const char *key, size_t string, const json_t *usual)
{
    char index[24];
    snprintf(index, sizeof index, "%zu", string);
    const json_t *other = json_object_get(json_object_get(fixture, key), index);
    return other ? other : usual;
}

START_TEST(test_same_as_hugging_face)
{
    cv_error err;
    char *folder = folder_of(_i), name[64];
    if (!folder) return;
    snprintf(name, sizeof name, "ids/%s.json", known[_i].name);
    json_t *fixture = text_fixture(name), *strings = text_fixture("strings.json");
    const json_t *texts = json_object_get(strings, "strings"), *ids = json_object_get(fixture, "ids");
    int width = (int)json_integer_value(json_object_get(fixture, "width"));
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    ck_assert_uint_ge(json_array_size(texts), 500);
    ck_assert_uint_eq(json_array_size(texts), json_array_size(ids));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i), *whole = or_other(fixture, "decoded", i, text);
        cv_tokens body = {0};
        unpack(json_string_value(json_array_get(ids, i)), width, &body);
        check_encoding(t, text, fixture, i, &body);
        check_decoding(t, whole, false, i, &body);
        check_decoding(t, or_other(fixture, "skipped", i, whole), true, i, &body);
        cv_tokens_free(&body);
    }
    printf("%s: %zu strings, encoded and decoded in two ways each\n", known[_i].name, json_array_size(texts));
    fflush(stdout);
    cv_tokenizer_close(t);
    json_decref(fixture);
    json_decref(strings);
    free(folder);
}
END_TEST

START_TEST(test_same_chats)
{
    cv_error err;
    char *folder = folder_of(_i), name[64];
    if (!folder) return;
    snprintf(name, sizeof name, "ids/%s.json", known[_i].name);
    json_t *fixture = text_fixture(name);
    const json_t *chats = json_object_get(fixture, "chats");
    int width = (int)json_integer_value(json_object_get(fixture, "width"));
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    for (size_t i = 0; i < json_array_size(chats); i++) {
        const json_t *chat = json_array_get(chats, i);
        cv_format format = {CV_FORMAT_CHAT, json_string_value(json_object_get(chat, "system")), NULL};
        cv_tokens found = {0}, expected = {0};
        unpack(json_string_value(json_object_get(chat, "ids")), width, &expected);
        ck_assert_msg(cv_format_prompt(t, &format, json_string_value(json_object_get(chat, "prompt")), &found, NULL,
                                       &err),
                      "%s", err.text);
        same_ids(&found, &expected, i, "chat");
        cv_tokens_free(&found);
        cv_tokens_free(&expected);
    }
    printf("%s: %zu chats\n", known[_i].name, json_array_size(chats));
    fflush(stdout);
    cv_tokenizer_close(t);
    json_decref(fixture);
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
    tcase_add_loop_test(tests, test_same_as_hugging_face, 0, ROWS(known));
    tcase_add_loop_test(tests, test_same_chats, 4, ROWS(known));
    tcase_add_test(tests, test_tokens);
    tcase_add_test(tests, test_bad_text);
    tcase_add_loop_test(tests, test_hostile, 0, ROWS(hostile));
    tcase_add_test(tests, test_missing_file);
    return run_suite(tests);
}
