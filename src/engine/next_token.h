/* From the last states of sequences to their next tokens: final norm, vocabulary, choice.
 *
 * The vocabulary passes in slices that stay in cache, each for all rows at once, and leaves nothing but
 * each row's largest logits; so lm_head is never widened as a whole. */
#ifndef CV_NEXT_TOKEN_H
#define CV_NEXT_TOKEN_H

#include "engine/engine.h"

#include <caravan/decode.h>

#include <stddef.h>

/* A row of states and what it is to be continued by. */
typedef struct cv_wish {
    const cv_sequence *sequence;
    size_t position; /* of the token that is looked for */
} cv_wish;

/* tokens [count] from states x [count, d] after the last layer, which are normed in place. Bad input if
 * lm_head or the logits are not finite. */
bool cv_next_tokens(cv_engine *engine, size_t count, float *x, const cv_wish *wishes, int32_t *tokens, cv_error *err);

/* Bytes of scratch for count rows that want up to k candidates, of each thread. */
size_t cv_next_token_bytes(const cv_model *model, size_t count, size_t k);

#endif
