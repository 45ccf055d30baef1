#include "text/template_renderer.h"

#include "text/unicode.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is(const cv_word *word, const char *name)
{
    return strcmp(word->text, name) == 0;
}

static bool unsupported(cv_renderer *r, const char *what, const char *name)
{
    return cv_bad_input(r->err, "the %s \"%.40s\", or this use of it, is not supported", what, name);
}

bool cv_builtin_text(cv_renderer *r, cv_value value, cv_value *text)
{
    char number[24];
    switch (value.kind) {
    case CV_VALUE_UNDEFINED:
        *text = cv_value_string("", 0);
        return true;
    case CV_VALUE_NONE:
        *text = cv_value_string("None", 4);
        return true;
    case CV_VALUE_BOOL:
        *text = value.integer ? cv_value_string("True", 4) : cv_value_string("False", 5);
        return true;
    case CV_VALUE_INTEGER: {
        int length = snprintf(number, sizeof number, "%lld", (long long)value.integer);
        *text = cv_value_copy_string(&r->pool, number, (size_t)length);
        return true;
    }
    case CV_VALUE_STRING:
        *text = value;
        return true;
    default:
        return cv_bad_input(r->err, "the template prints a list or a dictionary");
    }
}

cv_value cv_builtin_global(const cv_word *name)
{
    static const char *const functions[] = {"raise_exception", "namespace", "range", "strftime_now"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (is(name, functions[i]))
            return (cv_value){.kind = CV_VALUE_FUNCTION, .text = functions[i], .length = strlen(functions[i])};
    return (cv_value){0};
}

/* Letters of ASCII only: what templates do to roles. */
static bool change_case(cv_renderer *r, cv_value string, const char *how, cv_value *result)
{
    cv_value copy = cv_value_copy_string(&r->pool, string.text, string.length);
    char *text; /* the pool owns it and may write to it */
    memcpy(&text, &copy.text, sizeof text);
    bool word_start = true;
    for (size_t i = 0; i < copy.length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 0x7f) return cv_bad_input(r->err, "%s of letters outside ASCII is not supported", how);
        bool upper = strcmp(how, "upper") == 0 || (strcmp(how, "capitalize") == 0 && i == 0) ||
                     (strcmp(how, "title") == 0 && word_start);
        text[i] = (char)(upper ? toupper(c) : tolower(c));
        word_start = !isalpha(c);
    }
    *result = copy;
    return true;
}

static bool replace(cv_renderer *r, cv_value string, const cv_arguments *a, cv_value *result)
{
    if (a->count != 2 || a->values[0].kind != CV_VALUE_STRING || a->values[1].kind != CV_VALUE_STRING ||
        a->values[0].length == 0)
        return unsupported(r, "function", "replace");
    cv_buffer out = {0};
    size_t at = 0;
    for (;;) {
        const char *found = memmem(string.text + at, string.length - at, a->values[0].text, a->values[0].length);
        if (!found) break;
        cv_buffer_append(&out, string.text + at, (size_t)(found - string.text) - at);
        cv_buffer_append(&out, a->values[1].text, a->values[1].length);
        at = (size_t)(found - string.text) + a->values[0].length;
    }
    cv_buffer_append(&out, string.text + at, string.length - at);
    *result = cv_value_copy_string(&r->pool, out.data, out.length);
    cv_buffer_free(&out);
    return true;
}

static bool split(cv_renderer *r, cv_value string, const cv_arguments *a, cv_value *result)
{
    if (a->count != 1 || a->values[0].kind != CV_VALUE_STRING || a->values[0].length == 0)
        return unsupported(r, "method", "split");
    cv_value by = a->values[0];
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        size_t at = 0, count = 0;
        const char *found;
        do {
            found = memmem(string.text + at, string.length - at, by.text, by.length);
            size_t end = found ? (size_t)(found - string.text) : string.length;
            if (pass) result->items[count] = cv_value_string(string.text + at, end - at);
            count++;
            at = end + by.length;
        } while (found);
        if (!pass) *result = cv_value_list(&r->pool, count);
    }
    return true;
}

static bool starts_or_ends(cv_renderer *r, cv_value string, const cv_arguments *a, bool ends, cv_value *result)
{
    if (a->count != 1 || a->values[0].kind != CV_VALUE_STRING) return unsupported(r, "method", "startswith");
    cv_value part = a->values[0];
    size_t offset = string.length >= part.length && ends ? string.length - part.length : 0;
    *result = cv_value_bool(string.length >= part.length && memcmp(string.text + offset, part.text, part.length) == 0);
    return true;
}

static bool strip(cv_renderer *r, cv_value string, const char *name, const cv_arguments *a, cv_value *result)
{
    const char *set = a->count ? a->values[0].text : NULL;
    if (a->count > 1 || (a->count && a->values[0].kind != CV_VALUE_STRING)) return unsupported(r, "method", name);
    for (const char *c = set; c && *c; c++)
        if ((unsigned char)*c > 0x7f) return unsupported(r, "method", name);
    *result = cv_value_strip(string, set, *name != 'r', *name != 'l');
    return true;
}

static bool string_method(cv_renderer *r, const char *name, cv_value self, const cv_arguments *a, cv_value *result)
{
    if (strcmp(name, "strip") == 0 || strcmp(name, "lstrip") == 0 || strcmp(name, "rstrip") == 0)
        return strip(r, self, name, a, result);
    if (strcmp(name, "split") == 0) return split(r, self, a, result);
    if (strcmp(name, "replace") == 0) return replace(r, self, a, result);
    if (strcmp(name, "startswith") == 0) return starts_or_ends(r, self, a, false, result);
    if (strcmp(name, "endswith") == 0) return starts_or_ends(r, self, a, true, result);
    if (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0 || strcmp(name, "title") == 0 ||
        strcmp(name, "capitalize") == 0)
        return change_case(r, self, name, result);
    return unsupported(r, "method", name);
}

static bool dict_method(cv_renderer *r, const char *name, cv_value self, const cv_arguments *a, cv_value *result)
{
    if (strcmp(name, "get") == 0 && a->count >= 1 && a->count <= 2 && a->values[0].kind == CV_VALUE_STRING) {
        *result = cv_value_get(self, a->values[0].text, a->values[0].length);
        if (result->kind == CV_VALUE_UNDEFINED)
            *result = a->count == 2 ? a->values[1] : (cv_value){.kind = CV_VALUE_NONE};
        return true;
    }
    return unsupported(r, "method", name);
}

static bool call_range(cv_renderer *r, const cv_arguments *a, cv_value *result)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->values[i].kind != CV_VALUE_INTEGER) return unsupported(r, "function", "range");
    if (a->count < 1 || a->count > 2) return unsupported(r, "function", "range");
    int64_t first = a->count == 2 ? a->values[0].integer : 0, end = a->values[a->count - 1].integer;
    int64_t count = end > first ? end - first : 0;
    if (count > 10000) return cv_bad_input(r->err, "a range of more than 10000 numbers");
    *result = cv_value_list(&r->pool, (size_t)count);
    for (int64_t i = 0; i < count; i++) result->items[i] = cv_value_integer(first + i);
    return true;
}

bool cv_builtin_call(cv_renderer *r, cv_value function, const cv_arguments *a, cv_value *result)
{
    if (function.kind != CV_VALUE_FUNCTION) return cv_bad_input(r->err, "the template calls what is no function");
    const char *name = function.text;
    if (function.items && function.items->kind == CV_VALUE_STRING)
        return string_method(r, name, *function.items, a, result);
    if (function.items) return dict_method(r, name, *function.items, a, result);
    if (strcmp(name, "range") == 0) return call_range(r, a, result);
    if (strcmp(name, "namespace") == 0 && a->count == 0) {
        *result = a->keywords.kind == CV_VALUE_DICT ? a->keywords : cv_value_dict(&r->pool);
        return true;
    }
    if (strcmp(name, "raise_exception") == 0 && a->count == 1 && a->values[0].kind == CV_VALUE_STRING)
        return cv_bad_input(r->err, "the template says: %.300s", a->values[0].text);
    if (strcmp(name, "strftime_now") == 0)
        return cv_bad_input(r->err, "the template writes today's date, so that no two days' prompts would be the same");
    return unsupported(r, "function", name);
}

static bool length_of(cv_renderer *r, cv_value value, cv_value *result)
{
    int64_t length = 0;
    cv_value key, unused;
    if (value.kind == CV_VALUE_LIST)
        length = value.integer;
    else if (value.kind == CV_VALUE_STRING)
        for (size_t i = 0; i < value.length; i++) length += ((unsigned char)value.text[i] & 0xc0) != 0x80;
    else if (value.kind == CV_VALUE_DICT)
        while (cv_value_entry(value, (size_t)length, &key, &unused)) length++;
    else if (value.kind != CV_VALUE_UNDEFINED)
        return unsupported(r, "filter", "length");
    *result = cv_value_integer(length);
    return true;
}

static bool join(cv_renderer *r, cv_value list, const cv_arguments *a, cv_value *result)
{
    cv_buffer out = {0};
    bool fine = a->count <= 1 && (a->count == 0 || a->values[0].kind == CV_VALUE_STRING);
    if (!fine) unsupported(r, "filter", "join");
    for (int64_t i = 0; fine && i < list.integer; i++) {
        cv_value text = {0};
        fine = cv_builtin_text(r, list.items[i], &text);
        if (fine && i && a->count) cv_buffer_append(&out, a->values[0].text, a->values[0].length);
        if (fine) cv_buffer_append(&out, text.text, text.length);
    }
    if (fine) *result = cv_value_copy_string(&r->pool, out.data ? out.data : "", out.length);
    cv_buffer_free(&out);
    return fine;
}

/* selectattr("role", "equalto", "user") and rejectattr: members whose attribute passes a test. */
static bool select_members(cv_renderer *r, cv_value list, const cv_arguments *a, bool reject, cv_value *result)
{
    if (a->count < 1 || a->values[0].kind != CV_VALUE_STRING || (a->count > 1 && a->values[1].kind != CV_VALUE_STRING))
        return unsupported(r, "filter", "selectattr");
    *result = cv_value_list(&r->pool, (size_t)list.integer);
    result->integer = 0;
    for (int64_t i = 0; i < list.integer; i++) {
        if (list.items[i].kind != CV_VALUE_DICT) return unsupported(r, "filter", "selectattr");
        cv_value member = cv_value_get(list.items[i], a->values[0].text, a->values[0].length);
        bool passes = cv_value_is_true(member);
        if (a->count > 1) {
            cv_word test = {CV_WORD_NAME, a->values[1].text, a->values[1].length, 0};
            cv_arguments rest = {.values = {a->values[2]}, .count = a->count > 2};
            if (!cv_builtin_test(r, &test, member, &rest, &passes)) return false;
        }
        if (passes != reject) result->items[result->integer++] = list.items[i];
    }
    return true;
}

static bool list_filter(cv_renderer *r, const cv_word *name, cv_value list, const cv_arguments *a, cv_value *result)
{
    if (is(name, "list")) return *result = list, true;
    if (is(name, "join")) return join(r, list, a, result);
    if (is(name, "selectattr")) return select_members(r, list, a, false, result);
    if (is(name, "rejectattr")) return select_members(r, list, a, true, result);
    if (is(name, "first")) return *result = list.integer ? list.items[0] : (cv_value){0}, true;
    if (is(name, "last")) return *result = list.integer ? list.items[list.integer - 1] : (cv_value){0}, true;
    return unsupported(r, "filter", name->text);
}

bool cv_builtin_filter(cv_renderer *r, const cv_word *name, cv_value subject, const cv_arguments *a, cv_value *result)
{
    if (a->keywords.kind != CV_VALUE_UNDEFINED) return unsupported(r, "filter", name->text);
    if (is(name, "length") || is(name, "count")) return length_of(r, subject, result);
    if (is(name, "safe")) return *result = subject, true;
    if (is(name, "string")) return cv_builtin_text(r, subject, result);
    if (is(name, "default") || is(name, "d")) {
        bool falsy = a->count > 1 && cv_value_is_true(a->values[1]);
        bool absent = subject.kind == CV_VALUE_UNDEFINED || (falsy && !cv_value_is_true(subject));
        *result = !absent ? subject : a->count ? a->values[0] : cv_value_string("", 0);
        return true;
    }
    if (subject.kind == CV_VALUE_STRING && is(name, "trim")) return strip(r, subject, "trim", a, result);
    if (subject.kind == CV_VALUE_STRING &&
        (is(name, "upper") || is(name, "lower") || is(name, "title") || is(name, "capitalize") || is(name, "replace")))
        return string_method(r, name->text, subject, a, result);
    if (subject.kind == CV_VALUE_LIST) return list_filter(r, name, subject, a, result);
    return unsupported(r, "filter", name->text);
}

bool cv_builtin_test(cv_renderer *r, const cv_word *name, cv_value s, const cv_arguments *a, bool *result)
{
    cv_value_kind kind = s.kind;
    if (is(name, "equalto") || is(name, "eq") || is(name, "==")) {
        if (a->count != 1) return unsupported(r, "test", name->text);
        *result = cv_value_equal(s, a->values[0]);
        return true;
    }
    if (a->count) return unsupported(r, "test", name->text);
    if (is(name, "defined"))
        *result = kind != CV_VALUE_UNDEFINED;
    else if (is(name, "undefined"))
        *result = kind == CV_VALUE_UNDEFINED;
    else if (is(name, "none") || is(name, "None"))
        *result = kind == CV_VALUE_NONE;
    else if (is(name, "string"))
        *result = kind == CV_VALUE_STRING;
    else if (is(name, "mapping"))
        *result = kind == CV_VALUE_DICT;
    else if (is(name, "sequence") || is(name, "iterable"))
        *result =
            kind == CV_VALUE_STRING || kind == CV_VALUE_LIST || kind == CV_VALUE_DICT || kind == CV_VALUE_UNDEFINED;
    else if (is(name, "boolean"))
        *result = kind == CV_VALUE_BOOL;
    else if (is(name, "number") || is(name, "integer"))
        *result = kind == CV_VALUE_INTEGER || (kind == CV_VALUE_BOOL && is(name, "number"));
    else if (is(name, "true") || is(name, "false"))
        *result = kind == CV_VALUE_BOOL && (s.integer != 0) == is(name, "true");
    else if ((is(name, "odd") || is(name, "even")) && kind == CV_VALUE_INTEGER)
        *result = (s.integer % 2 != 0) == is(name, "odd");
    else
        return unsupported(r, "test", name->text);
    return true;
}
