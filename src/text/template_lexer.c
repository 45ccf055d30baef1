#include "text/template_lexer.h"

#include "base/memory.h"
#include "text/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct lexer {
    const char *at, *end; /* the rest of the source */
    char *store;          /* where words' texts go: never longer than the source plus a NUL a word */
    size_t used;
    bool line_start; /* text read next starts a line */
    cv_template_words *words;
    cv_error *err;
} lexer;

static void add_word(lexer *l, cv_word_kind kind, const char *text, size_t length)
{
    cv_template_words *words = l->words;
    cv_reserve(&words->items, &words->capacity, words->count + 1, sizeof *words->items);
    char *copy = l->store + l->used;
    memmove(copy, text, length);
    copy[length] = 0;
    l->used += length + 1;
    words->items[words->count++] = (cv_word){kind, copy, length, 0};
}

static bool starts(const lexer *l, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(l->end - l->at) >= length && memcmp(l->at, text, length) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Text up to the next tag, which may swallow white space before it. */
static void read_text(lexer *l)
{
    const char *start = l->at;
    while (l->at < l->end && !starts(l, "{{") && !starts(l, "{%") && !starts(l, "{#")) l->at++;
    const char *stop = l->at;
    if (l->at < l->end && l->end - l->at > 2) {
        char sign = l->at[2];
        if (sign == '-') {
            while (stop > start && is_space(stop[-1])) stop--;
        } else if (sign != '+' && l->at[1] != '{') {
            const char *line = stop;
            while (line > start && line[-1] != '\n' && is_space(line[-1])) line--;
            if (line > start ? line[-1] == '\n' : l->line_start) stop = line;
        }
    }
    if (stop > start) add_word(l, CV_WORD_TEXT, start, (size_t)(stop - start));
    l->line_start = false;
}

/* Passes the end of a tag, the sign before it, and the white space that it swallows. */
static bool pass_end(lexer *l, const char *end, bool trim_newline)
{
    char sign = l->at < l->end ? *l->at : 0;
    bool minus = sign == '-', plus = sign == '+' && trim_newline;
    const char *before = l->at;
    if (minus || plus) l->at++;
    if (!starts(l, end)) {
        l->at = before;
        return false;
    }
    l->at += strlen(end);
    if (minus)
        while (l->at < l->end && is_space(*l->at)) l->at++;
    else if (trim_newline && !plus && l->at < l->end && *l->at == '\n')
        l->at++;
    l->line_start = l->at[-1] == '\n';
    return true;
}

/* The value of \xHH, \uHHHH or \UHHHHHHHH behind the letter. */
static bool read_code(lexer *l, size_t digits, cv_buffer *out)
{
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++, l->at++) {
        if (l->at == l->end || !isxdigit((unsigned char)*l->at)) return false;
        code = code * 16 + (uint32_t)(isdigit((unsigned char)*l->at) ? *l->at - '0' : (*l->at | 0x20) - 'a' + 10);
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    char bytes[4];
    cv_buffer_append(out, bytes, cv_utf8_encode(code, bytes));
    return true;
}

/* An escape in a string; l->at is behind the backslash. */
static bool read_escape(lexer *l, cv_buffer *out)
{
    static const char letters[] = "ntrabfv\\'\"", values[] = "\n\t\r\a\b\f\v\\'\"";
    char c = *l->at++;
    const char *known = strchr(letters, c);
    if (c && known) return cv_buffer_append(out, &values[known - letters], 1), true;
    if (c == '\n') return true;
    if (c == 'x') return read_code(l, 2, out);
    if (c == 'u') return read_code(l, 4, out);
    if (c == 'U') return read_code(l, 8, out);
    if (c == 'N' || isdigit((unsigned char)c)) return false;
    cv_buffer_append(out, "\\", 1); /* as in Python, an unknown escape stands for itself */
    cv_buffer_append(out, &c, 1);
    return true;
}

static bool read_string(lexer *l)
{
    char quote = *l->at++;
    cv_buffer value = {0};
    bool fine = true;
    while (fine && l->at < l->end && *l->at != quote) {
        char c = *l->at++;
        if (c != '\\')
            cv_buffer_append(&value, &c, 1);
        else
            fine = l->at < l->end && read_escape(l, &value);
    }
    fine = fine && l->at < l->end;
    if (fine) {
        l->at++;
        add_word(l, CV_WORD_STRING, value.data ? value.data : "", value.length);
    }
    cv_buffer_free(&value);
    return fine || cv_bad_input(l->err, "a string without end, or an escape that is not supported");
}

static bool read_integer(lexer *l)
{
    const char *start = l->at;
    int64_t value = 0;
    while (l->at < l->end && isdigit((unsigned char)*l->at)) {
        if (value > 99999999) return cv_bad_input(l->err, "a number that is too large");
        value = value * 10 + (*l->at++ - '0');
    }
    if (l->at < l->end && (*l->at == '.' || *l->at == '_') && l->at + 1 < l->end && isdigit((unsigned char)l->at[1]))
        return cv_bad_input(l->err, "a number that is not whole");
    add_word(l, CV_WORD_INTEGER, start, (size_t)(l->at - start));
    l->words->items[l->words->count - 1].integer = value;
    return true;
}

static bool read_operator(lexer *l)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "//", "+", "-", "*", "/", "%", "~", "<",
                                            ">",  "=",  "(",  ")",  "[",  "]", "{", "}", ",", ".", ":", "|"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!starts(l, operators[i])) continue;
        size_t length = strlen(operators[i]);
        add_word(l, CV_WORD_OPERATOR, l->at, length);
        l->at += length;
        return true;
    }
    return cv_bad_input(l->err, "the character \"%.1s\" inside a tag", l->at);
}

static bool read_word(lexer *l)
{
    char c = *l->at;
    if (c == '\'' || c == '"') return read_string(l);
    if (isdigit((unsigned char)c)) return read_integer(l);
    if (!isalpha((unsigned char)c) && c != '_') return read_operator(l);
    const char *start = l->at;
    while (l->at < l->end && (isalnum((unsigned char)*l->at) || *l->at == '_')) l->at++;
    add_word(l, CV_WORD_NAME, start, (size_t)(l->at - start));
    return true;
}

/* A tag {{ ... }} or {% ... %}; l->at is at its start. */
static bool read_tag(lexer *l)
{
    bool print = l->at[1] == '{';
    int depth = 0; /* of braces: "}}" may end a dictionary in a dictionary */
    add_word(l, print ? CV_WORD_PRINT : CV_WORD_TAG, l->at, 2);
    l->at += 2;
    if (l->at < l->end && (*l->at == '-' || *l->at == '+')) l->at++;
    while (l->at < l->end) {
        if (is_space(*l->at)) {
            l->at++;
            continue;
        }
        if (depth == 0 && pass_end(l, print ? "}}" : "%}", !print)) {
            add_word(l, CV_WORD_CLOSE, "", 0);
            return true;
        }
        depth += (*l->at == '{') - (*l->at == '}');
        if (!read_word(l)) return false;
    }
    return cv_bad_input(l->err, "a tag without end");
}

static bool pass_comment(lexer *l)
{
    for (l->at += 2; l->at < l->end; l->at++)
        if ((*l->at == '#' || *l->at == '-' || *l->at == '+') && pass_end(l, "#}", true)) return true;
    return cv_bad_input(l->err, "a comment without end");
}

/* Line ends become \n, and the last one goes, as Jinja reads its sources. */
static char *normalize_line_ends(const char *source, size_t length, size_t *out_length)
{
    char *text = cv_alloc(length + 1, 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        bool pair = source[i] == '\r' && i + 1 < length && source[i + 1] == '\n';
        text[used++] = source[i] == '\r' ? '\n' : source[i];
        i += pair;
    }
    if (used && text[used - 1] == '\n') used--;
    text[used] = 0;
    *out_length = used;
    return text;
}

bool cv_template_words_read(const char *source, size_t length, cv_template_words *words, cv_error *err)
{
    char *text = normalize_line_ends(source, length, &length);
    words->store = cv_alloc(2 * length + 2, 1);
    lexer l = {.at = text, .end = text + length, .store = words->store, .line_start = true, .words = words, .err = err};
    bool fine = true;
    while (fine && l.at < l.end) {
        read_text(&l);
        if (l.at < l.end) fine = starts(&l, "{#") ? pass_comment(&l) : read_tag(&l);
    }
    if (fine) add_word(&l, CV_WORD_END, "", 0);
    free(text);
    return fine;
}

void cv_template_words_free(cv_template_words *words)
{
    free(words->items);
    free(words->store);
    *words = (cv_template_words){0};
}
