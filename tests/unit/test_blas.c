#include "engine/blas.h"

#include "suite.h"

#include <string.h>

START_TEST(products_are_right_here)
{
    cv_error err;
    ck_assert_msg(cv_blas_check(&err), "%s", err.text);
}
END_TEST

/* Strides wider than the matrices, and a sum onto what is there. */
START_TEST(linear_takes_transposed_weights_and_strides)
{
    const float x[] = {1, 2, 3, -99, 4, 5, 6, -99}, w[] = {1, 0, 1, -99, 2, 1, 0, -99};
    float y[] = {10, 20, -7, 30, 40, -7};
    cv_linear(2, 2, 3, x, 4, w, 4, 1.0f, y, 3);
    const float expected[] = {14, 24, -7, 40, 53, -7};
    ck_assert_mem_eq(y, expected, sizeof y);
    cv_linear(0, 2, 3, x, 4, w, 4, 0.0f, y, 3);
    ck_assert_mem_eq(y, expected, sizeof y);
}
END_TEST

START_TEST(matmul_scales)
{
    const float x[] = {1, 2, 3, 4}, w[] = {1, -1, 0.5f, 2};
    float y[4];
    cv_matmul(2, 2, 2, 2.0f, x, 2, w, 2, y, 2);
    const float expected[] = {4, 6, 10, 10};
    ck_assert_mem_eq(y, expected, sizeof y);
}
END_TEST

START_TEST(the_library_tells_what_it_is)
{
    ck_assert_ptr_nonnull(strstr(cv_blas_version(), "OpenBLAS"));
    ck_assert_uint_gt(strlen(cv_blas_core()), 0);
    ck_assert_int_ge(cv_blas_threads(), 1);
    ck_assert(cv_blas_peak(0.01) > 1e6); /* what even valgrind's processor reaches */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("blas");
    tcase_add_test(tests, products_are_right_here);
    tcase_add_test(tests, linear_takes_transposed_weights_and_strides);
    tcase_add_test(tests, matmul_scales);
    tcase_add_test(tests, the_library_tells_what_it_is);
    return run_suite(tests);
}
