/* The elementwise kernels between matrix products, vectorised for the processor that runs them. */
#ifndef CV_VECTOR_H
#define CV_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

/* y[n] = x[n] / rms(x) * weight[n]. The mean square is summed in double precision. */
void cv_rmsnorm(const float *x, const float *weight, double eps, size_t n, float *y);

/* y[n] = (x[n] - mean) / deviation * weight[n] + bias[n]; bias may be NULL. Both moments are summed in
 * double precision. */
void cv_layernorm(const float *x, const float *weight, const float *bias, double eps, size_t n, float *y);

/* gate[n] = silu(gate[n]) * up[n] */
void cv_silu_times(float *gate, const float *up, size_t n);

/* x[n] = silu(x[n]); gelu by the error function; gelu by its approximation with a hyperbolic tangent. */
void cv_silu(float *x, size_t n);
void cv_gelu(float *x, size_t n);
void cv_gelu_tanh(float *x, size_t n);

/* x[n] = cap * tanh(x[n] / cap), computed in double precision. */
void cv_softcap(float *x, double cap, size_t n);
void cv_softcap_double(double *x, double cap, size_t n);

/* scores[0..n) become their softmax. */
void cv_softmax(float *scores, size_t n);

/* y[n] += x[n] */
void cv_add(float *y, const float *x, size_t n);

/* y[n] *= x[n] */
void cv_multiply(float *y, const float *x, size_t n);

/* sum of x[i] * y[i], in single precision */
float cv_dot(const float *x, const float *y, size_t n);

/* The same, summed in double precision. */
double cv_dot_double(const float *x, const float *y, size_t n);

/* False if any of x[n] is NaN or infinite. */
bool cv_all_finite(const float *x, size_t n);

/* Rotates a head's vector x[2 * half] by the angles with these cosines and sines [half], pairing
 * element i with i + half as Hugging Face's Llama does. */
void cv_rotate(float *x, const float *cosine, const float *sine, size_t half);

/* y[n] = x[n], in double precision */
void cv_to_double(const float *x, size_t n, double *y);

/* For log-softmax over a slice of logits: the largest, and the sum of exp(logits - shift). */
double cv_max(const double *logits, size_t n);
double cv_sum_exp(const double *logits, double shift, size_t n);

/* p[i] = exp(logits[i] - shift) */
void cv_exp_shifted(const double *logits, double shift, size_t n, double *p);

/* sum of p[i] * (a[i] - b[i]) */
double cv_weighted_difference(const double *p, const double *a, const double *b, size_t n);

#endif
