#include "text/normalizer.h"

#include "base/memory.h"
#include "text/byte_alphabet.h"
#include "text/component.h"
#include "text/pattern.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef enum step_kind { PREPEND, REPLACE, NORMAL_FORM, LOWERCASE, STRIP, BYTE_LEVEL } step_kind;

typedef struct step {
    step_kind kind;
    char *content;       /* PREPEND, REPLACE */
    cv_pattern *pattern; /* REPLACE */
    cv_normal_form form; /* NORMAL_FORM */
    bool left, right;    /* STRIP */
} step;

struct cv_normalizer {
    step *steps; /* [count], in order */
    size_t count, capacity;
};

static step *add_step(cv_normalizer *normalizer, step_kind kind)
{
    cv_reserve(&normalizer->steps, &normalizer->capacity, normalizer->count + 1, sizeof(step));
    step *added = &normalizer->steps[normalizer->count++];
    *added = (step){.kind = kind};
    return added;
}

static bool parse_prepend(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *content = NULL;
    if (!cv_json_only_keys(object, at, (const char *const[]){"type", "prepend", NULL}, err) ||
        !cv_json_string(object, at, "prepend", CV_REQUIRED, &content, err))
        return false;
    s->content = cv_strdup(content);
    return true;
}

static bool parse_replace(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *content = NULL;
    if (!cv_json_only_keys(object, at, (const char *const[]){"type", "pattern", "content", NULL}, err) ||
        !cv_json_string(object, at, "content", CV_REQUIRED, &content, err))
        return false;
    s->content = cv_strdup(content);
    s->pattern = cv_pattern_parse(object, at, "pattern", err);
    return s->pattern != NULL;
}

static bool parse_strip(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    return cv_json_only_keys(object, at, (const char *const[]){"type", "strip_left", "strip_right", NULL}, err) &&
           cv_json_bool(object, at, "strip_left", CV_REQUIRED, &s->left, err) &&
           cv_json_bool(object, at, "strip_right", CV_REQUIRED, &s->right, err);
}

static bool parse_plain(const json_t *object, cv_json_place at, cv_error *err)
{
    return cv_json_only_keys(object, at, (const char *const[]){"type", NULL}, err);
}

static bool parse_step(void *room, const char *type, const json_t *object, cv_json_place at, cv_error *err)
{
    static const char *const forms[] = {[CV_NFC] = "NFC", [CV_NFD] = "NFD", [CV_NFKC] = "NFKC", [CV_NFKD] = "NFKD"};
    cv_normalizer *normalizer = room;
    if (strcmp(type, "Prepend") == 0) return parse_prepend(add_step(normalizer, PREPEND), object, at, err);
    if (strcmp(type, "Replace") == 0) return parse_replace(add_step(normalizer, REPLACE), object, at, err);
    if (strcmp(type, "Strip") == 0) return parse_strip(add_step(normalizer, STRIP), object, at, err);
    if (strcmp(type, "Lowercase") == 0) return add_step(normalizer, LOWERCASE), parse_plain(object, at, err);
    if (strcmp(type, "ByteLevel") == 0) return add_step(normalizer, BYTE_LEVEL), parse_plain(object, at, err);
    for (cv_normal_form form = CV_NFC; form <= CV_NFKD; form++) {
        if (strcmp(type, forms[form]) != 0) continue;
        add_step(normalizer, NORMAL_FORM)->form = form;
        return parse_plain(object, at, err);
    }
    return cv_component_unknown(at, type, err);
}

cv_normalizer *cv_normalizer_parse(const json_t *object, cv_json_place at, cv_error *err)
{
    cv_normalizer *normalizer = cv_calloc(1, sizeof *normalizer);
    if (!object || cv_component_each(object, at, "normalizers", parse_step, normalizer, err)) return normalizer;
    cv_normalizer_free(normalizer);
    return NULL;
}

void cv_normalizer_free(cv_normalizer *normalizer)
{
    if (!normalizer) return;
    for (size_t i = 0; i < normalizer->count; i++) {
        cv_pattern_free(normalizer->steps[i].pattern);
        free(normalizer->steps[i].content);
    }
    free(normalizer->steps);
    free(normalizer);
}

static bool append_replaced(const step *s, const cv_buffer *text, cv_buffer *out, cv_error *err)
{
    cv_spans spans = {0};
    bool fine = cv_pattern_find(s->pattern, text->data, text->length, &spans, err);
    for (size_t i = 0; fine && i < spans.count; i++) {
        cv_span span = spans.items[i];
        if (span.is_match)
            cv_buffer_puts(out, s->content);
        else
            cv_buffer_append(out, text->data + span.start, span.end - span.start);
    }
    cv_spans_free(&spans);
    return fine;
}

static void append_stripped(const step *s, const cv_buffer *text, cv_buffer *out)
{
    size_t start = 0, end = text->length;
    uint32_t code;
    while (s->left && start < end) {
        size_t bytes = cv_utf8_decode(text->data + start, &code);
        if (!cv_is_white_space(code)) break;
        start += bytes;
    }
    while (s->right && end > start) {
        size_t bytes = cv_utf8_last(text->data, end);
        cv_utf8_decode(text->data + end - bytes, &code);
        if (!cv_is_white_space(code)) break;
        end -= bytes;
    }
    cv_buffer_append(out, text->data + start, end - start);
}

static bool apply_step(const step *s, const cv_buffer *text, cv_buffer *out, cv_error *err)
{
    switch (s->kind) {
    case PREPEND:
        cv_buffer_puts(out, s->content);
        cv_buffer_append(out, text->data, text->length);
        return true;
    case REPLACE:
        return append_replaced(s, text, out, err);
    case NORMAL_FORM:
        cv_append_normal_form(out, text->data, text->length, s->form);
        return true;
    case LOWERCASE:
        cv_append_lowercase(out, text->data, text->length);
        return true;
    case STRIP:
        append_stripped(s, text, out);
        return true;
    case BYTE_LEVEL:
        cv_byte_alphabet_encode(out, text->data, text->length);
        return true;
    }
    return true;
}

bool cv_normalizer_apply(const cv_normalizer *normalizer, cv_buffer *text, cv_error *err)
{
    for (size_t i = 0; i < normalizer->count && text->length > 0; i++) {
        cv_buffer out = {0};
        bool fine = apply_step(&normalizer->steps[i], text, &out, err);
        cv_buffer_free(text);
        *text = out;
        if (!fine) return false;
    }
    return true;
}
