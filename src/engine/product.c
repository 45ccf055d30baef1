#include "engine/product.h"

#include "engine/blas.h"
#include "engine/vector.h"

size_t cv_product_slice(size_t m)
{
    return m < 32 ? 48 : 96;
}

static size_t slices_of(const cv_product *product, size_t m)
{
    return (product->n + cv_product_slice(m) - 1) / cv_product_slice(m);
}

static void one_slice(size_t m, size_t k, const float *x, const cv_product *product, size_t slice, float beta)
{
    size_t slices = slices_of(product, m), begin = slice * product->n / slices, end = (slice + 1) * product->n / slices;
    float *y = product->y + begin;
    cv_linear(m, end - begin, k, x, k, product->weight + begin * k, k, beta, y, product->n);
    for (size_t i = 0; product->bias && i < m; i++) cv_add(y + i * product->n, product->bias + begin, end - begin);
}

void cv_products(cv_engine *engine, size_t m, size_t k, const float *x, const cv_product *products, size_t count,
                 float beta)
{
    size_t slices = 0;
    for (size_t p = 0; p < count; p++) {
        slices += slices_of(&products[p], m);
        cv_engine_count(engine, m, products[p].n, k);
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < slices; i++) {
        size_t p = 0, slice = i;
        while (slice >= slices_of(&products[p], m)) slice -= slices_of(&products[p++], m);
        one_slice(m, k, x, &products[p], slice, beta);
    }
}
