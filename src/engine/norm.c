#include "engine/norm.h"

#include "engine/vector.h"

#include <math.h>
#include <string.h>

void cv_norm_rows(const cv_config *config, size_t rows, size_t n, const float *x, const float *weight,
                  const float *bias, float *y)
{
    if (!weight && x != y) memcpy(y, x, rows * n * sizeof *y);
    if (!weight) return;
    for (size_t i = 0; i < rows; i++) {
        if (config->norm == CV_NORM_LAYER)
            cv_layernorm(x + i * n, weight, bias, config->rms_norm_eps, n, y + i * n);
        else
            cv_rmsnorm(x + i * n, weight, config->rms_norm_eps, n, y + i * n);
    }
}

void cv_norm_heads(const cv_config *config, size_t num_heads, const float *weight, float *heads)
{
    if (config->qk_norm == CV_QK_NORM_NONE) return;
    size_t D = (size_t)config->head_dim, together = config->qk_norm == CV_QK_NORM_WIDTH ? num_heads : 1;
    for (size_t h = 0; h < num_heads; h += together)
        cv_rmsnorm(heads + h * D, weight, config->rms_norm_eps, together * D, heads + h * D);
}

void cv_norm_double(const cv_config *config, size_t n, const float *x, const float *weight, const float *bias,
                    double *y)
{
    cv_to_double(x, n, y);
    if (config->norm == CV_NORM_RMS) {
        double scale = 1 / sqrt(cv_dot_double(x, x, n) / (double)n + config->rms_norm_eps);
        for (size_t i = 0; i < n; i++) y[i] *= scale * (double)weight[i];
        return;
    }
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += y[i];
    for (size_t i = 0; i < n; i++) {
        y[i] -= sum / (double)n;
        squares += y[i] * y[i];
    }
    double scale = 1 / sqrt(squares / (double)n + config->rms_norm_eps);
    for (size_t i = 0; i < n; i++) y[i] = y[i] * scale * (double)weight[i] + (bias ? (double)bias[i] : 0);
}
