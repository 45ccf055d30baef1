/* Which files a result came from: their SHA-256, as model hubs and sha256sum print it. */
#ifndef CV_FINGERPRINT_H
#define CV_FINGERPRINT_H

#include "base/hash.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_fingerprint {
    char *name; /* the file's name in its folder, owned */
    uint64_t bytes;
    char sha256[CV_SHA256_HEX];
} cv_fingerprint;

typedef struct cv_fingerprints {
    cv_fingerprint *files; /* [count], owned; start with {0} */
    size_t count, capacity;
} cv_fingerprints;

/* Appends the fingerprint of directory/name (of name alone where directory is NULL). */
bool cv_fingerprint_file(const char *directory, const char *name, cv_fingerprints *out, cv_error *err);

/* Appends those of a model's files: config, tokenizer, chat template and generation_config.json (it has the tokens
 * that end an answer) where present, and the weights (all shards that the index names). Reads the weights once. */
bool cv_fingerprint_model(const char *directory, cv_fingerprints *out, cv_error *err);
/* Of its config and weights alone. */
bool cv_fingerprint_weights(const char *directory, cv_fingerprints *out, cv_error *err);

void cv_fingerprints_free(cv_fingerprints *fingerprints);

#endif
