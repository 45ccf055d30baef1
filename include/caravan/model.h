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
 * data is NULL where the model has no such tensor, and has the file's alignment (maybe 1).
 *
 * Where a checkpoint keeps several matrices in one tensor, or a matrix in another layout, the last
 * fields say where a row lies; all zero, the rows simply follow one another. */
typedef struct cv_tensor {
    const void *data; /* the first element, of dtype, in the file's pages, owned by the model */
    cv_dtype dtype;
    int64_t rows, columns;
    const char *name;    /* as in the checkpoint, owned by the model */
    int64_t before;      /* elements of the stored tensor before data */
    int64_t run, stride; /* rows lie in runs of so many, whose first ones are stride rows apart; 0: in one run */
    int64_t across;      /* not 0: stored as columns; elements from one stored row to the next */
    bool less_one;       /* the values are those stored plus one */
} cv_tensor;

typedef enum cv_rope_kind { CV_ROPE_DEFAULT, CV_ROPE_LINEAR, CV_ROPE_LLAMA3, CV_ROPE_NONE } cv_rope_kind;

/* Hugging Face's rope_parameters (transformers 5) or rope_theta and rope_scaling (before). */
typedef struct cv_rope {
    cv_rope_kind kind;
    double theta;
    double factor;                            /* linear, llama3 */
    double low_freq_factor, high_freq_factor; /* llama3 */
    double original_max_position_embeddings;  /* llama3 */
    int width;                                /* first elements of a head that are turned; 0: all */
} cv_rope;

/* x / rms(x) * w, or (x - mean) / deviation * w + b. */
typedef enum cv_norm_kind { CV_NORM_RMS, CV_NORM_LAYER } cv_norm_kind;

/* The norms of a block, as bits: of what attention and MLP read, and of what they give before it joins
 * the residual stream. */
enum {
    CV_NORM_ATTENTION = 1,
    CV_NORM_ATTENTION_OUTPUT = 2,
    CV_NORM_MLP = 4,
    CV_NORM_MLP_OUTPUT = 8,
};

/* An RMS norm of q and of k before RoPE: of each head's vector by itself, or of all heads' as one. */
typedef enum cv_qk_norm { CV_QK_NORM_NONE, CV_QK_NORM_HEAD, CV_QK_NORM_WIDTH } cv_qk_norm;

typedef enum cv_activation { CV_SILU, CV_GELU, CV_GELU_TANH } cv_activation;

enum { CV_LAYERS_MAX = 4096 };

/* config.json, by its own names, and what its architecture stands for: the decoder as data. All sizes
 * are at least 1 and their products fit 64 bits. */
typedef struct cv_config {
    char architecture[64]; /* e.g. LlamaForCausalLM */
    char model_type[32];   /* e.g. llama */
    int vocab_size, hidden_size, intermediate_size;
    int num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim;
    int max_position_embeddings;
    cv_norm_kind norm;
    unsigned norms;      /* bits CV_NORM_... */
    double rms_norm_eps; /* of every norm, layer norms too */
    cv_qk_norm qk_norm;
    bool parallel_residual; /* the MLP reads the block's input, not the stream after attention */
    cv_activation activation;
    bool gated_mlp;                                         /* activation(gate) * up; else activation(up) */
    double embedding_scale;                                 /* of token embeddings; 0: as they are */
    bool learned_positions;                                 /* added to the embeddings */
    double query_pre_attn_scalar;                           /* scores are divided by its square root; 0: head_dim */
    double attn_logit_softcapping, final_logit_softcapping; /* c tanh(x / c); 0: none */
    cv_rope rope;                                           /* of layers that see everything */
    cv_rope sliding_rope;                                   /* of those with a window */
    int sliding_window;                                     /* tokens that one sees, itself included */
    bool sliding[CV_LAYERS_MAX];                            /* [num_hidden_layers] the layers that have the window */
    bool tie_word_embeddings;
    bool q_bias, k_bias, v_bias, o_bias, mlp_bias;
} cv_config;

/* The last tokens that one sees in a layer, itself included; 0: all. */
int cv_config_window(const cv_config *config, int layer);

/* One decoder layer, H = num_attention_heads, K = num_key_value_heads, D = head_dim,
 * d = hidden_size, f = intermediate_size. data == NULL where config has no such norm or bias. */
typedef struct cv_layer {
    cv_tensor attention_norm, attention_norm_bias; /* [1, d] */
    cv_tensor q_proj, k_proj, v_proj;              /* [H*D, d], [K*D, d], [K*D, d] */
    cv_tensor o_proj;                              /* [d, H*D] */
    cv_tensor q_bias, k_bias, v_bias, o_bias;
    cv_tensor q_norm, k_norm;          /* [1, D], or [1, H*D] and [1, K*D] */
    cv_tensor attention_output_norm;   /* [1, d] */
    cv_tensor mlp_norm, mlp_norm_bias; /* [1, d] */
    cv_tensor gate_proj, up_proj;      /* [f, d]; no gate without gated_mlp */
    cv_tensor down_proj;               /* [d, f] */
    cv_tensor gate_bias, up_bias, down_bias;
    cv_tensor mlp_output_norm; /* [1, d] */
} cv_layer;

typedef struct cv_checkpoint cv_checkpoint;

enum { CV_EOS_MAX = 64 };

typedef struct cv_model {
    char *path; /* the directory as the caller gave it */
    cv_config config;
    int32_t eos[CV_EOS_MAX];    /* [num_eos] tokens that end an answer, each inside the vocabulary */
    size_t num_eos;             /* 0: the files name none, and answers end at their longest */
    cv_tensor embed_tokens;     /* [vocab_size, d] */
    cv_tensor positions;        /* [max_position_embeddings, d] where they are learned */
    cv_layer *layers;           /* [num_hidden_layers] */
    cv_tensor norm, norm_bias;  /* [1, d] */
    cv_tensor lm_head;          /* [vocab_size, d]; embed_tokens itself where tied */
    uint64_t parameters;        /* every tensor once */
    uint64_t weight_bytes;      /* the same in bytes, as stored */
    cv_checkpoint *checkpoint;  /* owns the mappings */
    struct cv_model *attention; /* the model whose attention it has, where that is another; owned */
} cv_model;

/* Opens a Hugging Face model directory (config.json, model.safetensors or sharded with index).
 * Reads headers only. NULL on error; free with cv_model_close, which accepts NULL. */
cv_model *cv_model_open(const char *directory, cv_error *err);
/* The same with the attention weights of attention_from, another such directory (NULL: its own). Bad input if the two
 * do not fit together. */
cv_model *cv_model_open_grafted(const char *directory, const char *attention_from, cv_error *err);
void cv_model_close(cv_model *model);

const char *cv_dtype_name(cv_dtype dtype); /* "F32", "F16", "BF16" */
size_t cv_dtype_size(cv_dtype dtype);      /* bytes of one element */

/* Rows [first, first + count) of tensor, widened exactly to single precision, into out
 * [count, columns]. */
void cv_tensor_widen(const cv_tensor *tensor, int64_t first, int64_t count, float *out);

/* Sees whether the file holds the matrix as it is: rows one after the other, and the very values. */
bool cv_tensor_is_plain(const cv_tensor *tensor);

/* Where an element, counted row by row, lies in the stored tensor. */
int64_t cv_tensor_stored_at(const cv_tensor *tensor, int64_t element);

#ifdef __cplusplus
}
#endif
#endif
