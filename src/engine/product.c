#include "engine/product.h"

#include "base/simd.h"
#include "engine/blas.h"
#include "engine/vector.h"

enum { SLICE = 192, THIN = 4 };

/* Up to THIN rows at once: each weight is read once, and nothing is rearranged, which for so few rows
 * would take longer than the product. */
CV_SIMD static void thin_product(size_t m, size_t n, size_t k, const float *x, const float *weight, float beta,
                                 float *y, size_t ldy)
{
    const float *x0 = x, *x1 = x + (m > 1) * k, *x2 = x + (m > 2 ? 2 : 0) * k, *x3 = x + (m > 3 ? 3 : 0) * k;
    for (size_t j = 0; j < n; j++) {
        const float *w = weight + j * k;
        float sums[THIN] = {0}, a = 0, b = 0, c = 0, d = 0;
        if (m == 1) {
#pragma omp simd reduction(+ : a)
            for (size_t i = 0; i < k; i++) a += x0[i] * w[i];
        } else {
#pragma omp simd reduction(+ : a, b, c, d)
            for (size_t i = 0; i < k; i++) {
                a += x0[i] * w[i];
                b += x1[i] * w[i];
                c += x2[i] * w[i];
                d += x3[i] * w[i];
            }
        }
        sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
        for (size_t i = 0; i < m; i++) y[i * ldy + j] = sums[i] + (beta != 0 ? beta * y[i * ldy + j] : 0);
    }
}

void cv_product_slice(size_t m, size_t n, size_t k, const float *x, const float *weight, float beta, float *y,
                      size_t ldy)
{
    if (m <= THIN)
        thin_product(m, n, k, x, weight, beta, y, ldy);
    else
        cv_linear(m, n, k, x, k, weight, k, beta, y, ldy);
}

static size_t slices_of(const cv_product *product)
{
    return (product->n + SLICE - 1) / SLICE;
}

static void one_slice(size_t m, size_t k, const float *x, const cv_product *product, size_t slice, float beta)
{
    size_t slices = slices_of(product), begin = slice * product->n / slices, end = (slice + 1) * product->n / slices;
    float *y = product->y + begin;
    cv_product_slice(m, end - begin, k, x, product->weight + begin * k, beta, y, product->n);
    for (size_t i = 0; product->bias && i < m; i++) cv_add(y + i * product->n, product->bias + begin, end - begin);
}

void cv_products(cv_engine *engine, size_t m, size_t k, const float *x, const cv_product *products, size_t count,
                 float beta)
{
    size_t slices = 0;
    for (size_t p = 0; p < count; p++) {
        slices += slices_of(&products[p]);
        cv_engine_count(engine, m, products[p].n, k);
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < slices; i++) {
        size_t p = 0, slice = i;
        while (slice >= slices_of(&products[p])) slice -= slices_of(&products[p++]);
        one_slice(m, k, x, &products[p], slice, beta);
    }
}
