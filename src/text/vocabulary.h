/* The model's tokens: from a spelling to its id and back. */
#ifndef CV_VOCABULARY_H
#define CV_VOCABULARY_H

#include "base/json.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

/* Larger ids are refused: no model has an embedding of that many rows. */
enum { CV_TOKEN_LIMIT = 1 << 24 };

/* Start with {0}. Spellings hold no NUL. */
typedef struct cv_vocabulary {
    char *bytes;       /* every spelling with a NUL behind it */
    size_t *offsets;   /* [size] by id: where its spelling starts, SIZE_MAX for an id without token */
    int32_t *slots;    /* [slot_count] open addressing by the spelling's hash; -1 is empty */
    size_t slot_count; /* a power of two, more than twice count */
    size_t count;      /* tokens */
    int32_t size;      /* one more than the largest id */
} cv_vocabulary;

/* Reads {"spelling": id, ...}. Bad input: an id that is no whole number, too large, or given twice. */
bool cv_vocabulary_parse(cv_vocabulary *vocabulary, const json_t *object, cv_json_place at, cv_error *err);
void cv_vocabulary_free(cv_vocabulary *vocabulary);

/* The id of a spelling, -1 where it has none. */
int32_t cv_vocabulary_find(const cv_vocabulary *vocabulary, const char *spelling, size_t length);

/* The spelling of an id, NULL where it has none. */
const char *cv_vocabulary_spelling(const cv_vocabulary *vocabulary, int32_t id);

#endif
