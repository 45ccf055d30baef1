#include <caravan/model.h>

#include "suite.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALL = 1 << 16 };

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* What an IEEE binary16 number means, from its definition. NaN for NaN. */
static double meaning_of_f16(unsigned half)
{
    unsigned exponent = half >> 10 & 31, mantissa = half & 1023;
    double magnitude = exponent == 31  ? (mantissa ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(mantissa, -24)
                                       : ldexp(1024 + mantissa, (int)exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* All 65536 numbers, at an even and at an odd address. */
static float *widen_all(cv_dtype dtype, size_t offset)
{
    unsigned char *bytes = malloc(2 * ALL + offset);
    float *out = malloc(ALL * sizeof *out);
    ck_assert(bytes && out);
    for (unsigned i = 0; i < ALL; i++) {
        uint16_t number = (uint16_t)i;
        memcpy(bytes + offset + 2 * i, &number, 2);
    }
    cv_tensor tensor = {.data = bytes + offset, .dtype = dtype, .rows = ALL / 16, .columns = 16, .name = "all"};
    cv_tensor_widen(&tensor, 0, ALL / 16, out);
    free(bytes);
    return out;
}

static bool is_f16(float value, unsigned half)
{
    double expected = meaning_of_f16(half);
    if (isnan(expected)) return isnan(value);
    return (double)value == expected && !!signbit(value) == half >> 15; /* -0 too */
}

START_TEST(every_f16_number_is_widened_exactly)
{
    float *out = widen_all(CV_F16, (size_t)_i);
    for (unsigned i = 0; i < ALL; i++)
        if (!is_f16(out[i], i)) ck_abort_msg("%#x becomes %a", i, (double)out[i]);
    free(out);
}
END_TEST

START_TEST(every_bf16_number_is_widened_exactly)
{
    float *out = widen_all(CV_BF16, (size_t)_i);
    for (unsigned i = 0; i < ALL; i++)
        if (bits_of(out[i]) != i << 16) ck_abort_msg("%#x becomes %a", i, (double)out[i]);
    free(out);
}
END_TEST

/* Any bits, NaN with its payload too, at any alignment. */
START_TEST(f32_is_copied_as_it_is)
{
    enum { COUNT = 12 };
    static const uint32_t numbers[COUNT] = {0,          0x80000000, 1,          0x807fffff, 0x3f800000, 0x7f7fffff,
                                            0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001, 0xffffffff, 0x42280000};
    unsigned char bytes[sizeof numbers + 3];
    memcpy(bytes + _i, numbers, sizeof numbers);
    cv_tensor tensor = {.data = bytes + _i, .dtype = CV_F32, .rows = 3, .columns = 4, .name = "f32"};
    uint32_t out[COUNT];
    cv_tensor_widen(&tensor, 0, 3, (float *)(void *)out);
    ck_assert_mem_eq(out, numbers, sizeof numbers);
}
END_TEST

/* Widths around the length of a vector register, and only the rows that were asked for. */
START_TEST(rows_are_widened_and_nothing_beside_them)
{
    enum { ROWS_STORED = 5, MOST = 67 };
    uint16_t stored[ROWS_STORED * MOST];
    for (size_t i = 0; i < ROWS_STORED * MOST; i++) stored[i] = (uint16_t)(0x3c00 + i); /* from 1 upwards */
    for (int64_t columns = 1; columns <= MOST; columns++) {
        float out[2 * MOST + 1];
        cv_tensor tensor = {.data = stored, .dtype = CV_F16, .rows = ROWS_STORED, .columns = columns, .name = "rows"};
        out[2 * columns] = 42;
        cv_tensor_widen(&tensor, 3, 2, out);
        for (int64_t i = 0; i < 2 * columns; i++) ck_assert((double)out[i] == meaning_of_f16(stored[3 * columns + i]));
        ck_assert(out[2 * columns] == 42);
    }
}
END_TEST

START_TEST(no_rows_are_widened_to_nothing)
{
    const uint16_t stored[2] = {0x3c00, 0x3c00};
    for (int dtype = CV_F32; dtype <= CV_BF16; dtype++) {
        cv_tensor tensor = {.data = stored, .dtype = (cv_dtype)dtype, .rows = 1, .columns = 1, .name = "none"};
        cv_tensor_widen(&tensor, 1, 0, NULL);
        cv_tensor_widen(&tensor, 0, 0, NULL);
    }
    float out = 0;
    cv_tensor_widen(&(cv_tensor){.data = stored, .dtype = CV_F16, .rows = 1, .columns = 1}, 0, 1, &out);
    ck_assert(out == 1);
}
END_TEST

/* A stored tensor of 40 x 35 numbers, of which each stands for its place, in every dtype. */
enum { STORED_ROWS = 40, STORED_COLUMNS = 35 };

static void *numbered(cv_dtype dtype)
{
    enum { COUNT = STORED_ROWS * STORED_COLUMNS };
    static float wide[COUNT];
    static uint16_t narrow[COUNT];
    for (size_t i = 0; i < COUNT; i++) wide[i] = (float)i;
    /* 16 bits: the number of the row alone, which both narrow types hold exactly up to 256 */
    for (size_t i = 0; i < COUNT; i++)
        narrow[i] = dtype == CV_BF16 ? (uint16_t)(bits_of((float)(i % 251)) >> 16) : (uint16_t)(0x3c00 + i % 251);
    return dtype == CV_F32 ? (void *)wide : (void *)narrow;
}

static double number_of(cv_dtype dtype, int64_t i)
{
    if (dtype == CV_F32) return (double)i;
    return dtype == CV_BF16 ? (double)(i % 251) : meaning_of_f16((uint16_t)(0x3c00 + i % 251));
}

/* Each row that is widened, in pieces of every length, holds what cv_tensor_stored_at says of it. */
static void check_layout(cv_tensor tensor, double more)
{
    static float out[STORED_ROWS * STORED_COLUMNS];
    const char *stored = numbered(tensor.dtype);
    tensor.data = stored + (size_t)tensor.before * cv_dtype_size(tensor.dtype);
    for (int64_t count = 1; count <= tensor.rows; count += 5)
        for (int64_t first = 0; first + count <= tensor.rows; first += 3) {
            cv_tensor_widen(&tensor, first, count, out);
            for (int64_t i = 0; i < count * tensor.columns; i++) {
                int64_t at = cv_tensor_stored_at(&tensor, first * tensor.columns + i);
                ck_assert((double)out[i] == number_of(tensor.dtype, at) + more);
            }
        }
}

START_TEST(packed_tensors_are_found_where_they_lie)
{
    cv_tensor tensor = {.dtype = (cv_dtype)_i, .rows = 12, .columns = STORED_COLUMNS, .before = 5 * STORED_COLUMNS};
    check_layout(tensor, 0); /* rows 5 to 16 */
    ck_assert(cv_tensor_is_plain(&tensor));
    ck_assert_int_eq(cv_tensor_stored_at(&tensor, STORED_COLUMNS + 2), 6 * STORED_COLUMNS + 2);
    tensor.run = 3; /* rows 5, 6, 7, 14, 15, 16, 23, ... */
    tensor.stride = 9;
    check_layout(tensor, 0);
    ck_assert(!cv_tensor_is_plain(&tensor));
    ck_assert_int_eq(cv_tensor_stored_at(&tensor, 4 * STORED_COLUMNS + 2), 15 * STORED_COLUMNS + 2);
    cv_tensor column = {.dtype = (cv_dtype)_i, .rows = 12, .columns = 1, .before = 4, .run = 4, .stride = 12};
    check_layout(column, 0); /* a vector by head: elements 4 to 7, 16 to 19, 28 to 31 */
    ck_assert_int_eq(cv_tensor_stored_at(&column, 5), 17);
    cv_tensor across = {
        .dtype = (cv_dtype)_i, .rows = 20, .columns = STORED_ROWS, .before = 7, .across = STORED_COLUMNS};
    check_layout(across, 0); /* columns 7 to 26 */
    ck_assert(!cv_tensor_is_plain(&across));
    ck_assert_int_eq(cv_tensor_stored_at(&across, 2 * STORED_ROWS + 3), 3 * STORED_COLUMNS + 9);
    cv_tensor less_one = {.dtype = (cv_dtype)_i, .rows = 1, .columns = 33, .less_one = true};
    check_layout(less_one, 1);
    ck_assert(!cv_tensor_is_plain(&less_one));
}
END_TEST

START_TEST(types_have_names_and_sizes)
{
    ck_assert_str_eq(cv_dtype_name(CV_F32), "F32");
    ck_assert_str_eq(cv_dtype_name(CV_F16), "F16");
    ck_assert_str_eq(cv_dtype_name(CV_BF16), "BF16");
    ck_assert_uint_eq(cv_dtype_size(CV_F32), 4);
    ck_assert_uint_eq(cv_dtype_size(CV_F16), 2);
    ck_assert_uint_eq(cv_dtype_size(CV_BF16), 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("tensor");
    tcase_add_loop_test(tests, every_f16_number_is_widened_exactly, 0, 2);
    tcase_add_loop_test(tests, every_bf16_number_is_widened_exactly, 0, 2);
    tcase_add_loop_test(tests, f32_is_copied_as_it_is, 0, 4);
    tcase_add_test(tests, rows_are_widened_and_nothing_beside_them);
    tcase_add_test(tests, no_rows_are_widened_to_nothing);
    tcase_add_loop_test(tests, packed_tensors_are_found_where_they_lie, 0, 3);
    tcase_add_test(tests, types_have_names_and_sizes);
    return run_suite(tests);
}
