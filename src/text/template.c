#include "text/template.h"

#include "base/memory.h"
#include "text/template_renderer.h"

#include <stdlib.h>
#include <string.h>

cv_value cv_renderer_get(const cv_renderer *r, const cv_word *name)
{
    for (size_t i = r->variable_count; i > 0; i--) {
        const cv_variable *v = &r->variables[i - 1];
        if (v->length == name->length && memcmp(v->name, name->text, v->length) == 0) return v->value;
    }
    return cv_builtin_global(name);
}

void cv_renderer_set(cv_renderer *r, const cv_word *name, cv_value value)
{
    for (size_t i = r->variable_count; i > r->scope; i--) {
        cv_variable *v = &r->variables[i - 1];
        if (v->length != name->length || memcmp(v->name, name->text, v->length) != 0) continue;
        v->value = value;
        return;
    }
    cv_reserve(&r->variables, &r->variable_capacity, r->variable_count + 1, sizeof *r->variables);
    r->variables[r->variable_count++] = (cv_variable){name->text, name->length, value};
}

static bool close_tag(cv_renderer *r)
{
    return cv_renderer_expect(r, CV_WORD_CLOSE, "");
}

/* Whether the next tag is {% name; it is not passed. */
static bool at_tag(const cv_renderer *r, const char *name)
{
    const cv_word *word = &r->words[r->at];
    return word->kind == CV_WORD_TAG && word[1].kind == CV_WORD_NAME && strcmp(word[1].text, name) == 0;
}

static bool pass_tag(cv_renderer *r, const char *name)
{
    if (!at_tag(r, name)) return cv_bad_input(r->err, "the tag %s is missing", name);
    r->at += 2;
    return true;
}

/* Statements up to one of the tags in stops (ended by NULL), which is not passed. */
static bool block(cv_renderer *r, const char *const *stops);

static bool block_if_live(cv_renderer *r, bool wanted, const char *const *stops)
{
    bool live = r->live;
    r->live = live && wanted;
    bool fine = block(r, stops);
    r->live = live;
    return fine;
}

/* {% if %} and what belongs to it; behind the name "if". */
static bool statement_if(cv_renderer *r)
{
    static const char *const stops[] = {"elif", "else", "endif", NULL};
    bool done = false;
    for (;;) {
        cv_value condition;
        bool live = r->live;
        r->live = live && !done;
        bool fine = cv_renderer_expression(r, &condition) && close_tag(r);
        r->live = live;
        if (!fine) return false;
        bool holds = !done && cv_value_is_true(condition);
        if (!block_if_live(r, holds, stops)) return false;
        done = done || holds;
        if (!at_tag(r, "elif")) break;
        r->at += 2;
    }
    if (at_tag(r, "else")) {
        r->at += 2;
        if (!close_tag(r) || !block_if_live(r, !done, &stops[2])) return false;
    }
    return pass_tag(r, "endif") && close_tag(r);
}

/* What a for goes through, as a list. */
static bool iterable(cv_renderer *r, cv_value *value)
{
    cv_value key, unused, list;
    size_t count = 0;
    if (value->kind == CV_VALUE_LIST) return true;
    if (value->kind != CV_VALUE_UNDEFINED && value->kind != CV_VALUE_DICT)
        return cv_bad_input(r->err, "a loop over what is neither list nor dictionary is not supported");
    while (value->kind == CV_VALUE_DICT && cv_value_entry(*value, count, &key, &unused)) count++;
    list = cv_value_list(&r->pool, count);
    for (size_t i = 0; i < count; i++) cv_value_entry(*value, i, &list.items[i], &unused);
    *value = list;
    return true;
}

static void set_member(cv_renderer *r, cv_value dict, const char *name, cv_value value)
{
    cv_value_set(&r->pool, dict, name, strlen(name), value);
}

/* The variable "loop" at item i. */
static cv_value loop_variable(cv_renderer *r, cv_value list, int64_t i)
{
    cv_value loop = cv_value_dict(&r->pool);
    set_member(r, loop, "index", cv_value_integer(i + 1));
    set_member(r, loop, "index0", cv_value_integer(i));
    set_member(r, loop, "revindex", cv_value_integer(list.integer - i));
    set_member(r, loop, "revindex0", cv_value_integer(list.integer - i - 1));
    set_member(r, loop, "length", cv_value_integer(list.integer));
    set_member(r, loop, "first", cv_value_bool(i == 0));
    set_member(r, loop, "last", cv_value_bool(i + 1 == list.integer));
    if (i > 0) set_member(r, loop, "previtem", list.items[i - 1]);
    if (i + 1 < list.integer) set_member(r, loop, "nextitem", list.items[i + 1]);
    return loop;
}

/* The variables that a loop sets before its body. */
typedef struct targets {
    const cv_word *names[4];
    size_t count;
} targets;

static bool read_targets(cv_renderer *r, targets *t)
{
    bool parenthesis = cv_renderer_accept(r, CV_WORD_OPERATOR, "(");
    t->count = 0;
    do {
        const cv_word *name = &r->words[r->at++];
        if (name->kind != CV_WORD_NAME || t->count == 4) return cv_bad_input(r->err, "a loop's variables are expected");
        t->names[t->count++] = name;
    } while (cv_renderer_accept(r, CV_WORD_OPERATOR, ","));
    return !parenthesis || cv_renderer_expect(r, CV_WORD_OPERATOR, ")");
}

static bool set_targets(cv_renderer *r, const targets *t, cv_value item)
{
    if (t->count == 1) return cv_renderer_set(r, t->names[0], item), true;
    if (item.kind != CV_VALUE_LIST || item.integer != (int64_t)t->count)
        return cv_bad_input(r->err, "a loop takes apart what does not have %zu parts", t->count);
    for (size_t i = 0; i < t->count; i++) cv_renderer_set(r, t->names[i], item.items[i]);
    return true;
}

/* Keeps the items for which the condition at the words from condition on holds. */
static bool keep_where(cv_renderer *r, const targets *t, size_t condition, cv_value *list)
{
    cv_value kept = cv_value_list(&r->pool, (size_t)list->integer), holds;
    size_t variables = r->variable_count, scope = r->scope, end = r->at;
    kept.integer = 0;
    for (int64_t i = 0; i < list->integer; i++) {
        r->scope = r->variable_count;
        r->at = condition;
        bool fine = set_targets(r, t, list->items[i]) && cv_renderer_expression(r, &holds);
        r->variable_count = variables;
        r->scope = scope;
        if (!fine) return false;
        if (cv_value_is_true(holds)) kept.items[kept.integer++] = list->items[i];
    }
    r->at = end;
    *list = kept;
    return true;
}

/* Reads the body once for each item; without items, once to get past it. */
static bool loop_bodies(cv_renderer *r, const targets *t, cv_value list)
{
    static const char *const stops[] = {"else", "endfor", NULL};
    static const cv_word loop_name = {CV_WORD_NAME, "loop", 4, 0};
    size_t body = r->at, variables = r->variable_count, scope = r->scope;
    if (!r->live || list.integer == 0) return block_if_live(r, false, stops);
    for (int64_t i = 0; i < list.integer; i++) {
        r->at = body;
        r->scope = r->variable_count;
        bool fine = set_targets(r, t, list.items[i]);
        if (fine) cv_renderer_set(r, &loop_name, loop_variable(r, list, i));
        fine = fine && block(r, stops);
        r->variable_count = variables;
        r->scope = scope;
        if (!fine) return false;
    }
    return true;
}

/* {% for a, b in list if condition %}; behind the name "for". */
static bool statement_for(cv_renderer *r)
{
    static const char *const stops[] = {"endfor", NULL};
    targets t;
    cv_value list, unused;
    if (!read_targets(r, &t) || !cv_renderer_expect(r, CV_WORD_NAME, "in") || !cv_renderer_or_expression(r, &list))
        return false;
    if (r->live && !iterable(r, &list)) return false;
    if (cv_renderer_accept(r, CV_WORD_NAME, "if")) {
        size_t condition = r->at;
        bool live = r->live;
        r->live = false;
        bool fine = cv_renderer_expression(r, &unused);
        r->live = live;
        if (!fine || (live && !keep_where(r, &t, condition, &list))) return false;
    }
    if (!close_tag(r) || !loop_bodies(r, &t, list)) return false;
    if (at_tag(r, "else")) {
        r->at += 2;
        if (!close_tag(r) || !block_if_live(r, list.integer == 0, stops)) return false;
    }
    return pass_tag(r, "endfor") && close_tag(r);
}

/* {% set name %}...{% endset %}: what the block renders to. */
static bool set_block(cv_renderer *r, const cv_word *name)
{
    static const char *const stops[] = {"endset", NULL};
    cv_buffer captured = {0}, *out = r->out;
    r->out = &captured;
    bool fine = close_tag(r) && block(r, stops);
    r->out = out;
    if (fine && r->live) {
        cv_value text = cv_value_copy_string(&r->pool, captured.data ? captured.data : "", captured.length);
        cv_renderer_set(r, name, text);
    }
    cv_buffer_free(&captured);
    return fine && pass_tag(r, "endset") && close_tag(r);
}

/* {% set name = value %} and {% set namespace.name = value %}; behind the name "set". */
static bool statement_set(cv_renderer *r)
{
    const cv_word *name = &r->words[r->at++], *member = NULL;
    cv_value value, space;
    if (name->kind != CV_WORD_NAME) return cv_bad_input(r->err, "a variable is expected behind \"set\"");
    if (r->words[r->at].kind == CV_WORD_CLOSE) return set_block(r, name);
    if (cv_renderer_accept(r, CV_WORD_OPERATOR, ".")) {
        member = &r->words[r->at++];
        if (member->kind != CV_WORD_NAME) return cv_bad_input(r->err, "a name is expected behind a dot");
    }
    if (!cv_renderer_expect(r, CV_WORD_OPERATOR, "=") || !cv_renderer_expression(r, &value) || !close_tag(r))
        return false;
    if (!r->live) return true;
    if (!member) return cv_renderer_set(r, name, value), true;
    space = cv_renderer_get(r, name);
    if (space.kind != CV_VALUE_DICT) return cv_bad_input(r->err, "\"%.40s\" is no namespace", name->text);
    cv_value_set(&r->pool, space, member->text, member->length, value);
    return true;
}

/* {% macro %}: passed over, as those that occur serve tools, which are never given here; calling one
 * is an error, since it stays undefined. */
static bool statement_macro(cv_renderer *r)
{
    static const char *const stops[] = {"endmacro", NULL};
    while (r->words[r->at].kind != CV_WORD_CLOSE && r->words[r->at].kind != CV_WORD_END) r->at++;
    return close_tag(r) && block_if_live(r, false, stops) && pass_tag(r, "endmacro") && close_tag(r);
}

/* {% name ...; behind the {%. */
static bool statement(cv_renderer *r)
{
    if (cv_renderer_accept(r, CV_WORD_NAME, "if")) return statement_if(r);
    if (cv_renderer_accept(r, CV_WORD_NAME, "for")) return statement_for(r);
    if (cv_renderer_accept(r, CV_WORD_NAME, "set")) return statement_set(r);
    if (cv_renderer_accept(r, CV_WORD_NAME, "macro")) return statement_macro(r);
    /* marks an answer for training; prints as if it were not there */
    if (cv_renderer_accept(r, CV_WORD_NAME, "generation") || cv_renderer_accept(r, CV_WORD_NAME, "endgeneration"))
        return close_tag(r);
    return cv_bad_input(r->err, "the tag \"%.40s\" is not supported", r->words[r->at].text);
}

static bool print(cv_renderer *r)
{
    cv_value value, text;
    if (!cv_renderer_expression(r, &value) || !close_tag(r)) return false;
    if (!r->live) return true;
    if (!cv_builtin_text(r, value, &text)) return false;
    cv_buffer_append(r->out, text.text, text.length);
    return true;
}

static bool at_stop(const cv_renderer *r, const char *const *stops)
{
    for (; *stops; stops++)
        if (at_tag(r, *stops)) return true;
    return false;
}

static bool block(cv_renderer *r, const char *const *stops)
{
    bool fine = true;
    if (r->depth >= CV_TEMPLATE_DEPTH) return cv_bad_input(r->err, "the template is nested too deep");
    r->depth++;
    while (fine && r->words[r->at].kind != CV_WORD_END && !at_stop(r, stops)) {
        const cv_word *word = &r->words[r->at++];
        fine = cv_renderer_step(r);
        if (!fine) break;
        if (word->kind == CV_WORD_TEXT) {
            if (r->live) cv_buffer_append(r->out, word->text, word->length);
        } else if (word->kind == CV_WORD_PRINT) {
            fine = print(r);
        } else {
            fine = statement(r);
        }
        if (fine && r->out->length > CV_TEMPLATE_BYTES) fine = cv_bad_input(r->err, "the template prints too much");
    }
    r->depth--;
    return fine;
}

static void set_globals(cv_renderer *r, cv_value globals)
{
    cv_value key, value;
    for (size_t i = 0; cv_value_entry(globals, i, &key, &value); i++) {
        cv_word name = {CV_WORD_NAME, key.text, key.length, 0};
        cv_renderer_set(r, &name, value);
    }
    r->scope = r->variable_count; /* what the template sets stands before them */
}

bool cv_template_render(const char *source, size_t length, cv_value globals, cv_buffer *out, cv_error *err)
{
    static const char *const stops[] = {NULL};
    cv_template_words words = {0};
    cv_renderer r = {.live = true, .out = out, .err = err};
    bool fine = cv_template_words_read(source, length, &words, err);
    if (fine) {
        r.words = words.items;
        set_globals(&r, globals);
        fine = block(&r, stops);
    }
    free(r.variables);
    cv_pool_free(&r.pool);
    cv_template_words_free(&words);
    return fine;
}
