#include "sweep/block.h"

#include "suite.h"

START_TEST(a_block_points_at_the_tokens)
{
    int32_t first[] = {4, 5, 6}, second[] = {7};
    cv_tokens tokens[] = {{first, 3, 3}, {second, 1, 1}};
    cv_prompt_block block = cv_block_open(tokens, 2);
    ck_assert_uint_eq(block.num_prompts, 2);
    ck_assert_ptr_eq(block.ids[0], first);
    ck_assert_ptr_eq(block.ids[1], second);
    ck_assert_uint_eq(block.count[0], 3);
    ck_assert_uint_eq(block.count[1], 1);
    cv_block_close(&block);
    ck_assert_ptr_null(block.ids);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("block");
    tcase_add_test(tests, a_block_points_at_the_tokens);
    return run_suite(tests);
}
