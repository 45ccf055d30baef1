/* Which rows of the trie ask in a layer, and the paths of keys that they see.
 *
 * In every layer but the last all rows ask. In the last only the rows at which a prompt ends do,
 * as nothing else is read. Rows that ask in one run of a node share a path: a block. */
#ifndef CV_QUERIES_H
#define CV_QUERIES_H

#include "engine/trie.h"

#include <stddef.h>

/* Queries [first, first + count) are rows [row, row + count) of one node, at positions
 * [position, position + count). Their keys are the path of position + count rows to the last one. */
typedef struct cv_query_block {
    size_t first, count, row, position;
} cv_query_block;

typedef struct cv_queries {
    size_t count;           /* queries */
    size_t *row;            /* [count], ascending */
    cv_query_block *blocks; /* [num_blocks], by row */
    size_t num_blocks;
} cv_queries;

enum { CV_QUERY_BLOCK = 64 }; /* most queries of a block, so that scores stay in cache */

cv_queries cv_queries_all(const cv_trie *trie);
cv_queries cv_queries_ends(const cv_trie *trie);
void cv_queries_free(cv_queries *queries);

/* Queries, or blocks, of rows below row. */
size_t cv_queries_below(const cv_queries *queries, size_t row);
size_t cv_query_blocks_below(const cv_queries *queries, size_t row);

/* Operations of num_heads heads' attention (scores and weighted values) for the queries of rows from
 * first on. */
uint64_t cv_queries_attention_operations(const cv_queries *queries, size_t first, size_t num_heads, size_t D);

/* Gathers columns [0, width) of the rows of a block's path, in order of position, into path
 * [position + count, width]. Row r lies at shared + r * stride where r < first, else at
 * own + (r - first) * stride. */
void cv_gather_path(const cv_trie *trie, const cv_query_block *block, size_t first, const float *shared,
                    const float *own, size_t stride, size_t width, float *path);

#endif
