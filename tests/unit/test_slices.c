#include "score/slices.h"

#include "suite.h"
#include "tiny_model.h"

#include <string.h>

/* However a row of logits is cut, its log-sum-exp is that of the whole. */
START_TEST(a_log_sum_exp_grows)
{
    double logits[100], sum = 0;
    uint64_t seed = 7;
    for (int i = 0; i < 100; i++) {
        logits[i] = 50 * (double)tiny_uniform(&seed) + i / 2; /* the largest is found anew, again and again */
        sum += exp(logits[i]);
    }
    for (size_t step = 1; step <= 100; step += 11) {
        cv_lse lse = cv_lse_start();
        for (size_t i = 0; i < 100; i += step) cv_lse_grow(&lse, logits + i, 100 - i < step ? 100 - i : step);
        ck_assert_double_le(fabs(cv_lse_value(&lse) - log(sum)), 1e-12 * log(sum));
    }
}
END_TEST

START_TEST(large_logits_do_not_overflow_and_nan_stays)
{
    const double large[] = {5000, 5000}, wrong[] = {1, NAN};
    cv_lse lse = cv_lse_start();
    cv_lse_grow(&lse, large, 2);
    ck_assert_double_le(fabs(cv_lse_value(&lse) - 5000 - log(2)), 1e-9);
    cv_lse_grow(&lse, wrong, 2);
    ck_assert(isnan(cv_lse_value(&lse)));
}
END_TEST

enum { ROWS_MADE = 5, D = 24, V = 2500 };

/* What a user of slices sees: all tokens once, in order, with logits as by plain loops. */
typedef struct seen {
    cv_slices slices;
    const float *head;
    double cap;
    float rows[ROWS_MADE * D];
    size_t tokens, calls;
} seen;

static void look(void *context, size_t first, size_t count)
{
    seen *s = context;
    ck_assert_uint_eq(first, s->tokens);
    ck_assert_uint_le(count, CV_SLICE);
    for (size_t start = 0; start < 2; start++) { /* every second row, from the first and from the second */
        size_t rows = start == 0 ? 3 : 2;
        const double *logits = cv_slices_logits(&s->slices, rows, 2 * D, s->rows + start * D, count);
        for (size_t i = 0; i < rows; i++)
            for (size_t v = 0; v < count; v++) {
                double expected = 0;
                for (size_t c = 0; c < D; c++)
                    expected += (double)s->rows[(start + 2 * i) * D + c] * (double)s->head[(first + v) * D + c];
                if (s->cap > 0) expected = s->cap * tanh(expected / s->cap);
                ck_assert_double_le(fabs(logits[i * count + v] - expected), 1e-12);
            }
    }
    s->tokens += count;
    s->calls++;
}

START_TEST(slices_cover_the_vocabulary)
{
    cv_config config = tiny_config();
    config.hidden_size = D;
    config.vocab_size = V;
    config.final_logit_softcapping = _i ? 1.5 : 0;
    cv_model *model = tiny_model(config, 1);
    cv_engine *engine = cv_engine_open(model, 8);
    uint64_t seed = 3;
    cv_error err;
    static seen s;
    s = (seen){.slices = cv_slices_open(engine), .head = model->lm_head.data, .cap = config.final_logit_softcapping};
    for (size_t i = 0; i < ROWS_MADE * D; i++) s.rows[i] = tiny_uniform(&seed);
    ck_assert(cv_slices_each(&s.slices, look, &s, &err));
    ck_assert_uint_eq(s.tokens, V);
    ck_assert_uint_eq(s.calls, 3);
    cv_slices_close(&s.slices);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

static void ignore(void *context, size_t first, size_t count)
{
    (void)context, (void)first, (void)count;
}

START_TEST(weights_that_are_not_finite_are_refused)
{
    cv_config config = tiny_config();
    cv_model *model = tiny_model(config, 1);
    ((float *)(uintptr_t)model->lm_head.data)[70] = NAN;
    cv_engine *engine = cv_engine_open(model, 8);
    cv_error err;
    cv_slices slices = cv_slices_open(engine);
    ck_assert(!cv_slices_each(&slices, ignore, NULL, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "lm_head"));
    cv_slices_close(&slices);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("slices");
    tcase_add_test(tests, a_log_sum_exp_grows);
    tcase_add_test(tests, large_logits_do_not_overflow_and_nan_stays);
    tcase_add_loop_test(tests, slices_cover_the_vocabulary, 0, 2); /* the second with a soft cap */
    tcase_add_test(tests, weights_that_are_not_finite_are_refused);
    return run_suite(tests);
}
