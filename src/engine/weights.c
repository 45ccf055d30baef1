#include "engine/weights.h"

#include "base/memory.h"
#include "engine/vector.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLICE = 1 << 16 };

typedef struct binding {
    size_t source; /* offset of a cv_tensor in cv_layer */
    size_t target; /* offset of a pointer in cv_layer_weights */
} binding;

#define BIND(name)                                                                                                     \
    {                                                                                                                  \
        offsetof(cv_layer, name), offsetof(cv_layer_weights, name)                                                     \
    }
static const binding bindings[] = {
    BIND(attention_norm),  BIND(attention_norm_bias),
    BIND(q_proj),          BIND(k_proj),
    BIND(v_proj),          BIND(o_proj),
    BIND(q_bias),          BIND(k_bias),
    BIND(v_bias),          BIND(o_bias),
    BIND(q_norm),          BIND(k_norm),
    BIND(gate_proj),       BIND(up_proj),
    BIND(mlp_norm),        BIND(mlp_norm_bias),
    BIND(down_proj),       BIND(gate_bias),
    BIND(up_bias),         BIND(down_bias),
    BIND(mlp_output_norm), BIND(attention_output_norm),
};
#undef BIND
enum { NUM_TENSORS = sizeof bindings / sizeof bindings[0] };

static const cv_tensor *source_of(const cv_layer *layer, size_t i)
{
    return (const cv_tensor *)(const void *)((const char *)layer + bindings[i].source);
}

static const float **target_of(cv_layer_weights *weights, size_t i)
{
    return (const float **)(void *)((char *)weights + bindings[i].target);
}

static size_t elements(const cv_tensor *tensor)
{
    return (size_t)tensor->rows * (size_t)tensor->columns;
}

bool cv_tensor_in_place(const cv_tensor *tensor)
{
    return tensor->dtype == CV_F32 && (uintptr_t)tensor->data % sizeof(float) == 0 && cv_tensor_is_plain(tensor);
}

const float *cv_tensor_rows(const cv_tensor *tensor, size_t first, size_t count, float *buffer)
{
    if (cv_tensor_in_place(tensor)) return (const float *)tensor->data + first * (size_t)tensor->columns;
    cv_tensor_widen(tensor, (int64_t)first, (int64_t)count, buffer);
    return buffer;
}

bool cv_check_finite(const cv_model *model, const cv_tensor *tensor, const float *values, size_t first, size_t count,
                     cv_error *err)
{
    size_t slices = (count + SLICE - 1) / SLICE, bad = SIZE_MAX;
#pragma omp parallel for schedule(static) reduction(min : bad)
    for (size_t s = 0; s < slices; s++) {
        size_t begin = s * SLICE, length = count - begin < SLICE ? count - begin : SLICE;
        if (cv_all_finite(values + begin, length)) continue;
        size_t i = begin;
        while (isfinite(values[i])) i++;
        if (i < bad) bad = i;
    }
    if (bad == SIZE_MAX) return true;
    return cv_bad_input(err, "%s: tensor %s holds %s at element %lld; the checkpoint is damaged, fetch it again",
                        model->path, tensor->name, isnan(values[bad]) ? "NaN" : "an infinite value",
                        (long long)cv_tensor_stored_at(tensor, (int64_t)(first + bad)));
}

/* Room for what must be widened, each tensor beginning on a cache line. */
static size_t widened_floats(const cv_layer *layer)
{
    size_t floats = 0;
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        const cv_tensor *tensor = source_of(layer, i);
        if (tensor->data && !cv_tensor_in_place(tensor)) floats += (elements(tensor) + 15) / 16 * 16;
    }
    return floats;
}

size_t cv_layer_weights_bytes(const cv_model *model)
{
    size_t most = 0;
    for (int l = 0; l < model->config.num_hidden_layers; l++) {
        size_t floats = widened_floats(&model->layers[l]);
        if (floats > most) most = floats;
    }
    return most * sizeof(float);
}

uint64_t cv_layer_file_bytes(const cv_layer *layer)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        const cv_tensor *tensor = source_of(layer, i);
        if (tensor->data) bytes += elements(tensor) * cv_dtype_size(tensor->dtype);
    }
    return bytes;
}

static void widen_in_parallel(const cv_tensor *tensor, float *out)
{
    const int64_t some = 16; /* rows together: where they are stored as columns, neighbours lie together */
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < tensor->rows; row += some) {
        int64_t count = tensor->rows - row < some ? tensor->rows - row : some;
        cv_tensor_widen(tensor, row, count, out + (size_t)row * (size_t)tensor->columns);
    }
}

bool cv_layer_weights_load(cv_layer_weights *weights, const cv_model *model, size_t layer, bool check, cv_error *err)
{
    const cv_layer *from = &model->layers[layer];
    size_t floats = widened_floats(from);
    if (floats > weights->capacity) {
        free(weights->buffer);
        weights->buffer = cv_alloc_floats(floats);
        weights->capacity = floats;
    }
    float *free_space = weights->buffer;
    weights->layer = layer;
    for (size_t i = 0; i < NUM_TENSORS; i++) {
        const cv_tensor *tensor = source_of(from, i);
        const float **target = target_of(weights, i);
        *target = NULL;
        if (!tensor->data) continue;
        if (cv_tensor_in_place(tensor)) {
            *target = tensor->data;
        } else {
            widen_in_parallel(tensor, free_space);
            *target = free_space;
            free_space += (elements(tensor) + 15) / 16 * 16;
        }
        if (check && !cv_check_finite(model, tensor, *target, 0, elements(tensor), err)) return false;
    }
    return true;
}

void cv_layer_weights_free(cv_layer_weights *weights)
{
    free(weights->buffer);
    *weights = (cv_layer_weights){0};
}
