/* One step of decoding against the plain engine's pass over the whole text. */
#include "engine/prefill.h"
#include "engine/step.h"
#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { ROWS_MOST = 40, LENGTH = 7, STEPS = 3, WIDTH = 32 };

static const cv_ablation ablations[] = {
    {.kind = CV_UNIFORM_ATTENTION},
    {.kind = CV_UNIFORM_ATTENTION, .epsilon = 0.5},
    {.kind = CV_VALUE_SCALE},
    {.kind = CV_VALUE_SCALE, .epsilon = 2, .granularity = CV_GRANULARITY_KV_GROUP},
    {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Q},
    {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_K},
    {.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Z, .granularity = CV_GRANULARITY_KV_GROUP},
    {.kind = CV_UNIFORM_ATTENTION, .granularity = CV_GRANULARITY_KV_GROUP},
};

typedef struct sample {
    int32_t ids[ROWS_MOST][LENGTH + STEPS];
    cv_ablated_head heads[ROWS_MOST][3];
    cv_sequence sequences[ROWS_MOST];
} sample;

/* Prompts of one to LENGTH tokens; two heads of one layer and one of another, or none. */
static void make(sample *s)
{
    uint64_t seed = 3;
    for (size_t i = 0; i < ROWS_MOST; i++) {
        for (size_t t = 0; t < LENGTH + STEPS; t++) s->ids[i][t] = (int32_t)(t < 2 ? t + 1 : tiny_random(&seed) % 61);
        for (int h = 0; h < 3; h++)
            s->heads[i][h] =
                (cv_ablated_head){(int)(i + (size_t)h / 2) % 3, h == 0 ? 0 : 2, ablations[(i + (size_t)h) % 8]};
        s->sequences[i] = (cv_sequence){.ids = s->ids[i], .count = 1 + i % LENGTH};
        if (i % 5) s->sequences[i].group = (cv_head_group){s->heads[i], 3};
    }
}

/* The rows' states after STEPS steps over the tokens that follow each prompt, into x [rows, d]. */
static void run_steps(cv_model *model, const sample *s, size_t rows, float *x)
{
    cv_engine *engine = cv_engine_open(model, LENGTH + STEPS);
    cv_error err;
    cv_prefill prefill = cv_prefill_make(s->sequences, rows);
    ck_assert_msg(cv_prefill_run(&prefill, engine, cv_engine_plain_layer, &err), "%s", err.text);
    cv_past pasts[ROWS_MOST];
    size_t runs = 0;
    for (size_t i = 0; i < rows; i++) {
        const cv_prefix *prefix = &prefill.prefixes[prefill.prefix_of[i]];
        pasts[i] = cv_past_make(engine, &prefix->trie, prefix->trie.end_row[prefill.end_of[i]], prefix->kv, STEPS,
                                &s->sequences[i].group);
        if (cv_cache_runs(&pasts[i].cache) > runs) runs = cv_cache_runs(&pasts[i].cache);
    }
    cv_step step = cv_step_make(engine, rows, LENGTH + STEPS, runs);
    step.B = rows;
    for (size_t t = 0; t < STEPS; t++) {
        int32_t tokens[ROWS_MOST];
        size_t places[ROWS_MOST];
        uint64_t before = cv_engine_work(engine).operations, expected = 0;
        for (size_t i = 0; i < rows; i++) {
            step.past[i] = &pasts[i];
            places[i] = s->sequences[i].count + t;
            tokens[i] = s->ids[i][places[i]];
        }
        ck_assert(cv_engine_embed(engine, tokens, places, rows, step.x, &err));
        for (size_t l = 0; l < 3; l++) {
            cv_step_layer(&step, l, cv_engine_plain_layer(engine, l, &err));
            for (size_t i = 0; i < rows; i++)
                expected +=
                    cv_step_operations(&model->config, &s->sequences[i].group, l, s->sequences[i].count + t + 1);
        }
        ck_assert_uint_eq(cv_engine_work(engine).operations - before, expected);
        for (size_t i = 0; i < rows; i++) pasts[i].cache.count++;
    }
    memcpy(x, step.x, rows * WIDTH * sizeof *x);
    for (size_t i = 0; i < rows; i++) cv_past_free(&pasts[i]);
    cv_step_free(&step);
    cv_prefill_free(&prefill);
    cv_engine_close(engine);
}

static void check(cv_config config, uint64_t seed)
{
    static sample s;
    static float first[ROWS_MOST * WIDTH], x[ROWS_MOST * WIDTH];
    make(&s);
    cv_model *model = tiny_model(config, seed);
    cv_engine *engine = cv_engine_open(model, LENGTH + STEPS);
    int threads = omp_get_max_threads();
    bool sparse = getenv("CARAVAN_TEST_SPARSE") != NULL;
    for (size_t rows = sparse ? 14 : 1; rows <= (sparse ? 14 : ROWS_MOST); rows += 13) {
        for (int t = 1; t <= (sparse ? 2 : 4); t++) {
            omp_set_num_threads(t);
            run_steps(model, &s, rows, t == 1 ? first : x);
            if (t > 1) ck_assert_mem_eq(first, x, rows * WIDTH * sizeof *x);
        }
        for (size_t i = 0; i < rows; i++) {
            float state[WIDTH];
            cv_error err;
            const cv_sequence *sequence = &s.sequences[i];
            ck_assert(cv_plain_state(engine, s.ids[i], sequence->count + STEPS, &sequence->group, state, &err));
            for (size_t c = 0; c < WIDTH; c++)
                ck_assert_msg(fabsf(state[c] - first[i * WIDTH + c]) <= 2e-5f, "%zu rows, row %zu: %g, expected %g",
                              rows, i, (double)first[i * WIDTH + c], (double)state[c]);
        }
    }
    omp_set_num_threads(threads);
    cv_engine_close(engine);
    tiny_model_free(model);
}

START_TEST(states_are_the_plain_ones_and_the_same_bits_for_any_number_of_threads)
{
    cv_config config = tiny_config();
    check(config, 1);
    config.q_bias = config.k_bias = config.v_bias = config.o_bias = config.mlp_bias = true;
    config.intermediate_size = 200;
    check(config, 2);
}
END_TEST

START_TEST(every_kind_of_decoder)
{
    check(tiny_kind(_i), 10 + (uint64_t)_i);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("step");
    tcase_add_test(tests, states_are_the_plain_ones_and_the_same_bits_for_any_number_of_threads);
    tcase_add_loop_test(tests, every_kind_of_decoder, 0, TINY_KINDS);
    return run_suite(tests);
}
