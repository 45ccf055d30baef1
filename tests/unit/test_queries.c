#include "engine/queries.h"

#include "suite.h"

#include <string.h>

/* Two prompts of 150 and 90 tokens that share 80; row r of the trie holds the number 10 r, 10 r + 1. */
typedef struct setting {
    int32_t tokens[2][150];
    cv_trie trie;
    float rows[300 * 2];
} setting;

static void make(setting *s)
{
    for (size_t i = 0; i < 150; i++) {
        s->tokens[0][i] = (int32_t)i;
        s->tokens[1][i] = (int32_t)(i < 80 ? i : 1000 + i);
    }
    const int32_t *ids[] = {s->tokens[0], s->tokens[1]};
    size_t count[] = {150, 90};
    s->trie = cv_trie_make(&(cv_prompt_block){2, ids, count});
    for (size_t r = 0; r < s->trie.num_rows; r++) {
        s->rows[2 * r] = (float)(10 * r);
        s->rows[2 * r + 1] = (float)(10 * r + 1);
    }
}

START_TEST(blocks_cover_all_rows_and_stay_in_a_node)
{
    setting s;
    make(&s);
    cv_queries all = cv_queries_all(&s.trie);
    ck_assert_uint_eq(all.count, 160);
    size_t next = 0;
    for (size_t b = 0; b < all.num_blocks; b++) {
        const cv_query_block *block = &all.blocks[b];
        ck_assert_uint_eq(block->first, next);
        ck_assert_uint_eq(block->row, next);
        ck_assert_uint_le(block->count, CV_QUERY_BLOCK);
        ck_assert_uint_eq(block->position, s.trie.position[block->row]);
        ck_assert_uint_eq(s.trie.node_of[block->row], s.trie.node_of[block->row + block->count - 1]);
        next += block->count;
    }
    ck_assert_uint_eq(next, 160);
    ck_assert_uint_eq(cv_queries_below(&all, 1), 1);
    ck_assert_uint_eq(cv_query_blocks_below(&all, 1), 1); /* the root is a block of its own */
    cv_queries_free(&all);
    cv_trie_free(&s.trie);
}
END_TEST

START_TEST(only_ends_ask_in_the_last_layer)
{
    setting s;
    make(&s);
    cv_queries ends = cv_queries_ends(&s.trie);
    ck_assert_uint_eq(ends.count, 2);
    for (size_t b = 0; b < 2; b++) {
        ck_assert_uint_eq(ends.blocks[b].count, 1);
        ck_assert_uint_eq(ends.row[b], s.trie.end_row[b]);
    }
    ck_assert_uint_eq(cv_queries_attention_operations(&ends, 0, 3, 8), 4u * 3 * 8 * (150 + 90));
    ck_assert_uint_eq(cv_queries_attention_operations(&ends, ends.row[1], 3, 8),
                      4u * 3 * 8 * (s.trie.position[ends.row[1]] + 1));
    cv_queries_free(&ends);
    cv_trie_free(&s.trie);
}
END_TEST

/* With the first rows taken from another array, as ablated states take the clean roots. */
START_TEST(a_path_is_gathered_in_order_of_position)
{
    setting s;
    make(&s);
    cv_queries all = cv_queries_all(&s.trie);
    float path[150];
    for (size_t first = 0; first < 3; first++)
        for (size_t b = cv_query_blocks_below(&all, first); b < all.num_blocks; b++) {
            const cv_query_block *block = &all.blocks[b];
            cv_gather_path(&s.trie, block, first, s.rows, s.rows + 2 * first, 2, 1, path);
            ptrdiff_t row = (ptrdiff_t)(block->row + block->count - 1);
            for (size_t i = block->position + block->count; i-- > 0; row = s.trie.parent[row])
                ck_assert_float_eq(path[i], (float)(10 * row));
            ck_assert_int_eq(row, -1);
        }
    cv_queries_free(&all);
    cv_trie_free(&s.trie);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("queries");
    tcase_add_test(tests, blocks_cover_all_rows_and_stay_in_a_node);
    tcase_add_test(tests, only_ends_ask_in_the_last_layer);
    tcase_add_test(tests, a_path_is_gathered_in_order_of_position);
    return run_suite(tests);
}
