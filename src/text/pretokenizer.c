#include "text/pretokenizer.h"

#include "base/memory.h"
#include "text/byte_alphabet.h"
#include "text/component.h"
#include "text/split.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* GPT-2's pieces, which ByteLevel cuts. */
static const char GPT2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/* The reference's own tables see digits that its regular expressions do not know yet. */
static const char DIGIT[] = "[\\p{N}\\x{11de0}-\\x{11de9}\\x{16ff4}-\\x{16ff6}]";

typedef enum prefix_rule { PREFIX_NEVER, PREFIX_FIRST, PREFIX_ALWAYS } prefix_rule;

/* Every pre-tokenizer is some of these, in this order. */
typedef struct step {
    char *blank;         /* what replaces " ", or NULL */
    char *prefix;        /* what a piece gets in front that does not begin with it, or NULL */
    prefix_rule rule;    /* which pieces get it */
    cv_pattern *pattern; /* where pieces are cut, or NULL */
    cv_split_behavior behavior;
    bool invert;     /* what does not match counts as the match */
    bool byte_level; /* characters become those of the byte alphabet */
} step;

struct cv_pretokenizer {
    step *steps; /* [count], in order */
    size_t count, capacity;
};

static bool set_regex(step *s, const char *expression, cv_split_behavior behavior, cv_error *err)
{
    s->pattern = cv_pattern_regex(expression, err);
    s->behavior = behavior;
    return s->pattern != NULL;
}

static bool parse_split(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    if (!cv_json_only_keys(object, at, (const char *const[]){"type", "pattern", "behavior", "invert", NULL}, err) ||
        !cv_json_bool(object, at, "invert", CV_OPTIONAL, &s->invert, err) ||
        !cv_split_behavior_parse(object, at, "behavior", &s->behavior, err))
        return false;
    if (!json_object_get(object, "behavior")) return cv_bad_input(err, "%s: %s.behavior is missing", at.file, at.field);
    s->pattern = cv_pattern_parse(object, at, "pattern", err);
    return s->pattern != NULL;
}

static bool parse_byte_level(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    bool prefix = true, use_regex = true, trim_offsets = true; /* offsets are not computed here */
    if (!cv_json_only_keys(object, at,
                           (const char *const[]){"type", "add_prefix_space", "trim_offsets", "use_regex", NULL}, err) ||
        !cv_json_bool(object, at, "add_prefix_space", CV_REQUIRED, &prefix, err) ||
        !cv_json_bool(object, at, "trim_offsets", CV_OPTIONAL, &trim_offsets, err) ||
        !cv_json_bool(object, at, "use_regex", CV_OPTIONAL, &use_regex, err))
        return false;
    s->byte_level = true;
    if (prefix) {
        s->prefix = cv_strdup(" ");
        s->rule = PREFIX_ALWAYS;
    }
    return !use_regex || set_regex(s, GPT2, CV_SPLIT_ISOLATED, err);
}

static bool parse_prepend_scheme(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *scheme = "always";
    bool prefix = true; /* older files say this in place of prepend_scheme */
    if (!cv_json_string(object, at, "prepend_scheme", CV_OPTIONAL, &scheme, err) ||
        !cv_json_bool(object, at, "add_prefix_space", CV_OPTIONAL, &prefix, err))
        return false;
    if (strcmp(scheme, "always") == 0)
        s->rule = PREFIX_ALWAYS;
    else if (strcmp(scheme, "first") == 0)
        s->rule = PREFIX_FIRST;
    else if (strcmp(scheme, "never") != 0)
        return cv_bad_input(err, "%s: %s.prepend_scheme: \"%s\" is not known", at.file, at.field, scheme);
    if (!prefix && s->rule != PREFIX_NEVER)
        return cv_bad_input(err, "%s: %s: add_prefix_space false contradicts prepend_scheme", at.file, at.field);
    return true;
}

static bool parse_metaspace(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    const char *replacement = NULL;
    bool split = true;
    uint32_t code;
    if (!cv_json_only_keys(object, at,
                           (const char *const[]){"type", "replacement", "prepend_scheme", "split", "add_prefix_space",
                                                 "str_rep", NULL},
                           err) ||
        !cv_json_string(object, at, "replacement", CV_REQUIRED, &replacement, err) ||
        !cv_json_bool(object, at, "split", CV_OPTIONAL, &split, err) || !parse_prepend_scheme(s, object, at, err))
        return false;
    if (!*replacement || replacement[cv_utf8_decode(replacement, &code)])
        return cv_bad_input(err, "%s: %s.replacement must be one character", at.file, at.field);
    s->blank = cv_strdup(replacement);
    s->prefix = cv_strdup(replacement);
    if (split) s->pattern = cv_pattern_string(replacement);
    s->behavior = CV_SPLIT_MERGED_WITH_NEXT;
    return true;
}

static bool parse_digits(step *s, const json_t *object, cv_json_place at, cv_error *err)
{
    bool individual = false;
    return cv_json_only_keys(object, at, (const char *const[]){"type", "individual_digits", NULL}, err) &&
           cv_json_bool(object, at, "individual_digits", CV_REQUIRED, &individual, err) &&
           set_regex(s, DIGIT, individual ? CV_SPLIT_ISOLATED : CV_SPLIT_CONTIGUOUS, err);
}

static bool parse_white_space(step *s, const char *expression, const json_t *object, cv_json_place at, cv_error *err)
{
    return cv_json_only_keys(object, at, (const char *const[]){"type", NULL}, err) &&
           set_regex(s, expression, CV_SPLIT_REMOVED, err);
}

/* "First" asks where a piece began in the user's text, which is known before anything is cut. */
static bool check_first(const cv_pretokenizer *pretokenizer, cv_json_place at, cv_error *err)
{
    if (pretokenizer->count == 1 || pretokenizer->steps[pretokenizer->count - 1].rule != PREFIX_FIRST) return true;
    return cv_bad_input(err,
                        "%s: %s: prepend_scheme \"first\" behind another pre-tokenizer is not supported by Caravan",
                        at.file, at.field);
}

static bool parse_step(void *room, const char *type, const json_t *object, cv_json_place at, cv_error *err)
{
    cv_pretokenizer *pretokenizer = room;
    cv_reserve(&pretokenizer->steps, &pretokenizer->capacity, pretokenizer->count + 1, sizeof(step));
    step *s = &pretokenizer->steps[pretokenizer->count++];
    *s = (step){0};
    if (strcmp(type, "Split") == 0) return parse_split(s, object, at, err);
    if (strcmp(type, "ByteLevel") == 0) return parse_byte_level(s, object, at, err);
    if (strcmp(type, "Digits") == 0) return parse_digits(s, object, at, err);
    if (strcmp(type, "Metaspace") == 0)
        return parse_metaspace(s, object, at, err) && check_first(pretokenizer, at, err);
    if (strcmp(type, "WhitespaceSplit") == 0) return parse_white_space(s, "\\s", object, at, err);
    return cv_component_unknown(at, type, err);
}

cv_pretokenizer *cv_pretokenizer_parse(const json_t *object, cv_json_place at, cv_error *err)
{
    cv_pretokenizer *pretokenizer = cv_calloc(1, sizeof *pretokenizer);
    if (!object || cv_component_each(object, at, "pretokenizers", parse_step, pretokenizer, err)) return pretokenizer;
    cv_pretokenizer_free(pretokenizer);
    return NULL;
}

void cv_pretokenizer_free(cv_pretokenizer *pretokenizer)
{
    if (!pretokenizer) return;
    for (size_t i = 0; i < pretokenizer->count; i++) {
        cv_pattern_free(pretokenizer->steps[i].pattern);
        free(pretokenizer->steps[i].prefix);
        free(pretokenizer->steps[i].blank);
    }
    free(pretokenizer->steps);
    free(pretokenizer);
}

/* *piece with blanks replaced and the prefix before it. */
static void rewrite(const step *s, const char *text, size_t length, bool at_start, cv_buffer *piece)
{
    piece->length = 0;
    for (size_t i = 0; i < length; i++) {
        if (s->blank && text[i] == ' ')
            cv_buffer_puts(piece, s->blank);
        else
            cv_buffer_append(piece, text + i, 1);
    }
    if (!s->prefix || s->rule == PREFIX_NEVER || (s->rule == PREFIX_FIRST && !at_start)) return;
    size_t size = strlen(s->prefix);
    if (piece->length >= size && memcmp(piece->data, s->prefix, size) == 0) return;
    cv_buffer_append(piece, s->prefix, size); /* makes room */
    memmove(piece->data + size, piece->data, piece->length - size);
    memcpy(piece->data, s->prefix, size);
}

static void emit(const step *s, const char *text, size_t length, cv_pieces *out)
{
    if (length == 0) return;
    if (s->byte_level)
        cv_byte_alphabet_encode(&out->text, text, length);
    else
        cv_buffer_append(&out->text, text, length);
    cv_pieces_end(out);
}

/* Memory that one call of cv_pretokenizer_apply uses again and again. */
typedef struct scratch {
    cv_buffer piece;
    cv_spans spans;
} scratch;

static bool cut(const step *s, const char *text, size_t length, bool at_start, scratch *memory, cv_pieces *out,
                cv_error *err)
{
    if (s->blank || s->prefix) {
        rewrite(s, text, length, at_start, &memory->piece);
        text = memory->piece.data;
        length = memory->piece.length;
    }
    if (!s->pattern) {
        emit(s, text, length, out);
        return true;
    }
    cv_spans *spans = &memory->spans;
    if (!cv_pattern_find(s->pattern, text, length, spans, err)) return false;
    for (size_t i = 0; s->invert && i < spans->count; i++) spans->items[i].is_match = !spans->items[i].is_match;
    cv_split_arrange(spans, s->behavior);
    for (size_t i = 0; i < spans->count; i++)
        emit(s, text + spans->items[i].start, spans->items[i].end - spans->items[i].start, out);
    return true;
}

bool cv_pretokenizer_apply(const cv_pretokenizer *pretokenizer, const char *text, size_t length, bool at_start,
                           cv_pieces *pieces, cv_error *err)
{
    scratch memory = {0};
    cv_pieces next = {0};
    bool fine = true;
    cv_pieces_clear(pieces);
    if (length) cv_pieces_add(pieces, text, length);
    for (size_t i = 0; fine && i < pretokenizer->count; i++) {
        cv_pieces_clear(&next);
        for (size_t j = 0; fine && j < pieces->count; j++) {
            size_t size;
            const char *piece = cv_pieces_at(pieces, j, &size);
            fine = cut(&pretokenizer->steps[i], piece, size, at_start, &memory, &next, err);
        }
        cv_pieces swap = *pieces;
        *pieces = next;
        next = swap;
    }
    cv_pieces_free(&next);
    cv_spans_free(&memory.spans);
    cv_buffer_free(&memory.piece);
    return fine;
}
