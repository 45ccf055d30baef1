#include <caravan/score.h>

#include <math.h>

/* log of the sum of exp(logits), in double precision. */
static double log_sum_exp(const float *logits, size_t n)
{
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, (double)logits[i]);
    for (size_t i = 0; i < n; i++) sum += exp((double)logits[i] - largest);
    return largest + log(sum);
}

double cv_kl_divergence(const float *p_logits, const float *q_logits, size_t n)
{
    double p_norm = log_sum_exp(p_logits, n), q_norm = log_sum_exp(q_logits, n), kl = 0;
    for (size_t i = 0; i < n; i++) {
        double log_p = (double)p_logits[i] - p_norm, log_q = (double)q_logits[i] - q_norm;
        kl += exp(log_p) * (log_p - log_q);
    }
    return kl < 0 ? 0 : kl; /* rounding alone can go below; NaN stays NaN */
}
