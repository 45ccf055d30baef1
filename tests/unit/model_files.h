/* The files of a model directory, good and bad, written into the scratch folder. */
#ifndef TESTS_MODEL_FILES_H
#define TESTS_MODEL_FILES_H

#include "base/buffer.h"
#include "scratch.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdint.h>
#include <string.h>

/* A refusal is one line that names the file and the field. */
static inline void assert_refused(const cv_error *err, const char *file, const char *field)
{
    ck_assert_int_eq(err->status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err->text, file) != NULL, "\"%s\" does not name %s", err->text, file);
    ck_assert_msg(strstr(err->text, field) != NULL, "\"%s\" does not say %s", err->text, field);
    ck_assert_ptr_null(strchr(err->text, '\n'));
}

/* A safetensors file: the length that is claimed for the header, the header, and data_bytes bytes
 * 0, 1, 2, ... for the tensors. Returns its path; free with free(). */
static inline char *write_claimed(const char *name, uint64_t claimed, const char *header, size_t data_bytes)
{
    cv_buffer bytes = {0};
    for (int i = 0; i < 8; i++) cv_buffer_append(&bytes, &(char){(char)(claimed >> 8 * i)}, 1);
    cv_buffer_puts(&bytes, header);
    for (size_t i = 0; i < data_bytes; i++) cv_buffer_append(&bytes, &(char){(char)i}, 1);
    char *path = scratch_file(name, bytes.data, bytes.length);
    cv_buffer_free(&bytes);
    return path;
}

static inline char *write_header(const char *name, const char *header, size_t data_bytes)
{
    return write_claimed(name, strlen(header), header, data_bytes);
}

/* A tensor to be written; rows 0 makes it a vector. */
typedef struct listed_tensor {
    const char *name, *dtype;
    uint64_t rows, columns;
} listed_tensor;

static inline uint64_t listed_bytes(const listed_tensor *tensor)
{
    uint64_t size = strcmp(tensor->dtype, "F32") == 0 ? 4 : strcmp(tensor->dtype, "I8") == 0 ? 1 : 2;
    return (tensor->rows ? tensor->rows : 1) * tensor->columns * size;
}

/* The header that lists count tensors, one after the other; *total is their bytes. Free with free(). */
static inline char *list_tensors(const listed_tensor *tensors, size_t count, uint64_t *total)
{
    cv_buffer header = {0};
    cv_buffer_puts(&header, "{\"__metadata__\": {\"format\": \"pt\"}");
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        const listed_tensor *t = &tensors[i];
        cv_buffer_printf(&header, ", \"%s\": {\"dtype\": \"%s\", \"shape\": [", t->name, t->dtype);
        if (t->rows) cv_buffer_printf(&header, "%" PRIu64 ", ", t->rows);
        cv_buffer_printf(&header, "%" PRIu64 "], \"data_offsets\": [%" PRIu64 ", %" PRIu64 "]}", t->columns, *total,
                         *total + listed_bytes(t));
        *total += listed_bytes(t);
    }
    cv_buffer_puts(&header, "}");
    return cv_buffer_steal(&header);
}

static inline void write_tensors(const char *name, const listed_tensor *tensors, size_t count)
{
    uint64_t total;
    char *header = list_tensors(tensors, count, &total);
    free(write_header(name, header, (size_t)total));
    free(header);
}

/* text with 'quotes' for "quotes", as a JSON value. */
static inline json_t *json_of(const char *text)
{
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    json_error_t problem;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &problem);
    ck_assert_msg(value != NULL, "%s: %s", text, problem.text);
    free(copy);
    return value;
}

/* Writes config.json: the fields of base with those of changes put over them, where "-key" takes key
 * out. Returns its path; free with free(). */
static inline char *write_config(const char *base, const char *changes)
{
    json_t *config = json_of(base), *change = json_of(changes), *value;
    const char *key;
    json_object_foreach (change, key, value) {
        if (key[0] == '-')
            ck_assert_int_eq(json_object_del(config, key + 1), 0);
        else
            ck_assert_int_eq(json_object_set(config, key, value), 0);
    }
    char *text = json_dumps(config, JSON_INDENT(2));
    char *path = scratch_file("config.json", text, strlen(text));
    free(text);
    json_decref(change);
    json_decref(config);
    return path;
}

#endif
