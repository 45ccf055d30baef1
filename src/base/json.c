#include "base/json.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cv_json_parse(const char *data, size_t length, const char *file, int flags, cv_error *err)
{
    size_t options = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    if (flags & CV_JSON_HUGE_INTEGERS) options |= JSON_DECODE_INT_AS_REAL;
    json_error_t problem;
    json_t *top = json_loadb(data, length, options, &problem);
    if (!top) {
        cv_bad_input(err, "%s:%d:%d: not valid JSON: %s", file, problem.line, problem.column, problem.text);
        return NULL;
    }
    if (!json_is_object(top)) {
        cv_bad_input(err, "%s: the file must hold one JSON object {...}", file);
        json_decref(top);
        return NULL;
    }
    return top;
}

json_t *cv_json_load(const char *path, int flags, cv_error *err)
{
    size_t length;
    char *data = cv_read_file(path, &length, err);
    if (!data) return NULL;
    json_t *top = cv_json_parse(data, length, path, flags, err);
    free(data);
    return top;
}

/* "engine." before a key of the object "engine"; nothing at the top. */
static const char *dot(cv_json_place at)
{
    return at.field[0] ? "." : "";
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, replace) between two short words; large where either is longer than 63. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);
    if (n > 63 || strlen(a) > 63) return 64;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (; *a; a++) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (*a != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

static const char *nearest_key(const char *key, const char *const *keys)
{
    const char *best = NULL;
    size_t least = 4; /* farther than three edits is no typing error */
    for (; *keys; keys++) {
        size_t distance = edit_distance(key, *keys);
        if (distance < least) {
            least = distance;
            best = *keys;
        }
    }
    return best;
}

bool cv_json_only_keys(const json_t *object, cv_json_place at, const char *const *keys, cv_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        const char *const *known = keys;
        while (*known && strcmp(*known, key) != 0) known++;
        if (*known) continue;
        const char *near = nearest_key(key, keys);
        if (near)
            return cv_bad_input(err, "%s: unknown key %s%s%s; did you mean \"%s\"?", at.file, at.field, dot(at), key,
                                near);
        return cv_bad_input(err, "%s: unknown key %s%s%s", at.file, at.field, dot(at), key);
    }
    return true;
}

/* *value = object[key], NULL where absent or null. False if it is required and absent. */
static bool find(const json_t *object, cv_json_place at, const char *key, cv_json_need need, json_t **value,
                 cv_error *err)
{
    *value = json_object_get(object, key);
    if (json_is_null(*value)) *value = NULL;
    if (*value || need == CV_OPTIONAL) return true;
    return cv_bad_input(err, "%s: %s%s%s is missing", at.file, at.field, dot(at), key);
}

static bool must_be(cv_json_place at, const char *key, const char *what, cv_error *err)
{
    return cv_bad_input(err, "%s: %s%s%s must be %s", at.file, at.field, dot(at), key, what);
}

bool cv_json_string(const json_t *object, cv_json_place at, const char *key, cv_json_need need, const char **out,
                    cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_string(value)) return must_be(at, key, "a string", err);
    if (strlen(json_string_value(value)) != json_string_length(value))
        return must_be(at, key, "a string without NUL characters", err);
    *out = json_string_value(value);
    return true;
}

bool cv_json_bool(const json_t *object, cv_json_place at, const char *key, cv_json_need need, bool *out, cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_boolean(value)) return must_be(at, key, "true or false", err);
    *out = json_is_true(value);
    return true;
}

bool cv_json_int(const json_t *object, cv_json_place at, const char *key, cv_json_need need, int64_t low, int64_t high,
                 int64_t *out, cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_integer(value)) return must_be(at, key, "a whole number", err);
    json_int_t number = json_integer_value(value);
    if (number < low || number > high)
        return cv_bad_input(err, "%s: %s%s%s is %lld; it must lie between %lld and %lld", at.file, at.field, dot(at),
                            key, (long long)number, (long long)low, (long long)high);
    *out = number;
    return true;
}

bool cv_json_real(const json_t *object, cv_json_place at, const char *key, cv_json_need need, double low, double high,
                  double *out, cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_number(value)) return must_be(at, key, "a number", err);
    double number = json_number_value(value);
    if (!(number >= low && number <= high))
        return cv_bad_input(err, "%s: %s%s%s is %g; it must lie between %g and %g", at.file, at.field, dot(at), key,
                            number, low, high);
    *out = number;
    return true;
}

bool cv_json_object(const json_t *object, cv_json_place at, const char *key, cv_json_need need, json_t **out,
                    cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_object(value)) return must_be(at, key, "an object {...}", err);
    *out = value;
    return true;
}

bool cv_json_array(const json_t *object, cv_json_place at, const char *key, cv_json_need need, json_t **out,
                   cv_error *err)
{
    json_t *value;
    if (!find(object, at, key, need, &value, err)) return false;
    if (!value) return true;
    if (!json_is_array(value)) return must_be(at, key, "an array [...]", err);
    *out = value;
    return true;
}
