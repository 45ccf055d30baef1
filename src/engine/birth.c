#include "engine/birth.h"

#include "base/memory.h"
#include "engine/attention.h"
#include "engine/blas.h"
#include "engine/vector.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

bool cv_birth_changes_roots(const cv_ablation *ablation)
{
    return ablation->kind == CV_VALUE_SCALE ||
           (ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of == CV_MEAN_OF_Z);
}

bool cv_birth_attends(const cv_ablation *ablation)
{
    if (ablation->kind == CV_UNIFORM_ATTENTION) return ablation->epsilon != 0;
    return ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of != CV_MEAN_OF_Z;
}

static const cv_shape *shape_of(const cv_birth *birth)
{
    return &birth->context->engine->shape;
}

/* mean [D] over num_heads neighbouring head vectors [num_heads, D]. */
static void mean_over(const float *heads, size_t num_heads, size_t D, float *mean)
{
    memcpy(mean, heads, D * sizeof *mean);
    for (size_t h = 1; h < num_heads; h++) cv_add(mean, heads + h * D, D);
    for (size_t c = 0; c < D; c++) mean[c] /= (float)num_heads;
}

/* Each row's mean of v over its path: the parent's sum and its own value. */
static float *running_means(const cv_layer_context *c, const cv_bundle *parent)
{
    const cv_shape *s = &c->engine->shape;
    size_t width = s->K * s->D, rows = c->trie->num_rows;
    double *sum = cv_alloc(rows * width, sizeof *sum);
    float *mean = cv_alloc_floats(rows * width);
    for (size_t row = 0; row < rows; row++) {
        const float *v = parent->kv + row * 2 * width + width;
        const double *above = c->trie->parent[row] < 0 ? NULL : sum + (size_t)c->trie->parent[row] * width;
        double length = (double)(c->trie->position[row] + 1);
        for (size_t i = 0; i < width; i++) {
            sum[row * width + i] = (above ? above[i] : 0) + (double)v[i];
            mean[row * width + i] = (float)(sum[row * width + i] / length);
        }
    }
    free(sum);
    return mean;
}

/* RoPE turns all heads of a position alike, so the mean after it is the mean before it, turned. */
cv_birth cv_birth_make(const cv_layer_context *context, const cv_bundle *parent, const cv_ablation *ablation,
                       size_t first)
{
    const cv_shape *s = &context->engine->shape;
    cv_birth birth = {.context = context, .parent = parent, .ablation = ablation, .first = first};
    size_t rows = context->trie->num_rows, queries = parent->asked->count;
    if (ablation->kind == CV_UNIFORM_ATTENTION && ablation->epsilon == 0)
        birth.running_mean = running_means(context, parent);
    if (ablation->kind != CV_MEAN_OVER_HEADS) return birth;
    if (ablation->mean_of == CV_MEAN_OF_Q) {
        birth.mean_q = cv_alloc_floats(queries * s->D);
        for (size_t i = 0; i < queries; i++)
            mean_over(parent->q + i * s->H * s->D, s->H, s->D, birth.mean_q + i * s->D);
    } else if (ablation->mean_of == CV_MEAN_OF_K) {
        birth.mean_k = cv_alloc_floats(rows * s->D);
        for (size_t row = 0; row < rows; row++)
            mean_over(parent->kv + row * 2 * s->K * s->D, s->K, s->D, birth.mean_k + row * s->D);
    }
    return birth;
}

void cv_birth_free(cv_birth *birth)
{
    free(birth->running_mean);
    free(birth->mean_q);
    free(birth->mean_k);
    *birth = (cv_birth){0};
}

/* The head's z where its q, its k or the scale of its scores is another, for one block of queries,
 * into z [block->count, D]. */
static void attend_anew(const cv_birth *birth, size_t head, const cv_query_block *block, float *z)
{
    const cv_shape *s = shape_of(birth);
    const cv_bundle *parent = birth->parent;
    cv_scratch *scratch = &birth->context->scratch[omp_get_thread_num()];
    size_t width = 2 * s->K * s->D, group = head / s->G;
    const float *k = birth->mean_k ? birth->mean_k : parent->kv + group * s->D;
    cv_gather_path(birth->context->trie, block, 0, NULL, k, birth->mean_k ? s->D : width, s->D, scratch->k);
    cv_gather_path(birth->context->trie, block, 0, NULL, parent->kv + (s->K + group) * s->D, width, s->D, scratch->v);
    for (size_t i = 0; i < block->count; i++) {
        size_t query = block->first + i;
        const float *q = birth->mean_q ? birth->mean_q + query * s->D : parent->q + (query * s->H + head) * s->D;
        memcpy(scratch->q + i * s->D, q, s->D * sizeof *q);
    }
    double epsilon = birth->ablation->kind == CV_UNIFORM_ATTENTION ? birth->ablation->epsilon : 1;
    cv_attend(1, block->count, block->position, s->D, (float)(epsilon / sqrt((double)s->D)), scratch->q, scratch->k,
              scratch->v, scratch->scores, z);
}

/* The head's z of one query where it follows from the parent's row by row, into z [D]. */
static void replace_z(const cv_birth *birth, size_t head, size_t query, float *z)
{
    const cv_shape *s = shape_of(birth);
    const cv_bundle *parent = birth->parent;
    const float *own = parent->z + (query * s->H + head) * s->D;
    if (birth->running_mean) {
        size_t row = parent->asked->row[query];
        memcpy(z, birth->running_mean + (row * s->K + head / s->G) * s->D, s->D * sizeof *z);
    } else if (birth->ablation->kind == CV_VALUE_SCALE) {
        for (size_t c = 0; c < s->D; c++) z[c] = (float)birth->ablation->epsilon * own[c];
    } else {
        mean_over(parent->z + query * s->H * s->D, s->H, s->D, z);
    }
}

/* delta [Q, stride] in columns of one head: z' - z. Sees whether any value changed, or the head's z
 * is all zero. */
static bool head_delta(const cv_birth *birth, size_t head, size_t skipped, size_t stride, float *delta)
{
    const cv_shape *s = shape_of(birth);
    const cv_queries *asked = birth->parent->asked;
    bool by_attention = cv_birth_attends(birth->ablation);
    bool changed = false, silent = true;
    float *z = birth->context->scratch[omp_get_thread_num()].z;
    for (size_t b = cv_query_blocks_below(asked, birth->first); b < asked->num_blocks; b++) {
        const cv_query_block *block = &asked->blocks[b];
        if (by_attention) attend_anew(birth, head, block, z);
        for (size_t i = 0; i < block->count; i++) {
            size_t query = block->first + i;
            if (!by_attention) replace_z(birth, head, query, z + i * s->D);
            const float *own = birth->parent->z + (query * s->H + head) * s->D;
            float *out = delta + (query - skipped) * stride;
            for (size_t c = 0; c < s->D; c++) {
                out[c] = z[i * s->D + c] - own[c];
                changed = changed || out[c] != 0;
                silent = silent && own[c] == 0;
            }
        }
    }
    return changed || silent;
}

static size_t span_of(const cv_birth *birth)
{
    return (size_t)cv_ablation_span(birth->ablation, &birth->context->engine->model->config);
}

bool cv_birth_delta(const cv_birth *birth, size_t head, float *delta)
{
    const cv_queries *asked = birth->parent->asked;
    size_t D = shape_of(birth)->D, span = span_of(birth), skipped = cv_queries_below(asked, birth->first);
    bool changed = asked->count == skipped;
    for (size_t i = 0; i < span; i++)
        if (head_delta(birth, head * span + i, skipped, span * D, delta + i * D)) changed = true;
    return changed;
}

void cv_birth_add(const cv_birth *birth, size_t head, size_t queries, const float *delta, float *x)
{
    const cv_shape *s = shape_of(birth);
    size_t width = span_of(birth) * s->D;
    cv_linear(queries, s->d, width, delta, width, birth->context->weights->o_proj + head * width, s->H * s->D, 1.0f, x,
              s->d);
}

uint64_t cv_birth_operations(const cv_birth *birth, size_t num_heads)
{
    if (!cv_birth_attends(birth->ablation)) return 0;
    return cv_queries_attention_operations(birth->parent->asked, birth->first, num_heads, shape_of(birth)->D);
}
