/* The values of a Jinja template while it is rendered. All memory belongs to one pool and goes with
 * it; values themselves are passed by copy. */
#ifndef CV_TEMPLATE_VALUE_H
#define CV_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cv_value_kind {
    CV_VALUE_UNDEFINED,
    CV_VALUE_NONE,
    CV_VALUE_BOOL,
    CV_VALUE_INTEGER,
    CV_VALUE_STRING,
    CV_VALUE_LIST,
    CV_VALUE_DICT,
    CV_VALUE_FUNCTION /* a global function or a method, by name */
} cv_value_kind;

typedef struct cv_value {
    cv_value_kind kind;
    int64_t integer;        /* BOOL, INTEGER; and LIST: the number of items */
    const char *text;       /* STRING; FUNCTION: its name */
    size_t length;          /* of text */
    struct cv_value *items; /* LIST: [integer]; FUNCTION: the value whose method it is, or NULL */
    struct cv_dict *dict;   /* DICT, shared by its copies: namespaces change */
} cv_value;

/* Start with {0}. */
typedef struct cv_pool {
    void **blocks; /* [count] */
    size_t count, capacity;
    size_t bytes; /* given out so far */
} cv_pool;

void *cv_pool_alloc(cv_pool *pool, size_t count, size_t size);
void cv_pool_free(cv_pool *pool);

cv_value cv_value_bool(bool value);
cv_value cv_value_integer(int64_t value);
/* text must live as long as the value: a copy of it is made only by cv_value_copy_string. */
cv_value cv_value_string(const char *text, size_t length);
cv_value cv_value_copy_string(cv_pool *pool, const char *text, size_t length);
cv_value cv_value_list(cv_pool *pool, size_t count);
cv_value cv_value_dict(cv_pool *pool);

/* The value of a key, undefined where the dictionary lacks it. */
cv_value cv_value_get(cv_value dict, const char *key, size_t length);
void cv_value_set(cv_pool *pool, cv_value dict, const char *key, size_t length, cv_value value);
/* Entries in the order of insertion; false past the last. */
bool cv_value_entry(cv_value dict, size_t i, cv_value *key, cv_value *value);

/* Python's notions of truth and equality. */
bool cv_value_is_true(cv_value value);
bool cv_value_equal(cv_value a, cv_value b);
bool cv_value_is(cv_value value, const char *string);

/* A string without the leading and trailing characters that set holds (ASCII; NULL: white space). */
cv_value cv_value_strip(cv_value string, const char *set, bool left, bool right);

#endif
