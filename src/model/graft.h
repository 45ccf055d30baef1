/* Attention weights from one checkpoint, all else from another: which half of a model carries its safety
 * (Zhou et al. 2025, Section 5.2, put a base model's attention into the aligned one).
 *
 * Both checkpoints stay mapped, and nothing is written. What the configurations say of attention must agree. */
#ifndef CV_GRAFT_H
#define CV_GRAFT_H

#include <caravan/base.h>
#include <caravan/model.h>

/* Gives model the attention of donor: q, k, v and o of every layer with their biases, and the norms of q and k. The
 * norms before and after the attention stay the model's. Takes donor over, also on error. Bad input, naming both and
 * what it is, where the two cannot be joined. */
bool cv_graft_attention(cv_model *model, cv_model *donor, cv_error *err);

#endif
