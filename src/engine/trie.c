#include "engine/trie.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that two prompts begin with alike. Prefixes of one text, of which log-likelihoods have thousands,
 * lie in the same place, and need no look. */
static size_t common_prefix(const cv_prompt_block *prompts, size_t p, size_t q)
{
    const int32_t *a = prompts->ids[p], *b = prompts->ids[q];
    size_t most = prompts->count[p] < prompts->count[q] ? prompts->count[p] : prompts->count[q], i = 0;
    if (a == b) return most;
    while (i < most && a[i] == b[i]) i++;
    return i;
}

/* Prompts in lexicographic order of their ids, so that those which share a prefix are neighbours. */
static int compare_prompts(const void *a, const void *b, void *context)
{
    const cv_prompt_block *prompts = context;
    size_t p = *(const size_t *)a, q = *(const size_t *)b, i = common_prefix(prompts, p, q);
    if (i < prompts->count[p] && i < prompts->count[q]) return prompts->ids[p][i] < prompts->ids[q][i] ? -1 : 1;
    if (prompts->count[p] != prompts->count[q]) return prompts->count[p] < prompts->count[q] ? -1 : 1;
    return p < q ? -1 : p > q;
}

/* The sorted order, and for each place in it how many tokens are shared with the place before. */
static size_t *sort_prompts(const cv_prompt_block *prompts, size_t *shared)
{
    size_t n = prompts->num_prompts, *order = cv_alloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++) order[i] = i;
    qsort_r(order, n, sizeof *order, compare_prompts, (void *)prompts);
    for (size_t i = 0; i < n; i++) shared[i] = i == 0 ? 0 : common_prefix(prompts, order[i - 1], order[i]);
    return order;
}

static void count_rows(cv_trie *trie, const cv_prompt_block *prompts, const size_t *order, const size_t *shared)
{
    for (size_t i = 0; i < trie->num_prompts; i++) {
        size_t length = prompts->count[order[i]];
        assert(length > 0);
        trie->num_rows += length - shared[i];
        if (shared[i] == 0) trie->num_roots++;
        if (length > trie->max_length) trie->max_length = length;
    }
}

/* Fills token, parent and position, and last[p], the row of each prompt's last token. */
static void lay_rows(cv_trie *trie, const cv_prompt_block *prompts, const size_t *order, const size_t *shared,
                     size_t *last)
{
    size_t *path = cv_alloc(trie->max_length, sizeof *path); /* rows of the current prompt's tokens */
    size_t next_root = 0, next_row = trie->num_roots;
    for (size_t i = 0; i < trie->num_prompts; i++) {
        size_t p = order[i], length = prompts->count[p];
        for (size_t t = shared[i]; t < length; t++) {
            size_t row = t == 0 ? next_root++ : next_row++;
            trie->token[row] = prompts->ids[p][t];
            trie->parent[row] = t == 0 ? -1 : (ptrdiff_t)path[t - 1];
            trie->position[row] = t;
            path[t] = row;
        }
        last[p] = path[length - 1];
    }
    free(path);
}

/* A row continues its parent's node if it is the only child of the row before it; roots stay alone. */
static void lay_nodes(cv_trie *trie)
{
    size_t *children = cv_calloc(trie->num_rows, sizeof *children);
    for (size_t row = trie->num_roots; row < trie->num_rows; row++) children[trie->parent[row]]++;
    for (size_t row = 0; row < trie->num_rows; row++) {
        ptrdiff_t parent = trie->parent[row];
        bool continues = parent >= (ptrdiff_t)trie->num_roots && parent == (ptrdiff_t)row - 1 && children[parent] == 1;
        if (!continues) {
            ptrdiff_t parent_node = parent < 0 ? -1 : (ptrdiff_t)trie->node_of[parent];
            trie->nodes[trie->num_nodes++] = (cv_trie_node){row, 0, trie->position[row], parent_node};
        }
        trie->nodes[trie->num_nodes - 1].rows++;
        trie->node_of[row] = trie->num_nodes - 1;
    }
    free(children);
}

static void lay_ends(cv_trie *trie, const size_t *last)
{
    size_t *index = cv_calloc(trie->num_rows, sizeof *index);
    for (size_t p = 0; p < trie->num_prompts; p++) index[last[p]] = 1;
    for (size_t row = 0; row < trie->num_rows; row++) {
        if (!index[row]) continue;
        index[row] = trie->num_ends;
        trie->end_row[trie->num_ends++] = row;
    }
    for (size_t p = 0; p < trie->num_prompts; p++) trie->end_of[p] = index[last[p]];
    free(index);
}

cv_trie cv_trie_make(const cv_prompt_block *prompts)
{
    size_t n = prompts->num_prompts;
    cv_trie trie = {.num_prompts = n};
    size_t *shared = cv_alloc(n, sizeof *shared), *last = cv_alloc(n, sizeof *last);
    size_t *order = sort_prompts(prompts, shared);
    count_rows(&trie, prompts, order, shared);
    trie.token = cv_alloc(trie.num_rows, sizeof *trie.token);
    trie.parent = cv_alloc(trie.num_rows, sizeof *trie.parent);
    trie.position = cv_alloc(trie.num_rows, sizeof *trie.position);
    trie.node_of = cv_alloc(trie.num_rows, sizeof *trie.node_of);
    trie.nodes = cv_alloc(trie.num_rows, sizeof *trie.nodes);
    trie.end_row = cv_alloc(n, sizeof *trie.end_row);
    trie.end_of = cv_alloc(n, sizeof *trie.end_of);
    lay_rows(&trie, prompts, order, shared, last);
    lay_nodes(&trie);
    lay_ends(&trie, last);
    free(order);
    free(shared);
    free(last);
    return trie;
}

void cv_trie_free(cv_trie *trie)
{
    free(trie->token);
    free(trie->parent);
    free(trie->position);
    free(trie->node_of);
    free(trie->nodes);
    free(trie->end_row);
    free(trie->end_of);
    *trie = (cv_trie){0};
}

size_t cv_trie_ancestor(const cv_trie *trie, size_t row, size_t position)
{
    assert(position <= trie->position[row]);
    const cv_trie_node *node = &trie->nodes[trie->node_of[row]];
    while (node->position > position) node = &trie->nodes[node->parent];
    return node->first_row + (position - node->position);
}
