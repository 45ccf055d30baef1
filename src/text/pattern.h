/* What a tokenizer searches a text for: a string, or a regular expression. */
#ifndef CV_PATTERN_H
#define CV_PATTERN_H

#include "base/json.h"

#include <caravan/base.h>

#include <stddef.h>

typedef struct cv_pattern cv_pattern;

/* A stretch of the text that was searched, [start, end) in bytes, a match or what lies between two. */
typedef struct cv_span {
    size_t start, end;
    bool is_match;
} cv_span;

/* Start with {0}. */
typedef struct cv_spans {
    cv_span *items; /* [count] */
    size_t count, capacity;
} cv_spans;

/* string is not empty. */
cv_pattern *cv_pattern_string(const char *string);
/* A regular expression in Oniguruma's syntax; NULL with an error where it is not understood. */
cv_pattern *cv_pattern_regex(const char *expression, cv_error *err);
/* object[key], which is {"String": "..."} or {"Regex": "..."}. */
cv_pattern *cv_pattern_parse(const json_t *object, cv_json_place at, const char *key, cv_error *err);
void cv_pattern_free(cv_pattern *pattern);

/* Whether it is a plain string, so that cv_pattern_find cannot fail. */
bool cv_pattern_is_string(const cv_pattern *pattern);

/* Matches from left to right in valid UTF-8, none overlapping another, and the stretches between
 * them: together *spans covers the text. Replaces what *spans held. Bad input: the expression needs
 * more steps or memory on this text than the limits allow. */
bool cv_pattern_find(const cv_pattern *pattern, const char *text, size_t length, cv_spans *spans, cv_error *err);
void cv_spans_free(cv_spans *spans);

#endif
