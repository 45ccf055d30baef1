/* The prompts of all sequences pass through the model and leave their keys and values.
 *
 * Sequences under the same group of heads have one trie and one trunk, so a prompt that several samples
 * continue is read once. All trunks pass a layer before the next one's weights are taken. */
#ifndef CV_PREFILL_H
#define CV_PREFILL_H

#include "engine/trunk.h"

#include <caravan/decode.h>

#include <stddef.h>

/* The sequences of one group. */
typedef struct cv_prefix {
    const cv_head_group *group; /* borrowed from its first sequence */
    const int32_t **ids;        /* [num_prompts] borrowed from the sequences; the array is owned */
    size_t *count;              /* [num_prompts] owned */
    size_t num_prompts;
    cv_trie trie;
    cv_queries all, ends;
    cv_trunk trunk;
    float *kv; /* [L, rows, 2 * K * D] */
} cv_prefix;

typedef struct cv_prefill {
    cv_prefix *prefixes; /* [num_prefixes] */
    size_t num_prefixes;
    size_t *prefix_of; /* [count] of each sequence */
    size_t *end_of;    /* [count] the index, among the ends of its trie, of the row where its prompt ends */
} cv_prefill;

/* Sorts the sequences into tries. Free with cv_prefill_free. */
cv_prefill cv_prefill_make(const cv_sequence *sequences, size_t count);
void cv_prefill_free(cv_prefill *prefill);

/* Layers' weights as an engine hands them out. */
typedef const cv_layer_weights *(*cv_weights_of)(cv_engine *engine, size_t layer, cv_error *err);

/* Fills kv, and trunk.ends of every prefix. */
bool cv_prefill_run(cv_prefill *prefill, cv_engine *engine, cv_weights_of weights_of, cv_error *err);

/* What is needed for the prompts alone is freed: all but the tries and kv. */
void cv_prefill_close_trunks(cv_prefill *prefill);

/* What cv_prefill_run counts; bytes that stay, bytes that cv_prefill_close_trunks frees, and bytes of a
 * thread. */
typedef struct cv_prefill_cost {
    uint64_t operations, kept_bytes, passing_bytes, thread_bytes;
} cv_prefill_cost;
cv_prefill_cost cv_prefill_estimate(const cv_prefill *prefill, const cv_model *model);

#endif
