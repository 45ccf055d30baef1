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

static void widen(cv_dtype dtype, const unsigned char *from, size_t count, float *out)
{
    switch (dtype) {
    case CV_F32:
        if (count) memcpy(out, from, count * sizeof *out);
        break;
    case CV_F16:
        widen_f16(from, count, out);
        break;
    case CV_BF16:
        widen_bf16(from, count, out);
        break;
    }
}

/* Rows [first, first + count), which are stored as columns: some at a time, as neighbours lie together. */
static void widen_across(const cv_tensor *tensor, size_t first, size_t count, float *out)
{
    enum { AT_ONCE = 16 };
    float some[AT_ONCE];
    size_t columns = (size_t)tensor->columns, size = cv_dtype_size(tensor->dtype);
    for (size_t begin = 0; begin < count; begin += AT_ONCE) {
        size_t rows = count - begin < AT_ONCE ? count - begin : AT_ONCE;
        for (size_t c = 0; c < columns; c++) {
            size_t offset = (c * (size_t)tensor->across + first + begin) * size;
            widen(tensor->dtype, (const unsigned char *)tensor->data + offset, rows, some);
            for (size_t r = 0; r < rows; r++) out[(begin + r) * columns + c] = some[r];
        }
    }
}

bool cv_tensor_is_plain(const cv_tensor *tensor)
{
    return tensor->run == 0 && tensor->across == 0 && !tensor->less_one;
}

int64_t cv_tensor_stored_at(const cv_tensor *tensor, int64_t element)
{
    int64_t row = element / tensor->columns, column = element % tensor->columns;
    if (tensor->across) return tensor->before + column * tensor->across + row;
    if (tensor->run) row = row / tensor->run * tensor->stride + row % tensor->run;
    return tensor->before + row * tensor->columns + column;
}

void cv_tensor_widen(const cv_tensor *tensor, int64_t first, int64_t count, float *out)
{
    assert(first >= 0 && count >= 0 && first <= tensor->rows && count <= tensor->rows - first);
    size_t elements = (size_t)count * (size_t)tensor->columns;
    const unsigned char *data = tensor->data;
    if (tensor->across) {
        widen_across(tensor, (size_t)first, (size_t)count, out);
    } else {
        int64_t at_once = tensor->run ? tensor->run : count; /* rows that follow one another */
        for (int64_t row = first, next; row < first + count; row = next) {
            next = tensor->run ? (row / at_once + 1) * at_once : first + count;
            if (next > first + count) next = first + count;
            size_t from = (size_t)(cv_tensor_stored_at(tensor, row * tensor->columns) - tensor->before);
            widen(tensor->dtype, data + from * cv_dtype_size(tensor->dtype),
                  (size_t)(next - row) * (size_t)tensor->columns, out + (size_t)((row - first) * tensor->columns));
        }
    }
    for (size_t i = 0; tensor->less_one && i < elements; i++) out[i] = 1.0f + out[i];
}
