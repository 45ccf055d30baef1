#include "engine/cache.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The nodes from the end's to the root, and then in the other order. */
static void find_stretches(cv_cache *cache, const cv_trie *trie, size_t end_row)
{
    const cv_trie_node *node = &trie->nodes[trie->node_of[end_row]];
    size_t depth = 1;
    for (const cv_trie_node *above = node; above->parent >= 0; above = &trie->nodes[above->parent]) depth++;
    cache->stretches = cv_alloc(depth, sizeof *cache->stretches);
    cache->num_stretches = depth;
    size_t end = end_row + 1;
    while (depth-- > 0) {
        cache->stretches[depth] = (cv_stretch){node->first_row, end - node->first_row};
        if (depth == 0) break;
        node = &trie->nodes[node->parent];
        end = node->first_row + node->rows;
    }
}

size_t cv_cache_floats(const cv_shape *shape, size_t capacity)
{
    return shape->L * 2 * shape->K * capacity * shape->D;
}

cv_cache cv_cache_make(const cv_shape *shape, const cv_trie *trie, size_t end_row, const float *prompt, size_t capacity)
{
    cv_cache cache = {.shape = shape, .prompt = prompt, .rows = trie->num_rows, .capacity = capacity};
    find_stretches(&cache, trie, end_row);
    cache.prompt_tokens = trie->position[end_row] + 1;
    cache.own = cv_alloc_floats(cv_cache_floats(shape, capacity));
    return cache;
}

void cv_cache_free(cv_cache *cache)
{
    free(cache->stretches);
    free(cache->own);
    *cache = (cv_cache){0};
}

/* Where the own keys of a layer and key head begin; their values follow capacity rows behind. */
static float *own_keys(const cv_cache *cache, size_t layer, size_t group)
{
    return cache->own + (layer * cache->shape->K + group) * 2 * cache->capacity * cache->shape->D;
}

void cv_cache_put(cv_cache *cache, size_t layer, size_t group, const float *k, const float *v)
{
    assert(cache->count < cache->capacity);
    size_t D = cache->shape->D;
    float *at = own_keys(cache, layer, group) + cache->count * D;
    memcpy(at, k, D * sizeof *at);
    memcpy(at + cache->capacity * D, v, D * sizeof *at);
}

size_t cv_cache_runs(const cv_cache *cache)
{
    return cache->num_stretches + 1;
}

cv_path cv_cache_path(const cv_cache *cache, size_t layer, size_t group, size_t new_tokens, cv_run *runs)
{
    const cv_shape *s = cache->shape;
    size_t width = s->K * s->D, num_runs = 0;
    for (size_t i = 0; i < cache->num_stretches; i++) {
        const float *k = cache->prompt + (layer * cache->rows + cache->stretches[i].row) * 2 * width + group * s->D;
        runs[num_runs++] = (cv_run){k, k + width, cache->stretches[i].count, 2 * width};
    }
    const float *own = own_keys(cache, layer, group);
    if (new_tokens) runs[num_runs++] = (cv_run){own, own + cache->capacity * s->D, new_tokens, s->D};
    return (cv_path){runs, num_runs, cache->prompt_tokens + new_tokens};
}
