#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/pattern.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "text/pattern_syntax.h"
#include "text/utf8.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* Generous for the patterns that occur, whose work is linear, and still a bound of seconds. */
enum { MATCH_LIMIT = 10000000, HEAP_LIMIT_KIB = 65536 };

struct cv_pattern {
    char *string; /* or NULL: code */
    size_t length;
    char *expression; /* as written, for messages */
    pcre2_code *code;
    pcre2_match_context *limits; /* only read while matching, so threads may share it */
};

cv_pattern *cv_pattern_string(const char *string)
{
    cv_pattern *pattern = cv_calloc(1, sizeof *pattern);
    pattern->string = cv_strdup(string);
    pattern->length = strlen(string);
    return pattern;
}

static bool compile(cv_pattern *pattern, cv_error *err)
{
    cv_buffer translated = {0};
    bool fine = cv_pattern_translate(pattern->expression, &translated, err);
    if (!fine) goto done;
    int code;
    PCRE2_SIZE offset;
    pattern->code = pcre2_compile((PCRE2_SPTR)translated.data, translated.length,
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
    if (!pattern->code) {
        PCRE2_UCHAR reason[256];
        pcre2_get_error_message(code, reason, sizeof reason);
        fine = cv_bad_input(err, "regular expression %s: %s", pattern->expression, (const char *)reason);
        goto done;
    }
    pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE); /* without it, matching is slower */
    pattern->limits = pcre2_match_context_create(NULL);
    if (!pattern->limits) cv_fatal("out of memory for a regular expression");
    pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(pattern->limits, MATCH_LIMIT);
    pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
done:
    cv_buffer_free(&translated);
    return fine;
}

cv_pattern *cv_pattern_regex(const char *expression, cv_error *err)
{
    cv_pattern *pattern = cv_calloc(1, sizeof *pattern);
    pattern->expression = cv_strdup(expression);
    if (compile(pattern, err)) return pattern;
    cv_pattern_free(pattern);
    return NULL;
}

cv_pattern *cv_pattern_parse(const json_t *object, cv_json_place at, const char *key, cv_error *err)
{
    json_t *kinds = NULL;
    const char *string = NULL, *expression = NULL;
    if (!cv_json_object(object, at, key, CV_REQUIRED, &kinds, err) ||
        !cv_json_string(kinds, at, "String", CV_OPTIONAL, &string, err) ||
        !cv_json_string(kinds, at, "Regex", CV_OPTIONAL, &expression, err))
        return NULL;
    if (json_object_size(kinds) != 1 || (!string && !expression)) {
        cv_bad_input(err, "%s: %s.%s must be {\"String\": ...} or {\"Regex\": ...}", at.file, at.field, key);
        return NULL;
    }
    if (string ? !*string : !*expression) {
        cv_bad_input(err, "%s: %s.%s must not be empty", at.file, at.field, key);
        return NULL;
    }
    if (string) return cv_pattern_string(string);
    cv_pattern *pattern = cv_pattern_regex(expression, err);
    if (!pattern) cv_error_prefix(err, "%s: %s.%s", at.file, at.field, key);
    return pattern;
}

void cv_pattern_free(cv_pattern *pattern)
{
    if (!pattern) return;
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
    free(pattern->expression);
    free(pattern->string);
    free(pattern);
}

bool cv_pattern_is_string(const cv_pattern *pattern)
{
    return pattern->string != NULL;
}

static void add_span(cv_spans *spans, size_t start, size_t end, bool is_match)
{
    cv_reserve(&spans->items, &spans->capacity, spans->count + 1, sizeof *spans->items);
    spans->items[spans->count++] = (cv_span){start, end, is_match};
}

/* A match, and the stretch between it and the one before, which ended at *previous. */
static void add_match(cv_spans *spans, size_t *previous, size_t start, size_t end)
{
    if (*previous != start) add_span(spans, *previous, start, false);
    add_span(spans, start, end, true);
    *previous = end;
}

static void find_string(const cv_pattern *pattern, const char *text, size_t length, size_t *previous, cv_spans *spans)
{
    const char *found;
    while ((found = memmem(text + *previous, length - *previous, pattern->string, pattern->length))) {
        size_t start = (size_t)(found - text);
        add_match(spans, previous, start, start + pattern->length);
    }
}

/* One match at or behind from: 1, 0 for none, or PCRE2's negative error. */
static int match_once(const cv_pattern *pattern, const char *text, size_t length, size_t from, pcre2_match_data *data)
{
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, PCRE2_NO_UTF_CHECK, data, pattern->limits);
    /* The compiled matcher has a small fixed stack; the interpreter has the heap, up to its limit. */
    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data,
                             pattern->limits);
    if (result == PCRE2_ERROR_NOMATCH) return 0;
    return result < 0 ? result : 1;
}

static bool find_regex(const cv_pattern *pattern, const char *text, size_t length, size_t *previous, cv_spans *spans,
                       cv_error *err)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data) cv_fatal("out of memory for a regular expression");
    bool matched_before = false;
    int result = 0;
    for (size_t from = 0; from <= length;) {
        result = match_once(pattern, text, length, from, data);
        if (result <= 0) break;
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
        if (ends[0] == ends[1] && matched_before && ends[1] == *previous) {
            /* an empty match right behind a match does not count, as in the reference */
            uint32_t code;
            from += from < length ? cv_utf8_decode(text + from, &code) : 1;
            continue;
        }
        add_match(spans, previous, ends[0], ends[1]);
        matched_before = true;
        from = ends[1];
    }
    pcre2_match_data_free(data);
    if (result >= 0) return true;
    PCRE2_UCHAR reason[256];
    pcre2_get_error_message(result, reason, sizeof reason);
    return cv_bad_input(err, "the text is too much for the regular expression %s: %s; shorten the text",
                        pattern->expression, (const char *)reason);
}

bool cv_pattern_find(const cv_pattern *pattern, const char *text, size_t length, cv_spans *spans, cv_error *err)
{
    size_t previous = 0;
    spans->count = 0;
    if (length == 0) return true;
    if (pattern->string)
        find_string(pattern, text, length, &previous, spans);
    else if (!find_regex(pattern, text, length, &previous, spans, err))
        return false;
    if (previous != length) add_span(spans, previous, length, false);
    return true;
}

void cv_spans_free(cv_spans *spans)
{
    free(spans->items);
    *spans = (cv_spans){0};
}
