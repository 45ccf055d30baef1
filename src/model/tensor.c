#include <caravan/model.h>

#include "base/simd.h"

#include <assert.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors files are little-endian, and are not swapped");
_Static_assert(sizeof(float) == 4, "F32 is copied into float");

const char *cv_dtype_name(cv_dtype dtype)
{
    static const char *const names[] = {[CV_F32] = "F32", [CV_F16] = "F16", [CV_BF16] = "BF16"};
    return names[dtype];
}

size_t cv_dtype_size(cv_dtype dtype)
{
    return dtype == CV_F32 ? 4 : 2;
}

/* The data of a file begins at any byte: memcpy is the load that allows it, and compiles to one. */
static inline uint32_t load_u16(const unsigned char *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store_bits(float *to, uint32_t bits)
{
    memcpy(to, &bits, sizeof bits);
}

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* All ones where condition is true: both sides of a choice are computed, so that the loop vectorises. */
static inline uint32_t mask(bool condition)
{
    return 0u - (uint32_t)condition;
}

/* bfloat16 is the upper half of a float. */
CV_SIMD static void widen_bf16(const unsigned char *restrict from, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) store_bits(&out[i], load_u16(from + 2 * i) << 16);
}

/* IEEE binary16: 1 sign bit, 5 of exponent (bias 15), 10 of mantissa. No step has a single-precision
 * subnormal in it, which a processor may be set to flush to zero. */
CV_SIMD static void widen_f16(const unsigned char *restrict from, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t half = load_u16(from + 2 * i);
        uint32_t sign = (half & 0x8000) << 16, exponent = half & 0x7c00, mantissa = half & 0x03ff;
        uint32_t is_small = mask(exponent == 0), is_special = mask(exponent == 0x7c00);
        uint32_t small = bits_of((float)(int32_t)mantissa * 0x1p-24f); /* zero, subnormal */
        uint32_t normal = (half & 0x7fff) << 13;
        uint32_t bias = 0x38000000 + (is_special & 0x38000000); /* from 15 to 127; from 31 to 255 */
        store_bits(&out[i], sign | (small & is_small) | ((normal + bias) & ~is_small));
    }
}

void cv_tensor_widen(const cv_tensor *tensor, int64_t first, int64_t count, float *out)
{
    assert(first >= 0 && count >= 0 && first <= tensor->rows && count <= tensor->rows - first);
    size_t elements = (size_t)count * (size_t)tensor->columns;
    size_t offset = (size_t)first * (size_t)tensor->columns * cv_dtype_size(tensor->dtype);
    const unsigned char *from = (const unsigned char *)tensor->data + offset;
    switch (tensor->dtype) {
    case CV_F32:
        if (elements) memcpy(out, from, elements * sizeof *out);
        break;
    case CV_F16:
        widen_f16(from, elements, out);
        break;
    case CV_BF16:
        widen_bf16(from, elements, out);
        break;
    }
}
