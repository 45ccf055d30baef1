/* A block of prompts as a trie of tokens.
 *
 * Prompts share prefixes: BOS, the template's head, a system prompt, common words. A token that
 * several prompts have in common after the same tokens is one row, computed once for all of them. */
#ifndef CV_TRIE_H
#define CV_TRIE_H

#include <caravan/engine.h>

#include <stddef.h>
#include <stdint.h>

/* A run of rows without branches; its parent's last row is the parent of its first. */
typedef struct cv_trie_node {
    size_t first_row, rows;
    size_t position;  /* of the first row */
    ptrdiff_t parent; /* -1 for a root */
} cv_trie_node;

/* Rows are numbered so that the roots (position 0) come first and each parent before its children.
 * Each root is a node of its own. */
typedef struct cv_trie {
    size_t num_rows, num_roots, num_nodes, num_prompts, num_ends;
    int32_t *token;      /* [num_rows] */
    ptrdiff_t *parent;   /* [num_rows], -1 for roots */
    size_t *position;    /* [num_rows], distance from the root */
    size_t *node_of;     /* [num_rows] */
    cv_trie_node *nodes; /* [num_nodes], by first row */
    size_t *end_row;     /* [num_ends], ascending: the rows at which at least one prompt ends */
    size_t *end_of;      /* [num_prompts], index into end_row */
    size_t max_length;   /* tokens of the longest prompt */
} cv_trie;

/* The row at a position of the path to a row, at most that row's own position. */
size_t cv_trie_ancestor(const cv_trie *trie, size_t row, size_t position);

cv_trie cv_trie_make(const cv_prompt_block *prompts);
void cv_trie_free(cv_trie *trie);

#endif
