#include "engine/path.h"

#include "base/simd.h"
#include "engine/vector.h"

#include <string.h>

/* scores [heads, keys], of one run: its columns. */
CV_SIMD static void score_run(const cv_run *run, size_t heads, size_t D, float scale, const float *q, size_t keys,
                              float *scores)
{
    for (size_t j = 0; j < run->count; j++) {
        const float *k = run->k + j * run->stride;
        for (size_t h = 0; h < heads; h++) {
            const float *own = q + h * D;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (size_t c = 0; c < D; c++) sum += own[c] * k[c];
            scores[h * keys + j] = scale * sum;
        }
    }
}

CV_SIMD static void weigh_run(const cv_run *run, size_t heads, size_t D, const float *weights, size_t keys, float *z)
{
    for (size_t j = 0; j < run->count; j++) {
        const float *v = run->v + j * run->stride;
        for (size_t h = 0; h < heads; h++) {
            float weight = weights[h * keys + j], *out = z + h * D;
#pragma omp simd
            for (size_t c = 0; c < D; c++) out[c] += weight * v[c];
        }
    }
}

void cv_path_scores(const cv_path *path, size_t heads, size_t D, float scale, const float *q, float *scores)
{
    for (size_t i = 0, at = 0; i < path->num_runs; at += path->runs[i++].count)
        score_run(&path->runs[i], heads, D, scale, q, path->keys, scores + at);
}

void cv_path_weigh(const cv_path *path, size_t heads, size_t D, const float *weights, float *z)
{
    memset(z, 0, heads * D * sizeof *z);
    for (size_t i = 0, at = 0; i < path->num_runs; at += path->runs[i++].count)
        weigh_run(&path->runs[i], heads, D, weights + at, path->keys, z);
}

cv_path cv_path_last(const cv_path *path, size_t window, cv_run *runs)
{
    size_t keys = cv_window_keys(window, path->keys), hidden = path->keys - keys, first = 0;
    while (hidden > 0 && runs[first].count <= hidden) hidden -= runs[first++].count;
    if (hidden > 0) {
        runs[first].k += hidden * runs[first].stride;
        runs[first].v += hidden * runs[first].stride;
        runs[first].count -= hidden;
    }
    return (cv_path){runs + first, path->num_runs - first, keys};
}

void cv_path_attend(const cv_path *path, size_t heads, size_t D, const cv_scoring *scoring, const float *q,
                    float *scores, float *z)
{
    cv_path_scores(path, heads, D, scoring->scale, q, scores);
    for (size_t h = 0; h < heads; h++) cv_weights_of_scores(scoring, scores + h * path->keys, path->keys);
    cv_path_weigh(path, heads, D, scores, z);
}

void cv_path_sum(const cv_path *path, size_t D, double *sum)
{
    for (size_t i = 0; i < path->num_runs; i++)
        for (size_t j = 0; j < path->runs[i].count; j++)
            for (size_t c = 0; c < D; c++) sum[c] += (double)path->runs[i].v[j * path->runs[i].stride + c];
}
