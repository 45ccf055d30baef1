/* The model families that are implemented: the one place to look at when adding another.
 *
 * A family is a class of transformers. All share the decoder that cv_config describes; a row here says
 * which of its switches the family has set, under which keys config.json gives the rest, what it means
 * where it is silent, what it may not ask for, and where the checkpoint keeps the tensors. */
#ifndef CV_FAMILY_H
#define CV_FAMILY_H

#include "base/json.h"
#include "model/layout.h"
#include "model/rotary.h"
#include "model/sliding.h"

#include <caravan/base.h>
#include <caravan/model.h>

/* The names of config.json's keys. */
typedef struct cv_config_keys {
    const char *hidden_size, *intermediate_size, *num_hidden_layers, *num_attention_heads;
    const char *num_key_value_heads, *head_dim; /* NULL: not read */
    const char *max_position_embeddings, *norm_eps, *activation;
} cv_config_keys;

typedef struct cv_family {
    const char *architecture, *model_type; /* of config.json */
    const cv_layout *layout;
    const cv_config_keys *keys;
    const cv_rotary_rule *rotary; /* NULL: no rotary embedding */
    /* What else config.json must or must not say; NULL: nothing. */
    bool (*check)(const json_t *json, cv_json_place at, cv_config *config, cv_error *err);

    /* Where the key is absent. */
    const char *activation;
    double query_pre_attn_scalar; /* 0: the family has no such key */
    double attn_logit_softcapping, final_logit_softcapping;
    int num_key_value_heads; /* 0: as many as query heads */
    int head_dim;            /* 0: hidden_size / query heads */
    int intermediate_ratio;  /* to hidden_size; 0: the key is required */
    cv_sliding_rule sliding;

    /* What config.json does not say. */
    cv_norm_kind norm;
    unsigned norms; /* bits CV_NORM_... */
    cv_qk_norm qk_norm;
    bool gated_mlp, learned_positions, scaled_embeddings;
    bool qkv_bias, o_bias, mlp_bias; /* always there */

    /* What it may say. */
    bool attn_softcap, final_softcap;          /* keys attn_logit_softcapping, final_logit_softcapping */
    bool reads_attention_bias, attention_bias; /* key attention_bias, of q, k, v and o_proj; where absent */
    bool reads_mlp_bias;                       /* key mlp_bias: biases of gate, up and down_proj */
    bool tie_word_embeddings;                  /* where the key is absent */
} cv_family;

/* The family of architectures[0] and model_type in config.json; NULL on bad input. */
const cv_family *cv_family_find(const json_t *json, cv_json_place at, cv_error *err);

/* That of a configuration that was read. */
const cv_family *cv_family_of(const cv_config *config);

#endif
