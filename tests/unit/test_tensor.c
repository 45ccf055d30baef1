#include <caravan/model.h>

#include "suite.h"

#include <math.h>
#include <string.h>

/* The value of a half-precision number, from the definition of the format. */
static double half_value(unsigned bits)
{
    unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, (int)exponent - 25);
}

static double bfloat_value(unsigned bits)
{
    unsigned exponent = bits >> 7 & 255, fraction = bits & 127;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 255) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -133);
    return sign * ldexp(128 + fraction, (int)exponent - 134);
}

static bool same(float value, double expected)
{
    if (isnan(expected)) return isnan(value);
    return (double)value == expected && !signbit(value) == !signbit(expected);
}

/* All 65,536 values of each 16-bit type, at an even and at an odd address. */
START_TEST(every_sixteen_bit_number_is_widened_exactly)
{
    static unsigned char bytes[2 * 65536 + 1];
    static float out[65536];
    for (size_t odd = 0; odd < 2; odd++) {
        for (unsigned i = 0; i < 65536; i++) {
            bytes[odd + 2 * i] = (unsigned char)(i & 0xff);
            bytes[odd + 2 * i + 1] = (unsigned char)(i >> 8);
        }
        cv_tensor half = {bytes + odd, CV_F16, 256, 256, "half"}, bfloat = {bytes + odd, CV_BF16, 256, 256, "bfloat"};
        cv_tensor_widen(&half, 0, 256, out);
        for (unsigned i = 0; i < 65536; i++)
            ck_assert_msg(same(out[i], half_value(i)), "half %#x: %g", i, (double)out[i]);
        cv_tensor_widen(&bfloat, 0, 256, out);
        for (unsigned i = 0; i < 65536; i++)
            ck_assert_msg(same(out[i], bfloat_value(i)), "bfloat %#x: %g", i, (double)out[i]);
    }
}
END_TEST

START_TEST(rows_of_a_matrix_at_any_alignment)
{
    const float values[] = {1, 2, 3, 4, 5, 6};
    unsigned char bytes[sizeof values + 3];
    for (size_t shift = 0; shift < 4; shift++) {
        memcpy(bytes + shift, values, sizeof values);
        cv_tensor tensor = {bytes + shift, CV_F32, 3, 2, "w"};
        float out[4];
        cv_tensor_widen(&tensor, 1, 2, out);
        ck_assert_mem_eq(out, values + 2, sizeof out);
    }
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
    tcase_add_test(tests, every_sixteen_bit_number_is_widened_exactly);
    tcase_add_test(tests, rows_of_a_matrix_at_any_alignment);
    tcase_add_test(tests, types_have_names_and_sizes);
    return run_suite(tests);
}
