/* Batched decoding: what cv_generate, cv_plain_generate and the estimate share. */
#ifndef CV_DECODE_H
#define CV_DECODE_H

#include "engine/engine.h"
#include "engine/prefill.h"

#include <caravan/decode.h>

/* Bad input if a sequence is empty or has no place in the engine's positions, or if its group or sampling
 * cannot be. */
bool cv_sequences_check(const cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                        cv_error *err);

/* Sees whether a token ends an answer. */
bool cv_is_eos(const cv_model *model, int32_t token);

void cv_append_token(cv_tokens *tokens, int32_t token);

/* Most bytes of widened layers that an engine keeps for decoding, which passes them for every token.
 * Models beyond it are widened layer by layer in every step. */
#define CV_KEPT_LAYERS_BYTES (UINT64_C(2) << 30)
bool cv_keeps_layers(const cv_model *model);

/* cv_generate with its layers from a function: cv_engine_plain_layer keeps them, cv_engine_layer does not. */
bool cv_generate_by(cv_engine *engine, cv_weights_of weights_of, const cv_sequence *sequences, size_t count,
                    size_t max_new_tokens, cv_tokens *out, bool *stopped, cv_error *err);

#endif
