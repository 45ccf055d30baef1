#include "engine/rope.h"

#include "base/memory.h"
#include "engine/vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Llama 3's scaling: long wavelengths are stretched by factor, short ones kept, those between
 * interpolated. Single precision throughout, as in transformers, whose rounding is the reference. */
static float llama3_frequency(const cv_rope *rope, float frequency)
{
    float context = (float)rope->original_max_position_embeddings;
    float low = (float)rope->low_freq_factor, high = (float)rope->high_freq_factor, factor = (float)rope->factor;
    float wavelength = 2.0f * (float)M_PI / frequency;
    if (wavelength < context / high) return frequency;
    if (wavelength > context / low) return frequency / factor;
    float smooth = (context / wavelength - low) / (high - low);
    return (1.0f - smooth) * frequency / factor + smooth * frequency;
}

static float frequency_of(const cv_rope *rope, size_t pair, size_t width)
{
    float frequency = 1.0f / powf((float)rope->theta, (float)(2 * pair) / (float)width);
    if (rope->kind == CV_ROPE_LINEAR) return frequency / (float)rope->factor;
    if (rope->kind == CV_ROPE_LLAMA3) return llama3_frequency(rope, frequency);
    return frequency;
}

cv_rope_table cv_rope_make(const cv_rope *rope, size_t head_dim, size_t positions)
{
    size_t width = rope->width > 0 ? (size_t)rope->width : head_dim;
    size_t half = rope->kind == CV_ROPE_NONE ? 0 : width / 2;
    cv_rope_table table = {.positions = positions, .half = half, .head_dim = head_dim};
    table.cosine = cv_alloc_floats(positions * half);
    table.sine = cv_alloc_floats(positions * half);
    for (size_t pair = 0; pair < half; pair++) {
        float frequency = frequency_of(rope, pair, width);
        for (size_t position = 0; position < positions; position++) {
            float angle = (float)position * frequency;
            table.cosine[position * half + pair] = (float)cos((double)angle);
            table.sine[position * half + pair] = (float)sin((double)angle);
        }
    }
    return table;
}

void cv_rope_free(cv_rope_table *table)
{
    free(table->cosine);
    free(table->sine);
    *table = (cv_rope_table){0};
}

void cv_rope_apply(const cv_rope_table *table, size_t position, size_t num_heads, float *heads)
{
    assert(position < table->positions);
    const float *cosine = table->cosine + position * table->half, *sine = table->sine + position * table->half;
    for (size_t h = 0; h < num_heads; h++) cv_rotate(heads + h * table->head_dim, cosine, sine, table->half);
}
