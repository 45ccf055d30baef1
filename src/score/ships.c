/* Ships without storing logits.
 *
 * With a and b the clean and the ablated logits and p = softmax(a),
 *     KL = sum_i p_i (a_i - b_i) - log sum exp(a) + log sum exp(b),
 * so one pass over the vocabulary in slices suffices once the clean logits are known: each slice of
 * lm_head meets the rows of all states, and only two running sums are kept for a row. */
#include <caravan/score.h>

#include "base/memory.h"
#include "engine/blas.h"
#include "engine/engine.h"
#include "engine/vector.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

enum { SLICE = 1024, TILE_STATES = 256 };

/* A log-sum-exp that grows slice by slice: log of sum times exp(largest). */
typedef struct running_lse {
    double largest, sum;
} running_lse;

typedef struct ships {
    cv_engine *engine;
    size_t prompts, states, d, V;
    float *clean;     /* [prompts, d] after the final norm */
    float *ablated;   /* [states, prompts, d] the same */
    float *logits;    /* [prompts, V] clean */
    running_lse *a;   /* [prompts] */
    running_lse *b;   /* [states, prompts] */
    double *weighted; /* [states, prompts] sum of p_i (a_i - b_i) */
    float *head;      /* [SLICE, d] where lm_head must be widened, else NULL */
    float *tile;      /* [threads, TILE_STATES, SLICE] */
    double *p;        /* [threads, SLICE] */
} ships;

static void grow(running_lse *lse, const float *logits, size_t n)
{
    double largest = (double)cv_max(logits, n);
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

static ships ships_open(cv_engine *engine, size_t prompts, size_t states)
{
    size_t threads = (size_t)omp_get_max_threads();
    ships s = {.engine = engine, .prompts = prompts, .states = states, .d = engine->shape.d, .V = engine->shape.V};
    s.clean = cv_alloc_floats(prompts * s.d);
    s.ablated = cv_alloc_floats(states * prompts * s.d);
    s.logits = cv_alloc_floats(prompts * s.V);
    s.a = cv_alloc(prompts, sizeof *s.a);
    s.b = cv_alloc(states * prompts, sizeof *s.b);
    s.weighted = cv_calloc(states * prompts, sizeof *s.weighted);
    s.head = cv_tensor_in_place(&engine->model->lm_head) ? NULL : cv_alloc_floats(SLICE * s.d);
    s.tile = cv_alloc_floats(threads * TILE_STATES * SLICE);
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
    free(s->head);
    free(s->tile);
    free(s->p);
}

/* Calls use with every slice of lm_head [count, d] in turn. */
typedef void (*slice_user)(ships *s, size_t first, size_t count, const float *head);

static bool for_each_slice(ships *s, slice_user use, cv_error *err)
{
    for (size_t first = 0; first < s->V; first += SLICE) {
        size_t count = s->V - first < SLICE ? s->V - first : SLICE;
        const float *head = cv_engine_lm_head(s->engine, first, count, s->head, err);
        if (!head) return false;
        use(s, first, count, head);
    }
    cv_engine_lm_head_done(s->engine);
    return true;
}

static void clean_slice(ships *s, size_t first, size_t count, const float *head)
{
    cv_linear(s->prompts, count, s->d, s->clean, s->d, head, s->d, 0.0f, s->logits + first, s->V);
    for (size_t p = 0; p < s->prompts; p++) grow(&s->a[p], s->logits + p * s->V + first, count);
}

/* The rows of one prompt in states [begin, end): they share p and the clean logits. */
static void ablated_tile(ships *s, size_t prompt, size_t begin, size_t end, size_t first, size_t count,
                         const float *head)
{
    size_t thread = (size_t)omp_get_thread_num();
    float *logits = s->tile + thread * TILE_STATES * SLICE;
    double *p = s->p + thread * SLICE;
    const float *clean = s->logits + prompt * s->V + first;
    const float *rows = s->ablated + (begin * s->prompts + prompt) * s->d;
    cv_linear(end - begin, count, s->d, rows, s->prompts * s->d, head, s->d, 0.0f, logits, count);
    cv_exp_shifted(clean, lse_value(&s->a[prompt]), count, p);
    for (size_t state = begin; state < end; state++) {
        const float *row = logits + (state - begin) * count;
        size_t cell = state * s->prompts + prompt;
        grow(&s->b[cell], row, count);
        s->weighted[cell] += cv_weighted_difference(p, clean, row, count);
    }
}

static void ablated_slice(ships *s, size_t first, size_t count, const float *head)
{
    size_t tiles = (s->states + TILE_STATES - 1) / TILE_STATES;
#pragma omp parallel for schedule(dynamic)
    for (size_t item = 0; item < tiles * s->prompts; item++) {
        size_t begin = item / s->prompts * TILE_STATES, left = s->states - begin;
        ablated_tile(s, item % s->prompts, begin, begin + (left < TILE_STATES ? left : TILE_STATES), first, count,
                     head);
    }
}

cv_wavefront_cost cv_ships_estimate(const cv_model *model, size_t num_prompts, size_t states)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t rows = (uint64_t)num_prompts * (states + 1);
    uint64_t widened = cv_tensor_in_place(&model->lm_head) ? 0 : SLICE * s.d * sizeof(float);
    cv_wavefront_cost cost = {.work = {2 * rows * s.V * s.d, 2 * s.V * s.d * cv_dtype_size(model->lm_head.dtype)}};
    cost.memory_bytes = widened + rows * (s.d * sizeof(float) + sizeof(running_lse) + sizeof(double)) +
                        num_prompts * s.V * sizeof(float);
    cost.thread_bytes = SLICE * (TILE_STATES * sizeof(float) + sizeof(double));
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
