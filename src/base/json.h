/* Reading JSON files strictly, with errors that name the file and the field.
 *
 * jansson does the parsing: unlike most small libraries it keeps integers as 64-bit integers, so
 * that a tensor's offset is never read as a double, and it rejects duplicate keys and bad UTF-8. */
#ifndef CV_JSON_H
#define CV_JSON_H

#include <caravan/base.h>

#include <jansson.h>
#include <stdint.h>

/* Where a value comes from, for messages: "job.json: engine.precision must be a string". */
typedef struct cv_json_place {
    const char *file;  /* path as the user gave it */
    const char *field; /* dotted path of the object, "" at the top */
} cv_json_place;

enum {
    CV_JSON_HUGE_INTEGERS = 1, /* integers past 64 bits occur (tokenizer_config.json): read all as reals */
};

/* The parsed file, whose top must be an object; NULL on error. Free with json_decref(). */
json_t *cv_json_load(const char *path, int flags, cv_error *err);
/* The same from memory; file names the source in messages. */
json_t *cv_json_parse(const char *data, size_t length, const char *file, int flags, cv_error *err);

/* Bad input if the object has a key outside the NULL-terminated list; suggests the nearest one. */
bool cv_json_only_keys(const json_t *object, cv_json_place at, const char *const *keys, cv_error *err);

/* Each reads object[key] into *out. An absent key, or null, leaves *out as it is, unless required.
 * A value of another type, out of [low, high], or not finite is bad input. */
typedef enum cv_json_need { CV_OPTIONAL, CV_REQUIRED } cv_json_need;
bool cv_json_string(const json_t *object, cv_json_place at, const char *key, cv_json_need need, const char **out,
                    cv_error *err);
bool cv_json_bool(const json_t *object, cv_json_place at, const char *key, cv_json_need need, bool *out, cv_error *err);
bool cv_json_int(const json_t *object, cv_json_place at, const char *key, cv_json_need need, int64_t low, int64_t high,
                 int64_t *out, cv_error *err);
bool cv_json_real(const json_t *object, cv_json_place at, const char *key, cv_json_need need, double low, double high,
                  double *out, cv_error *err);
/* Objects and arrays are borrowed from their parent. */
bool cv_json_object(const json_t *object, cv_json_place at, const char *key, cv_json_need need, json_t **out,
                    cv_error *err);
bool cv_json_array(const json_t *object, cv_json_place at, const char *key, cv_json_need need, json_t **out,
                   cv_error *err);

#endif
