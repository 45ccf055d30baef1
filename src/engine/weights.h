/* A layer's weights as single-precision arrays: in place where the file holds F32, else widened
 * into a buffer that one layer after the other uses. */
#ifndef CV_WEIGHTS_H
#define CV_WEIGHTS_H

#include <caravan/model.h>

#include <stddef.h>
#include <stdint.h>

/* Shapes as in cv_layer; pointers are NULL where the model has no such tensor. */
typedef struct cv_layer_weights {
    size_t layer; /* whose they are */
    const float *attention_norm, *attention_norm_bias, *q_proj, *k_proj, *v_proj, *o_proj;
    const float *q_bias, *k_bias, *v_bias, *o_bias, *q_norm, *k_norm, *attention_output_norm;
    const float *mlp_norm, *mlp_norm_bias, *gate_proj, *up_proj, *down_proj;
    const float *gate_bias, *up_bias, *down_bias, *mlp_output_norm;
    float *buffer; /* [capacity] floats, owned: what was widened */
    size_t capacity;
} cv_layer_weights;

/* Loads a layer into *weights (start with {0}; what it held before is gone). With check, every value
 * is looked at; bad input if one is not finite, named by tensor. */
bool cv_layer_weights_load(cv_layer_weights *weights, const cv_model *model, size_t layer, bool check, cv_error *err);
void cv_layer_weights_free(cv_layer_weights *weights);

/* Rows [first, first + count) of a matrix: in place where possible, else widened into buffer
 * [count * columns]. */
const float *cv_tensor_rows(const cv_tensor *tensor, size_t first, size_t count, float *buffer);

/* True if cv_tensor_rows gives the file's own pages. */
bool cv_tensor_in_place(const cv_tensor *tensor);

/* Bytes of buffer that the largest layer of a model takes. */
size_t cv_layer_weights_bytes(const cv_model *model);

/* Bytes of a layer's tensors in the file. */
uint64_t cv_layer_file_bytes(const cv_layer *layer);

/* Bad input if values [count] of a tensor, from element first on, are not all finite. */
bool cv_check_finite(const cv_model *model, const cv_tensor *tensor, const float *values, size_t first, size_t count,
                     cv_error *err);

#endif
