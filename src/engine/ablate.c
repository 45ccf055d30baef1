#include "engine/ablate.h"

#include "base/memory.h"
#include "engine/attention.h"
#include "engine/vector.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

bool cv_ablate_changes_roots(const cv_ablation *ablation)
{
    return ablation->kind == CV_VALUE_SCALE ||
           (ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of == CV_MEAN_OF_Z);
}

size_t cv_ablate_first(const cv_ablation *ablation, const cv_trie *trie)
{
    return cv_ablate_changes_roots(ablation) ? 0 : trie->num_roots;
}

/* Sees whether the head's attention is computed anew, or z' follows from z or v row by row. */
static bool attends(const cv_ablation *ablation)
{
    if (ablation->kind == CV_UNIFORM_ATTENTION) return ablation->epsilon != 0;
    return ablation->kind == CV_MEAN_OVER_HEADS && ablation->mean_of != CV_MEAN_OF_Z;
}

/* One query head of one state, and where its rows lie. */
typedef struct subject {
    const cv_layer_context *c;
    const cv_bundle *bundle;
    const cv_ablation *ablation;
    cv_scratch *scratch;
    size_t head, key_head;
    size_t skipped;  /* queries of the layer that are not the bundle's */
    size_t query;    /* index of the state's first query among the bundle's */
    const float *kv; /* [rows, 2 * K * D] of the state */
} subject;

static subject subject_of(const cv_layer_context *c, const cv_bundle *bundle, size_t state, const cv_ablation *ablation,
                          size_t head)
{
    const cv_shape *s = &c->engine->shape;
    size_t rows = cv_bundle_rows(bundle, c->trie), queries = cv_bundle_queries(bundle);
    return (subject){.c = c,
                     .bundle = bundle,
                     .ablation = ablation,
                     .scratch = &c->scratch[omp_get_thread_num()],
                     .head = head,
                     .key_head = head / s->G,
                     .skipped = bundle->asked->count - queries,
                     .query = state * queries,
                     .kv = bundle->kv + state * rows * 2 * s->K * s->D};
}

/* The state's index, among the bundle's queries, of a query of the layer. */
static size_t own_query(const subject *u, size_t query)
{
    return u->query + query - u->skipped;
}

/* mean [D] over num_heads neighbouring head vectors [num_heads, D]. */
static void mean_over(const float *heads, size_t num_heads, size_t D, float *mean)
{
    memcpy(mean, heads, D * sizeof *mean);
    for (size_t h = 1; h < num_heads; h++) cv_add(mean, heads + h * D, D);
    for (size_t i = 0; i < D; i++) mean[i] /= (float)num_heads;
}

/* Column vectors [D] number column (keys first, then values) along a block's path. */
static void gather(const subject *u, const cv_query_block *block, size_t column, float *path)
{
    const cv_shape *s = &u->c->engine->shape;
    cv_gather_path(u->c->trie, block, u->bundle->first, u->bundle->clean_kv + column * s->D, u->kv + column * s->D,
                   2 * s->K * s->D, s->D, path);
}

/* The mean of all key heads along a block's path, into scratch->k. */
static void gather_mean_keys(const subject *u, const cv_query_block *block)
{
    const cv_shape *s = &u->c->engine->shape;
    size_t floats = (block->position + block->count) * s->D;
    gather(u, block, 0, u->scratch->k);
    for (size_t k = 1; k < s->K; k++) {
        gather(u, block, k, u->scratch->v);
        cv_add(u->scratch->k, u->scratch->v, floats);
    }
    for (size_t i = 0; i < floats; i++) u->scratch->k[i] /= (float)s->K;
}

/* z' [block->count, D] where q, k or the scale of the scores is another. RoPE turns all heads of a
 * position alike, so the mean after it is the mean before it, turned. */
static void attend_anew(const subject *u, const cv_query_block *block, float *z)
{
    const cv_shape *s = &u->c->engine->shape;
    const cv_ablation *ablation = u->ablation;
    bool is_mean = ablation->kind == CV_MEAN_OVER_HEADS;
    if (is_mean && ablation->mean_of == CV_MEAN_OF_K)
        gather_mean_keys(u, block);
    else
        gather(u, block, u->key_head, u->scratch->k);
    gather(u, block, s->K + u->key_head, u->scratch->v);
    for (size_t i = 0; i < block->count; i++) {
        const float *heads = u->bundle->q + own_query(u, block->first + i) * s->H * s->D;
        float *q = u->scratch->q + i * s->D;
        if (is_mean && ablation->mean_of == CV_MEAN_OF_Q)
            mean_over(heads, s->H, s->D, q);
        else
            memcpy(q, heads + u->head * s->D, s->D * sizeof *q);
    }
    double epsilon = is_mean ? 1 : ablation->epsilon;
    cv_scoring scoring = cv_scoring_of(&u->c->engine->model->config, u->c->weights->layer, epsilon);
    cv_attend(1, block->count, block->position, s->D, &scoring, u->scratch->q, u->scratch->k, u->scratch->v,
              u->scratch->scores, z);
}

/* Sums of v along each row's path, into scratch->sums [rows of the trie, D]: the parent's sum and the
 * row's own value. */
static void sum_values(const subject *u)
{
    const cv_shape *s = &u->c->engine->shape;
    const cv_trie *trie = u->c->trie;
    size_t width = 2 * s->K * s->D, column = (s->K + u->key_head) * s->D, first = u->bundle->first;
    for (size_t row = 0; row < trie->num_rows; row++) {
        const float *v = column + (row < first ? u->bundle->clean_kv + row * width : u->kv + (row - first) * width);
        const double *above = trie->parent[row] < 0 ? NULL : u->scratch->sums + (size_t)trie->parent[row] * s->D;
        double *sum = u->scratch->sums + row * s->D;
        for (size_t i = 0; i < s->D; i++) sum[i] = (above ? above[i] : 0) + (double)v[i];
    }
}

/* z [D]: the mean of v over the keys that a row sees. */
static void mean_value(const subject *u, size_t row, float *z)
{
    size_t D = u->c->engine->shape.D, seen = u->c->trie->position[row] + 1;
    int window = cv_config_window(&u->c->engine->model->config, (int)u->c->weights->layer);
    size_t keys = cv_window_keys((size_t)window, seen);
    const double *sum = u->scratch->sums + row * D, *hidden = NULL;
    if (keys < seen) hidden = u->scratch->sums + cv_trie_ancestor(u->c->trie, row, seen - keys - 1) * D;
    for (size_t i = 0; i < D; i++) z[i] = (float)((sum[i] - (hidden ? hidden[i] : 0)) / (double)keys);
}

/* z' [D] of one query where it follows row by row. */
static void replace_z(const subject *u, size_t query, float *z)
{
    const cv_shape *s = &u->c->engine->shape;
    const float *heads = u->bundle->z + own_query(u, query) * s->H * s->D;
    if (u->ablation->kind == CV_UNIFORM_ATTENTION) {
        mean_value(u, u->bundle->asked->row[query], z);
    } else if (u->ablation->kind == CV_VALUE_SCALE) {
        for (size_t i = 0; i < s->D; i++) z[i] = (float)u->ablation->epsilon * heads[u->head * s->D + i];
    } else {
        mean_over(heads, s->H, s->D, z);
    }
}

bool cv_ablate_head(const cv_layer_context *c, const cv_bundle *bundle, size_t state, const cv_ablation *ablation,
                    size_t head, size_t first, float *z, size_t stride)
{
    const cv_shape *s = &c->engine->shape;
    const cv_queries *asked = bundle->asked;
    subject u = subject_of(c, bundle, state, ablation, head);
    bool anew = attends(ablation), changed = false, silent = true;
    size_t skipped = cv_queries_below(asked, first);
    if (!anew && ablation->kind == CV_UNIFORM_ATTENTION) sum_values(&u);
    for (size_t b = cv_query_blocks_below(asked, first); b < asked->num_blocks; b++) {
        const cv_query_block *block = &asked->blocks[b];
        if (anew) attend_anew(&u, block, u.scratch->z);
        for (size_t i = 0; i < block->count; i++) {
            size_t query = block->first + i;
            const float *own = bundle->z + (own_query(&u, query) * s->H + head) * s->D;
            float *out = z + (query - skipped) * stride;
            if (anew)
                memcpy(out, u.scratch->z + i * s->D, s->D * sizeof *out);
            else
                replace_z(&u, query, out);
            for (size_t j = 0; j < s->D; j++) {
                changed = changed || out[j] != own[j];
                silent = silent && own[j] == 0;
            }
        }
    }
    return changed || silent;
}

/* ---- groups ---- */

bool cv_ablate_group_acts(const cv_head_group *group, size_t layer)
{
    for (size_t i = 0; group && i < group->count; i++)
        if ((size_t)group->heads[i].layer == layer) return true;
    return false;
}

/* One query head of the group in one layer. */
typedef struct victim {
    const cv_ablated_head *of;
    size_t head, first;
    float *z; /* [states, queries of rows from first on, D] */
} victim;

/* The query heads that the group switches off in a layer, with room for their z'; *count of them. */
static victim *list_victims(const cv_layer_context *c, const cv_bundle *bundle, const cv_head_group *group,
                            size_t layer, size_t *count)
{
    const cv_shape *s = &c->engine->shape;
    victim *victims = cv_alloc(s->H, sizeof *victims);
    *count = 0;
    for (size_t i = 0; i < group->count; i++) {
        const cv_ablated_head *of = &group->heads[i];
        size_t span = (size_t)cv_ablation_span(&of->ablation, &c->engine->model->config);
        size_t first = cv_ablate_first(&of->ablation, c->trie);
        if (first < bundle->first) first = bundle->first;
        size_t queries = bundle->asked->count - cv_queries_below(bundle->asked, first);
        if ((size_t)of->layer != layer || queries == 0) continue;
        for (size_t h = 0; h < span; h++)
            victims[(*count)++] =
                (victim){of, (size_t)of->head * span + h, first, cv_alloc_floats(bundle->num_states * queries * s->D)};
    }
    return victims;
}

/* The victim's z' in one state into the place of its z. */
static void put_in(const cv_layer_context *c, cv_bundle *bundle, const victim *v, size_t state)
{
    const cv_shape *s = &c->engine->shape;
    size_t asked = bundle->asked->count, queries = asked - cv_queries_below(bundle->asked, v->first);
    size_t at = (state + 1) * cv_bundle_queries(bundle) - queries;
    for (size_t i = 0; i < queries; i++)
        memcpy(bundle->z + ((at + i) * s->H + v->head) * s->D, v->z + (state * queries + i) * s->D,
               s->D * sizeof *bundle->z);
}

/* The first head of which no query head changed in some state, or NULL. */
static const cv_ablated_head *first_unchanged(const victim *victims, const bool *changed, size_t count, size_t states)
{
    for (size_t v = 0, end; v < count; v = end) {
        for (end = v; end < count && victims[end].of == victims[v].of;) end++;
        for (size_t state = 0; state < states; state++) {
            bool any = false;
            for (size_t i = v; i < end; i++) any = any || changed[i * states + state];
            if (!any) return victims[v].of;
        }
    }
    return NULL;
}

bool cv_ablate_group(const cv_layer_context *c, cv_bundle *bundle, const cv_head_group *group, size_t layer,
                     cv_error *err)
{
    if (!cv_ablate_group_acts(group, layer)) return true;
    const cv_shape *s = &c->engine->shape;
    size_t count, states = bundle->num_states;
    victim *victims = list_victims(c, bundle, group, layer, &count);
    bool *changed = cv_alloc(count * states, sizeof *changed);
#pragma omp parallel for schedule(dynamic)
    for (size_t item = 0; item < count * states; item++) {
        const victim *v = &victims[item / states];
        size_t queries = bundle->asked->count - cv_queries_below(bundle->asked, v->first), state = item % states;
        changed[item] =
            cv_ablate_head(c, bundle, state, &v->of->ablation, v->head, v->first, v->z + state * queries * s->D, s->D);
    }
    for (size_t item = 0; item < count * states; item++) put_in(c, bundle, &victims[item / states], item % states);
    c->engine->work.operations += states * cv_ablate_group_operations(group, &c->engine->model->config, c->trie,
                                                                      bundle->asked, bundle->first, layer);
    const cv_ablated_head *unchanged = first_unchanged(victims, changed, count, states);
    bool ok = !unchanged ||
              cv_engine_nothing_changed(c->engine, layer, (size_t)unchanged->head, unchanged->ablation.kind, err);
    for (size_t v = 0; v < count; v++) free(victims[v].z);
    free(victims);
    free(changed);
    return ok;
}

size_t cv_ablate_group_row_floats(const cv_head_group *group, const cv_config *config)
{
    size_t most = 0, *off = cv_calloc((size_t)config->num_hidden_layers, sizeof *off);
    for (size_t i = 0; group && i < group->count; i++) {
        assert(group->heads[i].layer >= 0 && group->heads[i].layer < config->num_hidden_layers);
        size_t *here = &off[group->heads[i].layer];
        *here += (size_t)cv_ablation_span(&group->heads[i].ablation, config);
        if (*here > most) most = *here;
    }
    free(off);
    return most * (size_t)config->head_dim;
}

uint64_t cv_ablate_operations(const cv_ablation *ablation, const cv_config *config, const cv_queries *asked,
                              size_t first)
{
    if (!attends(ablation)) return 0;
    size_t span = (size_t)cv_ablation_span(ablation, config);
    return cv_queries_attention_operations(asked, first, span, (size_t)config->head_dim);
}

uint64_t cv_ablate_group_operations(const cv_head_group *group, const cv_config *config, const cv_trie *trie,
                                    const cv_queries *asked, size_t first, size_t layer)
{
    uint64_t operations = 0;
    for (size_t i = 0; group && i < group->count; i++) {
        const cv_ablation *ablation = &group->heads[i].ablation;
        size_t own = cv_ablate_first(ablation, trie);
        if ((size_t)group->heads[i].layer == layer)
            operations += cv_ablate_operations(ablation, config, asked, own > first ? own : first);
    }
    return operations;
}
