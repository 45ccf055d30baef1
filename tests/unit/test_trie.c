#include "engine/trie.h"

#include "suite.h"

#include <string.h>

/* Prompts written as letters; a token is its letter. */
typedef struct written {
    int32_t tokens[8][16];
    const int32_t *ids[8];
    size_t count[8];
    cv_prompt_block block;
} written;

static void write_prompts(written *w, const char *const *prompts)
{
    for (; *prompts; prompts++) {
        size_t p = w->block.num_prompts++;
        w->count[p] = strlen(*prompts);
        for (size_t i = 0; i < w->count[p]; i++) w->tokens[p][i] = (*prompts)[i];
        w->ids[p] = w->tokens[p];
    }
    w->block.ids = w->ids;
    w->block.count = w->count;
}

static const struct {
    const char *prompts[8];
    size_t rows, roots, nodes, ends;
} cases[] = {
    {{"a"}, 1, 1, 1, 1},
    {{"abc"}, 3, 1, 2, 1}, /* the root is a node of its own */
    {{"abc", "abc"}, 3, 1, 2, 1},
    {{"abc", "ab"}, 3, 1, 2, 2}, /* a prompt may end inside a node */
    {{"abcd", "abxy", "abce"}, 7, 1, 6, 3},
    {{"abc", "xbc", "ay"}, 7, 2, 5, 3},
    {{"b", "a", "c"}, 3, 3, 3, 3},
    {{"zab", "zabq", "zabr"}, 5, 1, 4, 3},
};

/* Walking from a prompt's end to its root must spell the prompt. */
static void spell(const cv_trie *trie, const written *w, size_t p)
{
    ptrdiff_t row = (ptrdiff_t)trie->end_row[trie->end_of[p]];
    for (size_t i = w->count[p]; i-- > 0; row = trie->parent[row]) {
        ck_assert_int_ge(row, 0);
        ck_assert_int_eq(trie->token[row], w->tokens[p][i]);
        ck_assert_uint_eq(trie->position[row], i);
    }
    ck_assert_int_eq(row, -1);
}

START_TEST(rows_are_shared_and_spell_the_prompts)
{
    written w = {0};
    write_prompts(&w, cases[_i].prompts);
    cv_trie trie = cv_trie_make(&w.block);
    ck_assert_uint_eq(trie.num_rows, cases[_i].rows);
    ck_assert_uint_eq(trie.num_roots, cases[_i].roots);
    ck_assert_uint_eq(trie.num_nodes, cases[_i].nodes);
    ck_assert_uint_eq(trie.num_ends, cases[_i].ends);
    for (size_t p = 0; p < w.block.num_prompts; p++) spell(&trie, &w, p);
    cv_trie_free(&trie);
}
END_TEST

START_TEST(nodes_cover_the_rows_in_order)
{
    written w = {0};
    write_prompts(&w, cases[_i].prompts);
    cv_trie trie = cv_trie_make(&w.block);
    size_t next = 0;
    for (size_t n = 0; n < trie.num_nodes; n++) {
        const cv_trie_node *node = &trie.nodes[n];
        ck_assert_uint_eq(node->first_row, next);
        ck_assert_uint_gt(node->rows, 0);
        ck_assert_int_lt(node->parent, (ptrdiff_t)n);
        ck_assert_int_eq(node->parent < 0, node->first_row < trie.num_roots);
        for (size_t row = next; row < next + node->rows; row++) {
            ck_assert_int_lt(trie.parent[row], (ptrdiff_t)row);
            ck_assert_uint_eq(trie.node_of[row], n);
            if (row > next) ck_assert_int_eq(trie.parent[row], (ptrdiff_t)row - 1);
        }
        next += node->rows;
    }
    ck_assert_uint_eq(next, trie.num_rows);
    for (size_t e = 1; e < trie.num_ends; e++) ck_assert_uint_lt(trie.end_row[e - 1], trie.end_row[e]);
    cv_trie_free(&trie);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("trie");
    tcase_add_loop_test(tests, rows_are_shared_and_spell_the_prompts, 0, ROWS(cases));
    tcase_add_loop_test(tests, nodes_cover_the_rows_in_order, 0, ROWS(cases));
    return run_suite(tests);
}
