#include "engine/vector.h"

#include "base/simd.h"

#include <math.h>

/* glibc has vector variants of exp but declares them only under -ffast-math, which would also give
 * up NaN. Declared here, they are used by the loops below and by nothing else. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#pragma omp declare simd notinbranch
extern float expf(float);
#pragma omp declare simd notinbranch
extern double exp(double);
#endif

CV_SIMD void cv_rmsnorm(const float *x, const float *weight, double eps, size_t n, float *y)
{
    double squares = 0;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
    float scale = (float)(1.0 / sqrt(squares / (double)n + eps));
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = weight[i] * (x[i] * scale);
}

CV_SIMD void cv_layernorm(const float *x, const float *weight, const float *bias, double eps, size_t n, float *y)
{
    double sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    double mean = sum / (double)n;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    double scale = 1.0 / sqrt(squares / (double)n + eps);
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = (float)(((double)x[i] - mean) * scale) * weight[i];
    if (bias) cv_add(y, bias, n);
}

CV_SIMD void cv_silu(float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] = x[i] / (1.0f + expf(-x[i]));
}

/* By the complementary function where 1 + erf would cancel. */
void cv_gelu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = 0.5f * x[i] * erfcf(-x[i] * (float)M_SQRT1_2);
}

/* 1 + tanh(u) = 2 / (1 + exp(-2u)), which does not cancel. */
CV_SIMD void cv_gelu_tanh(float *x, size_t n)
{
    const float factor = -2.0f * (float)(M_SQRT1_2 * M_2_SQRTPI), cubic = 0.044715f; /* -2 sqrt(2 / pi) */
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] = x[i] / (1.0f + expf(factor * (x[i] + cubic * x[i] * x[i] * x[i])));
}

CV_SIMD void cv_softcap(float *x, double cap, size_t n)
{
    double factor = 2 / cap;
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] = (float)(cap - 2 * cap / (exp(factor * (double)x[i]) + 1));
}

CV_SIMD void cv_softcap_double(double *x, double cap, size_t n)
{
    double factor = 2 / cap;
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] = cap - 2 * cap / (exp(factor * x[i]) + 1);
}

CV_SIMD void cv_silu_times(float *gate, const float *up, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) gate[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

CV_SIMD void cv_softmax(float *scores, size_t n)
{
    float largest = scores[0], sum = 0;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < n; i++) largest = scores[i] > largest ? scores[i] : largest;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        scores[i] = expf(scores[i] - largest);
        sum += scores[i];
    }
    float scale = 1.0f / sum;
#pragma omp simd
    for (size_t i = 0; i < n; i++) scores[i] *= scale;
}

CV_SIMD void cv_add(float *y, const float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

CV_SIMD void cv_multiply(float *y, const float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] *= x[i];
}

CV_SIMD float cv_dot(const float *x, const float *y, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

CV_SIMD double cv_dot_double(const float *x, const float *y, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}

CV_SIMD bool cv_all_finite(const float *x, size_t n)
{
    int wrong = 0;
#pragma omp simd reduction(| : wrong)
    for (size_t i = 0; i < n; i++) wrong |= !(fabsf(x[i]) <= 3.402823466e38f);
    return !wrong;
}

CV_SIMD void cv_rotate(float *x, const float *cosine, const float *sine, size_t half)
{
    float *low = x, *high = x + half;
#pragma omp simd
    for (size_t i = 0; i < half; i++) {
        float a = low[i], b = high[i];
        low[i] = a * cosine[i] - b * sine[i];
        high[i] = b * cosine[i] + a * sine[i];
    }
}

CV_SIMD void cv_to_double(const float *x, size_t n, double *y)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i] = (double)x[i];
}

CV_SIMD double cv_max(const double *logits, size_t n)
{
    double largest = logits[0];
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < n; i++) largest = logits[i] > largest ? logits[i] : largest;
    return largest;
}

CV_SIMD double cv_sum_exp(const double *logits, double shift, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += exp(logits[i] - shift);
    return sum;
}

CV_SIMD void cv_exp_shifted(const double *logits, double shift, size_t n, double *p)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) p[i] = exp(logits[i] - shift);
}

CV_SIMD double cv_weighted_difference(const double *p, const double *a, const double *b, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += p[i] * (a[i] - b[i]);
    return sum;
}
