/* The model families that are implemented: the one place to look at when adding another.
 *
 * A family is a class of transformers. Families that share the decoder of cv_model differ in which
 * biases there are, in what config.json means where it is silent, and in what it may not ask for. */
#ifndef CV_FAMILY_H
#define CV_FAMILY_H

#include "base/json.h"

#include <caravan/base.h>
#include <caravan/model.h>

typedef struct cv_family {
    const char *architecture, *model_type; /* of config.json */
    bool qkv_bias;                         /* q_proj, k_proj and v_proj always have a bias */
    bool reads_attention_bias;             /* key attention_bias: biases of q, k, v and o_proj */
    bool reads_mlp_bias;                   /* key mlp_bias: biases of gate, up and down_proj */
    int num_key_value_heads;               /* where the key is absent; 0: as many as query heads */
    /* What else config.json must or must not say; NULL: nothing. */
    bool (*check)(const json_t *json, cv_json_place at, const cv_config *config, cv_error *err);
} cv_family;

/* The family of architectures[0] and model_type in config.json; NULL on bad input. */
const cv_family *cv_family_find(const json_t *json, cv_json_place at, cv_error *err);

#endif
