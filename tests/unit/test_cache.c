#include "engine/cache.h"
#include "engine/engine.h"
#include "suite.h"
#include "tiny_model.h"

enum { CAPACITY = 5 };

/* Every number of the prompt's rows and of new tokens tells its place. */
static float place(size_t layer, size_t row, size_t column)
{
    return (float)(layer * 10000 + row * 100 + column);
}

static float new_place(size_t layer, size_t group, size_t token, size_t column)
{
    return -(float)(layer * 10000 + group * 1000 + token * 100 + column) - 1;
}

/* Each key and value along a prompt's path, then the new ones. */
static void check_path(const cv_cache *cache, const cv_trie *trie, size_t end_row, size_t layer, size_t group,
                       size_t new_tokens)
{
    const cv_shape *s = cache->shape;
    cv_run runs[16];
    ck_assert_uint_le(cv_cache_runs(cache), 16);
    cv_path path = cv_cache_path(cache, layer, group, new_tokens, runs);
    ck_assert_uint_le(path.num_runs, cv_cache_runs(cache));
    ck_assert_uint_eq(path.keys, trie->position[end_row] + 1 + new_tokens);
    size_t rows[16] = {0}, position = 0;
    for (ptrdiff_t row = (ptrdiff_t)end_row; row >= 0; row = trie->parent[row]) rows[trie->position[row]] = (size_t)row;
    for (size_t r = 0; r < path.num_runs; r++)
        for (size_t j = 0; j < runs[r].count; j++, position++)
            for (size_t c = 0; c < s->D; c++) {
                float k = runs[r].k[j * runs[r].stride + c], v = runs[r].v[j * runs[r].stride + c];
                if (position <= trie->position[end_row]) {
                    ck_assert(k == place(layer, rows[position], group * s->D + c));
                    ck_assert(v == place(layer, rows[position], (s->K + group) * s->D + c));
                } else {
                    size_t token = position - trie->position[end_row] - 1;
                    ck_assert(k == new_place(layer, group, token, c));
                    ck_assert(v == new_place(layer, group, token, s->D + c));
                }
            }
    ck_assert_uint_eq(position, path.keys);
}

START_TEST(a_path_is_the_prompts_and_then_ones_own)
{
    int32_t ids[4][8] = {{1, 2, 3, 4, 5}, {1, 2, 3, 9, 9, 9, 9}, {1, 2}, {7}};
    const int32_t *prompts[] = {ids[0], ids[1], ids[2], ids[3]};
    size_t count[] = {5, 7, 2, 1};
    cv_prompt_block block = {4, prompts, count};
    cv_trie trie = cv_trie_make(&block);
    cv_shape s = {.K = 3, .D = 8, .L = 2};
    size_t width = 2 * s.K * s.D;
    float *kv = cv_alloc_floats(s.L * trie.num_rows * width);
    for (size_t l = 0; l < s.L; l++)
        for (size_t row = 0; row < trie.num_rows; row++)
            for (size_t c = 0; c < width; c++) kv[(l * trie.num_rows + row) * width + c] = place(l, row, c);
    for (size_t p = 0; p < 4; p++) {
        size_t end = trie.end_row[trie.end_of[p]];
        cv_cache cache = cv_cache_make(&s, &trie, end, kv, CAPACITY);
        ck_assert_uint_eq(cache.prompt_tokens, count[p]);
        for (size_t t = 0; t <= CAPACITY; t++) {
            for (size_t item = 0; item < s.L * s.K; item++) {
                check_path(&cache, &trie, end, item / s.K, item % s.K, t);
                float k[8], v[8];
                for (size_t c = 0; c < s.D; c++) {
                    k[c] = new_place(item / s.K, item % s.K, t, c);
                    v[c] = new_place(item / s.K, item % s.K, t, s.D + c);
                }
                if (t < CAPACITY) cv_cache_put(&cache, item / s.K, item % s.K, k, v);
            }
            if (t < CAPACITY) cache.count++;
        }
        cv_cache_free(&cache);
    }
    free(kv);
    cv_trie_free(&trie);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cache");
    tcase_add_test(tests, a_path_is_the_prompts_and_then_ones_own);
    return run_suite(tests);
}
