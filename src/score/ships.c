/* Ships without storing logits.
 *
 * With a and b the clean and the ablated logits and p = softmax(a),
 *     KL = sum_i p_i (a_i - b_i) - log sum exp(a) + log sum exp(b),
 * so one pass over the vocabulary in slices suffices once the clean logits are known: each slice of
 * lm_head meets the rows of all states, and only two running sums are kept for a row.
 *
 * The product is in double precision. A score is a small difference of large logits, and in single
 * precision the rounding of this one product was most of a score's error. */
#include <caravan/score.h>

#include "base/memory.h"
#include "engine/blas.h"
#include "engine/engine.h"
#include "engine/vector.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 1024, TILE_STATES = 128 };

/* A log-sum-exp that grows slice by slice: log of sum times exp(largest). */
typedef struct running_lse {
    double largest, sum;
} running_lse;

typedef struct ships {
    cv_engine *engine;
    size_t prompts, states, d, V;
    float *clean;     /* [prompts, d] after the final norm */
    float *ablated;   /* [states, prompts, d] the same */
    double *logits;   /* [prompts, V] clean */
    running_lse *a;   /* [prompts] */
    running_lse *b;   /* [states, prompts] */
    double *weighted; /* [states, prompts] sum of p_i (a_i - b_i) */
    float *narrow;    /* [SLICE, d] of lm_head where it must be widened, else NULL */
    double *head;     /* [SLICE, d] of lm_head */
    double *rows;     /* [threads, TILE_STATES, d] */
    double *tile;     /* [threads, TILE_STATES, SLICE] logits */
    double *p;        /* [threads, SLICE] */
} ships;

static void grow(running_lse *lse, const double *logits, size_t n)
{
    double largest = cv_max(logits, n);
    if (!(largest <= lse->largest)) { /* also where largest is NaN */
        lse->sum *= exp(lse->largest - largest);
        lse->largest = largest;
    }
    lse->sum += cv_sum_exp(logits, lse->largest, n);
}

static double lse_value(const running_lse *lse)
{
    return lse->largest + log(lse->sum);
}

/* Rows of lm_head that are met at a time. */
static size_t slice_of(size_t V)
{
    return V < SLICE ? V : SLICE;
}

static ships ships_open(cv_engine *engine, size_t prompts, size_t states)
{
    size_t threads = (size_t)omp_get_max_threads();
    ships s = {.engine = engine, .prompts = prompts, .states = states, .d = engine->shape.d, .V = engine->shape.V};
    s.clean = cv_alloc_floats(prompts * s.d);
    s.ablated = cv_alloc_floats(states * prompts * s.d);
    s.logits = cv_alloc(prompts * s.V, sizeof *s.logits);
    s.a = cv_alloc(prompts, sizeof *s.a);
    s.b = cv_alloc(states * prompts, sizeof *s.b);
    s.weighted = cv_calloc(states * prompts, sizeof *s.weighted);
    s.narrow = cv_tensor_in_place(&engine->model->lm_head) ? NULL : cv_alloc_floats(slice_of(s.V) * s.d);
    s.head = cv_alloc(slice_of(s.V) * s.d, sizeof *s.head);
    s.rows = cv_alloc(threads * TILE_STATES * s.d, sizeof *s.rows);
    s.tile = cv_alloc(threads * TILE_STATES * SLICE, sizeof *s.tile);
    s.p = cv_alloc(threads * SLICE, sizeof *s.p);
    for (size_t i = 0; i < prompts; i++) s.a[i] = (running_lse){-INFINITY, 0};
    for (size_t i = 0; i < states * prompts; i++) s.b[i] = (running_lse){-INFINITY, 0};
    return s;
}

static void ships_close(ships *s)
{
    free(s->clean);
    free(s->ablated);
    free(s->logits);
    free(s->a);
    free(s->b);
    free(s->weighted);
    free(s->narrow);
    free(s->head);
    free(s->rows);
    free(s->tile);
    free(s->p);
}

/* Calls use with every slice of lm_head in turn, in s->head [count, d]. */
typedef void (*slice_user)(ships *s, size_t first, size_t count);

static bool for_each_slice(ships *s, slice_user use, cv_error *err)
{
    for (size_t first = 0; first < s->V; first += SLICE) {
        size_t count = s->V - first < SLICE ? s->V - first : SLICE;
        const float *head = cv_engine_lm_head(s->engine, first, count, s->narrow, err);
        if (!head) return false;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < count; i++) cv_to_double(head + i * s->d, s->d, s->head + i * s->d);
        use(s, first, count);
    }
    cv_engine_lm_head_done(s->engine);
    return true;
}

/* Logits of num_rows rows, stride floats apart, for a slice of count tokens; in tiles of TILE_STATES
 * rows at most. */
static double *tile_logits(ships *s, size_t num_rows, size_t stride, const float *rows, size_t count)
{
    size_t thread = (size_t)omp_get_thread_num();
    double *wide = s->rows + thread * TILE_STATES * s->d, *logits = s->tile + thread * TILE_STATES * SLICE;
    for (size_t i = 0; i < num_rows; i++) cv_to_double(rows + i * stride, s->d, wide + i * s->d);
    cv_linear_double(num_rows, count, s->d, wide, s->head, logits);
    return logits;
}

static void clean_slice(ships *s, size_t first, size_t count)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t p = 0; p < s->prompts; p++) {
        double *logits = s->logits + p * s->V + first;
        memcpy(logits, tile_logits(s, 1, s->d, s->clean + p * s->d, count), count * sizeof *logits);
        grow(&s->a[p], logits, count);
    }
}

/* The rows of one prompt in states [begin, end): they share p and the clean logits. */
static void ablated_tile(ships *s, size_t prompt, size_t begin, size_t end, size_t first, size_t count)
{
    double *p = s->p + (size_t)omp_get_thread_num() * SLICE;
    const double *clean = s->logits + prompt * s->V + first;
    const float *rows = s->ablated + (begin * s->prompts + prompt) * s->d;
    const double *logits = tile_logits(s, end - begin, s->prompts * s->d, rows, count);
    cv_exp_shifted(clean, lse_value(&s->a[prompt]), count, p);
    for (size_t state = begin; state < end; state++) {
        const double *row = logits + (state - begin) * count;
        size_t cell = state * s->prompts + prompt;
        grow(&s->b[cell], row, count);
        s->weighted[cell] += cv_weighted_difference(p, clean, row, count);
    }
}

static void ablated_slice(ships *s, size_t first, size_t count)
{
    size_t tiles = (s->states + TILE_STATES - 1) / TILE_STATES;
#pragma omp parallel for schedule(dynamic)
    for (size_t item = 0; item < tiles * s->prompts; item++) {
        size_t begin = item / s->prompts * TILE_STATES, left = s->states - begin;
        ablated_tile(s, item % s->prompts, begin, begin + (left < TILE_STATES ? left : TILE_STATES), first, count);
    }
}

cv_wavefront_cost cv_ships_estimate(const cv_model *model, size_t num_prompts, size_t states)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t rows = (uint64_t)num_prompts * (states + 1);
    uint64_t narrow = cv_tensor_in_place(&model->lm_head) ? 0 : slice_of(s.V) * s.d * sizeof(float);
    cv_wavefront_cost cost = {.work = {2 * rows * s.V * s.d, 2 * s.V * s.d * cv_dtype_size(model->lm_head.dtype)}};
    cost.memory_bytes = narrow + slice_of(s.V) * s.d * sizeof(double) + num_prompts * s.V * sizeof(double) +
                        rows * (s.d * sizeof(float) + sizeof(running_lse) + sizeof(double));
    cost.thread_bytes = sizeof(double) * (TILE_STATES * (s.d + SLICE) + SLICE);
    return cost;
}

bool cv_ships(cv_engine *engine, size_t num_prompts, size_t states, const float *clean, const float *ablated,
              double *result, cv_error *err)
{
    ships s = ships_open(engine, num_prompts, states);
    bool ok = cv_engine_final_norm(engine, num_prompts, clean, s.clean, err) &&
              cv_engine_final_norm(engine, states * num_prompts, ablated, s.ablated, err) &&
              for_each_slice(&s, clean_slice, err) && for_each_slice(&s, ablated_slice, err);
    cv_engine_count(engine, num_prompts * (states + 1), s.V, s.d);
    for (size_t i = 0; ok && i < states * num_prompts; i++) {
        double kl = s.weighted[i] - lse_value(&s.a[i % num_prompts]) + lse_value(&s.b[i]);
        result[i] = kl < 0 ? 0 : kl; /* rounding alone can go below; NaN stays NaN */
    }
    ships_close(&s);
    return ok;
}
