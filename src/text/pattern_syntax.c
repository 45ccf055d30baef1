#include "text/pattern_syntax.h"

#include "text/unicode_tables.h"
#include "text/utf8.h"

#include <ctype.h>
#include <string.h>

enum { MAX_GROUPS = 64 };

typedef struct translation {
    const char *source; /* the whole pattern, NUL-terminated */
    const char *at;     /* what is read next */
    cv_buffer *out;
    cv_error *err;
    bool caseless[MAX_GROUPS]; /* [depth + 1] whether letters of the group match either case */
    size_t depth;
    bool can_repeat; /* a quantifier may follow */
} translation;

static bool refuse(translation *t, const char *construct)
{
    return cv_bad_input(t->err, "regular expression: %s at byte %zu is not supported: %s", construct,
                        (size_t)(t->at - t->source), t->source);
}

/* Ranges of a general category ("L", "Lu") that PCRE2's tables may lack, for inside a class. */
static void append_recent(cv_buffer *out, const char *category)
{
    for (size_t i = 0; i < cv_unicode_recent_count; i++) {
        const cv_recent_range *range = &cv_unicode_recent[i];
        if (strncmp(range->category, category, strlen(category)) == 0)
            cv_buffer_printf(out, "\\x{%x}-\\x{%x}", (unsigned)range->first, (unsigned)range->last);
    }
}

/* \w, for inside a class. Oniguruma counts a few superscripts and fractions of Latin-1 as letters. */
static void append_word(cv_buffer *out)
{
    static const char *const parts[] = {"L", "M", "Nd", "Nl", "Pc"};
    cv_buffer_puts(out, "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) append_recent(out, parts[i]);
}

/* Sets that need more than one item in PCRE2: outside a class they get brackets of their own;
 * inside one, their complement cannot be said. */
static bool open_set(translation *t, bool in_class, bool negated, const char *construct)
{
    if (in_class && negated) return refuse(t, construct);
    if (!in_class) cv_buffer_puts(t->out, negated ? "[^" : "[");
    return true;
}

static void close_set(translation *t, bool in_class)
{
    if (!in_class) cv_buffer_puts(t->out, "]");
}

/* "L" or "Lu": the general categories that mean the same everywhere. */
static bool is_category(const char *name, size_t length)
{
    static const char known[] =
        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp Cc ";
    char wanted[8];
    if (length < 1 || length > 2) return false;
    wanted[0] = ' ';
    memcpy(wanted + 1, name, length);
    wanted[length + 1] = ' ';
    wanted[length + 2] = 0;
    return strstr(known, wanted) != NULL;
}

/* \p{NAME}, \p{^NAME} and \P{NAME}; t->at is behind the p. */
static bool property(translation *t, bool in_class, bool negated)
{
    const char *end = *t->at == '{' ? strchr(t->at, '}') : NULL;
    if (!end) return refuse(t, "\\p without {NAME}");
    const char *name = t->at + 1;
    if (*name == '^') {
        negated = !negated;
        name++;
    }
    size_t length = (size_t)(end - name);
    bool han = length == 3 && memcmp(name, "Han", 3) == 0;
    if (!han && !is_category(name, length)) return refuse(t, "the property in \\p{...}");
    if (t->caseless[t->depth] && (name[0] == 'L' && length == 2)) return refuse(t, "a property of case in (?i...)");
    if (!open_set(t, in_class, negated, "a complement \\P{...} in [...]")) return false;
    if (han) {
        cv_buffer_puts(t->out, "\\p{sc:Han}\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}");
    } else {
        char category[3] = {name[0], length == 2 ? name[1] : 0, 0};
        cv_buffer_printf(t->out, "\\p{%s}", category);
        append_recent(t->out, category);
    }
    close_set(t, in_class);
    t->at = end + 1;
    return true;
}

/* \x41, \x{1F600} or \u0041; t->at is behind the x or u. */
static bool code_escape(translation *t, char kind)
{
    unsigned long code = 0;
    size_t digits = 0;
    bool braced = kind == 'x' && *t->at == '{';
    const char *at = t->at + braced;
    size_t most = braced ? 6 : kind == 'u' ? 4 : 2;
    for (; digits < most && isxdigit((unsigned char)*at); at++, digits++)
        code = code * 16 + (unsigned long)(isdigit((unsigned char)*at) ? *at - '0' : (*at | 0x20) - 'a' + 10);
    bool complete = braced ? digits > 0 && *at == '}' : digits == most;
    if (!complete || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return refuse(t, "this code escape");
    if (kind == 'x' && !braced && code > 0x7f) return refuse(t, "a byte above \\x7f");
    cv_buffer_printf(t->out, "\\x{%lx}", code);
    t->at = at + braced;
    return true;
}

/* A backslash and what follows it; t->at is at the backslash. */
static bool escape(translation *t, bool in_class)
{
    char kind = t->at[1];
    if (!kind) return refuse(t, "a final \\");
    t->at += 2;
    switch (kind) {
    case 's':
        cv_buffer_puts(t->out, "\\p{wspace}");
        return true;
    case 'S':
        cv_buffer_puts(t->out, "\\P{wspace}");
        return true;
    case 'p':
        return property(t, in_class, false);
    case 'P':
        return property(t, in_class, true);
    case 'x':
    case 'u':
        return code_escape(t, kind);
    case 'd':
    case 'D':
        if (!open_set(t, in_class, kind == 'D', "\\D in [...]")) return false;
        cv_buffer_puts(t->out, "\\p{Nd}");
        append_recent(t->out, "Nd");
        close_set(t, in_class);
        return true;
    case 'w':
    case 'W':
        if (!open_set(t, in_class, kind == 'W', "\\W in [...]")) return false;
        append_word(t->out);
        close_set(t, in_class);
        return true;
    case 'n':
    case 'r':
    case 't':
    case 'f':
        cv_buffer_printf(t->out, "\\%c", kind);
        return true;
    case 'v':
        cv_buffer_puts(t->out, "\\x{0b}");
        return true;
    default:
        break;
    }
    if (!ispunct((unsigned char)kind)) {
        t->at -= 2;
        return refuse(t, "this escape");
    }
    cv_buffer_printf(t->out, "\\%c", kind);
    return true;
}

/* A character that stands for itself. In a caseless group, ASCII only, and none of the pairs that
 * Oniguruma also matches to one ligature (ß, ﬁ, ﬆ). */
static bool literal(translation *t)
{
    uint32_t code;
    size_t bytes = cv_utf8_decode(t->at, &code);
    if (t->caseless[t->depth]) {
        static const char *const ligatures[] = {"ss", "st", "ff", "fi", "fl"};
        if (code > 0x7f) return refuse(t, "a letter outside ASCII in (?i...)");
        for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++)
            if (tolower((unsigned char)t->at[0]) == ligatures[i][0] &&
                tolower((unsigned char)t->at[1]) == ligatures[i][1])
                return refuse(t, "a pair of letters with a ligature in (?i...)");
    }
    cv_buffer_append(t->out, t->at, bytes);
    t->at += bytes;
    return true;
}

/* [...]; t->at is at the bracket. */
static bool class(translation *t)
{
    cv_buffer_puts(t->out, "[");
    t->at++;
    if (*t->at == '^') {
        cv_buffer_puts(t->out, "^");
        t->at++;
    }
    if (*t->at == ']') return refuse(t, "] as the first of a class");
    while (*t->at != ']') {
        if (!*t->at) return refuse(t, "a class without ]");
        if (*t->at == '[') return refuse(t, "[ inside a class");
        if (t->at[0] == '&' && t->at[1] == '&') return refuse(t, "&& inside a class");
        if (*t->at == '\\') {
            if (!escape(t, true)) return false;
        } else if (!literal(t)) {
            return false;
        }
    }
    cv_buffer_puts(t->out, "]");
    t->at++;
    t->can_repeat = true;
    return true;
}

static bool open_group(translation *t)
{
    static const char *const kinds[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    if (t->depth + 1 >= MAX_GROUPS) return refuse(t, "nesting this deep");
    bool caseless = t->caseless[t->depth];
    const char *kind = "(";
    if (t->at[1] == '?') {
        size_t i = 0, count = sizeof kinds / sizeof *kinds;
        while (i < count && strncmp(t->at, kinds[i], strlen(kinds[i])) != 0) i++;
        if (i == count) return refuse(t, "this kind of group");
        kind = kinds[i];
        caseless = caseless || strcmp(kind, "(?i:") == 0;
    }
    cv_buffer_puts(t->out, kind);
    t->at += strlen(kind);
    t->caseless[++t->depth] = caseless;
    t->can_repeat = false;
    return true;
}

/* *, +, ?, {n}, {n,}, {n,m}; then ? (lazy) or + (possessive), which Ruby's syntax reads otherwise
 * behind braces. */
static bool quantifier(translation *t)
{
    if (!t->can_repeat) return refuse(t, "a quantifier without anything to repeat");
    bool braces = *t->at == '{';
    size_t length = 1;
    if (braces) {
        size_t first = strspn(t->at + 1, "0123456789");
        length = 1 + first;
        if (t->at[length] == ',') length += 1 + strspn(t->at + length + 1, "0123456789");
        if (!first || t->at[length] != '}') return refuse(t, "this use of {");
        length++;
    }
    cv_buffer_append(t->out, t->at, length);
    t->at += length;
    t->can_repeat = false;
    if (braces && *t->at && strchr("?+", *t->at)) return refuse(t, "? or + after {n,m}");
    if (*t->at == '?' || *t->at == '+') {
        cv_buffer_append(t->out, t->at, 1);
        t->at++;
    }
    return true;
}

static bool item(translation *t)
{
    switch (*t->at) {
    case '[':
        return class(t);
    case '(':
        return open_group(t);
    case ')':
        if (t->depth == 0) return refuse(t, ") without (");
        t->depth--;
        cv_buffer_puts(t->out, ")");
        t->at++;
        t->can_repeat = true;
        return true;
    case '*':
    case '+':
    case '?':
    case '{':
        return quantifier(t);
    case '|':
        cv_buffer_puts(t->out, "|");
        t->at++;
        t->can_repeat = false;
        return true;
    case '^': /* Ruby's ^ and $ are those of lines */
    case '$':
        cv_buffer_puts(t->out, *t->at == '^' ? "(?m:^)" : "(?m:$)");
        t->at++;
        t->can_repeat = false;
        return true;
    case '\\':
        t->can_repeat = true;
        return escape(t, false);
    default:
        t->can_repeat = true;
        return literal(t);
    }
}

bool cv_pattern_translate(const char *oniguruma, cv_buffer *pcre, cv_error *err)
{
    translation t = {.source = oniguruma, .at = oniguruma, .out = pcre, .err = err};
    while (*t.at)
        if (!item(&t)) return false;
    if (t.depth) return refuse(&t, "a group without )");
    return true;
}
