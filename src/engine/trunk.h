/* The trunk: one state that passes over all rows of a trie with a group of heads switched off.
 *
 * With no group it is the clean model. A sweep's states are born from it, answers are continued from
 * its keys and values, and log-likelihoods are read from its last rows. */
#ifndef CV_TRUNK_H
#define CV_TRUNK_H

#include "engine/bundle.h"

#include <caravan/engine.h>

typedef struct cv_trunk {
    const cv_head_group *group; /* borrowed; NULL: the clean model */
    cv_bundle bundle;           /* one state with all rows; its arrays are owned, but see cv_trunk_keep_kv */
    float *ablated_z;           /* [rows, H * D] bundle.z with the group switched off, owned; NULL without group */
    float *ends;                /* [trie->num_ends, d] the residual stream after the last layer, owned */
    float *kv;                  /* bundle.kv where that is the trunk's own, else NULL */
} cv_trunk;

/* Begins with the embeddings of the trie's tokens. kv [rows, 2 * K * D] is where the keys and values of
 * the first layer go; NULL: the trunk has its own, for one layer after the other. False, with nothing to
 * free, for tokens outside the vocabulary and embeddings that are not finite. */
bool cv_trunk_open(cv_trunk *trunk, cv_engine *engine, const cv_trie *trie, const cv_head_group *group, float *kv,
                   cv_error *err);
void cv_trunk_close(cv_trunk *trunk);

/* The next layer's keys and values go to kv [rows, 2 * K * D]. */
void cv_trunk_keep_kv(cv_trunk *trunk, float *kv);

/* A layer up to its MLP: projections, attention, output, the group's heads switched off. q, kv and z of
 * the bundle are those before anything was switched off, and xq is the stream after it. Where attention's
 * output has a norm, the bundle keeps what births need: the output before it, and the stream before that
 * joined. In a model whose MLP is parallel to attention, its output is in xq as well. asked are all rows,
 * or in the last layer the ends. Bad input for a switch that changes nothing. */
bool cv_trunk_attend(cv_trunk *trunk, const cv_layer_context *context, size_t layer, const cv_queries *asked,
                     cv_error *err);
/* The layer's MLP, unless that is done already. Bad input if the stream leaves single precision. */
bool cv_trunk_finish(cv_trunk *trunk, const cv_layer_context *context, size_t layer, cv_error *err);

/* What cv_trunk_attend and cv_trunk_finish count for a layer, and the bytes that a trunk holds. */
uint64_t cv_trunk_operations(const cv_model *model, const cv_trie *trie, const cv_queries *asked,
                             const cv_head_group *group, size_t layer);
uint64_t cv_trunk_bytes(const cv_model *model, const cv_trie *trie, const cv_head_group *group);

#endif
