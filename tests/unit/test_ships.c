#include <caravan/score.h>

#include "suite.h"
#include "tiny_model.h"

#include <string.h>

/* KL of two distributions over three outcomes, worked out by hand from p log(p / q). */
START_TEST(kl_of_known_distributions)
{
    const float p[] = {0, (float)log(2), (float)log(5)}, q[] = {(float)log(4), (float)log(2), (float)log(2)};
    double expected = 0.125 * log(0.125 / 0.5) + 0.25 * log(0.25 / 0.25) + 0.625 * log(0.625 / 0.25);
    ck_assert_double_le(fabs(cv_kl_divergence(p, q, 3) - expected), 1e-7);
    ck_assert_double_eq(cv_kl_divergence(p, p, 3), 0);
}
END_TEST

START_TEST(a_shift_of_all_logits_changes_nothing)
{
    const float p[] = {1, 2, 3}, q[] = {1001, 1002, 1003}, r[] = {-3000, 0, 3000};
    ck_assert_double_le(cv_kl_divergence(p, q, 3), 1e-12); /* what rounding leaves */
    ck_assert(cv_kl_divergence(p, r, 3) > 0 && isfinite(cv_kl_divergence(p, r, 3)));
}
END_TEST

START_TEST(a_logit_that_is_not_finite_gives_nan)
{
    const float fine[] = {1, 2, 3}, nan[] = {1, NAN, 3}, inf[] = {1, INFINITY, 3};
    ck_assert(isnan(cv_kl_divergence(fine, nan, 3)));
    ck_assert(isnan(cv_kl_divergence(nan, fine, 3)));
    ck_assert(isnan(cv_kl_divergence(fine, inf, 3)));
}
END_TEST

/* Many states and a vocabulary of several slices, against logits by loops in double precision. */
START_TEST(ships_equal_kl_of_stored_logits)
{
    enum { P = 3, S = 300, d = 8, V = 2500 };
    cv_config config = tiny_config();
    config.hidden_size = d;
    config.vocab_size = V;
    cv_model *model = tiny_model(config, 1);
    cv_engine *engine = cv_engine_open(model, 8);
    uint64_t seed = 2;
    static float clean[P * d], ablated[S * P * d], a[P][V], b[V];
    static double ships[S * P];
    for (size_t i = 0; i < P * d; i++) clean[i] = 5 * tiny_uniform(&seed);
    for (size_t i = 0; i < S * P * d; i++)
        ablated[i] = clean[i % (P * d)] + (i < P * d ? 0 : tiny_uniform(&seed)); /* the first state is the clean one */
    cv_error err;
    ck_assert_msg(cv_ships(engine, P, S, clean, ablated, ships, &err), "%s", err.text);
    const float *head = model->lm_head.data, *norm = model->norm.data;
    for (size_t i = 0; i < P + S * P; i++) {
        const float *x = i < P ? clean + i * d : ablated + (i - P) * d;
        double squares = 0;
        for (size_t c = 0; c < d; c++) squares += (double)x[c] * (double)x[c] / d;
        for (size_t v = 0; v < V; v++) {
            double logit = 0;
            for (size_t c = 0; c < d; c++) logit += (double)(head[v * d + c] * norm[c]) * (double)x[c];
            (i < P ? a[i] : b)[v] = (float)(logit / sqrt(squares + config.rms_norm_eps));
        }
        if (i < P) continue;
        double expected = cv_kl_divergence(a[i % P], b, V);
        ck_assert_msg(fabs(ships[i - P] - expected) <= 1e-8 + 1e-5 * expected, "cell %zu: %.9g, expected %.9g", i - P,
                      ships[i - P], expected);
    }
    for (size_t p = 0; p < P; p++) ck_assert_double_le(ships[p], 1e-14);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ships");
    tcase_add_test(tests, kl_of_known_distributions);
    tcase_add_test(tests, a_shift_of_all_logits_changes_nothing);
    tcase_add_test(tests, a_logit_that_is_not_finite_gives_nan);
    tcase_add_test(tests, ships_equal_kl_of_stored_logits);
    return run_suite(tests);
}
