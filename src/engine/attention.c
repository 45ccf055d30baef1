#include "engine/attention.h"

#include "engine/blas.h"
#include "engine/vector.h"

#include <math.h>
#include <string.h>

cv_scoring cv_scoring_of(const cv_config *config, size_t layer, double epsilon)
{
    double scalar = config->query_pre_attn_scalar > 0 ? config->query_pre_attn_scalar : (double)config->head_dim;
    return (cv_scoring){.scale = (float)(epsilon / sqrt(scalar)),
                        .cap = config->attn_logit_softcapping,
                        .window = (size_t)cv_config_window(config, (int)layer)};
}

size_t cv_window_keys(size_t window, size_t seen)
{
    return window > 0 && window < seen ? window : seen;
}

void cv_weights_of_scores(const cv_scoring *scoring, float *scores, size_t keys)
{
    if (scoring->cap > 0) cv_softcap(scores, scoring->cap, keys);
    cv_softmax(scores, keys);
}

void cv_attend(size_t heads, size_t queries, size_t first, size_t D, const cv_scoring *scoring, const float *q,
               const float *k, const float *v, float *scores, float *z)
{
    size_t keys = first + queries, rows = heads * queries;
    cv_linear(rows, keys, D, q, D, k, D, 0.0f, scores, keys);
    for (size_t row = 0; row < rows; row++) {
        size_t seen = first + row % queries + 1, hidden = seen - cv_window_keys(scoring->window, seen);
        float *score = scores + row * keys;
        memset(score, 0, hidden * sizeof *score);
        for (size_t j = hidden; j < seen; j++) score[j] *= scoring->scale;
        cv_weights_of_scores(scoring, score + hidden, seen - hidden);
        memset(score + seen, 0, (keys - seen) * sizeof *score);
    }
    cv_matmul(rows, D, keys, 1.0f, scores, keys, v, D, z, D);
}
