/* How an ablated state is born: from its parent's attention, by a rank-D update.
 *
 * Inside its layer an ablated state has the parent's queries, keys and values. Only the
 * ablated head's z differs, so attn_out' = attn_out + (z' - z) W_o[head]; nothing is projected or
 * attended anew for the other heads. The parent is the trunk (engine/trunk.h). */
#ifndef CV_BIRTH_H
#define CV_BIRTH_H

#include "engine/bundle.h"

#include <caravan/engine.h>

/* What all births of one layer share. */
typedef struct cv_birth {
    const cv_layer_context *context;
    const cv_bundle *parent; /* after cv_bundle_output, before its MLP */
    const cv_ablation *ablation;
    size_t first;        /* rows below it are the parent's in the new states */
    float *running_mean; /* [rows, K * D] of v along each row's path, or NULL */
    float *mean_q;       /* [queries, D] over the heads, or NULL */
    float *mean_k;       /* [rows, D] over the key heads, or NULL */
} cv_birth;

/* Sees whether the ablation can change the rows at position 0. There a head sees only itself, so no
 * change of its scores matters; a change of z does. */
bool cv_birth_changes_roots(const cv_ablation *ablation);

/* Sees whether an ablated head's attention is computed anew, or z' follows from z or v by rows. */
bool cv_birth_attends(const cv_ablation *ablation);

cv_birth cv_birth_make(const cv_layer_context *context, const cv_bundle *parent, const cv_ablation *ablation,
                       size_t first);
void cv_birth_free(cv_birth *birth);

/* delta [Q, span * D] = z' - z of one head (or group), for the parent's queries of rows from first on.
 * False if nothing changed though the head is not silent. */
bool cv_birth_delta(const cv_birth *birth, size_t head, float *delta);

/* x [queries, d] += delta [queries, span * D] W_o[head] */
void cv_birth_add(const cv_birth *birth, size_t head, size_t queries, const float *delta, float *x);

/* Operations of the attention that births of num_heads query heads compute anew. */
uint64_t cv_birth_operations(const cv_birth *birth, size_t num_heads);

#endif
