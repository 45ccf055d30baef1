/* caravan bench: how fast this machine runs a model, for caravan plan to reckon with. */
#include "cli/verb.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/blas.h"

#include <caravan/decode.h>
#include <caravan/engine.h>
#include <caravan/score.h>

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan bench MODEL_DIR\n"
    "\n"
    "Runs a small part of a sweep, and a few answers, of a model on random tokens, and prints the\n"
    "floating-point operations per second that one rank reaches with the threads it has (OMP_NUM_THREADS).\n"
    "caravan plan takes the sweep's figure as --gflops.\n";

/* Prompts of the sweep; rows for each thread, so that all are as busy as in a real one; and of the answers. */
enum { PROMPTS = 8, LENGTH = 24, ROWS = 768, ANSWERS = 16, NEW_TOKENS = 8, START = 4 };
static const double PEAK_SECONDS = 1;

typedef struct sample {
    int32_t tokens[PROMPTS][LENGTH];
    const int32_t *ids[PROMPTS];
    size_t count[PROMPTS];
} sample;

static void draw(sample *s, const cv_config *config)
{
    for (size_t p = 0; p < PROMPTS; p++) {
        cv_random random = cv_random_open(0, CV_RANDOM_TOKENS, p);
        for (size_t i = 0; i < LENGTH; i++)
            s->tokens[p][i] = (int32_t)cv_random_below(&random, (uint32_t)config->vocab_size);
        s->ids[p] = s->tokens[p];
        s->count[p] = LENGTH;
    }
}

static int lesser(size_t a, size_t b)
{
    return (int)(a < b ? a : b);
}

static void print_rate(const char *what, double operations, double seconds, double peak)
{
    printf("%-8s  %10.3g operations  %7.2f s  %8.2f GFLOP/s  %3.0f %% of the matrix-product peak\n", what, operations,
           seconds, 1e-9 * operations / seconds, 100 * operations / seconds / peak);
}

/* Brings the weights into memory, where they are looked at for the first time. */
static bool warm_up(cv_engine *engine, const sample *s, cv_error *err)
{
    cv_prompt_block block = {1, s->ids, s->count};
    float *trunk = cv_alloc_floats((size_t)cv_engine_model(engine)->config.hidden_size);
    double none;
    bool ok =
        cv_wavefront(engine, &block, NULL, NULL, trunk, NULL, err) && cv_ships(engine, 1, 0, trunk, NULL, &none, err);
    free(trunk);
    return ok;
}

/* A few heads of the middle layer, with their scores. */
static bool bench_sweep(cv_engine *engine, const sample *s, double peak, cv_error *err)
{
    const cv_config *config = &cv_engine_model(engine)->config;
    size_t wanted = (size_t)omp_get_max_threads() * ROWS / (PROMPTS * LENGTH) + 1, d = (size_t)config->hidden_size;
    int middle = config->num_hidden_layers / 2;
    cv_head_range range = {.layer_begin = middle,
                           .layer_end = middle + 1,
                           .head_end = lesser(wanted, (size_t)config->num_attention_heads)};
    cv_prompt_block block = {PROMPTS, s->ids, s->count};
    size_t states = cv_head_range_states(&range);
    float *trunk = cv_alloc_floats(PROMPTS * d), *ablated = cv_alloc_floats(states * PROMPTS * d);
    double *ships = cv_alloc(states * PROMPTS, sizeof *ships), before = (double)cv_engine_work(engine).operations;
    double start = cv_seconds();
    bool ok = cv_wavefront(engine, &block, NULL, &range, trunk, ablated, err) &&
              cv_ships(engine, PROMPTS, states, trunk, ablated, ships, err);
    if (ok) print_rate("sweep", (double)cv_engine_work(engine).operations - before, cv_seconds() - start, peak);
    free(trunk);
    free(ablated);
    free(ships);
    return ok;
}

static bool bench_answers(cv_engine *engine, const sample *s, double peak, cv_error *err)
{
    cv_sequence sequences[ANSWERS];
    cv_tokens answers[ANSWERS] = {{0}};
    bool stopped[ANSWERS];
    for (size_t i = 0; i < ANSWERS; i++)
        sequences[i] = (cv_sequence){.ids = s->ids[i % PROMPTS] + i / PROMPTS, .count = START};
    double before = (double)cv_engine_work(engine).operations, start = cv_seconds();
    bool ok = cv_generate(engine, sequences, ANSWERS, NEW_TOKENS, answers, stopped, err);
    if (ok) print_rate("answers", (double)cv_engine_work(engine).operations - before, cv_seconds() - start, peak);
    for (size_t i = 0; i < ANSWERS; i++) cv_tokens_free(&answers[i]);
    return ok;
}

static bool bench(const cv_model *model, cv_error *err)
{
    sample s;
    if (model->config.max_position_embeddings < LENGTH)
        return cv_bad_input(err, "%s: has fewer than %d positions", model->path, LENGTH);
    if (!cv_blas_check(err)) return false;
    draw(&s, &model->config);
    double peak = cv_blas_peak(PEAK_SECONDS);
    printf("%d thread%s, BLAS %s: matrix-product peak %.2f GFLOP/s\n", omp_get_max_threads(),
           omp_get_max_threads() == 1 ? "" : "s", cv_blas_core(), 1e-9 * peak);
    cv_engine *engine = cv_engine_open(model, LENGTH);
    bool ok = warm_up(engine, &s, err) && bench_sweep(engine, &s, peak, err) && bench_answers(engine, &s, peak, err) &&
              cv_stdout_check(err);
    cv_engine_close(engine);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *directory = NULL;
    const cv_option known[] = {{0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &directory}, {0}};
    if (!cv_options_read("bench", argc, argv, known, arguments, err)) return false;
    cv_model *model = cv_model_open(directory, err);
    bool ok = model && bench(model, err);
    cv_model_close(model);
    return ok;
}

const cv_verb cv_bench_verb = {"bench", help, run};
