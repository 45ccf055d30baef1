/* Comparing a tokenizer with what text_fixtures.py or text_prompts.py wrote of Hugging Face's. */
#ifndef TESTS_TEXT_REFERENCE_H
#define TESTS_TEXT_REFERENCE_H

#include "text_cases.h"

#include <caravan/text.h>

/* The ids that text_fixtures.py packed into digits. */
static inline void unpack(const char *digits, int width, cv_tokens *out)
{
    for (; *digits; digits += width) {
        int32_t id = 0;
        for (int d = width - 1; d >= 0; d--) id = id * 91 + (digits[d] - '#' - (digits[d] > '\\'));
        cv_reserve(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);
        out->ids[out->count++] = id;
    }
}

static inline void append_list(const json_t *list, cv_tokens *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        cv_reserve(&out->ids, &out->capacity, out->count + 1, sizeof *out->ids);
        out->ids[out->count++] = (int32_t)json_integer_value(json_array_get(list, i));
    }
}

static inline void same_ids(const cv_tokens *found, const cv_tokens *expected, size_t string, const char *what)
{
    for (size_t i = 0; i < found->count && i < expected->count; i++)
        if (found->ids[i] != expected->ids[i])
            ck_abort_msg("string %zu, %s: id %zu is %d, not %d", string, what, i, (int)found->ids[i],
                         (int)expected->ids[i]);
    ck_assert_msg(found->count == expected->count, "string %zu, %s: %zu ids, not %zu", string, what, found->count,
                  expected->count);
}

static inline void check_encoding(const cv_tokenizer *t, const json_t *text, const json_t *fixture, size_t string,
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

static inline void check_decoding(const cv_tokenizer *t, const json_t *expected, bool skip, size_t string,
                                  const cv_tokens *ids)
{
    size_t length;
    char *text = cv_tokenizer_decode(t, ids->ids, ids->count, skip, &length);
    bool same = length == json_string_length(expected) && memcmp(text, json_string_value(expected), length) == 0;
    ck_assert_msg(same, "string %zu decodes to \"%s\", not \"%s\"", string, text, json_string_value(expected));
    free(text);
}

/* fixture[key] holds the texts that differ from the usual one, by the string's index. */
static inline const json_t *or_other(const json_t *fixture, const char *key, size_t string, const json_t *usual)
{
    char index[24];
    snprintf(index, sizeof index, "%zu", string);
    const json_t *other = json_object_get(json_object_get(fixture, key), index);
    return other ? other : usual;
}

/* Both ways, with and without special tokens, for every string; their number. */
static inline size_t check_strings(const cv_tokenizer *t, const json_t *texts, const json_t *reference)
{
    const json_t *ids = json_object_get(reference, "ids");
    int width = (int)json_integer_value(json_object_get(reference, "width"));
    ck_assert_uint_eq(json_array_size(texts), json_array_size(ids));
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i), *whole = or_other(reference, "decoded", i, text);
        cv_tokens body = {0};
        unpack(json_string_value(json_array_get(ids, i)), width, &body);
        check_encoding(t, text, reference, i, &body);
        check_decoding(t, whole, false, i, &body);
        check_decoding(t, or_other(reference, "skipped", i, whole), true, i, &body);
        cv_tokens_free(&body);
    }
    return json_array_size(texts);
}

/* The strings of the fixtures, against ids/NAME.json. */
static inline void check_fixture(const char *folder, const char *name)
{
    cv_error err;
    char file[64];
    snprintf(file, sizeof file, "ids/%s.json", name);
    json_t *reference = text_fixture(file), *strings = text_fixture("strings.json");
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    size_t count = check_strings(t, json_object_get(strings, "strings"), reference);
    ck_assert_uint_ge(count, 500);
    printf("%s: %zu strings, encoded and decoded in two ways each\n", name, count);
    fflush(stdout);
    cv_tokenizer_close(t);
    json_decref(reference);
    json_decref(strings);
}

#endif
