#include "engine/next_token.h"
#include "engine/sample.h"
#include "suite.h"
#include "tiny_model.h"

#include <omp.h>
#include <string.h>

enum { ROWS_MOST = 40 };

typedef struct states {
    cv_model *model;
    cv_engine *engine;
    size_t d, V;
    float *x; /* [ROWS_MOST, d] */
    cv_sequence sequences[ROWS_MOST];
    cv_wish wishes[ROWS_MOST];
} states;

/* Greedy ones and draws of several k, one beyond the vocabulary. */
static states make(int vocabulary, bool tied, uint64_t seed)
{
    cv_config config = tiny_config();
    config.vocab_size = vocabulary;
    config.tie_word_embeddings = tied;
    states s = {.model = tiny_model(config, seed), .d = 32, .V = (size_t)vocabulary};
    s.engine = cv_engine_open(s.model, 8);
    s.x = cv_alloc_floats(ROWS_MOST * s.d);
    for (size_t i = 0; i < ROWS_MOST * s.d; i++) s.x[i] = tiny_uniform(&seed);
    for (size_t i = 0; i < ROWS_MOST; i++) {
        static const int k[] = {1, 5, 100000};
        s.sequences[i].stream = i;
        if (i % 4) s.sequences[i].sampling = (cv_sampling){CV_TOP_K, k[i % 4 - 1], 0.8, 4};
    }
    return s;
}

/* Once copied, wishes point into s itself. */
static void point(states *s)
{
    for (size_t i = 0; i < ROWS_MOST; i++) s->wishes[i] = (cv_wish){&s->sequences[i], 10 + i};
}

static void drop(states *s)
{
    free(s->x);
    cv_engine_close(s->engine);
    tiny_model_free(s->model);
}

/* The token from all logits at once. */
static int32_t expected_token(const states *s, size_t row)
{
    float *logits = cv_alloc_floats(s->V), normed[32];
    cv_candidate *items = cv_alloc(s->V, sizeof *items);
    const float *x = s->x + row * s->d, *norm = s->model->norm.data, *head = s->model->lm_head.data;
    double squares = 0;
    for (size_t c = 0; c < s->d; c++) squares += (double)x[c] * (double)x[c];
    for (size_t c = 0; c < s->d; c++)
        normed[c] = norm[c] * (float)((double)x[c] / sqrt(squares / (double)s->d + s->model->config.rms_norm_eps));
    for (size_t v = 0; v < s->V; v++) {
        double sum = 0;
        for (size_t c = 0; c < s->d; c++) sum += (double)normed[c] * (double)head[v * s->d + c];
        logits[v] = (float)sum;
    }
    cv_best best = {items, cv_sampling_candidates(&s->sequences[row].sampling, s->V), 0};
    cv_best_add_slice(&best, logits, s->V, 0);
    cv_best_sort(&best);
    int32_t token = cv_sample_at(&s->sequences[row], &best, 10 + row);
    free(logits);
    free(items);
    return token;
}

START_TEST(tokens_are_those_of_all_logits_for_any_number_of_threads)
{
    static const int vocabularies[] = {7, 61, 96, 1000};
    int threads = omp_get_max_threads();
    for (size_t v = 0; v < 4; v++) {
        states s = make(vocabularies[v], v % 2, 100 + v);
        point(&s);
        int32_t expected[ROWS_MOST], tokens[ROWS_MOST];
        for (size_t i = 0; i < ROWS_MOST; i++) expected[i] = expected_token(&s, i);
        float *x = cv_alloc_floats(ROWS_MOST * s.d);
        for (int t = 1; t <= 3; t++)
            for (size_t count = 1; count <= ROWS_MOST; count += 13) {
                cv_error err;
                omp_set_num_threads(t);
                memcpy(x, s.x, ROWS_MOST * s.d * sizeof *x);
                ck_assert_msg(cv_next_tokens(s.engine, count, x, s.wishes, tokens, &err), "%s", err.text);
                for (size_t i = 0; i < count; i++) ck_assert_int_eq(tokens[i], expected[i]);
            }
        free(x);
        drop(&s);
    }
    omp_set_num_threads(threads);
}
END_TEST

/* Damage in the last slice, in a row that no greedy choice would take. */
START_TEST(logits_that_are_not_finite_are_refused)
{
    static const struct {
        float value;
        const char *message;
    } cases[] = {{NAN, "tensor lm_head.weight holds NaN at element 31969"},
                 {-INFINITY, "tensor lm_head.weight holds an infinite value at element 31969"},
                 {-3e38f, "the logits overflow single precision"}};
    for (size_t i = 0; i < 3; i++) {
        states s = make(1000, false, 7);
        point(&s);
        float *row = (float *)s.model->lm_head.data + 999 * s.d;
        s.model->lm_head.name = "lm_head.weight";
        for (size_t c = 0; c < s.d; c++) { /* all terms of one sign */
            float sign = ((const float *)s.model->norm.data)[c] * s.x[c] < 0 ? 1.0f : -1.0f;
            if (i == 2) row[c] = -cases[i].value * sign;
        }
        if (i < 2) row[1] = cases[i].value;
        int32_t tokens[1];
        cv_error err = {CV_OK, ""};
        ck_assert(!cv_next_tokens(s.engine, 1, s.x, s.wishes, tokens, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, cases[i].message) != NULL, "\"%s\"", err.text);
        drop(&s);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("next_token");
    tcase_add_test(tests, tokens_are_those_of_all_logits_for_any_number_of_threads);
    tcase_add_test(tests, logits_that_are_not_finite_are_refused);
    return run_suite(tests);
}
