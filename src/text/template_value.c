#include "text/template_value.h"

#include "base/memory.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

typedef struct entry {
    const char *key;
    size_t length;
    cv_value value;
} entry;

typedef struct cv_dict {
    entry *entries; /* [count] in the order of insertion; few, so searched one by one */
    size_t count, capacity;
} cv_dict;

void *cv_pool_alloc(cv_pool *pool, size_t count, size_t size)
{
    void *block = cv_calloc(count, size);
    cv_reserve(&pool->blocks, &pool->capacity, pool->count + 1, sizeof *pool->blocks);
    pool->blocks[pool->count++] = block;
    pool->bytes += count * size;
    return block;
}

void cv_pool_free(cv_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) free(pool->blocks[i]);
    free(pool->blocks);
    *pool = (cv_pool){0};
}

cv_value cv_value_bool(bool value)
{
    return (cv_value){.kind = CV_VALUE_BOOL, .integer = value};
}

cv_value cv_value_integer(int64_t value)
{
    return (cv_value){.kind = CV_VALUE_INTEGER, .integer = value};
}

cv_value cv_value_string(const char *text, size_t length)
{
    return (cv_value){.kind = CV_VALUE_STRING, .text = text, .length = length};
}

cv_value cv_value_copy_string(cv_pool *pool, const char *text, size_t length)
{
    char *copy = cv_pool_alloc(pool, length + 1, 1);
    if (length) memcpy(copy, text, length);
    return cv_value_string(copy, length);
}

cv_value cv_value_list(cv_pool *pool, size_t count)
{
    cv_value *items = cv_pool_alloc(pool, count, sizeof *items);
    return (cv_value){.kind = CV_VALUE_LIST, .integer = (int64_t)count, .items = items};
}

cv_value cv_value_dict(cv_pool *pool)
{
    return (cv_value){.kind = CV_VALUE_DICT, .dict = cv_pool_alloc(pool, 1, sizeof(cv_dict))};
}

static entry *find_entry(const cv_dict *dict, const char *key, size_t length)
{
    for (size_t i = 0; i < dict->count; i++)
        if (dict->entries[i].length == length && memcmp(dict->entries[i].key, key, length) == 0)
            return &dict->entries[i];
    return NULL;
}

cv_value cv_value_get(cv_value dict, const char *key, size_t length)
{
    const entry *found = find_entry(dict.dict, key, length);
    return found ? found->value : (cv_value){0};
}

void cv_value_set(cv_pool *pool, cv_value dict, const char *key, size_t length, cv_value value)
{
    cv_dict *d = dict.dict;
    entry *found = find_entry(d, key, length);
    if (found) {
        found->value = value;
        return;
    }
    if (d->count == d->capacity) {
        entry *larger = cv_pool_alloc(pool, 2 * d->capacity + 8, sizeof *larger);
        if (d->count) memcpy(larger, d->entries, d->count * sizeof *larger);
        d->entries = larger;
        d->capacity = 2 * d->capacity + 8;
    }
    d->entries[d->count++] = (entry){key, length, value};
}

bool cv_value_entry(cv_value dict, size_t i, cv_value *key, cv_value *value)
{
    if (i >= dict.dict->count) return false;
    *key = cv_value_string(dict.dict->entries[i].key, dict.dict->entries[i].length);
    *value = dict.dict->entries[i].value;
    return true;
}

bool cv_value_is_true(cv_value value)
{
    switch (value.kind) {
    case CV_VALUE_UNDEFINED:
    case CV_VALUE_NONE:
        return false;
    case CV_VALUE_BOOL:
    case CV_VALUE_INTEGER:
    case CV_VALUE_LIST:
        return value.integer != 0;
    case CV_VALUE_STRING:
        return value.length > 0;
    case CV_VALUE_DICT:
        return value.dict->count > 0;
    case CV_VALUE_FUNCTION:
        return true;
    }
    return false;
}

static bool is_number(cv_value value)
{
    return value.kind == CV_VALUE_BOOL || value.kind == CV_VALUE_INTEGER;
}

bool cv_value_equal(cv_value a, cv_value b)
{
    if (is_number(a) && is_number(b)) return a.integer == b.integer;
    if (a.kind != b.kind) return false;
    if (a.kind == CV_VALUE_STRING) return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
    if (a.kind == CV_VALUE_DICT) return a.dict == b.dict;
    if (a.kind != CV_VALUE_LIST) return a.kind != CV_VALUE_FUNCTION;
    if (a.integer != b.integer) return false;
    for (int64_t i = 0; i < a.integer; i++)
        if (!cv_value_equal(a.items[i], b.items[i])) return false;
    return true;
}

bool cv_value_is(cv_value value, const char *string)
{
    return value.kind == CV_VALUE_STRING && value.length == strlen(string) &&
           memcmp(value.text, string, value.length) == 0;
}

/* Python's str.strip also takes the four separators of ASCII for white space. */
static bool strips(uint32_t code, const char *set)
{
    if (set) return code && code < 0x80 && strchr(set, (int)code);
    return cv_is_white_space(code) || (code >= 0x1c && code <= 0x1f);
}

cv_value cv_value_strip(cv_value string, const char *set, bool left, bool right)
{
    size_t start = 0, end = string.length;
    uint32_t code;
    while (left && start < end) {
        size_t bytes = cv_utf8_decode(string.text + start, &code);
        if (!strips(code, set)) break;
        start += bytes;
    }
    while (right && end > start) {
        size_t bytes = cv_utf8_last(string.text, end);
        cv_utf8_decode(string.text + end - bytes, &code);
        if (!strips(code, set)) break;
        end -= bytes;
    }
    return cv_value_string(string.text + start, end - start);
}
