#include "engine/trunk.h"

#include "base/memory.h"
#include "engine/birth.h"
#include "engine/blas.h"

#include <stdlib.h>
#include <string.h>

/* The widest z that one head of the group stands for, in floats. */
static size_t delta_width(const cv_head_group *group, const cv_config *config)
{
    size_t width = 0;
    for (size_t i = 0; group && i < group->count; i++) {
        size_t span = (size_t)cv_ablation_span(&group->heads[i].ablation, config);
        if (span * (size_t)config->head_dim > width) width = span * (size_t)config->head_dim;
    }
    return width;
}

bool cv_trunk_open(cv_trunk *trunk, cv_engine *engine, const cv_trie *trie, const cv_head_group *group, float *kv,
                   cv_error *err)
{
    const cv_shape *s = &engine->shape;
    size_t rows = trie->num_rows, width = delta_width(group, &engine->model->config);
    *trunk = (cv_trunk){.group = group, .bundle = {.num_states = 1}};
    trunk->bundle.x = cv_alloc_floats(rows * s->d);
    trunk->bundle.q = cv_alloc_floats(rows * s->H * s->D);
    trunk->bundle.z = cv_alloc_floats(rows * s->H * s->D);
    trunk->ends = cv_alloc_floats(trie->num_ends * s->d);
    if (width) trunk->delta = cv_alloc_floats(rows * width);
    if (!kv) kv = trunk->kv = cv_alloc_floats(rows * 2 * s->K * s->D);
    trunk->bundle.kv = kv;
    trunk->bundle.clean_kv = kv;
    if (cv_engine_embed(engine, trie->token, rows, trunk->bundle.x, err)) return true;
    cv_trunk_close(trunk);
    return false;
}

void cv_trunk_close(cv_trunk *trunk)
{
    free(trunk->bundle.x);
    free(trunk->bundle.q);
    free(trunk->bundle.z);
    free(trunk->ends);
    free(trunk->delta);
    free(trunk->kv);
    *trunk = (cv_trunk){0};
}

void cv_trunk_keep_kv(cv_trunk *trunk, float *kv)
{
    trunk->bundle.kv = kv;
    trunk->bundle.clean_kv = kv;
}

static size_t first_row(const cv_trie *trie, const cv_ablation *ablation)
{
    return cv_birth_changes_roots(ablation) ? 0 : trie->num_roots;
}

/* Switches one head of the group off: xq += (z' - z) W_o[head]. */
static bool switch_off(cv_trunk *trunk, const cv_layer_context *c, size_t layer, const cv_ablated_head *head,
                       cv_error *err)
{
    const cv_shape *s = &c->engine->shape;
    cv_birth birth = cv_birth_make(c, &trunk->bundle, &head->ablation, first_row(c->trie, &head->ablation));
    size_t skipped = cv_queries_below(trunk->bundle.asked, birth.first);
    size_t queries = trunk->bundle.asked->count - skipped;
    size_t span = (size_t)cv_ablation_span(&head->ablation, &c->engine->model->config), width = span * s->D;
    bool changed = cv_birth_delta(&birth, (size_t)head->head, trunk->delta);
    cv_tiles tiles = cv_tiles_of(1, queries, queries);
#pragma omp parallel for schedule(dynamic)
    for (size_t t = 0; t < tiles.count; t++) {
        size_t begin, length;
        cv_tile(&tiles, t, &begin, &length);
        cv_birth_add(&birth, (size_t)head->head, length, trunk->delta + begin * width,
                     trunk->bundle.xq + (skipped + begin) * s->d);
    }
    cv_engine_count(c->engine, queries, s->d, width);
    c->engine->work.operations += cv_birth_operations(&birth, span);
    cv_birth_free(&birth);
    return changed || cv_engine_nothing_changed(c->engine, layer, (size_t)head->head, head->ablation.kind, err);
}

bool cv_trunk_attend(cv_trunk *trunk, const cv_layer_context *context, size_t layer, const cv_queries *asked,
                     cv_error *err)
{
    bool last = layer == context->engine->shape.L - 1;
    trunk->bundle.asked = asked;
    trunk->bundle.xq = last ? trunk->ends : trunk->bundle.x;
    cv_bundle_project(context, &trunk->bundle);
    cv_bundle_attend(context, &trunk->bundle);
    cv_bundle_output(context, &trunk->bundle);
    bool ok = true;
    for (size_t i = 0; ok && trunk->group && i < trunk->group->count; i++)
        if ((size_t)trunk->group->heads[i].layer == layer)
            ok = switch_off(trunk, context, layer, &trunk->group->heads[i], err);
    return ok;
}

bool cv_trunk_finish(cv_trunk *trunk, const cv_layer_context *context, size_t layer, cv_error *err)
{
    size_t queries = trunk->bundle.asked->count;
    cv_mlp(context, 1, context->trie->num_rows, queries, trunk->bundle.xq);
    return cv_engine_check_stream(context->engine, layer, trunk->bundle.xq, queries * context->engine->shape.d, err);
}

uint64_t cv_trunk_operations(const cv_model *model, const cv_trie *trie, const cv_queries *asked,
                             const cv_head_group *group, size_t layer)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t operations = cv_bundle_operations(&s, trie->num_rows, asked->count, asked, 0);
    for (size_t i = 0; group && i < group->count; i++) {
        const cv_ablation *ablation = &group->heads[i].ablation;
        if ((size_t)group->heads[i].layer != layer) continue;
        size_t first = first_row(trie, ablation), span = (size_t)cv_ablation_span(ablation, &model->config);
        uint64_t queries = asked->count - cv_queries_below(asked, first);
        operations += 2 * queries * s.d * span * s.D;
        if (cv_birth_attends(ablation)) operations += cv_queries_attention_operations(asked, first, span, s.D);
    }
    return operations;
}

uint64_t cv_trunk_bytes(const cv_model *model, const cv_trie *trie, const cv_head_group *group)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t row = s.d + 2 * s.K * s.D + 2 * s.H * s.D + delta_width(group, &model->config);
    return (trie->num_rows * row + trie->num_ends * s.d) * sizeof(float);
}
