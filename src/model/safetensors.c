#include "model/safetensors.h"

#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };
#define HEADER_MAX 100000000u /* the reference implementation's own limit */
#define REMEDY "the file is damaged or was cut off; fetch it again"

/* All of the format's types: a tensor that nobody uses must still have the right length. */
static const struct {
    const char *name;
    unsigned bits;
} dtypes[] = {
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F4", 4},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16}, {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},
    {"U32", 32},    {"F32", 32},    {"C64", 64}, {"F64", 64},    {"I64", 64},    {"U64", 64},
};
enum { NUM_DTYPES = sizeof dtypes / sizeof dtypes[0] };

/* What the checks of one file share. */
typedef struct reader {
    const char *path;
    const unsigned char *data; /* [size]: the tensors' bytes, after the header */
    uint64_t size;
    cv_error *err;
} reader;

static bool read_dtype(const reader *r, const json_t *entry, cv_json_place at, cv_stored_tensor *tensor, unsigned *bits)
{
    const char *word;
    if (!cv_json_string(entry, at, "dtype", CV_REQUIRED, &word, r->err)) return false;
    for (size_t i = 0; i < NUM_DTYPES; i++) {
        if (strcmp(word, dtypes[i].name) != 0) continue;
        tensor->dtype = dtypes[i].name;
        *bits = dtypes[i].bits;
        return true;
    }
    return cv_bad_input(r->err, "%s: %s.dtype \"%s\" is no type of the safetensors format; " REMEDY, r->path, at.field,
                        word);
}

/* An array of whole numbers that are not negative. Reads at most max of them; false if there are more. */
static bool read_sizes(const reader *r, const json_t *entry, cv_json_place at, const char *key, size_t max,
                       uint64_t *sizes, size_t *count)
{
    json_t *array;
    if (!cv_json_array(entry, at, key, CV_REQUIRED, &array, r->err)) return false;
    *count = json_array_size(array);
    if (*count > max)
        return cv_bad_input(r->err, "%s: %s.%s has %zu numbers; at most %zu are possible", r->path, at.field, key,
                            *count, max);
    for (size_t i = 0; i < *count; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return cv_bad_input(r->err, "%s: %s.%s must hold whole numbers from 0; " REMEDY, r->path, at.field, key);
        sizes[i] = (uint64_t)json_integer_value(number);
    }
    return true;
}

/* Bytes that a tensor of this shape must have. False if they do not fit 64 bits or are no whole bytes. */
static bool shape_bytes(const cv_stored_tensor *tensor, unsigned bits, uint64_t *bytes)
{
    uint64_t product = bits;
    for (int i = 0; i < tensor->rank; i++)
        if (!cv_mul_u64(product, tensor->shape[i], &product)) return false;
    *bytes = product / 8;
    return product % 8 == 0;
}

static bool read_tensor(const reader *r, const char *name, const json_t *entry, cv_stored_tensor *tensor)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets", NULL};
    cv_json_place at = {r->path, name};
    if (!json_is_object(entry)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->path, name);
    unsigned bits = 0;
    size_t rank, pair;
    uint64_t offsets[2], bytes;
    if (!cv_json_only_keys(entry, at, keys, r->err) || !read_dtype(r, entry, at, tensor, &bits) ||
        !read_sizes(r, entry, at, "shape", CV_STORED_RANK_MAX, tensor->shape, &rank) ||
        !read_sizes(r, entry, at, "data_offsets", 2, offsets, &pair))
        return false;
    tensor->rank = (int)rank;
    if (pair != 2 || offsets[0] > offsets[1])
        return cv_bad_input(r->err, "%s: %s.data_offsets must be [begin, end] with begin <= end; " REMEDY, r->path,
                            name);
    if (offsets[1] > r->size)
        return cv_bad_input(r->err,
                            "%s: %s.data_offsets end at byte %" PRIu64 ", but the file holds only %" PRIu64
                            " bytes of tensors; " REMEDY,
                            r->path, name, offsets[1], r->size);
    tensor->data = r->data + offsets[0];
    tensor->size = offsets[1] - offsets[0];
    if (!shape_bytes(tensor, bits, &bytes) || bytes != tensor->size)
        return cv_bad_input(r->err,
                            "%s: %s.data_offsets span %" PRIu64 " bytes, which its dtype and shape do not; " REMEDY,
                            r->path, name, tensor->size);
    tensor->name = cv_strdup(name);
    return true;
}

static int by_place(const void *a, const void *b)
{
    const cv_stored_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size;
}

/* The format allows no byte between tensors, so that no file hides anything. */
static bool check_layout(const reader *r, cv_safetensors *file)
{
    if (file->count) qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    const unsigned char *next = r->data;
    for (size_t i = 0; i < file->count; i++) {
        const cv_stored_tensor *tensor = &file->tensors[i];
        if (tensor->data < next)
            return cv_bad_input(r->err, "%s: %s.data_offsets overlap those of %s; " REMEDY, r->path, tensor->name,
                                file->tensors[i - 1].name);
        if (tensor->data > next)
            return cv_bad_input(r->err,
                                "%s: %s.data_offsets leave %td bytes before it that belong to no tensor; " REMEDY,
                                r->path, tensor->name, tensor->data - next);
        next = tensor->data + tensor->size;
    }
    uint64_t used = (uint64_t)(next - r->data);
    if (used == r->size) return true;
    return cv_bad_input(r->err, "%s: the last %" PRIu64 " bytes belong to no tensor; " REMEDY, r->path, r->size - used);
}

static bool read_header(const reader *r, const json_t *header, cv_safetensors *file)
{
    file->tensors = cv_calloc(json_object_size(header), sizeof *file->tensors);
    const char *name;
    json_t *entry;
    json_object_foreach ((json_t *)header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        if (!read_tensor(r, name, entry, &file->tensors[file->count])) return false;
        file->count++;
    }
    return check_layout(r, file);
}

/* The length of the JSON header, which must lie inside the file. */
static bool header_length(const cv_mapping *mapping, const char *path, uint64_t *length, cv_error *err)
{
    if (mapping->size < LENGTH_BYTES)
        return cv_bad_input(err, "%s: %" PRIu64 " bytes are too few for a safetensors file; " REMEDY, path,
                            mapping->size);
    uint64_t n = 0, rest = mapping->size - LENGTH_BYTES;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) n = n << 8 | mapping->data[i];
    if (n > rest)
        return cv_bad_input(err,
                            "%s: header length %" PRIu64 " points past the end of the file, %" PRIu64
                            " bytes further on; " REMEDY,
                            path, n, rest);
    if (n > HEADER_MAX)
        return cv_bad_input(err, "%s: header length %" PRIu64 " is above the format's limit of %u", path, n,
                            HEADER_MAX);
    *length = n;
    return true;
}

bool cv_safetensors_open(cv_safetensors *file, const char *path, cv_error *err)
{
    *file = (cv_safetensors){.path = cv_strdup(path)};
    json_t *header = NULL;
    uint64_t length = 0;
    bool ok = cv_map_file(path, &file->mapping, err) && header_length(&file->mapping, path, &length, err);
    if (ok) {
        const char *text = (const char *)file->mapping.data + LENGTH_BYTES;
        header = cv_json_parse(text, (size_t)length, path, 0, err);
        ok = header != NULL || cv_error_prefix(err, "header of the safetensors file");
    }
    if (ok) {
        uint64_t start = LENGTH_BYTES + length;
        reader r = {path, file->mapping.data + start, file->mapping.size - start, err};
        ok = read_header(&r, header, file);
    }
    json_decref(header);
    if (!ok) cv_safetensors_close(file);
    return ok;
}

void cv_safetensors_close(cv_safetensors *file)
{
    for (size_t i = 0; i < file->count; i++) free(file->tensors[i].name);
    free(file->tensors);
    free(file->path);
    cv_unmap_file(&file->mapping);
    *file = (cv_safetensors){0};
}
