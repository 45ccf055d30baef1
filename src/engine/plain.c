/* The plain engine: one pass for one prompt, batch size one. It is written to be read beside the
 * definitions: products through BLAS, everything else as loops over heads and positions. It shares
 * no step of the wavefront's attention, trie or ablation code, so that it can be its oracle. */
#include <caravan/engine.h>

#include "base/memory.h"
#include "engine/activation.h"
#include "engine/blas.h"
#include "engine/engine.h"
#include "engine/norm.h"
#include "engine/vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct pass {
    cv_engine *engine;
    const cv_shape *shape;
    size_t n;         /* tokens */
    float *x;         /* [n, d] residual stream */
    float *norm;      /* [n, d] what attention reads */
    float *mlp_norm;  /* [n, d] what the MLP reads */
    float *out;       /* [n, d] what either gives */
    float *q, *k, *v; /* [n, H*D], [n, K*D], [n, K*D]; q and k after RoPE */
    float *z;         /* [n, H*D] */
    float *gate, *up; /* [n, f] */
    float *replaced;  /* [n, D] the ablated head's z */
    double *scores;   /* [H, n], a row for each head */
} pass;

static pass pass_make(cv_engine *engine, size_t n)
{
    const cv_shape *s = &engine->shape;
    pass p = {.engine = engine, .shape = s, .n = n};
    p.x = cv_alloc_floats(n * s->d);
    p.norm = cv_alloc_floats(n * s->d);
    p.mlp_norm = cv_alloc_floats(n * s->d);
    p.out = cv_alloc_floats(n * s->d);
    p.q = cv_alloc_floats(n * s->H * s->D);
    p.k = cv_alloc_floats(n * s->K * s->D);
    p.v = cv_alloc_floats(n * s->K * s->D);
    p.z = cv_alloc_floats(n * s->H * s->D);
    p.gate = cv_alloc_floats(n * s->f);
    p.up = cv_alloc_floats(n * s->f);
    p.replaced = cv_alloc_floats(n * s->D);
    p.scores = cv_alloc(n * s->H, sizeof *p.scores);
    return p;
}

static void pass_free(pass *p)
{
    free(p->x);
    free(p->norm);
    free(p->mlp_norm);
    free(p->out);
    free(p->q);
    free(p->k);
    free(p->v);
    free(p->z);
    free(p->gate);
    free(p->up);
    free(p->replaced);
    free(p->scores);
}

/* y [n, out] = x [n, in] weight^T + bias, or added to y */
static void linear(const pass *p, const float *x, const float *weight, const float *bias, size_t in, size_t out,
                   bool add, float *y)
{
    cv_linear(p->n, out, in, x, in, weight, in, add ? 1.0f : 0.0f, y, out);
    cv_engine_count(p->engine, p->n, out, in);
    for (size_t i = 0; bias && i < p->n; i++) cv_add(y + i * out, bias, out);
}

/* y [n, d] = x [n, d] normed, or as it is. */
static void normalise(const pass *p, const float *x, const float *weight, const float *bias, float *y)
{
    cv_norm_rows(&p->engine->model->config, p->n, p->shape->d, x, weight, bias, y);
}

/* x += norm(input [n, in] weight^T + bias) */
static void join(const pass *p, const float *input, const float *weight, const float *bias, size_t in,
                 const float *norm)
{
    size_t d = p->shape->d;
    if (!norm) {
        linear(p, input, weight, bias, in, d, true, p->x);
        return;
    }
    linear(p, input, weight, bias, in, d, false, p->out);
    normalise(p, p->out, norm, NULL, p->out);
    for (size_t i = 0; i < p->n; i++) cv_add(p->x + i * d, p->out + i * d, d);
}

/* The first position that one at i sees in a layer. */
static size_t first_seen(const pass *p, size_t layer, size_t i)
{
    size_t window = (size_t)cv_config_window(&p->engine->model->config, (int)layer);
    return window > 0 && i >= window ? i - window + 1 : 0;
}

/* q and k of one head at one position, as the head's attention is to see them. */
typedef const float *(*vector_at)(const pass *p, size_t head, size_t position, float *scratch);

static const float *own_q(const pass *p, size_t head, size_t position, float *scratch)
{
    (void)scratch;
    return p->q + (position * p->shape->H + head) * p->shape->D;
}

static const float *own_k(const pass *p, size_t head, size_t position, float *scratch)
{
    (void)scratch;
    return p->k + (position * p->shape->K + head / p->shape->G) * p->shape->D;
}

/* The mean of num_heads neighbouring head vectors [num_heads, D]. */
static const float *mean_of(const float *heads, size_t num_heads, size_t D, float *mean)
{
    for (size_t c = 0; c < D; c++) {
        double sum = 0;
        for (size_t h = 0; h < num_heads; h++) sum += (double)heads[h * D + c];
        mean[c] = (float)(sum / (double)num_heads);
    }
    return mean;
}

/* RoPE turns all heads of a position alike, so the mean after it is the mean before it, turned. */
static const float *mean_q(const pass *p, size_t head, size_t position, float *scratch)
{
    (void)head;
    return mean_of(p->q + position * p->shape->H * p->shape->D, p->shape->H, p->shape->D, scratch);
}

static const float *mean_k(const pass *p, size_t head, size_t position, float *scratch)
{
    (void)head;
    return mean_of(p->k + position * p->shape->K * p->shape->D, p->shape->K, p->shape->D, scratch);
}

/* One head's attention in a layer: z [n rows, stride floats apart]. */
static void attend(const pass *p, size_t layer, size_t head, double epsilon, vector_at q_at, vector_at k_at, float *z,
                   size_t stride)
{
    const cv_shape *s = p->shape;
    const cv_config *config = &p->engine->model->config;
    double scalar = config->query_pre_attn_scalar > 0 ? config->query_pre_attn_scalar : (double)s->D;
    double scale = epsilon / sqrt(scalar), cap = config->attn_logit_softcapping;
    double *score = p->scores + head * p->n;
    float *q_scratch = cv_alloc_floats(s->D), *k_scratch = cv_alloc_floats(s->D);
    for (size_t i = 0; i < p->n; i++) {
        const float *q = q_at(p, head, i, q_scratch);
        double largest = -INFINITY, sum = 0;
        size_t first = first_seen(p, layer, i);
        for (size_t j = first; j <= i; j++) {
            score[j] = scale * (double)cv_dot(q, k_at(p, head, j, k_scratch), s->D);
            if (cap > 0) score[j] = cap * tanh(score[j] / cap);
            largest = fmax(largest, score[j]);
        }
        for (size_t j = first; j <= i; j++) sum += score[j] = exp(score[j] - largest);
        float *out = z + i * stride;
        memset(out, 0, s->D * sizeof *out);
        for (size_t j = first; j <= i; j++) {
            const float *v = p->v + (j * s->K + head / s->G) * s->D;
            float weight = (float)(score[j] / sum);
            for (size_t c = 0; c < s->D; c++) out[c] += weight * v[c];
        }
    }
    free(q_scratch);
    free(k_scratch);
}

/* z_i = the mean of the v that i sees: what the attention tends to as epsilon goes to 0. */
static void attend_uniformly(const pass *p, size_t layer, size_t head, float *z)
{
    const cv_shape *s = p->shape;
    for (size_t c = 0; c < s->D; c++)
        for (size_t i = 0; i < p->n; i++) {
            size_t first = first_seen(p, layer, i);
            double sum = 0;
            for (size_t j = first; j <= i; j++) sum += (double)p->v[(j * s->K + head / s->G) * s->D + c];
            z[i * s->D + c] = (float)(sum / (double)(i + 1 - first));
        }
}

/* What the head's z becomes under an ablation, into p->replaced [n, D]; z is the layer's clean one. */
static void ablated_z(const pass *p, size_t layer, size_t head, const cv_ablation *ablation)
{
    const cv_shape *s = p->shape;
    float *z = p->replaced;
    if (ablation->kind == CV_UNIFORM_ATTENTION) {
        if (ablation->epsilon == 0)
            attend_uniformly(p, layer, head, z);
        else
            attend(p, layer, head, ablation->epsilon, own_q, own_k, z, s->D);
    } else if (ablation->kind == CV_VALUE_SCALE) {
        for (size_t i = 0; i < p->n; i++)
            for (size_t c = 0; c < s->D; c++)
                z[i * s->D + c] = (float)ablation->epsilon * p->z[(i * s->H + head) * s->D + c];
    } else if (ablation->mean_of == CV_MEAN_OF_Z) {
        for (size_t i = 0; i < p->n; i++) mean_of(p->z + i * s->H * s->D, s->H, s->D, z + i * s->D);
    } else {
        bool of_q = ablation->mean_of == CV_MEAN_OF_Q;
        attend(p, layer, head, 1, of_q ? mean_q : own_q, of_q ? own_k : mean_k, z, s->D);
    }
}

static bool head_differs(const pass *p, size_t head)
{
    const cv_shape *s = p->shape;
    for (size_t i = 0; i < p->n; i++)
        if (memcmp(p->z + (i * s->H + head) * s->D, p->replaced + i * s->D, s->D * sizeof(float)) != 0) return true;
    return false;
}

static bool head_is_silent(const pass *p, size_t head)
{
    const cv_shape *s = p->shape;
    for (size_t i = 0; i < p->n; i++)
        for (size_t c = 0; c < s->D; c++)
            if (p->z[(i * s->H + head) * s->D + c] != 0) return false;
    return true;
}

/* Applies every switch of this layer. All are computed from the clean z before any is put in. */
static bool ablate_layer(pass *p, size_t layer, const cv_head_group *group, cv_error *err)
{
    const cv_shape *s = p->shape;
    float *z = NULL;
    for (size_t a = 0; a < group->count; a++) {
        const cv_ablated_head *head = &group->heads[a];
        if ((size_t)head->layer != layer) continue;
        const cv_ablation *ablation = &head->ablation;
        size_t span = (size_t)cv_ablation_span(ablation, &p->engine->model->config);
        size_t bytes = p->n * s->H * s->D * sizeof *z;
        if (!z) memcpy(z = cv_alloc(bytes, 1), p->z, bytes);
        bool changed = p->n == 1;
        for (size_t h = (size_t)head->head * span; h < ((size_t)head->head + 1) * span; h++) {
            ablated_z(p, layer, h, ablation);
            changed = changed || head_differs(p, h) || head_is_silent(p, h);
            for (size_t i = 0; i < p->n; i++)
                memcpy(z + (i * s->H + h) * s->D, p->replaced + i * s->D, s->D * sizeof *z);
        }
        if (changed) continue;
        free(z);
        return cv_engine_nothing_changed(p->engine, layer, (size_t)head->head, ablation->kind, err);
    }
    if (!z) return true;
    memcpy(p->z, z, p->n * s->H * s->D * sizeof *z);
    free(z);
    return true;
}

/* Pairs of a query and a key that it sees. */
static uint64_t pairs_of(const cv_config *config, int layer, uint64_t n)
{
    uint64_t window = (uint64_t)cv_config_window(config, layer);
    if (window == 0 || window > n) window = n;
    return window * (window + 1) / 2 + (n - window) * window;
}

static bool attention_block(pass *p, size_t layer, const cv_layer_weights *w, const cv_head_group *group, cv_error *err)
{
    const cv_shape *s = p->shape;
    const cv_config *config = &p->engine->model->config;
    const cv_rope_table *rope = cv_engine_rope(p->engine, layer);
    linear(p, p->norm, w->q_proj, w->q_bias, s->d, s->H * s->D, false, p->q);
    linear(p, p->norm, w->k_proj, w->k_bias, s->d, s->K * s->D, false, p->k);
    linear(p, p->norm, w->v_proj, w->v_bias, s->d, s->K * s->D, false, p->v);
    for (size_t i = 0; i < p->n; i++) {
        float *q = p->q + i * s->H * s->D, *k = p->k + i * s->K * s->D;
        cv_norm_heads(config, s->H, w->q_norm, q);
        cv_norm_heads(config, s->K, w->k_norm, k);
        cv_rope_apply(rope, i, s->H, q);
        cv_rope_apply(rope, i, s->K, k);
    }
#pragma omp parallel for schedule(dynamic)
    for (size_t h = 0; h < s->H; h++) attend(p, layer, h, 1, own_q, own_k, p->z + h * s->D, s->H * s->D);
    p->engine->work.operations += 4 * s->H * s->D * pairs_of(config, (int)layer, p->n); /* scores, weighted values */
    if (!ablate_layer(p, layer, group, err)) return false;
    join(p, p->z, w->o_proj, w->o_bias, s->H * s->D, w->attention_output_norm);
    return true;
}

static void mlp_block(pass *p, const cv_layer_weights *w)
{
    const cv_shape *s = p->shape;
    cv_activation activation = p->engine->model->config.activation;
    linear(p, p->mlp_norm, w->up_proj, w->up_bias, s->d, s->f, false, p->up);
    if (w->gate_proj) linear(p, p->mlp_norm, w->gate_proj, w->gate_bias, s->d, s->f, false, p->gate);
    float *inner = w->gate_proj ? p->gate : p->up;
    for (size_t i = 0; i < p->n; i++)
        cv_activate(activation, inner + i * s->f, w->gate_proj ? p->up + i * s->f : NULL, s->f);
    join(p, inner, w->down_proj, w->down_bias, s->f, w->mlp_output_norm);
}

/* Attention reads the layer's input; so does the MLP if it is parallel, else the stream after attention. */
static bool decoder_layer(pass *p, size_t layer, const cv_layer_weights *w, const cv_head_group *group, cv_error *err)
{
    bool parallel = p->engine->model->config.parallel_residual;
    normalise(p, p->x, w->attention_norm, w->attention_norm_bias, p->norm);
    if (parallel) normalise(p, p->x, w->mlp_norm, w->mlp_norm_bias, p->mlp_norm);
    if (!attention_block(p, layer, w, group, err)) return false;
    if (!parallel) normalise(p, p->x, w->mlp_norm, w->mlp_norm_bias, p->mlp_norm);
    mlp_block(p, w);
    return true;
}

/* The vocabulary projection of one row, summed in double precision, as scores are small differences of
 * large logits; in slices, so that a widened one stays small. */
static bool project(cv_engine *engine, const float *row, float *logits, cv_error *err)
{
    const cv_shape *s = &engine->shape;
    enum { SLICE = 8192 };
    bool ok = true;
    double cap = engine->model->config.final_logit_softcapping;
    float *buffer = cv_tensor_in_place(&engine->model->lm_head) ? NULL : cv_alloc_floats(SLICE * s->d);
    for (size_t first = 0; ok && first < s->V; first += SLICE) {
        size_t count = s->V - first < SLICE ? s->V - first : SLICE;
        const float *head = cv_engine_lm_head(engine, first, count, buffer, err);
        ok = head != NULL;
#pragma omp parallel for schedule(static)
        for (size_t v = 0; v < (ok ? count : 0); v++) {
            double logit = cv_dot_double(row, head + v * s->d, s->d);
            logits[first + v] = (float)(cap > 0 ? cap * tanh(logit / cap) : logit);
        }
    }
    if (ok) cv_engine_lm_head_done(engine);
    cv_engine_count(engine, 1, s->V, s->d);
    free(buffer);
    return ok;
}

bool cv_plain_state(cv_engine *engine, const int32_t *ids, size_t count, const cv_head_group *group, float *state,
                    cv_error *err)
{
    static const cv_head_group clean = {0};
    assert(count >= 1 && count <= engine->positions);
    if (!group) group = &clean;
    if (!cv_head_group_check(group, &engine->model->config, engine->model->path, err)) return false;
    const cv_shape *s = &engine->shape;
    pass p = pass_make(engine, count);
    bool ok = cv_engine_embed(engine, ids, NULL, count, p.x, err);
    for (size_t l = 0; ok && l < s->L; l++) {
        const cv_layer_weights *w = cv_engine_plain_layer(engine, l, err);
        ok = w && decoder_layer(&p, l, w, group, err) && cv_engine_check_stream(engine, l, p.x, count * s->d, err);
    }
    if (ok) memcpy(state, p.x + (count - 1) * s->d, s->d * sizeof *state);
    pass_free(&p);
    return ok;
}

bool cv_plain_project(cv_engine *engine, const float *state, float *logits, cv_error *err)
{
    float *normed = cv_alloc_floats(engine->shape.d);
    bool ok = cv_engine_final_norm(engine, 1, state, normed, err) && project(engine, normed, logits, err);
    free(normed);
    return ok;
}

bool cv_plain_logits(cv_engine *engine, const int32_t *ids, size_t count, const cv_head_group *group, float *logits,
                     cv_error *err)
{
    float *state = cv_alloc_floats(engine->shape.d);
    bool ok = cv_plain_state(engine, ids, count, group, state, err) && cv_plain_project(engine, state, logits, err);
    free(state);
    return ok;
}

cv_work cv_plain_estimate(const cv_model *model, size_t tokens)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t products = s.d * s.D * (2 * s.H + 2 * s.K) + s.M * s.d * s.f, pairs = 0;
    for (int l = 0; l < model->config.num_hidden_layers; l++) pairs += pairs_of(&model->config, l, tokens);
    return (cv_work){2 * tokens * s.L * products + 4 * s.H * s.D * pairs, model->weight_bytes};
}

cv_work cv_plain_project_estimate(const cv_model *model)
{
    cv_shape s = cv_shape_of(&model->config);
    return (cv_work){.operations = 2 * s.d * s.V, .weight_bytes = s.d * s.V * cv_dtype_size(model->lm_head.dtype)};
}
