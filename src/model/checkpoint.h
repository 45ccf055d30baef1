/* The tensors of a model directory by name, whether they lie in one file or in shards. */
#ifndef CV_CHECKPOINT_H
#define CV_CHECKPOINT_H

#include "model/safetensors.h"

#include <caravan/base.h>
#include <caravan/model.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct cv_checkpoint_entry {
    const cv_stored_tensor *tensor; /* owned by the checkpoint */
    const char *path;               /* of its file, likewise */
    bool used;                      /* for the caller: some part of the model is bound to it */
} cv_checkpoint_entry;

struct cv_checkpoint {
    cv_safetensors *files; /* [num_files], owned */
    size_t num_files;
    cv_checkpoint_entry *entries; /* [num_entries], sorted by tensor name, owned */
    size_t num_entries;
};

/* Opens model.safetensors or, where there is none, the shards of model.safetensors.index.json, each
 * of which is mapped once. NULL on bad input; cv_checkpoint_close accepts NULL. */
cv_checkpoint *cv_checkpoint_open(const char *directory, cv_error *err);
void cv_checkpoint_close(cv_checkpoint *checkpoint);

/* NULL where there is no tensor of that name. */
cv_checkpoint_entry *cv_checkpoint_find(const cv_checkpoint *checkpoint, const char *name);

#endif
