/* One safetensors file: eight bytes of header length, a JSON header that lists tensors, their bytes.
 *
 * The format has no C library. The reader trusts nothing: when cv_safetensors_open returns, every
 * tensor's dtype and shape agree with its length, lies inside the file, and overlaps no other. */
#ifndef CV_SAFETENSORS_H
#define CV_SAFETENSORS_H

#include "base/file.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

enum { CV_STORED_RANK_MAX = 8 };

typedef struct cv_stored_tensor {
    char *name;                         /* owned */
    const char *dtype;                  /* the format's word, "BF16"; static */
    int rank;                           /* 0 for a single number */
    uint64_t shape[CV_STORED_RANK_MAX]; /* [rank] */
    const unsigned char *data;          /* [size] in the mapping, at any alignment */
    uint64_t size;                      /* bytes: product(shape) * size of dtype */
} cv_stored_tensor;

typedef struct cv_safetensors {
    char *path;                /* as it was opened, owned */
    cv_mapping mapping;        /* owned */
    cv_stored_tensor *tensors; /* [count] in file order, owned */
    size_t count;
} cv_safetensors;

/* Maps the file and checks its header; reads no tensor. False with *file empty on bad input. */
bool cv_safetensors_open(cv_safetensors *file, const char *path, cv_error *err);
/* Accepts a file that was never opened, if it is {0}. */
void cv_safetensors_close(cv_safetensors *file);

#endif
