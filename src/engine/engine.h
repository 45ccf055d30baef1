/* What both engines share: the model's shape, checked weights, rotary tables, work done. */
#ifndef CV_ENGINE_H
#define CV_ENGINE_H

#include "engine/rope.h"
#include "engine/weights.h"

#include <caravan/engine.h>

/* The letters that the engine's comments use for sizes. */
typedef struct cv_shape {
    size_t d; /* hidden_size */
    size_t f; /* intermediate_size */
    size_t H; /* num_attention_heads */
    size_t K; /* num_key_value_heads */
    size_t G; /* query heads that share a key head: H / K */
    size_t D; /* head_dim */
    size_t L; /* num_hidden_layers */
    size_t V; /* vocab_size */
    size_t M; /* matrices of an MLP: 3 where it is gated, else 2 */
    size_t o; /* d where attention or MLP have a norm of their output, which then needs room, else 0 */
} cv_shape;

struct cv_engine {
    const cv_model *model;
    cv_shape shape;
    size_t positions;                 /* most tokens of a text */
    cv_rope_table rope, sliding_rope; /* of layers without and with a window */
    cv_work work;
    cv_layer_weights layer;  /* the wavefront's: one layer at a time */
    cv_layer_weights *plain; /* [L] the plain engine's: all layers, as it passes often; NULL until used */
    bool *layer_checked;     /* [L] */
    bool *row_checked;       /* [V] of embed_tokens */
    bool *position_checked;  /* [positions] of learned positions */
    bool head_checked;       /* all of lm_head */
    float *norm;             /* [d] the final norm's weight */
    float *norm_bias;        /* [d] and its bias, or NULL */
    bool norm_checked;
};

cv_shape cv_shape_of(const cv_config *config);

/* The layer's weights for the wavefront; valid until the next call. NULL if they are not finite. All passes of
 * all engines come here for each layer, so here they also hear of the wish to give up (base/cancel.h). */
const cv_layer_weights *cv_engine_layer(cv_engine *engine, size_t layer, cv_error *err);

/* The same, kept for good, for the plain engine. */
const cv_layer_weights *cv_engine_plain_layer(cv_engine *engine, size_t layer, cv_error *err);

/* The rotary table of a layer. */
const cv_rope_table *cv_engine_rope(const cv_engine *engine, size_t layer);

/* x [count, d] = the embeddings of tokens [count] at positions [count], which are less than the engine's
 * (NULL: 0, 1, ...). Bad input for a token outside the vocabulary, or a position beyond the learned ones. */
bool cv_engine_embed(cv_engine *engine, const int32_t *tokens, const size_t *positions, size_t count, float *x,
                     cv_error *err);

/* y [rows, d] = the final norm of x [rows, d]. y may be x. */
bool cv_engine_final_norm(cv_engine *engine, size_t rows, const float *x, float *y, cv_error *err);

/* y [d] = the final norm of x [d] in double precision, after cv_engine_final_norm has looked at it. */
void cv_engine_final_norm_double(const cv_engine *engine, const float *x, double *y);

/* Rows [first, first + count) of lm_head, in place or widened into buffer [count * d]; checked the
 * first time that they are used. NULL if they are not finite, or on the wish to give up. */
const float *cv_engine_lm_head(cv_engine *engine, size_t first, size_t count, float *buffer, cv_error *err);
/* To be called when all rows of lm_head have been used once: they are not checked again. */
void cv_engine_lm_head_done(cv_engine *engine);

/* Counts a product of an [m, k] by a [k, n] matrix. */
void cv_engine_count(cv_engine *engine, size_t m, size_t n, size_t k);

/* Bad input if rows of the clean residual stream are not finite after a layer whose weights are:
 * single precision overflowed. */
bool cv_engine_check_stream(const cv_engine *engine, size_t layer, const float *x, size_t count, cv_error *err);

/* Bad input: a switch that changed nothing. False. */
bool cv_engine_nothing_changed(const cv_engine *engine, size_t layer, size_t head, cv_ablation_kind kind,
                               cv_error *err);

#endif
