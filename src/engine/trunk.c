#include "engine/trunk.h"

#include "base/memory.h"
#include "engine/ablate.h"

#include <stdlib.h>
#include <string.h>

bool cv_trunk_open(cv_trunk *trunk, cv_engine *engine, const cv_trie *trie, const cv_head_group *group, float *kv,
                   cv_error *err)
{
    const cv_shape *s = &engine->shape;
    size_t rows = trie->num_rows;
    bool acts = group && group->count > 0;
    *trunk = (cv_trunk){.group = group, .bundle = {.num_states = 1}};
    trunk->bundle.x = cv_alloc_floats(rows * s->d);
    trunk->bundle.q = cv_alloc_floats(rows * s->H * s->D);
    trunk->bundle.z = cv_alloc_floats(rows * s->H * s->D);
    trunk->ablated_z = acts ? cv_alloc_floats(rows * s->H * s->D) : NULL;
    trunk->bundle.before = s->o ? cv_alloc_floats(rows * s->o) : NULL;
    trunk->bundle.output = s->o ? cv_alloc_floats(rows * s->o) : NULL;
    trunk->ends = cv_alloc_floats(trie->num_ends * s->d);
    trunk->kv = kv ? NULL : cv_alloc_floats(rows * 2 * s->K * s->D);
    cv_trunk_keep_kv(trunk, kv ? kv : trunk->kv);
    if (cv_engine_embed(engine, trie->token, trie->position, rows, trunk->bundle.x, err)) return true;
    cv_trunk_close(trunk);
    return false;
}

void cv_trunk_close(cv_trunk *trunk)
{
    free(trunk->bundle.x);
    free(trunk->bundle.q);
    free(trunk->bundle.z);
    free(trunk->bundle.before);
    free(trunk->bundle.output);
    free(trunk->ablated_z);
    free(trunk->ends);
    free(trunk->kv);
    *trunk = (cv_trunk){0};
}

void cv_trunk_keep_kv(cv_trunk *trunk, float *kv)
{
    trunk->bundle.kv = kv;
    trunk->bundle.clean_kv = kv;
}

/* The output of z with the group's heads switched off; the bundle's own z stays. */
static bool ablated_output(cv_trunk *trunk, const cv_layer_context *c, size_t layer, cv_error *err)
{
    float *z = trunk->bundle.z;
    size_t width = c->engine->shape.H * c->engine->shape.D;
    memcpy(trunk->ablated_z, z, trunk->bundle.asked->count * width * sizeof *z);
    trunk->bundle.z = trunk->ablated_z;
    bool ok = cv_ablate_group(c, &trunk->bundle, trunk->group, layer, err);
    if (ok) cv_bundle_output(c, &trunk->bundle);
    trunk->bundle.z = z;
    return ok;
}

bool cv_trunk_attend(cv_trunk *trunk, const cv_layer_context *context, size_t layer, const cv_queries *asked,
                     cv_error *err)
{
    bool last = layer == context->engine->shape.L - 1;
    trunk->bundle.asked = asked;
    trunk->bundle.xq = last ? trunk->ends : trunk->bundle.x;
    cv_bundle_project(context, &trunk->bundle);
    cv_bundle_attend(context, &trunk->bundle);
    if (context->engine->model->config.parallel_residual) cv_bundle_mlp(context, &trunk->bundle);
    if (cv_ablate_group_acts(trunk->group, layer)) return ablated_output(trunk, context, layer, err);
    cv_bundle_output(context, &trunk->bundle);
    return true;
}

bool cv_trunk_finish(cv_trunk *trunk, const cv_layer_context *context, size_t layer, cv_error *err)
{
    size_t queries = trunk->bundle.asked->count;
    if (!context->engine->model->config.parallel_residual) cv_bundle_mlp(context, &trunk->bundle);
    return cv_engine_check_stream(context->engine, layer, trunk->bundle.xq, queries * context->engine->shape.d, err);
}

uint64_t cv_trunk_operations(const cv_model *model, const cv_trie *trie, const cv_queries *asked,
                             const cv_head_group *group, size_t layer)
{
    cv_shape s = cv_shape_of(&model->config);
    return cv_bundle_operations(&s, trie->num_rows, asked->count, asked, 0) +
           cv_ablate_group_operations(group, &model->config, trie, asked, 0, layer);
}

uint64_t cv_trunk_bytes(const cv_model *model, const cv_trie *trie, const cv_head_group *group)
{
    cv_shape s = cv_shape_of(&model->config);
    uint64_t row = s.d + 2 * s.o + 2 * s.K * s.D + (group && group->count > 0 ? 3 : 2) * s.H * s.D +
                   cv_ablate_group_row_floats(group, &model->config);
    return (trie->num_rows * row + trie->num_ends * s.d) * sizeof(float);
}
