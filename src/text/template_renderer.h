/* The state of one rendering, shared by statements (template.c), expressions (template_expression.c)
 * and the functions that templates call (template_builtins.c).
 *
 * There is no syntax tree: the words are evaluated as they are read, and a loop reads its body
 * again. Where live is false a stretch is read only to get past it: its values are undefined and
 * nothing in it can fail but its syntax. */
#ifndef CV_TEMPLATE_RENDERER_H
#define CV_TEMPLATE_RENDERER_H

#include "base/buffer.h"
#include "text/template_lexer.h"
#include "text/template_value.h"

#include <caravan/base.h>

typedef struct cv_variable {
    const char *name;
    size_t length;
    cv_value value;
} cv_variable;

typedef struct cv_renderer {
    const cv_word *words; /* up to CV_WORD_END */
    size_t at;            /* the next word */
    bool live;
    cv_variable *variables; /* [variable_count], inner scopes last */
    size_t variable_count, variable_capacity;
    size_t scope; /* where the innermost scope's variables begin */
    size_t steps; /* bounds the time that a hostile template can take */
    int depth;    /* of nested expressions and blocks */
    cv_pool pool;
    cv_buffer *out;
    cv_error *err;
} cv_renderer;

/* Bounds for templates from the internet; real ones stay far below. */
enum { CV_TEMPLATE_STEPS = 5000000, CV_TEMPLATE_BYTES = 1 << 26, CV_TEMPLATE_DEPTH = 100 };

/* Counts a step; false with an error beyond the bounds. */
bool cv_renderer_step(cv_renderer *r);

/* The next word, if it is this name or operator: passed by accept, demanded by expect. */
bool cv_renderer_peek(const cv_renderer *r, cv_word_kind kind, const char *text);
bool cv_renderer_accept(cv_renderer *r, cv_word_kind kind, const char *text);
bool cv_renderer_expect(cv_renderer *r, cv_word_kind kind, const char *text);

/* A variable or global function, undefined where there is none; and setting a variable of the
 * innermost scope. name's text must outlive the rendering. */
cv_value cv_renderer_get(const cv_renderer *r, const cv_word *name);
void cv_renderer_set(cv_renderer *r, const cv_word *name, cv_value value);

/* Reads an expression. */
bool cv_renderer_expression(cv_renderer *r, cv_value *value);
/* The same without "... if ... else ...", as in the list of a for. */
bool cv_renderer_or_expression(cv_renderer *r, cv_value *value);

/* Arguments of a call: positional ones, and keyword ones in a dictionary. */
enum { CV_MAX_ARGUMENTS = 8 };
typedef struct cv_arguments {
    cv_value values[CV_MAX_ARGUMENTS];
    size_t count;
    cv_value keywords; /* a dictionary, or undefined for none */
} cv_arguments;

/* Calls a global function, a method, a filter or a test; only where live. */
bool cv_builtin_call(cv_renderer *r, cv_value function, const cv_arguments *arguments, cv_value *result);
bool cv_builtin_filter(cv_renderer *r, const cv_word *name, cv_value subject, const cv_arguments *arguments,
                       cv_value *result);
bool cv_builtin_test(cv_renderer *r, const cv_word *name, cv_value subject, const cv_arguments *arguments,
                     bool *result);
/* A global function by name, undefined where there is none. */
cv_value cv_builtin_global(const cv_word *name);

/* What printing a value gives; false for values without a plain text. */
bool cv_builtin_text(cv_renderer *r, cv_value value, cv_value *text);

#endif
