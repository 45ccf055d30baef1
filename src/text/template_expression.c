#include "text/template_renderer.h"

#include <string.h>

bool cv_renderer_step(cv_renderer *r)
{
    if (++r->steps <= CV_TEMPLATE_STEPS && r->pool.bytes <= CV_TEMPLATE_BYTES) return true;
    return cv_bad_input(r->err, "the template takes too many steps or too much memory");
}

bool cv_renderer_peek(const cv_renderer *r, cv_word_kind kind, const char *text)
{
    const cv_word *word = &r->words[r->at];
    return word->kind == kind && strcmp(word->text, text) == 0;
}

bool cv_renderer_accept(cv_renderer *r, cv_word_kind kind, const char *text)
{
    if (!cv_renderer_peek(r, kind, text)) return false;
    r->at++;
    return true;
}

bool cv_renderer_expect(cv_renderer *r, cv_word_kind kind, const char *text)
{
    if (cv_renderer_accept(r, kind, text)) return true;
    return cv_bad_input(r->err, "\"%s\" is expected where \"%.40s\" stands", text, r->words[r->at].text);
}

static bool accept_operator(cv_renderer *r, const char *text)
{
    return cv_renderer_accept(r, CV_WORD_OPERATOR, text);
}

static bool accept_name(cv_renderer *r, const char *text)
{
    return cv_renderer_accept(r, CV_WORD_NAME, text);
}

static bool constant(const cv_word *word, cv_value *value)
{
    static const struct {
        const char *name;
        cv_value value;
    } known[] = {{"true", {.kind = CV_VALUE_BOOL, .integer = 1}},
                 {"True", {.kind = CV_VALUE_BOOL, .integer = 1}},
                 {"false", {.kind = CV_VALUE_BOOL, .integer = 0}},
                 {"False", {.kind = CV_VALUE_BOOL, .integer = 0}},
                 {"none", {.kind = CV_VALUE_NONE}},
                 {"None", {.kind = CV_VALUE_NONE}}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(word->text, known[i].name) != 0) continue;
        *value = known[i].value;
        return true;
    }
    return false;
}

/* [a, b, c] or (a, b): the items up to the closing bracket, of which one may be a plain (a). */
static bool sequence(cv_renderer *r, const char *close, cv_value *value)
{
    cv_value items[64];
    size_t count = 0;
    bool comma = false;
    while (!accept_operator(r, close)) {
        if (count == 64) return cv_bad_input(r->err, "a list of more than 64 items");
        if (!cv_renderer_expression(r, &items[count++])) return false;
        comma = accept_operator(r, ",");
        if (!comma && !cv_renderer_peek(r, CV_WORD_OPERATOR, close))
            return cv_renderer_expect(r, CV_WORD_OPERATOR, close);
    }
    if (*close == ')' && count == 1 && !comma) {
        *value = items[0];
        return true;
    }
    *value = cv_value_list(&r->pool, count);
    if (count) memcpy(value->items, items, count * sizeof *items);
    return true;
}

/* {"a": 1}; the opening brace is passed. */
static bool dictionary(cv_renderer *r, cv_value *value)
{
    *value = cv_value_dict(&r->pool);
    while (!accept_operator(r, "}")) {
        cv_value key = {0}, item = {0};
        if (!cv_renderer_expression(r, &key) || !cv_renderer_expect(r, CV_WORD_OPERATOR, ":") ||
            !cv_renderer_expression(r, &item))
            return false;
        if (r->live && key.kind != CV_VALUE_STRING)
            return cv_bad_input(r->err, "a dictionary's key that is no string is not supported");
        if (r->live) cv_value_set(&r->pool, *value, key.text, key.length, item);
        if (!accept_operator(r, ",") && !cv_renderer_peek(r, CV_WORD_OPERATOR, "}"))
            return cv_renderer_expect(r, CV_WORD_OPERATOR, "}");
    }
    return true;
}

/* Neighbouring strings are one, as in Python. */
static bool strings(cv_renderer *r, cv_value *value)
{
    const cv_word *first = &r->words[r->at++];
    *value = cv_value_string(first->text, first->length);
    if (r->words[r->at].kind != CV_WORD_STRING) return true;
    cv_buffer joined = {0};
    cv_buffer_append(&joined, first->text, first->length);
    for (; r->words[r->at].kind == CV_WORD_STRING; r->at++)
        cv_buffer_append(&joined, r->words[r->at].text, r->words[r->at].length);
    *value = cv_value_copy_string(&r->pool, joined.data, joined.length);
    cv_buffer_free(&joined);
    return true;
}

static bool primary(cv_renderer *r, cv_value *value)
{
    const cv_word *word = &r->words[r->at];
    *value = (cv_value){0};
    if (word->kind == CV_WORD_STRING) return strings(r, value);
    if (word->kind == CV_WORD_INTEGER) {
        r->at++;
        *value = cv_value_integer(word->integer);
        return true;
    }
    if (word->kind == CV_WORD_NAME) {
        r->at++;
        if (!constant(word, value) && r->live) *value = cv_renderer_get(r, word);
        return true;
    }
    if (accept_operator(r, "[")) return sequence(r, "]", value);
    if (accept_operator(r, "(")) return sequence(r, ")", value);
    if (accept_operator(r, "{")) return dictionary(r, value);
    return cv_bad_input(r->err, "a value is expected where \"%.40s\" stands", word->text);
}

/* (a, b, key=c); the opening parenthesis is passed. */
static bool arguments(cv_renderer *r, cv_arguments *a)
{
    *a = (cv_arguments){0};
    while (!accept_operator(r, ")")) {
        const cv_word *name = &r->words[r->at];
        bool keyword = name->kind == CV_WORD_NAME && r->words[r->at + 1].kind == CV_WORD_OPERATOR &&
                       strcmp(r->words[r->at + 1].text, "=") == 0;
        cv_value value = {0};
        if (keyword) r->at += 2;
        if (!keyword && a->count == CV_MAX_ARGUMENTS) return cv_bad_input(r->err, "a call with too many arguments");
        if (!cv_renderer_expression(r, &value)) return false;
        if (keyword) {
            if (a->keywords.kind == CV_VALUE_UNDEFINED) a->keywords = cv_value_dict(&r->pool);
            cv_value_set(&r->pool, a->keywords, name->text, name->length, value);
        } else {
            a->values[a->count++] = value;
        }
        if (!accept_operator(r, ",") && !cv_renderer_peek(r, CV_WORD_OPERATOR, ")"))
            return cv_renderer_expect(r, CV_WORD_OPERATOR, ")");
    }
    return true;
}

/* subject.name: a member, or a method to be called. */
static bool attribute(cv_renderer *r, const cv_word *name, cv_value *value)
{
    cv_value subject = *value;
    if (subject.kind == CV_VALUE_UNDEFINED)
        return cv_bad_input(r->err, "the template asks an undefined value for \"%.40s\"", name->text);
    *value = (cv_value){0};
    if (subject.kind == CV_VALUE_DICT) *value = cv_value_get(subject, name->text, name->length);
    bool called = r->words[r->at].kind == CV_WORD_OPERATOR && strcmp(r->words[r->at].text, "(") == 0;
    if (value->kind != CV_VALUE_UNDEFINED || !called) return true;
    if (subject.kind != CV_VALUE_STRING && subject.kind != CV_VALUE_DICT)
        return cv_bad_input(r->err, "the method \"%.40s\" is not supported", name->text);
    *value = (cv_value){.kind = CV_VALUE_FUNCTION, .text = name->text, .length = name->length};
    value->items = cv_pool_alloc(&r->pool, 1, sizeof *value->items);
    *value->items = subject;
    return true;
}

static bool index_value(cv_renderer *r, cv_value index, cv_value *value)
{
    cv_value subject = *value;
    *value = (cv_value){0};
    if (subject.kind == CV_VALUE_DICT && index.kind == CV_VALUE_STRING) {
        *value = cv_value_get(subject, index.text, index.length);
        return true;
    }
    if (subject.kind == CV_VALUE_LIST && index.kind == CV_VALUE_INTEGER) {
        int64_t i = index.integer < 0 ? index.integer + subject.integer : index.integer;
        if (i >= 0 && i < subject.integer) *value = subject.items[i];
        return true;
    }
    /* what has no members by name gives an undefined value, as in Jinja */
    if (index.kind == CV_VALUE_STRING) return true;
    return cv_bad_input(r->err, "the template indexes what has no such members");
}

/* list[start:stop:step], where parts left out are undefined. */
static bool slice(cv_renderer *r, const cv_value part[3], cv_value *value)
{
    int64_t step = part[2].kind == CV_VALUE_INTEGER ? part[2].integer : 1, count = value->integer, bounds[2];
    if (value->kind != CV_VALUE_LIST || (step != 1 && step != -1))
        return cv_bad_input(r->err, "a slice of what is no list, or with other steps than 1 and -1, is not supported");
    for (int i = 0; i < 2; i++) {
        int64_t absent = (i == 0) == (step > 0) ? 0 : count;
        if (part[i].kind == CV_VALUE_UNDEFINED) {
            bounds[i] = step > 0 ? absent : absent - 1;
            continue;
        }
        if (part[i].kind != CV_VALUE_INTEGER) return cv_bad_input(r->err, "a slice's bound must be a number");
        int64_t low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
        int64_t bound = part[i].integer < 0 ? part[i].integer + count : part[i].integer;
        bounds[i] = bound < low ? low : bound > high ? high : bound;
    }
    int64_t length = step > 0 ? bounds[1] - bounds[0] : bounds[0] - bounds[1];
    cv_value result = cv_value_list(&r->pool, length > 0 ? (size_t)length : 0);
    for (int64_t i = 0; i < result.integer; i++) result.items[i] = value->items[bounds[0] + i * step];
    *value = result;
    return true;
}

/* subject[...]; the opening bracket is passed. */
static bool subscript(cv_renderer *r, cv_value *value)
{
    cv_value part[3] = {{0}};
    int colons = 0;
    while (!accept_operator(r, "]")) {
        if (accept_operator(r, ":")) {
            if (++colons > 2) return cv_bad_input(r->err, "a slice with too many colons");
        } else if (!cv_renderer_expression(r, &part[colons])) {
            return false;
        }
        bool goes_on = cv_renderer_peek(r, CV_WORD_OPERATOR, ":") || cv_renderer_peek(r, CV_WORD_OPERATOR, "]");
        if (!goes_on && colons == 0) return cv_renderer_expect(r, CV_WORD_OPERATOR, "]");
    }
    if (!r->live) return true;
    if (value->kind == CV_VALUE_UNDEFINED) return cv_bad_input(r->err, "the template indexes an undefined value");
    return colons ? slice(r, part, value) : index_value(r, part[0], value);
}

/* .name, [index] and (arguments), as many as follow. */
static bool postfix(cv_renderer *r, cv_value *value)
{
    for (;;) {
        if (!cv_renderer_step(r)) return false;
        if (accept_operator(r, ".")) {
            const cv_word *name = &r->words[r->at++];
            if (name->kind != CV_WORD_NAME) return cv_bad_input(r->err, "a name is expected behind a dot");
            if (r->live && !attribute(r, name, value)) return false;
        } else if (accept_operator(r, "[")) {
            if (!subscript(r, value)) return false;
        } else if (accept_operator(r, "(")) {
            cv_arguments a;
            if (!arguments(r, &a)) return false;
            if (r->live && !cv_builtin_call(r, *value, &a, value)) return false;
        } else {
            return true;
        }
    }
}

static bool filter(cv_renderer *r, cv_value *value)
{
    const cv_word *name = &r->words[r->at++];
    cv_arguments a = {0};
    if (name->kind != CV_WORD_NAME) return cv_bad_input(r->err, "a filter's name is expected behind |");
    if (accept_operator(r, "(") && !arguments(r, &a)) return false;
    return !r->live || cv_builtin_filter(r, name, *value, &a, value);
}

/* "is [not] NAME", with an argument in parentheses or without; "is" is passed. */
static bool test(cv_renderer *r, cv_value *value)
{
    bool negated = accept_name(r, "not"), result = false;
    const cv_word *name = &r->words[r->at++];
    cv_arguments a = {0};
    if (name->kind != CV_WORD_NAME) return cv_bad_input(r->err, "a test's name is expected behind \"is\"");
    const cv_word *next = &r->words[r->at];
    if (accept_operator(r, "(")) {
        if (!arguments(r, &a)) return false;
    } else if (next->kind == CV_WORD_STRING || next->kind == CV_WORD_INTEGER) {
        if (!primary(r, &a.values[a.count++])) return false;
    }
    if (r->live && !cv_builtin_test(r, name, *value, &a, &result)) return false;
    *value = cv_value_bool(result != negated);
    return true;
}

static bool unary(cv_renderer *r, cv_value *value)
{
    bool minus = accept_operator(r, "-");
    if (!primary(r, value) || !postfix(r, value)) return false;
    if (minus && r->live && value->kind != CV_VALUE_INTEGER) return cv_bad_input(r->err, "- before what is no number");
    if (minus) value->integer = -value->integer;
    for (;;) {
        if (accept_operator(r, "|")) {
            if (!filter(r, value)) return false;
        } else if (accept_name(r, "is")) {
            if (!test(r, value)) return false;
        } else if (accept_operator(r, "(")) {
            cv_arguments a;
            if (!arguments(r, &a) || (r->live && !cv_builtin_call(r, *value, &a, value))) return false;
        } else {
            break;
        }
    }
    return true;
}

static bool join_strings(cv_renderer *r, cv_value a, cv_value b, cv_value *result)
{
    char *text = cv_pool_alloc(&r->pool, a.length + b.length + 1, 1);
    memcpy(text, a.text, a.length);
    memcpy(text + a.length, b.text, b.length);
    *result = cv_value_string(text, a.length + b.length);
    return true;
}

static bool calculate(cv_renderer *r, char operation, cv_value a, cv_value b, cv_value *result)
{
    if (operation == '+' && a.kind == CV_VALUE_STRING && b.kind == CV_VALUE_STRING)
        return join_strings(r, a, b, result);
    if (operation == '+' && a.kind == CV_VALUE_LIST && b.kind == CV_VALUE_LIST) {
        *result = cv_value_list(&r->pool, (size_t)(a.integer + b.integer));
        for (int64_t i = 0; i < a.integer; i++) result->items[i] = a.items[i];
        for (int64_t i = 0; i < b.integer; i++) result->items[a.integer + i] = b.items[i];
        return true;
    }
    bool numbers = a.kind == CV_VALUE_INTEGER && b.kind == CV_VALUE_INTEGER;
    int64_t limit = INT64_C(1) << 31;
    if (!numbers || a.integer > limit || a.integer < -limit || b.integer > limit || b.integer < -limit)
        return cv_bad_input(r->err, "the template calculates with what is no number, or no string to be joined");
    if (operation == '%' && b.integer <= 0) return cv_bad_input(r->err, "a remainder by what is not positive");
    int64_t remainder = operation == '%' ? a.integer % b.integer : 0;
    *result = cv_value_integer(operation == '+'   ? a.integer + b.integer
                               : operation == '-' ? a.integer - b.integer
                               : operation == '*' ? a.integer * b.integer
                               : remainder < 0    ? remainder + b.integer
                                                  : remainder);
    return true;
}

static bool product(cv_renderer *r, cv_value *value)
{
    if (!unary(r, value)) return false;
    for (;;) {
        bool times = accept_operator(r, "*"), modulo = !times && accept_operator(r, "%");
        cv_value right;
        if (!times && !modulo) break;
        if (!unary(r, &right)) return false;
        if (r->live && !calculate(r, times ? '*' : '%', *value, right, value)) return false;
    }
    if (cv_renderer_peek(r, CV_WORD_OPERATOR, "/") || cv_renderer_peek(r, CV_WORD_OPERATOR, "//"))
        return cv_bad_input(r->err, "division is not supported");
    return true;
}

/* a ~ b: both as text. */
static bool concatenation(cv_renderer *r, cv_value *value)
{
    if (!product(r, value)) return false;
    while (accept_operator(r, "~")) {
        cv_value right, a, b;
        if (!product(r, &right)) return false;
        if (!r->live) continue;
        if (!cv_builtin_text(r, *value, &a) || !cv_builtin_text(r, right, &b) || !join_strings(r, a, b, value))
            return false;
    }
    return true;
}

static bool sum(cv_renderer *r, cv_value *value)
{
    if (!concatenation(r, value)) return false;
    for (;;) {
        bool plus = accept_operator(r, "+"), minus = !plus && accept_operator(r, "-");
        cv_value right;
        if (!plus && !minus) return true;
        if (!concatenation(r, &right)) return false;
        if (r->live && !calculate(r, plus ? '+' : '-', *value, right, value)) return false;
    }
}

static bool contains(cv_renderer *r, cv_value item, cv_value container, bool *result)
{
    cv_value key, unused;
    *result = false;
    if (container.kind == CV_VALUE_STRING && item.kind == CV_VALUE_STRING) {
        *result = memmem(container.text, container.length, item.text, item.length) != NULL;
        return true;
    }
    if (container.kind == CV_VALUE_LIST) {
        for (int64_t i = 0; i < container.integer; i++) *result = *result || cv_value_equal(item, container.items[i]);
        return true;
    }
    if (container.kind == CV_VALUE_DICT) {
        for (size_t i = 0; cv_value_entry(container, i, &key, &unused); i++)
            *result = *result || cv_value_equal(item, key);
        return true;
    }
    if (container.kind == CV_VALUE_UNDEFINED) return true;
    return cv_bad_input(r->err, "the template searches what holds nothing");
}

static bool order(cv_renderer *r, const char *operation, cv_value a, cv_value b, bool *result)
{
    if (a.kind != CV_VALUE_INTEGER || b.kind != CV_VALUE_INTEGER)
        return cv_bad_input(r->err, "the template orders what are no numbers");
    bool less = *operation == '<' ? a.integer < b.integer : a.integer > b.integer;
    *result = less || (operation[1] == '=' && a.integer == b.integer);
    return true;
}

/* Passes one of the comparing operators; NULL where none follows. */
static const char *comparison_operator(cv_renderer *r)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (accept_operator(r, operators[i])) return operators[i];
    if (accept_name(r, "in")) return "in";
    const cv_word *word = &r->words[r->at];
    if (cv_renderer_peek(r, CV_WORD_NAME, "not") && word[1].kind == CV_WORD_NAME && strcmp(word[1].text, "in") == 0) {
        r->at += 2;
        return "not in";
    }
    return NULL;
}

static bool comparison(cv_renderer *r, cv_value *value)
{
    if (!sum(r, value)) return false;
    const char *operation = comparison_operator(r);
    if (!operation) return true;
    cv_value right;
    bool result = false;
    if (!sum(r, &right)) return false;
    if (r->live) {
        if (strcmp(operation, "==") == 0 || strcmp(operation, "!=") == 0)
            result = cv_value_equal(*value, right) == (*operation == '=');
        else if (*operation == 'i' || *operation == 'n') {
            if (!contains(r, *value, right, &result)) return false;
            result = result == (*operation == 'i');
        } else if (!order(r, operation, *value, right, &result)) {
            return false;
        }
    }
    *value = cv_value_bool(result);
    if (comparison_operator(r)) return cv_bad_input(r->err, "a chain of comparisons is not supported");
    return true;
}

static bool negation(cv_renderer *r, cv_value *value)
{
    size_t count = 0;
    while (accept_name(r, "not")) count++;
    if (!comparison(r, value)) return false;
    if (count) *value = cv_value_bool(cv_value_is_true(*value) == (count % 2 == 0));
    return true;
}

/* "a and b" or "a or b": b is read without effect where a decides. */
static bool conjunction(cv_renderer *r, cv_value *value)
{
    if (!negation(r, value)) return false;
    while (accept_name(r, "and")) {
        bool live = r->live, decided = !cv_value_is_true(*value);
        cv_value right;
        r->live = live && !decided;
        bool fine = negation(r, &right);
        r->live = live;
        if (!fine) return false;
        if (!decided) *value = right;
    }
    return true;
}

bool cv_renderer_or_expression(cv_renderer *r, cv_value *value)
{
    if (!conjunction(r, value)) return false;
    while (accept_name(r, "or")) {
        bool live = r->live, decided = cv_value_is_true(*value);
        cv_value right;
        r->live = live && !decided;
        bool fine = conjunction(r, &right);
        r->live = live;
        if (!fine) return false;
        if (!decided) *value = right;
    }
    return true;
}

/* "a if condition else b": a stands before what decides on it, so it is read twice. */
static bool conditional(cv_renderer *r, cv_value *value)
{
    size_t start = r->at;
    bool live = r->live;
    r->live = false;
    if (!cv_renderer_or_expression(r, value)) return false;
    r->live = live;
    if (!cv_renderer_peek(r, CV_WORD_NAME, "if")) {
        if (!live) return true;
        r->at = start;
        return cv_renderer_or_expression(r, value);
    }
    r->at++;
    cv_value condition, otherwise = {0};
    if (!cv_renderer_or_expression(r, &condition)) return false;
    bool holds = cv_value_is_true(condition);
    if (accept_name(r, "else")) {
        r->live = live && !holds;
        bool fine = cv_renderer_expression(r, &otherwise);
        r->live = live;
        if (!fine) return false;
    }
    *value = otherwise;
    if (!live || !holds) return true;
    size_t end = r->at;
    r->at = start;
    bool fine = cv_renderer_or_expression(r, value);
    r->at = end;
    return fine;
}

bool cv_renderer_expression(cv_renderer *r, cv_value *value)
{
    if (r->depth >= CV_TEMPLATE_DEPTH) return cv_bad_input(r->err, "the template is nested too deep");
    r->depth++;
    bool fine = cv_renderer_step(r) && conditional(r, value);
    r->depth--;
    return fine;
}
