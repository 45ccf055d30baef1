#include "engine/lapack.h"

#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <string.h>

/* Wide, tall and square; blocks of dgeqrf and the ways through dgesdd change with size and shape. */
static const size_t shapes[][2] = {{1, 1}, {1, 7}, {7, 1}, {2, 3}, {8, 8}, {9, 40}, {40, 9}, {70, 300}, {90, 80}};

static double *random_matrix(size_t m, size_t n)
{
    uint64_t seed = m * 1000 + n;
    double *x = cv_alloc(m * n, sizeof *x);
    for (size_t i = 0; i < m * n; i++) x[i] = (double)tiny_uniform(&seed);
    return x;
}

static double *copy_of(const double *x, size_t count)
{
    return memcpy(cv_alloc(count, sizeof *x), x, count * sizeof *x);
}

/* x x^T [m, m] */
static double *gram(size_t m, size_t n, const double *x)
{
    double *g = cv_calloc(m * m, sizeof *g);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            for (size_t c = 0; c < n; c++) g[i * m + j] += x[i * n + c] * x[j * n + c];
    return g;
}

static double largest_difference(const double *a, const double *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= largest)) largest = fabs(a[i] - b[i]); /* also NaN */
    return largest;
}

/* x x^T = l q q^T l^T = l l^T, and nothing above l's diagonal. */
START_TEST(lower_factor_keeps_the_products_of_rows)
{
    size_t m = shapes[_i][0], n = shapes[_i][1];
    if (m > n) return;
    double *x = random_matrix(m, n), *l = cv_alloc(m * m, sizeof *l), *expected = gram(m, n, x);
    cv_lower_factor(m, n, x, l);
    double *products = gram(m, m, l);
    ck_assert_double_le(largest_difference(products, expected, m * m), 1e-14 * (double)n);
    for (size_t i = 0; i < m; i++)
        for (size_t j = i + 1; j < m; j++) ck_assert_double_eq(l[i * m + j], 0);
    free(x);
    free(l);
    free(expected);
    free(products);
}
END_TEST

/* u has orthonormal columns, and u sigma^2 u^T = x x^T. */
START_TEST(left_vectors_and_values_give_the_products_of_rows)
{
    size_t m = shapes[_i][0], n = shapes[_i][1], k = m < n ? m : n;
    double *x = random_matrix(m, n), *expected = gram(m, n, x);
    double *sigma = cv_alloc(k, sizeof *sigma), *u = cv_alloc(m * k, sizeof *u);
    ck_assert(cv_svd(m, n, x, sigma, u));
    for (size_t i = 0; i < k; i++) {
        ck_assert(sigma[i] >= 0 && (i == 0 || sigma[i] <= sigma[i - 1]));
        for (size_t j = 0; j < k; j++) {
            double product = 0;
            for (size_t p = 0; p < m; p++) product += u[p * k + i] * u[p * k + j];
            ck_assert_double_le(fabs(product - (i == j)), 1e-13);
        }
    }
    for (size_t p = 0; p < m; p++)
        for (size_t i = 0; i < k; i++) u[p * k + i] *= sigma[i];
    double *products = gram(m, k, u);
    ck_assert_double_le(largest_difference(products, expected, m * m), 1e-14 * (double)(m + n));
    free(x);
    free(expected);
    free(sigma);
    free(u);
    free(products);
}
END_TEST

START_TEST(values_alone_are_the_same)
{
    size_t m = shapes[_i][0], n = shapes[_i][1], k = m < n ? m : n;
    double *x = random_matrix(m, n), *again = copy_of(x, m * n);
    double *sigma = cv_alloc(3 * k, sizeof *sigma), *u = cv_alloc(m * k, sizeof *u);
    ck_assert(cv_svd(m, n, x, sigma, u));
    ck_assert(cv_svd(m, n, again, sigma + k, NULL));
    ck_assert_double_le(largest_difference(sigma, sigma + k, k), 1e-14 * (double)(m + n));
    free(x);
    free(again);
    free(sigma);
    free(u);
}
END_TEST

/* Worked out by hand: x x^T = diag(9, 4, 0) in another order. */
START_TEST(a_known_decomposition)
{
    double x[] = {0, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, sigma[3], u[9];
    ck_assert(cv_svd(3, 4, x, sigma, u));
    const double expected[] = {3, 2, 0};
    ck_assert_double_le(largest_difference(sigma, expected, 3), 1e-15);
    ck_assert_double_le(fabs(fabs(u[1 * 3 + 0]) - 1), 1e-15);
    ck_assert_double_le(fabs(fabs(u[0 * 3 + 1]) - 1), 1e-15);
}
END_TEST

START_TEST(what_is_not_finite_is_refused)
{
    double x[] = {1, 2, NAN, 4}, sigma[2], u[4];
    ck_assert(!cv_svd(2, 2, x, sigma, u));
}
END_TEST

START_TEST(operations_are_those_of_the_textbooks)
{
    ck_assert_uint_eq(cv_lower_factor_operations(3, 10), 2 * 9 * 10 - 2 * 27 / 3); /* 2 m^2 (n - m / 3) */
    ck_assert_uint_eq(cv_svd_operations(30, 30), 28 * 30 * 30 * 30 / 3);
    ck_assert_uint_eq(cv_svd_operations(20, 50), cv_svd_operations(50, 20));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lapack");
    tcase_add_loop_test(tests, lower_factor_keeps_the_products_of_rows, 0, ROWS(shapes));
    tcase_add_loop_test(tests, left_vectors_and_values_give_the_products_of_rows, 0, ROWS(shapes));
    tcase_add_loop_test(tests, values_alone_are_the_same, 0, ROWS(shapes));
    tcase_add_test(tests, a_known_decomposition);
    tcase_add_test(tests, what_is_not_finite_is_refused);
    tcase_add_test(tests, operations_are_those_of_the_textbooks);
    return run_suite(tests);
}
