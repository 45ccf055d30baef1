/* Ships without storing logits.
 *
 * With a and b the clean and the ablated logits and p = softmax(a),
 *     KL = sum_i p_i (a_i - b_i) - log sum exp(a) + log sum exp(b),
 * so one pass over the vocabulary in slices suffices once the clean logits are known: only two running
 * sums are kept for a row. */
#include <caravan/score.h>

#include "base/memory.h"
#include "engine/engine.h"
#include "engine/vector.h"
#include "score/slices.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct ships {
    cv_slices slices;
    size_t prompts, states, d, V;
    float *clean;     /* [prompts, d] after the final norm */
    float *ablated;   /* [states, prompts, d] the same */
    double *logits;   /* [prompts, V] clean */
    cv_lse *a;        /* [prompts] */
    cv_lse *b;        /* [states, prompts] */
    double *weighted; /* [states, prompts] sum of p_i (a_i - b_i) */
    double *p;        /* [threads, CV_SLICE] */
} ships;

static ships ships_open(cv_engine *engine, size_t prompts, size_t states)
{
    ships s = {.prompts = prompts, .states = states, .d = engine->shape.d, .V = engine->shape.V};
    s.slices = cv_slices_open(engine);
    s.clean = cv_alloc_floats(prompts * s.d);
    s.ablated = cv_alloc_floats(states * prompts * s.d);
    s.logits = cv_alloc(prompts * s.V, sizeof *s.logits);
    s.a = cv_alloc(prompts, sizeof *s.a);
    s.b = cv_alloc(states * prompts, sizeof *s.b);
    s.weighted = cv_calloc(states * prompts, sizeof *s.weighted);
    s.p = cv_alloc((size_t)omp_get_max_threads() * CV_SLICE, sizeof *s.p);
    for (size_t i = 0; i < prompts; i++) s.a[i] = cv_lse_start();
    for (size_t i = 0; i < states * prompts; i++) s.b[i] = cv_lse_start();
    return s;
}

static void ships_close(ships *s)
{
    cv_slices_close(&s->slices);
    free(s->clean);
    free(s->ablated);
    free(s->logits);
    free(s->a);
    free(s->b);
    free(s->weighted);
    free(s->p);
}

static void clean_slice(void *context, size_t first, size_t count)
{
    ships *s = context;
#pragma omp parallel for schedule(dynamic)
    for (size_t p = 0; p < s->prompts; p++) {
        double *logits = s->logits + p * s->V + first;
        memcpy(logits, cv_slices_logits(&s->slices, 1, s->d, s->clean + p * s->d, count), count * sizeof *logits);
        cv_lse_grow(&s->a[p], logits, count);
    }
}

/* The rows of one prompt in states [begin, end): they share p and the clean logits. */
static void ablated_tile(ships *s, size_t prompt, size_t begin, size_t end, size_t first, size_t count)
{
    double *p = s->p + (size_t)omp_get_thread_num() * CV_SLICE;
    const double *clean = s->logits + prompt * s->V + first;
    const float *rows = s->ablated + (begin * s->prompts + prompt) * s->d;
    const double *logits = cv_slices_logits(&s->slices, end - begin, s->prompts * s->d, rows, count);
    cv_exp_shifted(clean, cv_lse_value(&s->a[prompt]), count, p);
    for (size_t state = begin; state < end; state++) {
        const double *row = logits + (state - begin) * count;
        size_t cell = state * s->prompts + prompt;
        cv_lse_grow(&s->b[cell], row, count);
        s->weighted[cell] += cv_weighted_difference(p, clean, row, count);
    }
}

static void ablated_slice(void *context, size_t first, size_t count)
{
    ships *s = context;
    size_t tiles = (s->states + CV_SLICE_ROWS - 1) / CV_SLICE_ROWS;
#pragma omp parallel for schedule(dynamic)
    for (size_t item = 0; item < tiles * s->prompts; item++) {
        size_t begin = item / s->prompts * CV_SLICE_ROWS, left = s->states - begin;
        ablated_tile(s, item % s->prompts, begin, begin + (left < CV_SLICE_ROWS ? left : CV_SLICE_ROWS), first, count);
    }
}

cv_wavefront_cost cv_ships_estimate(const cv_model *model, size_t num_prompts, size_t states)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t rows = (uint64_t)num_prompts * (states + 1);
    cv_wavefront_cost cost = cv_slices_estimate(model, rows, 2);
    cost.memory_bytes +=
        num_prompts * s.V * sizeof(double) + rows * (s.d * sizeof(float) + sizeof(cv_lse) + sizeof(double));
    cost.thread_bytes += CV_SLICE * sizeof(double);
    return cost;
}

bool cv_ships(cv_engine *engine, size_t num_prompts, size_t states, const float *clean, const float *ablated,
              double *result, cv_error *err)
{
    ships s = ships_open(engine, num_prompts, states);
    bool ok = cv_engine_final_norm(engine, num_prompts, clean, s.clean, err) &&
              cv_engine_final_norm(engine, states * num_prompts, ablated, s.ablated, err) &&
              cv_slices_each(&s.slices, clean_slice, &s, err) && cv_slices_each(&s.slices, ablated_slice, &s, err);
    cv_engine_count(engine, num_prompts * (states + 1), s.V, s.d);
    for (size_t i = 0; ok && i < states * num_prompts; i++) {
        double kl = s.weighted[i] - cv_lse_value(&s.a[i % num_prompts]) + cv_lse_value(&s.b[i]);
        result[i] = kl < 0 ? 0 : kl; /* rounding alone can go below; NaN stays NaN */
    }
    ships_close(&s);
    return ok;
}
