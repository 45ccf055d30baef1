#include "engine/next_token.h"

#include "base/memory.h"
#include "engine/blas.h"
#include "engine/product.h"
#include "engine/sample.h"
#include "engine/vector.h"
#include "engine/weights.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

static size_t slice_rows(const cv_shape *s, size_t count)
{
    size_t rows = cv_product_slice(count);
    return rows < s->V ? rows : s->V;
}

/* What a thread holds. */
typedef struct shelf {
    float *logits;       /* [count, slice] */
    float *widened;      /* [slice, d], or NULL where lm_head is read in place */
    cv_candidate *items; /* [count, k] */
    cv_best *best;       /* [count] */
} shelf;

static shelf shelf_make(const cv_engine *engine, size_t count, size_t k, const cv_wish *wishes)
{
    const cv_shape *s = &engine->shape;
    size_t slice = slice_rows(s, count);
    shelf own = {.logits = cv_alloc_floats(count * slice),
                 .items = cv_alloc(count * k, sizeof *own.items),
                 .best = cv_alloc(count, sizeof *own.best)};
    if (!cv_tensor_in_place(&engine->model->lm_head)) own.widened = cv_alloc_floats(slice * s->d);
    for (size_t i = 0; i < count; i++)
        own.best[i] = (cv_best){own.items + i * k, cv_sampling_candidates(&wishes[i].sequence->sampling, s->V), 0};
    return own;
}

static void shelf_free(shelf *own)
{
    free(own->logits);
    free(own->widened);
    free(own->items);
    free(own->best);
}

/* Logits of tokens [first, first + length); false if some are not finite. */
static bool look_at_slice(const cv_engine *engine, size_t count, const float *x, size_t first, size_t length,
                          shelf *own)
{
    size_t d = engine->shape.d;
    const float *weights = cv_tensor_rows(&engine->model->lm_head, first, length, own->widened);
    cv_linear(count, length, d, x, d, weights, d, 0, own->logits, length);
    if (!cv_all_finite(own->logits, count * length)) return false;
    double cap = engine->model->config.final_logit_softcapping;
    if (cap > 0) cv_softcap(own->logits, cap, count * length);
    for (size_t i = 0; i < count; i++) cv_best_add_slice(&own->best[i], own->logits + i * length, length, first);
    return true;
}

/* Of a slice whose logits are not finite: lm_head is damaged, or the product left single precision. */
static bool complain(cv_engine *engine, size_t first, size_t length, cv_error *err)
{
    const cv_shape *s = &engine->shape;
    float *buffer = cv_alloc_floats(length * s->d);
    const float *weights = cv_tensor_rows(&engine->model->lm_head, first, length, buffer);
    if (cv_check_finite(engine->model, &engine->model->lm_head, weights, first * s->d, length * s->d, err))
        cv_bad_input(err, "%s: the logits overflow single precision; the model cannot be run", engine->model->path);
    free(buffer);
    return false;
}

static size_t most_candidates(const cv_shape *s, size_t count, const cv_wish *wishes)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        size_t k = cv_sampling_candidates(&wishes[i].sequence->sampling, s->V);
        if (k > most) most = k;
    }
    return most;
}

static void merge(cv_best *best, const cv_best *other)
{
    for (size_t i = 0; i < other->count; i++) cv_best_add(best, other->items[i]);
}

bool cv_next_tokens(cv_engine *engine, size_t count, float *x, const cv_wish *wishes, int32_t *tokens, cv_error *err)
{
    const cv_shape *s = &engine->shape;
    if (!cv_engine_final_norm(engine, count, x, x, err)) return false;
    size_t threads = (size_t)omp_get_max_threads(), k = most_candidates(s, count, wishes);
    size_t slice = slice_rows(s, count), slices = (s->V + slice - 1) / slice, bad = SIZE_MAX;
    shelf *shelves = cv_alloc(threads, sizeof *shelves);
    for (size_t t = 0; t < threads; t++) shelves[t] = shelf_make(engine, count, k, wishes);
#pragma omp parallel for schedule(dynamic) reduction(min : bad)
    for (size_t i = 0; i < slices; i++) {
        size_t first = i * slice, length = s->V - first < slice ? s->V - first : slice;
        if (!look_at_slice(engine, count, x, first, length, &shelves[omp_get_thread_num()]) && first < bad) bad = first;
    }
    cv_engine_count(engine, count, s->V, s->d);
    engine->work.weight_bytes += s->V * s->d * cv_dtype_size(engine->model->lm_head.dtype);
    bool ok = bad == SIZE_MAX || complain(engine, bad, s->V - bad < slice ? s->V - bad : slice, err);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (ok ? count : 0); i++) {
        for (size_t t = 1; t < threads; t++) merge(&shelves[0].best[i], &shelves[t].best[i]);
        cv_best_sort(&shelves[0].best[i]);
        tokens[i] = cv_sample_at(wishes[i].sequence, &shelves[0].best[i], wishes[i].position);
    }
    for (size_t t = 0; t < threads; t++) shelf_free(&shelves[t]);
    free(shelves);
    return ok;
}

size_t cv_next_token_bytes(const cv_model *model, size_t count, size_t k)
{
    cv_shape s = cv_shape_of(&model->config);
    size_t slice = slice_rows(&s, count);
    size_t bytes = count * (slice * sizeof(float) + k * sizeof(cv_candidate) + sizeof(cv_best));
    return bytes + (cv_tensor_in_place(&model->lm_head) ? 0 : slice * s.d * sizeof(float));
}
