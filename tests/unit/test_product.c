#include "engine/blas.h"
#include "engine/product.h"
#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

static float *numbers(size_t count, uint64_t seed)
{
    float *values = cv_alloc_floats(count);
    for (size_t i = 0; i < count; i++) values[i] = tiny_uniform(&seed);
    return values;
}

/* The sum of size_of_terms bounds the rounding. */
static void check(const cv_product *product, size_t m, size_t k, const float *x, const float *before, float beta)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < product->n; j++) {
            double sum = (product->bias ? (double)product->bias[j] : 0), size = fabs(sum);
            if (beta != 0) sum += (double)before[i * product->n + j];
            for (size_t c = 0; c < k; c++) {
                double term = (double)x[i * k + c] * (double)product->weight[j * k + c];
                sum += term;
                size += fabs(term);
            }
            double found = (double)product->y[i * product->n + j];
            ck_assert_msg(fabs(found - sum) <= 1e-6 * (size + 1), "m %zu, row %zu, column %zu: %g, expected %g", m, i,
                          j, found, sum);
        }
}

/* Widths around the size of a slice, rows around where it changes. */
START_TEST(products_are_right_and_their_bits_do_not_depend_on_threads)
{
    static const size_t rows[] = {1, 2, 3, 5, 31, 32, 33, 100}, widths[] = {1, 47, 48, 97, 300};
    size_t k = 75, most = 100 * 300;
    float *x = numbers(100 * k, 1), *weight = numbers(300 * k, 2), *bias = numbers(300, 3), *before = numbers(most, 4);
    float *y[3], *first = cv_alloc_floats(most);
    for (size_t i = 0; i < 3; i++) y[i] = cv_alloc_floats(most);
    int threads = omp_get_max_threads();
    for (size_t r = 0; r < 8; r += getenv("CARAVAN_TEST_SPARSE") ? 4 : 1)
        for (size_t w = 0; w < 5; w++)
            for (int t = 1; t <= 3; t++) {
                size_t m = rows[r];
                const cv_product products[] = {{weight, bias, widths[w], y[0]},
                                               {weight + k, NULL, widths[4 - w] - (w < 4), y[1]},
                                               {weight, bias, 48, y[2]}};
                float beta = (r + w) % 2 ? 1.0f : 0.0f;
                cv_engine engine = {0};
                omp_set_num_threads(t);
                for (size_t i = 0; i < 3; i++) memcpy(y[i], before, most * sizeof *before);
                cv_products(&engine, m, k, x, products, 3, beta);
                size_t n = 0;
                for (size_t i = 0; i < 3; i++) {
                    check(&products[i], m, k, x, before, beta);
                    n += products[i].n;
                }
                ck_assert_uint_eq(engine.work.operations, 2 * m * n * k);
                if (t == 1) memcpy(first, y[0], most * sizeof *first);
                ck_assert_mem_eq(first, y[0], most * sizeof *first);
            }
    omp_set_num_threads(threads);
    for (size_t i = 0; i < 3; i++) free(y[i]);
    free(first);
    free(x);
    free(weight);
    free(bias);
    free(before);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("product");
    tcase_add_test(tests, products_are_right_and_their_bits_do_not_depend_on_threads);
    return run_suite(tests);
}
