#include "engine/queries.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void add_block(cv_queries *queries, const cv_trie *trie, size_t row, size_t count)
{
    queries->blocks[queries->num_blocks++] = (cv_query_block){queries->count, count, row, trie->position[row]};
    for (size_t i = 0; i < count; i++) queries->row[queries->count++] = row + i;
}

cv_queries cv_queries_all(const cv_trie *trie)
{
    cv_queries queries = {.row = cv_alloc(trie->num_rows, sizeof *queries.row),
                          .blocks = cv_alloc(trie->num_rows, sizeof *queries.blocks)};
    for (size_t n = 0; n < trie->num_nodes; n++) {
        const cv_trie_node *node = &trie->nodes[n];
        for (size_t done = 0; done < node->rows; done += CV_QUERY_BLOCK) {
            size_t left = node->rows - done;
            add_block(&queries, trie, node->first_row + done, left < CV_QUERY_BLOCK ? left : CV_QUERY_BLOCK);
        }
    }
    return queries;
}

cv_queries cv_queries_ends(const cv_trie *trie)
{
    cv_queries queries = {.row = cv_alloc(trie->num_ends, sizeof *queries.row),
                          .blocks = cv_alloc(trie->num_ends, sizeof *queries.blocks)};
    for (size_t e = 0; e < trie->num_ends; e++) add_block(&queries, trie, trie->end_row[e], 1);
    return queries;
}

void cv_queries_free(cv_queries *queries)
{
    free(queries->row);
    free(queries->blocks);
    *queries = (cv_queries){0};
}

size_t cv_queries_below(const cv_queries *queries, size_t row)
{
    size_t count = 0;
    while (count < queries->count && queries->row[count] < row) count++;
    return count;
}

size_t cv_query_blocks_below(const cv_queries *queries, size_t row)
{
    size_t count = 0;
    while (count < queries->num_blocks && queries->blocks[count].row < row) count++;
    return count;
}

uint64_t cv_queries_attention_operations(const cv_queries *queries, size_t first, size_t num_heads, size_t D)
{
    uint64_t pairs = 0; /* of a query and a key, as products of whole blocks compute them */
    for (size_t b = cv_query_blocks_below(queries, first); b < queries->num_blocks; b++)
        pairs += queries->blocks[b].count * (queries->blocks[b].position + queries->blocks[b].count);
    return 4 * pairs * num_heads * D;
}

void cv_gather_path(const cv_trie *trie, const cv_query_block *block, size_t first, const float *shared,
                    const float *own, size_t stride, size_t width, float *path)
{
    const cv_trie_node *node = &trie->nodes[trie->node_of[block->row]];
    size_t end = block->row + block->count; /* after the last row of this node on the path */
    for (;;) {
        for (size_t row = node->first_row; row < end; row++) {
            size_t position = node->position + (row - node->first_row);
            const float *from = row < first ? shared + row * stride : own + (row - first) * stride;
            memcpy(path + position * width, from, width * sizeof *path);
        }
        if (node->parent < 0) return;
        node = &trie->nodes[node->parent];
        end = node->first_row + node->rows;
    }
}
