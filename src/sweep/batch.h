/* Numbered items of a stage, cut into batches: answers that are generated together, questions that are
 * read together.
 *
 * A batch wants to be large, as each weight then meets many tokens at once, and must fit the memory.
 * Which items go together depends on the job and its inputs alone, never on ranks or threads. */
#ifndef CV_BATCH_H
#define CV_BATCH_H

#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>
#include <stdint.h>

/* Items [begin, end), all of one model. */
typedef struct cv_batch {
    uint64_t begin, end;
    uint64_t operations;
    uint64_t memory_bytes; /* beside the weights, per rank */
    uint64_t thread_bytes; /* and for each thread of the rank */
} cv_batch;

/* What is to be cut. */
typedef struct cv_batching {
    const cv_inputs *inputs;
    const char *item; /* what messages call one: "answer" */
    size_t total;
    const void *context; /* of the functions */
    int (*model)(const void *context, size_t item);
    /* The largest end of a batch that begins there. */
    size_t (*reach)(const void *context, size_t begin);
    cv_wavefront_cost (*price)(const void *context, size_t begin, size_t end);
} cv_batching;

/* Batches [*count] in order, to be freed with free(): every item is in one. Those that need more than
 * engine.memory_gib are halved. Where the job leaves that open, a batch may take as much as the model's
 * weights, or 1 GiB, beside what a single item takes. NULL and bad input if one item needs more than the
 * job allows. */
cv_batch *cv_batches_cut(const cv_batching *batching, size_t *count, cv_error *err);

/* Bytes of widened layers that a rank keeps for good once it has generated an answer; 0 where the job
 * generates none. */
uint64_t cv_kept_layers_bytes(const cv_inputs *inputs, int model);

#endif
