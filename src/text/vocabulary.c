#include "text/vocabulary.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, with the high bits stirred in, since slots are taken by the low ones. */
static size_t hash(const char *spelling, size_t length)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)spelling[i]) * 0x100000001b3u;
    return (size_t)(value ^ value >> 29);
}

/* The slot that holds the spelling, or the empty one where it belongs. */
static size_t find_slot(const cv_vocabulary *vocabulary, const char *spelling, size_t length)
{
    size_t mask = vocabulary->slot_count - 1, slot = hash(spelling, length) & mask;
    for (;; slot = (slot + 1) & mask) {
        int32_t id = vocabulary->slots[slot];
        if (id < 0) return slot;
        const char *other = vocabulary->bytes + vocabulary->offsets[id];
        if (strncmp(other, spelling, length) == 0 && other[length] == 0) return slot;
    }
}

/* Checks every id and measures: the largest id into size, the room for spellings into *bytes. */
static bool measure(cv_vocabulary *vocabulary, const json_t *object, cv_json_place at, size_t *bytes, cv_error *err)
{
    const char *spelling;
    json_t *id;
    *bytes = 0;
    json_object_foreach ((json_t *)object, spelling, id) {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= CV_TOKEN_LIMIT)
            return cv_bad_input(err, "%s: %s: the id of the token \"%.40s\" must be a whole number below %d", at.file,
                                at.field, spelling, CV_TOKEN_LIMIT);
        if (json_integer_value(id) >= vocabulary->size) vocabulary->size = (int32_t)json_integer_value(id) + 1;
        *bytes += strlen(spelling) + 1;
    }
    if (vocabulary->size == 0) return cv_bad_input(err, "%s: %s holds no token", at.file, at.field);
    return true;
}

static void reserve(cv_vocabulary *vocabulary, size_t tokens, size_t bytes)
{
    vocabulary->slot_count = 4;
    while (vocabulary->slot_count < 2 * tokens + 1) vocabulary->slot_count *= 2;
    vocabulary->slots = cv_alloc(vocabulary->slot_count, sizeof *vocabulary->slots);
    for (size_t i = 0; i < vocabulary->slot_count; i++) vocabulary->slots[i] = -1;
    vocabulary->offsets = cv_alloc((size_t)vocabulary->size, sizeof *vocabulary->offsets);
    for (int32_t i = 0; i < vocabulary->size; i++) vocabulary->offsets[i] = SIZE_MAX;
    vocabulary->bytes = cv_alloc(bytes, 1);
}

bool cv_vocabulary_parse(cv_vocabulary *vocabulary, const json_t *object, cv_json_place at, cv_error *err)
{
    size_t bytes, used = 0;
    if (!measure(vocabulary, object, at, &bytes, err)) return false;
    reserve(vocabulary, json_object_size(object), bytes);
    const char *spelling;
    json_t *value;
    json_object_foreach ((json_t *)object, spelling, value) {
        size_t length = strlen(spelling);
        int32_t id = (int32_t)json_integer_value(value);
        if (vocabulary->offsets[id] != SIZE_MAX)
            return cv_bad_input(err, "%s: %s: the tokens \"%.40s\" and \"%.40s\" have the same id %d", at.file,
                                at.field, vocabulary->bytes + vocabulary->offsets[id], spelling, (int)id);
        memcpy(vocabulary->bytes + used, spelling, length + 1);
        vocabulary->offsets[id] = used;
        used += length + 1;
        vocabulary->slots[find_slot(vocabulary, spelling, length)] = id; /* JSON's keys are unique */
        vocabulary->count++;
    }
    return true;
}

void cv_vocabulary_free(cv_vocabulary *vocabulary)
{
    free(vocabulary->bytes);
    free(vocabulary->offsets);
    free(vocabulary->slots);
    *vocabulary = (cv_vocabulary){0};
}

int32_t cv_vocabulary_find(const cv_vocabulary *vocabulary, const char *spelling, size_t length)
{
    if (memchr(spelling, 0, length)) return -1;
    return vocabulary->slots[find_slot(vocabulary, spelling, length)];
}

const char *cv_vocabulary_spelling(const cv_vocabulary *vocabulary, int32_t id)
{
    if (id < 0 || id >= vocabulary->size || vocabulary->offsets[id] == SIZE_MAX) return NULL;
    return vocabulary->bytes + vocabulary->offsets[id];
}
