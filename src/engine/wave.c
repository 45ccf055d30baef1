#include "engine/wave.h"

#include "base/memory.h"
#include "engine/ablate.h"
#include "engine/bundle.h"
#include "engine/engine.h"
#include "engine/trunk.h"

#include <stdlib.h>

enum { TILES_PER_THREAD = 4 };

/* Enough rows that every thread gets a few tiles, in whole tiles: so the cut into tiles, and with it
 * every score's last bit, does not depend on the number of threads. */
static size_t bundle_states(size_t rows, size_t states, size_t threads)
{
    if (rows == 0 || states == 0) return 1;
    size_t whole = cv_tiles_of(1, rows, rows).states_each;
    size_t bundle = TILES_PER_THREAD * threads * CV_TILE_ROWS / rows / whole * whole;
    if (bundle < whole) bundle = whole;
    return bundle < states ? bundle : states;
}

cv_wave_sizes cv_wave_sizes_of(const cv_config *config, const cv_trie *trie, const cv_queries *ends,
                               const cv_head_range *range, size_t threads)
{
    cv_wave_sizes size = {.first = cv_ablate_first(&range->ablation, trie)};
    bool to_the_top = range->layer_end == config->num_hidden_layers;
    size.rows = trie->num_rows - size.first;
    size.ends = ends->count - cv_queries_below(ends, size.first);
    size.span = (size_t)cv_ablation_span(&range->ablation, config);
    size.heads = (size_t)(range->head_end - range->head_begin);
    size.states = cv_head_range_states(range);
    size.stored = size.states > 0 && to_the_top ? size.states - size.heads : size.states;
    size.bundle = bundle_states(size.rows, size.states, threads);
    size.at_once = size.bundle > size.heads ? size.bundle : size.heads;
    return size;
}

/* What the estimates of all ranges over one block share. Index 1 is the last layer, 0 any other. */
typedef struct block_costs {
    uint64_t passage[2]; /* an ablated state's passage through a layer */
    uint64_t birth[2];   /* a state's birth in a layer, with its MLP */
} block_costs;

/* size is that of any of the ranges: what is read here is the same for all. */
static block_costs costs_of_block(const cv_model *model, const cv_queries *all, const cv_queries *ends,
                                  const cv_wave_sizes *size, const cv_ablation *ablation)
{
    cv_shape s = cv_shape_of(&model->config);
    block_costs costs;
    for (int last = 0; last < 2; last++) {
        const cv_queries *asked = last ? ends : all;
        size_t queries = last ? size->ends : size->rows;
        costs.passage[last] = cv_bundle_operations(&s, size->rows, queries, asked, size->first);
        size_t mlp = model->config.parallel_residual ? 0 : s.M * s.f * s.d; /* else the newborn have the trunk's */
        costs.birth[last] = 2 * queries * (s.d * size->span * s.D + mlp) +
                            cv_ablate_operations(ablation, &model->config, asked, size->first);
    }
    return costs;
}

/* What the trie's rows cost whatever the range: the trunk's passage, and for each layer what the group
 * adds to the passage of a state. */
typedef struct group_costs {
    uint64_t trunk;
    uint64_t *layer; /* [L], owned */
} group_costs;

static group_costs costs_of_group(const cv_model *model, const cv_trie *trie, const cv_queries *all,
                                  const cv_queries *ends, const cv_head_group *group, size_t first)
{
    size_t L = (size_t)model->config.num_hidden_layers;
    group_costs costs = {0, cv_alloc(L, sizeof *costs.layer)};
    for (size_t l = 0; l < L; l++) {
        const cv_queries *asked = l == L - 1 ? ends : all;
        costs.trunk += cv_trunk_operations(model, trie, asked, group, l);
        costs.layer[l] = cv_ablate_group_operations(group, &model->config, trie, asked, first, l);
    }
    return costs;
}

static uint64_t operations_of(const cv_shape *s, const block_costs *costs, const group_costs *group,
                              const cv_wave_sizes *size, const cv_head_range *range)
{
    uint64_t operations = group->trunk, live = 0;
    for (size_t l = 0; l < s->L; l++) {
        bool last = l == s->L - 1;
        operations += live * (costs->passage[last] + group->layer[l]);
        if ((int)l < range->layer_begin || (int)l >= range->layer_end) continue;
        operations += size->heads * costs->birth[last];
        live += size->heads;
    }
    return operations;
}

/* kv, q, z and the group's z' of a row in a bundle. */
static uint64_t row_floats(const cv_model *model, const cv_shape *s, const cv_head_group *group)
{
    return 2 * s->K * s->D + 2 * s->H * s->D + cv_ablate_group_row_floats(group, &model->config);
}

static uint64_t memory_of(const cv_model *model, const cv_shape *s, const cv_trie *trie, const cv_head_group *group,
                          const cv_wave_sizes *size, size_t prompts)
{
    uint64_t bundle = size->rows * row_floats(model, s, group) + size->at_once * size->ends * s->d;
    uint64_t states = size->stored * size->rows * s->d + (size->states + 1) * prompts * s->d;
    return (bundle + states) * sizeof(float) + cv_trunk_bytes(model, trie, group) + cv_layer_weights_bytes(model);
}

void cv_wavefront_estimate(const cv_model *model, const cv_prompt_block *prompts, const cv_head_group *group,
                           const cv_head_range *ranges, size_t count, cv_wavefront_cost *costs)
{
    cv_shape s = cv_shape_of(&model->config);
    cv_trie trie = cv_trie_make(prompts);
    cv_queries all = cv_queries_all(&trie), ends = cv_queries_ends(&trie);
    uint64_t weight_bytes = 0, bundle_rows = TILES_PER_THREAD * CV_TILE_ROWS;
    for (size_t l = 0; l < s.L; l++) weight_bytes += cv_layer_file_bytes(&model->layers[l]);
    block_costs block = {0};
    group_costs off = {0};
    for (size_t i = 0; i < count; i++) {
        cv_wave_sizes size = cv_wave_sizes_of(&model->config, &trie, &ends, &ranges[i], 1);
        if (i == 0) {
            block = costs_of_block(model, &all, &ends, &size, &ranges[i].ablation);
            off = costs_of_group(model, &trie, &all, &ends, group, size.first);
        }
        costs[i].work = (cv_work){operations_of(&s, &block, &off, &size, &ranges[i]), weight_bytes};
        costs[i].memory_bytes = memory_of(model, &s, &trie, group, &size, prompts->num_prompts);
        costs[i].thread_bytes = sizeof(float) * (cv_scratch_floats(&s, &trie) + size.rows * size.span * s.D +
                                                 bundle_rows * (row_floats(model, &s, group) + s.d));
    }
    free(off.layer);
    cv_queries_free(&all);
    cv_queries_free(&ends);
    cv_trie_free(&trie);
}
