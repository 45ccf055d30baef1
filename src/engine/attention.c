#include "engine/attention.h"

#include "engine/blas.h"
#include "engine/vector.h"

#include <string.h>

void cv_attend(size_t heads, size_t queries, size_t first, size_t D, float scale, const float *q, const float *k,
               const float *v, float *scores, float *z)
{
    size_t keys = first + queries, rows = heads * queries;
    cv_linear(rows, keys, D, q, D, k, D, 0.0f, scores, keys);
    for (size_t row = 0; row < rows; row++) {
        size_t seen = first + row % queries + 1;
        float *score = scores + row * keys;
        for (size_t j = 0; j < seen; j++) score[j] *= scale;
        cv_softmax(score, seen);
        memset(score + seen, 0, (keys - seen) * sizeof *score);
    }
    cv_matmul(rows, D, keys, 1.0f, scores, keys, v, D, z, D);
}
