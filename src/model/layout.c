#include "model/layout.h"

int64_t cv_extent_of(const cv_config *c, cv_extent which)
{
    int64_t queries = (int64_t)c->num_attention_heads * c->head_dim;
    int64_t keys = (int64_t)c->num_key_value_heads * c->head_dim;
    switch (which) {
    case CV_NOTHING:
        return 0;
    case CV_ONE:
        return 1;
    case CV_HIDDEN:
        return c->hidden_size;
    case CV_HEAD:
        return c->head_dim;
    case CV_TWO_HEADS:
        return 2 * (int64_t)c->head_dim;
    case CV_THREE_HEADS:
        return 3 * (int64_t)c->head_dim;
    case CV_QUERIES:
        return queries;
    case CV_KEYS:
        return keys;
    case CV_QUERIES_KEYS:
        return queries + keys;
    case CV_QUERIES_TWO_KEYS:
        return queries + 2 * keys;
    case CV_TWO_QUERIES:
        return 2 * queries;
    case CV_THREE_QUERIES:
        return 3 * queries;
    case CV_INTERMEDIATE:
        return c->intermediate_size;
    case CV_TWO_INTERMEDIATE:
        return 2 * (int64_t)c->intermediate_size;
    case CV_VOCABULARY:
        return c->vocab_size;
    case CV_POSITIONS:
        return c->max_position_embeddings;
    }
    return 0;
}

#define OF(member) offsetof(cv_layer, member)
#define IN(member) offsetof(cv_model, member)
#define IF(member) offsetof(cv_config, member)

/* A vector of the stream's width that is always there. */
#define WIDE(name, member)                                                                                             \
    {                                                                                                                  \
        name, member, CV_ONE, CV_HIDDEN, CV_ALWAYS, CV_ALONE, CV_NOTHING, CV_NOTHING, false                            \
    }
/* The same stored less one. */
#define WIDE_LESS_ONE(name, member)                                                                                    \
    {                                                                                                                  \
        name, member, CV_ONE, CV_HIDDEN, CV_ALWAYS, CV_ALONE, CV_NOTHING, CV_NOTHING, true                             \
    }
#define WHOLE(name, member, rows, columns, condition)                                                                  \
    {                                                                                                                  \
        name, member, rows, columns, condition, CV_ALONE, CV_NOTHING, CV_NOTHING, false                                \
    }
#define PART(name, member, rows, columns, condition, packing, before, stored)                                          \
    {                                                                                                                  \
        name, member, rows, columns, condition, packing, before, stored, false                                         \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* ---- parts that families share ---- */

static const cv_place llama_top[] = {
    WHOLE("embed_tokens.weight", IN(embed_tokens), CV_VOCABULARY, CV_HIDDEN, CV_ALWAYS),
    WIDE("norm.weight", IN(norm)),
    END,
};

static const cv_place gemma_top[] = {
    WHOLE("embed_tokens.weight", IN(embed_tokens), CV_VOCABULARY, CV_HIDDEN, CV_ALWAYS),
    WIDE_LESS_ONE("norm.weight", IN(norm)),
    END,
};

static const cv_place llama_norms[] = {
    WIDE("input_layernorm.weight", OF(attention_norm)),
    WIDE("post_attention_layernorm.weight", OF(mlp_norm)),
    END,
};

static const cv_place gemma_norms[] = {
    WIDE_LESS_ONE("input_layernorm.weight", OF(attention_norm)),
    WIDE_LESS_ONE("post_attention_layernorm.weight", OF(attention_output_norm)),
    WIDE_LESS_ONE("pre_feedforward_layernorm.weight", OF(mlp_norm)),
    WIDE_LESS_ONE("post_feedforward_layernorm.weight", OF(mlp_output_norm)),
    END,
};

static const cv_place olmo2_norms[] = {
    WIDE("post_attention_layernorm.weight", OF(attention_output_norm)),
    WIDE("post_feedforward_layernorm.weight", OF(mlp_output_norm)),
    END,
};

static const cv_place separate_attention[] = {
    WHOLE("self_attn.q_proj.weight", OF(q_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS),
    WHOLE("self_attn.k_proj.weight", OF(k_proj), CV_KEYS, CV_HIDDEN, CV_ALWAYS),
    WHOLE("self_attn.v_proj.weight", OF(v_proj), CV_KEYS, CV_HIDDEN, CV_ALWAYS),
    WHOLE("self_attn.o_proj.weight", OF(o_proj), CV_HIDDEN, CV_QUERIES, CV_ALWAYS),
    WHOLE("self_attn.q_proj.bias", OF(q_bias), CV_ONE, CV_QUERIES, IF(q_bias)),
    WHOLE("self_attn.k_proj.bias", OF(k_bias), CV_ONE, CV_KEYS, IF(k_bias)),
    WHOLE("self_attn.v_proj.bias", OF(v_bias), CV_ONE, CV_KEYS, IF(v_bias)),
    WHOLE("self_attn.o_proj.bias", OF(o_bias), CV_ONE, CV_HIDDEN, IF(o_bias)),
    END,
};

static const cv_place gated_mlp[] = {
    WHOLE("mlp.gate_proj.weight", OF(gate_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS),
    WHOLE("mlp.up_proj.weight", OF(up_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS),
    WHOLE("mlp.down_proj.weight", OF(down_proj), CV_HIDDEN, CV_INTERMEDIATE, CV_ALWAYS),
    WHOLE("mlp.gate_proj.bias", OF(gate_bias), CV_ONE, CV_INTERMEDIATE, IF(mlp_bias)),
    WHOLE("mlp.up_proj.bias", OF(up_bias), CV_ONE, CV_INTERMEDIATE, IF(mlp_bias)),
    WHOLE("mlp.down_proj.bias", OF(down_bias), CV_ONE, CV_HIDDEN, IF(mlp_bias)),
    END,
};

static const cv_place qwen3_head_norms[] = {
    WHOLE("self_attn.q_norm.weight", OF(q_norm), CV_ONE, CV_HEAD, CV_ALWAYS),
    WHOLE("self_attn.k_norm.weight", OF(k_norm), CV_ONE, CV_HEAD, CV_ALWAYS),
    END,
};

static const cv_place gemma3_head_norms[] = {
    {"self_attn.q_norm.weight", OF(q_norm), CV_ONE, CV_HEAD, CV_ALWAYS, CV_ALONE, CV_NOTHING, CV_NOTHING, true},
    {"self_attn.k_norm.weight", OF(k_norm), CV_ONE, CV_HEAD, CV_ALWAYS, CV_ALONE, CV_NOTHING, CV_NOTHING, true},
    END,
};

static const cv_place olmo2_width_norms[] = {
    WHOLE("self_attn.q_norm.weight", OF(q_norm), CV_ONE, CV_QUERIES, CV_ALWAYS),
    WHOLE("self_attn.k_norm.weight", OF(k_norm), CV_ONE, CV_KEYS, CV_ALWAYS),
    END,
};

/* ---- Phi-3: q, k, v in one tensor, gate and up in another ---- */

#define QKV "self_attn.qkv_proj.weight"
#define GATE_UP "mlp.gate_up_proj.weight"
static const cv_place phi3_attention[] = {
    PART(QKV, OF(q_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_STACKED, CV_NOTHING, CV_QUERIES_TWO_KEYS),
    PART(QKV, OF(k_proj), CV_KEYS, CV_HIDDEN, CV_ALWAYS, CV_STACKED, CV_QUERIES, CV_QUERIES_TWO_KEYS),
    PART(QKV, OF(v_proj), CV_KEYS, CV_HIDDEN, CV_ALWAYS, CV_STACKED, CV_QUERIES_KEYS, CV_QUERIES_TWO_KEYS),
    WHOLE("self_attn.o_proj.weight", OF(o_proj), CV_HIDDEN, CV_QUERIES, CV_ALWAYS),
    END,
};

static const cv_place phi3_mlp[] = {
    PART(GATE_UP, OF(gate_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS, CV_STACKED, CV_NOTHING, CV_TWO_INTERMEDIATE),
    PART(GATE_UP, OF(up_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS, CV_STACKED, CV_INTERMEDIATE, CV_TWO_INTERMEDIATE),
    WHOLE("mlp.down_proj.weight", OF(down_proj), CV_HIDDEN, CV_INTERMEDIATE, CV_ALWAYS),
    END,
};
#undef QKV
#undef GATE_UP

/* ---- GPT-NeoX: q, k, v of each head follow one another ---- */

static const cv_place gpt_neox_top[] = {
    WHOLE("embed_in.weight", IN(embed_tokens), CV_VOCABULARY, CV_HIDDEN, CV_ALWAYS),
    WIDE("final_layer_norm.weight", IN(norm)),
    WIDE("final_layer_norm.bias", IN(norm_bias)),
    END,
};

static const cv_place gpt_neox_norms[] = {
    WIDE("input_layernorm.weight", OF(attention_norm)),
    WIDE("input_layernorm.bias", OF(attention_norm_bias)),
    WIDE("post_attention_layernorm.weight", OF(mlp_norm)),
    WIDE("post_attention_layernorm.bias", OF(mlp_norm_bias)),
    END,
};

#define QKV "attention.query_key_value.weight"
#define QKV_BIAS "attention.query_key_value.bias"
static const cv_place gpt_neox_attention[] = {
    PART(QKV, OF(q_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_BY_HEAD, CV_NOTHING, CV_THREE_HEADS),
    PART(QKV, OF(k_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_BY_HEAD, CV_HEAD, CV_THREE_HEADS),
    PART(QKV, OF(v_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_BY_HEAD, CV_TWO_HEADS, CV_THREE_HEADS),
    PART(QKV_BIAS, OF(q_bias), CV_ONE, CV_QUERIES, IF(q_bias), CV_BY_HEAD, CV_NOTHING, CV_THREE_HEADS),
    PART(QKV_BIAS, OF(k_bias), CV_ONE, CV_QUERIES, IF(k_bias), CV_BY_HEAD, CV_HEAD, CV_THREE_HEADS),
    PART(QKV_BIAS, OF(v_bias), CV_ONE, CV_QUERIES, IF(v_bias), CV_BY_HEAD, CV_TWO_HEADS, CV_THREE_HEADS),
    WHOLE("attention.dense.weight", OF(o_proj), CV_HIDDEN, CV_QUERIES, CV_ALWAYS),
    WHOLE("attention.dense.bias", OF(o_bias), CV_ONE, CV_HIDDEN, IF(o_bias)),
    END,
};
#undef QKV
#undef QKV_BIAS

static const cv_place gpt_neox_mlp[] = {
    WHOLE("mlp.dense_h_to_4h.weight", OF(up_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS),
    WHOLE("mlp.dense_h_to_4h.bias", OF(up_bias), CV_ONE, CV_INTERMEDIATE, CV_ALWAYS),
    WHOLE("mlp.dense_4h_to_h.weight", OF(down_proj), CV_HIDDEN, CV_INTERMEDIATE, CV_ALWAYS),
    WHOLE("mlp.dense_4h_to_h.bias", OF(down_bias), CV_ONE, CV_HIDDEN, CV_ALWAYS),
    END,
};

/* ---- GPT-2: every matrix is stored the other way round ---- */

static const cv_place gpt2_top[] = {
    WHOLE("wte.weight", IN(embed_tokens), CV_VOCABULARY, CV_HIDDEN, CV_ALWAYS),
    WHOLE("wpe.weight", IN(positions), CV_POSITIONS, CV_HIDDEN, CV_ALWAYS),
    WIDE("ln_f.weight", IN(norm)),
    WIDE("ln_f.bias", IN(norm_bias)),
    END,
};

static const cv_place gpt2_norms[] = {
    WIDE("ln_1.weight", OF(attention_norm)),
    WIDE("ln_1.bias", OF(attention_norm_bias)),
    WIDE("ln_2.weight", OF(mlp_norm)),
    WIDE("ln_2.bias", OF(mlp_norm_bias)),
    END,
};

#define QKV "attn.c_attn.weight"
#define QKV_BIAS "attn.c_attn.bias"
static const cv_place gpt2_attention[] = {
    PART(QKV, OF(q_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_ACROSS, CV_NOTHING, CV_THREE_QUERIES),
    PART(QKV, OF(k_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_ACROSS, CV_QUERIES, CV_THREE_QUERIES),
    PART(QKV, OF(v_proj), CV_QUERIES, CV_HIDDEN, CV_ALWAYS, CV_ACROSS, CV_TWO_QUERIES, CV_THREE_QUERIES),
    PART(QKV_BIAS, OF(q_bias), CV_ONE, CV_QUERIES, CV_ALWAYS, CV_STACKED, CV_NOTHING, CV_THREE_QUERIES),
    PART(QKV_BIAS, OF(k_bias), CV_ONE, CV_QUERIES, CV_ALWAYS, CV_STACKED, CV_QUERIES, CV_THREE_QUERIES),
    PART(QKV_BIAS, OF(v_bias), CV_ONE, CV_QUERIES, CV_ALWAYS, CV_STACKED, CV_TWO_QUERIES, CV_THREE_QUERIES),
    PART("attn.c_proj.weight", OF(o_proj), CV_HIDDEN, CV_QUERIES, CV_ALWAYS, CV_ACROSS, CV_NOTHING, CV_HIDDEN),
    WHOLE("attn.c_proj.bias", OF(o_bias), CV_ONE, CV_HIDDEN, CV_ALWAYS),
    END,
};
#undef QKV
#undef QKV_BIAS

static const cv_place gpt2_mlp[] = {
    PART("mlp.c_fc.weight", OF(up_proj), CV_INTERMEDIATE, CV_HIDDEN, CV_ALWAYS, CV_ACROSS, CV_NOTHING, CV_INTERMEDIATE),
    WHOLE("mlp.c_fc.bias", OF(up_bias), CV_ONE, CV_INTERMEDIATE, CV_ALWAYS),
    PART("mlp.c_proj.weight", OF(down_proj), CV_HIDDEN, CV_INTERMEDIATE, CV_ALWAYS, CV_ACROSS, CV_NOTHING, CV_HIDDEN),
    WHOLE("mlp.c_proj.bias", OF(down_bias), CV_ONE, CV_HIDDEN, CV_ALWAYS),
    END,
};

/* ---- the families' layouts ---- */

/* Tables of angles that old versions of transformers stored. */
#define ANGLES "rotary_emb.inv_freq"

#define LLAMA_LIKE(top_places, ...)                                                                                    \
    {                                                                                                                  \
        .prefix = "model.", .top = top_places, .layer = "layers.%d.", .parts = {__VA_ARGS__},                          \
        .lm_head = {"lm_head.weight"}, .no_weights = {ANGLES},                                                         \
    }

const cv_layout cv_layout_llama = LLAMA_LIKE(llama_top, llama_norms, separate_attention, gated_mlp);
const cv_layout cv_layout_qwen3 = LLAMA_LIKE(llama_top, llama_norms, separate_attention, gated_mlp, qwen3_head_norms);
const cv_layout cv_layout_gemma2 = LLAMA_LIKE(gemma_top, gemma_norms, separate_attention, gated_mlp);
const cv_layout cv_layout_gemma3 = LLAMA_LIKE(gemma_top, gemma_norms, separate_attention, gated_mlp, gemma3_head_norms);
const cv_layout cv_layout_phi3 = LLAMA_LIKE(llama_top, llama_norms, phi3_attention, phi3_mlp);
const cv_layout cv_layout_olmo2 = LLAMA_LIKE(llama_top, olmo2_norms, separate_attention, gated_mlp, olmo2_width_norms);

/* The masks and angles are constants. */
const cv_layout cv_layout_gpt_neox = {
    .prefix = "gpt_neox.",
    .top = gpt_neox_top,
    .layer = "layers.%d.",
    .parts = {gpt_neox_norms, gpt_neox_attention, gpt_neox_mlp},
    .lm_head = {"embed_out.weight", "lm_head.weight"},
    .no_weights = {ANGLES, ".attention.bias", ".attention.masked_bias"},
};

const cv_layout cv_layout_gpt2 = {
    .prefix = "transformer.",
    .top = gpt2_top,
    .layer = "h.%d.",
    .parts = {gpt2_norms, gpt2_attention, gpt2_mlp},
    .lm_head = {"lm_head.weight"},
    .no_weights = {".attn.bias", ".attn.masked_bias"},
};
