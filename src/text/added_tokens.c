#include "text/added_tokens.h"

#include "base/memory.h"
#include "text/matcher.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_token(const json_t *object, cv_json_place at, cv_added_token *token, const char **content, int64_t *id,
                       cv_error *err)
{
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    if (!json_is_object(object)) return cv_bad_input(err, "%s: %s must be an object {...}", at.file, at.field);
    return cv_json_only_keys(object, at, keys, err) &&
           cv_json_int(object, at, "id", CV_REQUIRED, 0, CV_TOKEN_LIMIT - 1, id, err) &&
           cv_json_string(object, at, "content", CV_REQUIRED, content, err) &&
           cv_json_bool(object, at, "single_word", CV_REQUIRED, &token->single_word, err) &&
           cv_json_bool(object, at, "lstrip", CV_REQUIRED, &token->lstrip, err) &&
           cv_json_bool(object, at, "rstrip", CV_REQUIRED, &token->rstrip, err) &&
           cv_json_bool(object, at, "normalized", CV_REQUIRED, &token->normalized, err) &&
           cv_json_bool(object, at, "special", CV_REQUIRED, &token->special, err);
}

/* content, normalized as the text will be where the token asks for it; NULL on error. */
static char *searched_text(const cv_added_token *token, const cv_normalizer *normalizer, cv_error *err)
{
    cv_buffer text = {0};
    cv_buffer_puts(&text, token->content);
    if (!token->normalized || cv_normalizer_apply(normalizer, &text, err)) return cv_buffer_steal(&text);
    cv_buffer_free(&text);
    return NULL;
}

/* What the tokens are read against. */
typedef struct surroundings {
    const cv_vocabulary *vocabulary;
    const cv_normalizer *normalizer;
    int32_t next_id; /* of the next token that the vocabulary does not hold */
} surroundings;

static bool add_token(cv_added_tokens *added, const json_t *object, surroundings *around, cv_json_place at,
                      cv_error *err)
{
    cv_added_token token = {0};
    const char *content = NULL;
    int64_t id = 0;
    if (!read_token(object, at, &token, &content, &id, err)) return false;
    if (!*content) return true; /* ignored, as in the reference */
    token.id = cv_vocabulary_find(around->vocabulary, content, strlen(content));
    if (token.id < 0) token.id = around->next_id++;
    if (token.id != id)
        return cv_bad_input(err, "%s: %s: the token \"%.60s\" has the id %lld, but its place in the vocabulary is %d",
                            at.file, at.field, content, (long long)id, (int)token.id);
    cv_reserve(&added->tokens, &added->capacity, added->count + 1, sizeof token);
    token.content = cv_strdup(content);
    added->tokens[added->count] = token;
    added->tokens[added->count++].searched = searched_text(&token, around->normalizer, err);
    if (added->tokens[added->count - 1].searched) return true;
    return cv_error_prefix(err, "%s: %s", at.file, at.field);
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const cv_added_token *)a)->id, y = ((const cv_added_token *)b)->id;
    return (x > y) - (x < y);
}

/* Fills the matchers, whose values are indices into tokens. */
static bool index_tokens(cv_added_tokens *added, const cv_vocabulary *vocabulary, cv_json_place at, cv_error *err)
{
    if (added->count) qsort(added->tokens, added->count, sizeof *added->tokens, by_id);
    for (size_t i = 0; i < added->count; i++) {
        const cv_added_token *token = &added->tokens[i];
        const char *other = cv_vocabulary_spelling(vocabulary, token->id);
        if (other && strcmp(other, token->content) != 0)
            return cv_bad_input(err, "%s: %s: the tokens \"%.40s\" and \"%.40s\" have the same id %d", at.file,
                                at.field, other, token->content, (int)token->id);
        if (!cv_matcher_add(token->normalized ? added->normalized : added->raw, token->searched, (int32_t)i))
            return cv_bad_input(err, "%s: %s: the token \"%.60s\" is there twice, or empty when normalized", at.file,
                                at.field, token->content);
    }
    return true;
}

/* A decoder that skips special tokens compares spellings, of which normalized tokens have another. */
static void mark_skipped(cv_added_tokens *added)
{
    cv_matcher *special = cv_matcher_create();
    for (size_t i = 0; i < added->count; i++)
        if (added->tokens[i].special) cv_matcher_add(special, added->tokens[i].content, 0);
    for (size_t i = 0; i < added->count; i++) {
        size_t matched = 0, length = strlen(added->tokens[i].searched);
        added->tokens[i].skipped =
            cv_matcher_longest(special, added->tokens[i].searched, length, &matched) >= 0 && matched == length;
    }
    cv_matcher_free(special);
}

bool cv_added_tokens_parse(cv_added_tokens *added, const json_t *list, const cv_vocabulary *vocabulary,
                           const cv_normalizer *normalizer, cv_json_place at, cv_error *err)
{
    surroundings around = {vocabulary, normalizer, (int32_t)vocabulary->count};
    added->raw = cv_matcher_create();
    added->normalized = cv_matcher_create();
    for (size_t i = 0; i < json_array_size(list); i++) {
        char field[64];
        snprintf(field, sizeof field, "%s[%zu]", at.field, i);
        if (!add_token(added, json_array_get(list, i), &around, (cv_json_place){at.file, field}, err)) return false;
    }
    if (!index_tokens(added, vocabulary, at, err)) return false;
    mark_skipped(added);
    return true;
}

void cv_added_tokens_free(cv_added_tokens *added)
{
    for (size_t i = 0; i < added->count; i++) {
        free(added->tokens[i].content);
        free(added->tokens[i].searched);
    }
    free(added->tokens);
    cv_matcher_free(added->raw);
    cv_matcher_free(added->normalized);
    *added = (cv_added_tokens){0};
}

const cv_added_token *cv_added_tokens_find(const cv_added_tokens *added, int32_t id)
{
    size_t low = 0, high = added->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (added->tokens[middle].id == id) return &added->tokens[middle];
        if (added->tokens[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void add_segment(cv_segments *segments, size_t start, size_t end, int32_t id)
{
    cv_reserve(&segments->items, &segments->capacity, segments->count + 1, sizeof *segments->items);
    segments->items[segments->count++] = (cv_segment){start, end, id};
}

static bool touches_word(const char *text, size_t length, size_t start, size_t end)
{
    uint32_t code;
    if (start > 0) {
        cv_utf8_decode(text + start - cv_utf8_last(text, start), &code);
        if (cv_is_word(code)) return true;
    }
    if (end == length) return false;
    cv_utf8_decode(text + end, &code);
    return cv_is_word(code);
}

static size_t skip_space_left(const char *text, size_t start)
{
    while (start > 0) {
        uint32_t code;
        size_t bytes = cv_utf8_last(text, start);
        cv_utf8_decode(text + start - bytes, &code);
        if (!cv_is_white_space(code)) break;
        start -= bytes;
    }
    return start;
}

static size_t skip_space_right(const char *text, size_t length, size_t end)
{
    while (end < length) {
        uint32_t code;
        size_t bytes = cv_utf8_decode(text + end, &code);
        if (!cv_is_white_space(code)) break;
        end += bytes;
    }
    return end;
}

void cv_added_tokens_split(const cv_added_tokens *added, bool normalized, const char *text, size_t length,
                           cv_segments *segments)
{
    const cv_matcher *matcher = normalized ? added->normalized : added->raw;
    size_t done = 0, matched = 0; /* what lies before done is in a segment */
    segments->count = 0;
    for (size_t at = 0; at < length; at += matched) {
        int32_t index = cv_matcher_longest(matcher, text + at, length - at, &matched);
        if (index < 0) {
            matched = 1; /* a token starts at no byte inside a character */
            continue;
        }
        const cv_added_token *token = &added->tokens[index];
        size_t start = at, end = at + matched;
        if (token->single_word && touches_word(text, length, start, end)) continue;
        if (token->lstrip) {
            start = skip_space_left(text, start);
            if (start < done) start = done;
        }
        if (token->rstrip) end = skip_space_right(text, length, end);
        if (done < start) add_segment(segments, done, start, -1);
        if (start < end) add_segment(segments, start, end, token->id); /* else all was swallowed before */
        done = end;
    }
    if (done < length) add_segment(segments, done, length, -1);
}

void cv_segments_free(cv_segments *segments)
{
    free(segments->items);
    *segments = (cv_segments){0};
}
