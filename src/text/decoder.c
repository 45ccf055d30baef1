#include "text/decoder.h"

#include "base/memory.h"
#include "text/byte_alphabet.h"
#include "text/component.h"
#include "text/pattern.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef enum step_kind { BYTE_LEVEL, BYTE_FALLBACK, FUSE, METASPACE, REPLACE, STRIP } step_kind;

typedef struct step {
    step_kind kind;
    cv_pattern *pattern; /* REPLACE: a string */
    char *content;       /* REPLACE: what takes its place; STRIP, METASPACE: one character */
    bool drop_first;     /* METASPACE: the first token loses the character instead of getting blanks */
    int64_t start, stop; /* STRIP: at most so many characters at either end of a token */
} step;

struct cv_decoder {
    step *steps; /* [count], in order */
    size_t count, capacity;
    bool absent; /* there is no decoder: tokens are joined with blanks */
};

static bool parse_character(step *s, const json_t *object, cv_json_place at, const char *key, cv_error *err)
{
    const char *content = NULL;
    uint32_t code;
    if (!cv_json_string(object, at, key, CV_REQUIRED, &content, err)) return false;
    if (!*content || content[cv_utf8_decode(content, &code)])
        return cv_bad_input(err, "%s: %s.%s must be one character", at.file, at.field, key);
    s->content = cv_strdup(content);
    return true;
}

static bool parse_metaspace(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    static const char *const keys[] = {"type",    "replacement", "prepend_scheme", "split", "add_prefix_space",
                                       "str_rep", NULL};
    const char *scheme = "always";
    bool prefix = true;
    if (!cv_json_only_keys(object, at, keys, err) ||
        !cv_json_string(object, at, "prepend_scheme", CV_OPTIONAL, &scheme, err) ||
        !cv_json_bool(object, at, "add_prefix_space", CV_OPTIONAL, &prefix, err))
        return false;
    if (strcmp(scheme, "always") != 0 && strcmp(scheme, "first") != 0 && strcmp(scheme, "never") != 0)
        return cv_bad_input(err, "%s: %s.prepend_scheme: \"%s\" is not known", at.file, at.field, scheme);
    s->drop_first = strcmp(scheme, "never") != 0;
    if (!prefix && s->drop_first)
        return cv_bad_input(err, "%s: %s: add_prefix_space false contradicts prepend_scheme", at.file, at.field);
    return parse_character(s, object, at, "replacement", err);
}

static bool parse_replace(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *content = NULL;
    if (!cv_json_only_keys(object, at, (const char *const[]){"type", "pattern", "content", NULL}, err) ||
        !cv_json_string(object, at, "content", CV_REQUIRED, &content, err))
        return false;
    s->content = cv_strdup(content);
    s->pattern = cv_pattern_parse(object, at, "pattern", err);
    if (!s->pattern) return false;
    if (!cv_pattern_is_string(s->pattern))
        return cv_bad_input(err, "%s: %s: a decoder's regular expression is not supported by Caravan", at.file,
                            at.field);
    return true;
}

static bool parse_strip(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    return cv_json_only_keys(object, at, (const char *const[]){"type", "content", "start", "stop", NULL}, err) &&
           cv_json_int(object, at, "start", CV_REQUIRED, 0, INT32_MAX, &s->start, err) &&
           cv_json_int(object, at, "stop", CV_REQUIRED, 0, INT32_MAX, &s->stop, err) &&
           parse_character(s, object, at, "content", err);
}

static bool parse_step(void *room, const char *type, const json_t *object, cv_json_place at, cv_error *err)
{
    static const char *const names[] = {
        [BYTE_LEVEL] = "ByteLevel",
        [BYTE_FALLBACK] = "ByteFallback",
        [FUSE] = "Fuse",
        [METASPACE] = "Metaspace",
        [REPLACE] = "Replace",
        [STRIP] = "Strip",
    };
    cv_decoder *decoder = room;
    size_t kind = 0;
    while (kind <= STRIP && strcmp(type, names[kind]) != 0) kind++;
    if (kind > STRIP) return cv_component_unknown(at, type, err);
    cv_reserve(&decoder->steps, &decoder->capacity, decoder->count + 1, sizeof(step));
    step *s = &decoder->steps[decoder->count++];
    *s = (step){.kind = (step_kind)kind};
    switch (s->kind) {
    case METASPACE:
        return parse_metaspace(s, object, at, err);
    case REPLACE:
        return parse_replace(s, object, at, err);
    case STRIP:
        return parse_strip(s, object, at, err);
    default:
        return true; /* ByteLevel's settings concern encoding; the others have none */
    }
}

cv_decoder *cv_decoder_parse(const json_t *object, cv_json_place at, cv_error *err)
{
    cv_decoder *decoder = cv_calloc(1, sizeof *decoder);
    decoder->absent = !object;
    if (!object || cv_component_each(object, at, "decoders", parse_step, decoder, err)) return decoder;
    cv_decoder_free(decoder);
    return NULL;
}

void cv_decoder_free(cv_decoder *decoder)
{
    if (!decoder) return;
    for (size_t i = 0; i < decoder->count; i++) {
        cv_pattern_free(decoder->steps[i].pattern);
        free(decoder->steps[i].content);
    }
    free(decoder->steps);
    free(decoder);
}

/* A token whose characters do not all stand for bytes (an added one) is taken as it is. */
static void decode_byte_level(const cv_pieces *in, cv_pieces *out)
{
    cv_buffer bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        size_t length;
        const char *token = cv_pieces_at(in, i, &length);
        if (!cv_byte_alphabet_decode(&bytes, token, length)) cv_buffer_append(&bytes, token, length);
    }
    cv_utf8_append_lossy(&out->text, bytes.data, bytes.length);
    cv_pieces_end(out);
    cv_buffer_free(&bytes);
}

/* -1 where c is no hexadecimal digit. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte of a token "<0x0A>", -1 for another token. The reference also takes a sign. */
static int byte_of_token(const char *token, size_t length)
{
    if (length != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>') return -1;
    int high = token[3] == '+' ? 0 : hex_digit(token[3]), low = hex_digit(token[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A run of byte tokens becomes its text, or, where that is no text, one U+FFFD for each byte. */
static void flush_bytes(cv_buffer *bytes, cv_pieces *out)
{
    if (bytes->length == 0) return;
    if (cv_utf8_valid_prefix(bytes->data, bytes->length) == bytes->length)
        cv_pieces_add(out, bytes->data, bytes->length);
    else
        for (size_t i = 0; i < bytes->length; i++) cv_pieces_add(out, "\xef\xbf\xbd", 3);
    bytes->length = 0;
}

static void decode_byte_fallback(const cv_pieces *in, cv_pieces *out)
{
    cv_buffer bytes = {0};
    for (size_t i = 0; i < in->count; i++) {
        size_t length;
        const char *token = cv_pieces_at(in, i, &length);
        int byte = byte_of_token(token, length);
        if (byte >= 0) {
            cv_buffer_append(&bytes, &(char){(char)byte}, 1);
            continue;
        }
        flush_bytes(&bytes, out);
        cv_pieces_add(out, token, length);
    }
    flush_bytes(&bytes, out);
    cv_buffer_free(&bytes);
}

/* token with each occurrence of what is searched for replaced. */
static void append_replaced(const char *token, size_t length, const cv_pattern *pattern, const char *content,
                            cv_buffer *out)
{
    cv_spans spans = {0};
    cv_error unused;
    cv_pattern_find(pattern, token, length, &spans, &unused); /* a string cannot fail */
    for (size_t i = 0; i < spans.count; i++) {
        cv_span span = spans.items[i];
        if (span.is_match)
            cv_buffer_puts(out, content);
        else
            cv_buffer_append(out, token + span.start, span.end - span.start);
    }
    cv_spans_free(&spans);
}

static void append_metaspace(const step *s, const char *token, size_t length, bool first, cv_buffer *out)
{
    size_t size = strlen(s->content);
    for (size_t at = 0; at < length;) {
        if (length - at >= size && memcmp(token + at, s->content, size) == 0) {
            if (!first || !s->drop_first) cv_buffer_puts(out, " ");
            at += size;
        } else {
            cv_buffer_append(out, token + at++, 1);
        }
    }
}

static void append_stripped(const step *s, const char *token, size_t length, cv_buffer *out)
{
    size_t size = strlen(s->content), start = 0, end = length;
    for (int64_t i = 0; i < s->start && end - start >= size && memcmp(token + start, s->content, size) == 0; i++)
        start += size;
    for (int64_t i = 0; i < s->stop && end - start >= size && memcmp(token + end - size, s->content, size) == 0; i++)
        end -= size;
    cv_buffer_append(out, token + start, end - start);
}

static void apply_step(const step *s, const cv_pieces *in, cv_pieces *out)
{
    if (s->kind == BYTE_LEVEL) decode_byte_level(in, out);
    if (s->kind == BYTE_FALLBACK) decode_byte_fallback(in, out);
    if (s->kind == FUSE) cv_pieces_add(out, in->text.data, in->text.length);
    if (s->kind == BYTE_LEVEL || s->kind == BYTE_FALLBACK || s->kind == FUSE) return;
    for (size_t i = 0; i < in->count; i++) {
        size_t length;
        const char *token = cv_pieces_at(in, i, &length);
        if (s->kind == METASPACE) append_metaspace(s, token, length, i == 0, &out->text);
        if (s->kind == REPLACE) append_replaced(token, length, s->pattern, s->content, &out->text);
        if (s->kind == STRIP) append_stripped(s, token, length, &out->text);
        cv_pieces_end(out);
    }
}

void cv_decoder_apply(const cv_decoder *decoder, cv_pieces *tokens, cv_buffer *out)
{
    cv_pieces next = {0};
    for (size_t i = 0; i < decoder->count; i++) {
        cv_pieces_clear(&next);
        apply_step(&decoder->steps[i], tokens, &next);
        cv_pieces swap = *tokens;
        *tokens = next;
        next = swap;
    }
    for (size_t i = 0; i < tokens->count; i++) {
        size_t length;
        const char *token = cv_pieces_at(tokens, i, &length);
        if (decoder->absent && i > 0) cv_buffer_puts(out, " ");
        cv_buffer_append(out, token, length);
    }
    cv_pieces_free(&next);
}
