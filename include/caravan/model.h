/* A checkpoint on disk as validated, memory-mapped, read-only weights.
 *
 * The files come from the internet: every tensor's type, shape, offset and length is checked
 * against the file and config.json before cv_model_open returns, and whatever the configuration
 * asks for and this library lacks is refused by name. Weights stay in their file's pages, which
 * ranks on one node share; widening to single precision is the engine's business. */
#ifndef CARAVAN_MODEL_H
#define CARAVAN_MODEL_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cv_dtype { CV_F32, CV_F16, CV_BF16 } cv_dtype;

/* A row-major matrix [rows, columns] inside the mapped file; a vector has rows = 1.
 * data is NULL where the model has no such tensor, and has the file's alignment (maybe 1). */
typedef struct cv_tensor {
    const void *data; /* [rows * columns] elements of dtype, owned by the model */
    cv_dtype dtype;
    int64_t rows, columns;
    const char *name; /* as in the checkpoint, owned by the model */
} cv_tensor;

typedef enum cv_rope_kind { CV_ROPE_DEFAULT, CV_ROPE_LINEAR, CV_ROPE_LLAMA3 } cv_rope_kind;

/* Hugging Face's rope_parameters (transformers 5) or rope_theta and rope_scaling (before). */
typedef struct cv_rope {
    cv_rope_kind kind;
    double theta;
    double factor;                            /* linear, llama3 */
    double low_freq_factor, high_freq_factor; /* llama3 */
    double original_max_position_embeddings;  /* llama3 */
} cv_rope;

/* config.json, by its own names. All sizes are at least 1 and their products fit 64 bits. */
typedef struct cv_config {
    char architecture[64]; /* e.g. LlamaForCausalLM */
    char model_type[32];   /* e.g. llama */
    int vocab_size, hidden_size, intermediate_size;
    int num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim;
    int max_position_embeddings;
    double rms_norm_eps;
    cv_rope rope;
    bool tie_word_embeddings;
    bool q_bias, k_bias, v_bias, o_bias, mlp_bias;
} cv_config;

/* One decoder layer, H = num_attention_heads, K = num_key_value_heads, D = head_dim,
 * d = hidden_size, f = intermediate_size. Biases have data == NULL where config has none. */
typedef struct cv_layer {
    cv_tensor input_layernorm;        /* [1, d] */
    cv_tensor q_proj, k_proj, v_proj; /* [H*D, d], [K*D, d], [K*D, d] */
    cv_tensor o_proj;                 /* [d, H*D] */
    cv_tensor q_bias, k_bias, v_bias, o_bias;
    cv_tensor post_attention_layernorm; /* [1, d] */
    cv_tensor gate_proj, up_proj;       /* [f, d] */
    cv_tensor down_proj;                /* [d, f] */
    cv_tensor gate_bias, up_bias, down_bias;
} cv_layer;

typedef struct cv_checkpoint cv_checkpoint;

enum { CV_EOS_MAX = 64 };

typedef struct cv_model {
    char *path; /* the directory as the caller gave it */
    cv_config config;
    int32_t eos[CV_EOS_MAX];   /* [num_eos] tokens that end an answer, each inside the vocabulary */
    size_t num_eos;            /* 0: the files name none, and answers end at their longest */
    cv_tensor embed_tokens;    /* [vocab_size, d] */
    cv_layer *layers;          /* [num_hidden_layers] */
    cv_tensor norm;            /* [1, d] */
    cv_tensor lm_head;         /* [vocab_size, d]; embed_tokens itself where tied */
    uint64_t parameters;       /* every tensor once */
    uint64_t weight_bytes;     /* the same in bytes, as stored */
    cv_checkpoint *checkpoint; /* owns the mappings */
} cv_model;

/* Opens a Hugging Face model directory (config.json, model.safetensors or sharded with index).
 * Reads headers only. NULL on error; free with cv_model_close, which accepts NULL. */
cv_model *cv_model_open(const char *directory, cv_error *err);
void cv_model_close(cv_model *model);

const char *cv_dtype_name(cv_dtype dtype); /* "F32", "F16", "BF16" */
size_t cv_dtype_size(cv_dtype dtype);      /* bytes of one element */

/* Rows [first, first + count) of tensor, widened exactly to single precision, into out
 * [count, columns]. */
void cv_tensor_widen(const cv_tensor *tensor, int64_t first, int64_t count, float *out);

#ifdef __cplusplus
}
#endif
#endif
