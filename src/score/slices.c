#include "score/slices.h"

#include "base/memory.h"
#include "engine/blas.h"
#include "engine/engine.h"
#include "engine/vector.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

cv_lse cv_lse_start(void)
{
    return (cv_lse){-INFINITY, 0};
}

void cv_lse_grow(cv_lse *lse, const double *logits, size_t n)
{
    double largest = cv_max(logits, n);
    if (!(largest <= lse->largest)) { /* also where largest is NaN */
        lse->sum *= exp(lse->largest - largest);
        lse->largest = largest;
    }
    lse->sum += cv_sum_exp(logits, lse->largest, n);
}

double cv_lse_value(const cv_lse *lse)
{
    return lse->largest + log(lse->sum);
}

/* Rows of lm_head that are met at a time. */
static size_t slice_of(size_t V)
{
    return V < CV_SLICE ? V : CV_SLICE;
}

cv_slices cv_slices_open(cv_engine *engine)
{
    size_t threads = (size_t)omp_get_max_threads(), d = engine->shape.d, V = engine->shape.V;
    cv_slices s = {.engine = engine, .d = d, .V = V};
    s.narrow = cv_tensor_in_place(&engine->model->lm_head) ? NULL : cv_alloc_floats(slice_of(V) * d);
    s.head = cv_alloc(slice_of(V) * d, sizeof *s.head);
    s.rows = cv_alloc(threads * CV_SLICE_ROWS * d, sizeof *s.rows);
    s.logits = cv_alloc(threads * CV_SLICE_ROWS * CV_SLICE, sizeof *s.logits);
    return s;
}

void cv_slices_close(cv_slices *s)
{
    free(s->narrow);
    free(s->head);
    free(s->rows);
    free(s->logits);
}

bool cv_slices_each(cv_slices *s, cv_slice_user use, void *context, cv_error *err)
{
    for (size_t first = 0; first < s->V; first += CV_SLICE) {
        size_t count = s->V - first < CV_SLICE ? s->V - first : CV_SLICE;
        const float *head = cv_engine_lm_head(s->engine, first, count, s->narrow, err);
        if (!head) return false;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++) cv_to_double(head + i * s->d, s->d, s->head + i * s->d);
        use(context, first, count);
    }
    cv_engine_lm_head_done(s->engine);
    return true;
}

const double *cv_slices_logits(cv_slices *s, size_t num_rows, size_t stride, const float *rows, size_t count)
{
    assert(num_rows <= CV_SLICE_ROWS);
    size_t thread = (size_t)omp_get_thread_num();
    double *wide = s->rows + thread * CV_SLICE_ROWS * s->d, *logits = s->logits + thread * CV_SLICE_ROWS * CV_SLICE;
    for (size_t i = 0; i < num_rows; i++) cv_to_double(rows + i * stride, s->d, wide + i * s->d);
    cv_linear_double(num_rows, count, s->d, wide, s->head, logits);
    double cap = s->engine->model->config.final_logit_softcapping;
    if (cap > 0) cv_softcap_double(logits, cap, num_rows * count);
    return logits;
}

cv_wavefront_cost cv_slices_estimate(const cv_model *model, size_t rows, size_t passes)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t narrow = cv_tensor_in_place(&model->lm_head) ? 0 : slice_of(s.V) * s.d * sizeof(float);
    return (cv_wavefront_cost){
        .work = {2 * (uint64_t)rows * s.V * s.d, (uint64_t)passes * s.V * s.d * cv_dtype_size(model->lm_head.dtype)},
        .memory_bytes = narrow + slice_of(s.V) * s.d * sizeof(double),
        .thread_bytes = sizeof(double) * CV_SLICE_ROWS * (s.d + CV_SLICE),
    };
}
