#include "base/memory.h"

#include "suite.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

static const struct {
    uint64_t a, b;
    bool fits;
    uint64_t product;
} products[] = {
    {0, 0, true, 0},
    {0, UINT64_MAX, true, 0},
    {UINT64_MAX, 0, true, 0},
    {1, UINT64_MAX, true, UINT64_MAX},
    {UINT64_MAX, 1, true, UINT64_MAX},
    {UINT32_MAX, UINT32_MAX, true, 18446744065119617025u},
    {UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, true, 18446744069414584320u},
    {UINT64_C(1) << 32, UINT64_C(1) << 32, false, 0},
    {UINT64_MAX, 2, false, 0},
    {UINT64_MAX / 3, 4, false, 0},
};

START_TEST(products_are_checked)
{
    uint64_t result = 42;
    ck_assert_int_eq(cv_mul_u64(products[_i].a, products[_i].b, &result), products[_i].fits);
    ck_assert_uint_eq(result, products[_i].fits ? products[_i].product : 42);
}
END_TEST

static const struct {
    uint64_t a, b;
    bool fits;
    uint64_t sum;
} sums[] = {
    {0, 0, true, 0},           {UINT64_MAX, 0, true, UINT64_MAX}, {UINT64_MAX - 1, 1, true, UINT64_MAX},
    {UINT64_MAX, 1, false, 0}, {1, UINT64_MAX, false, 0},         {UINT64_MAX, UINT64_MAX, false, 0},
};

START_TEST(sums_are_checked)
{
    uint64_t result = 42;
    ck_assert_int_eq(cv_add_u64(sums[_i].a, sums[_i].b, &result), sums[_i].fits);
    ck_assert_uint_eq(result, sums[_i].fits ? sums[_i].sum : 42);
}
END_TEST

START_TEST(nothing_is_a_valid_pointer_too)
{
    void *blocks[] = {cv_alloc(0, 8), cv_calloc(8, 0), cv_realloc(NULL, 0, 1), cv_alloc_floats(0)};
    for (int i = 0; i < ROWS(blocks); i++) {
        ck_assert_ptr_nonnull(blocks[i]);
        free(blocks[i]);
    }
}
END_TEST

START_TEST(calloc_gives_zeros_and_realloc_keeps_what_was_there)
{
    int32_t *numbers = cv_calloc(100, sizeof *numbers);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(numbers[i], 0);
    for (int i = 0; i < 100; i++) numbers[i] = i;
    numbers = cv_realloc(numbers, 10000, sizeof *numbers);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(numbers[i], i);
    free(numbers);
}
END_TEST

START_TEST(floats_are_aligned_for_vector_loads)
{
    for (size_t count = 1; count < 100; count++) {
        float *floats = cv_alloc_floats(count);
        ck_assert_uint_eq((uintptr_t)floats % 64, 0);
        for (size_t i = 0; i < count; i++) floats[i] = (float)i; /* for the sanitizer and valgrind */
        free(floats);
    }
}
END_TEST

START_TEST(strings_are_copied)
{
    char *whole = cv_strdup("heads"), *part = cv_strndup("heads", 4), *none = cv_strndup("heads", 0);
    ck_assert_str_eq(whole, "heads");
    ck_assert_str_eq(part, "head");
    ck_assert_str_eq(none, "");
    free(whole);
    free(part);
    free(none);

    char *bytes = cv_strndup("a\0b", 3);
    ck_assert_mem_eq(bytes, "a\0b", 4);
    free(bytes);
}
END_TEST

START_TEST(reserve_grows_geometrically_and_keeps_the_elements)
{
    int *numbers = NULL;
    size_t capacity = 0, growths = 0;
    for (size_t i = 0; i < 100000; i++) {
        size_t before = capacity;
        cv_reserve(&numbers, &capacity, i + 1, sizeof *numbers);
        ck_assert_uint_ge(capacity, i + 1);
        growths += capacity != before;
        numbers[i] = (int)i;
    }
    ck_assert_uint_lt(growths, 40);
    for (int i = 0; i < 100000; i++) ck_assert_int_eq(numbers[i], i);

    int *same = numbers;
    size_t large_enough = capacity;
    cv_reserve(&numbers, &capacity, 10, sizeof *numbers);
    ck_assert_ptr_eq(numbers, same);
    ck_assert_uint_eq(capacity, large_enough);
    cv_reserve(&numbers, &capacity, 10 * large_enough, sizeof *numbers);
    ck_assert_uint_ge(capacity, 10 * large_enough);
    free(numbers);
}
END_TEST

/* Each of these must end the process with exit code 1 (the file's runner says so) before memory is asked for. */
static const struct {
    void *(*allocate)(size_t count, size_t size);
    size_t count, size;
} too_large[] = {
    {cv_alloc, SIZE_MAX, 2},
    {cv_alloc, SIZE_MAX / 2 + 1, 1},
    {cv_calloc, SIZE_MAX / 4, 8},
    {cv_calloc, (size_t)1 << 33, (size_t)1 << 33},
};

START_TEST(an_array_past_the_address_space_is_fatal)
{
    void *memory = too_large[_i].allocate(too_large[_i].count, too_large[_i].size);
    free(memory);
}
END_TEST

START_TEST(growing_past_the_address_space_is_fatal)
{
    free(cv_realloc(NULL, SIZE_MAX / 2, 4));
}
END_TEST

START_TEST(floats_past_the_address_space_are_fatal)
{
    free(cv_alloc_floats(SIZE_MAX / 2));
}
END_TEST

static void end_all_ranks(void)
{
    _exit(17);
}

START_TEST(the_fatal_handler_ends_the_process_its_own_way)
{
    cv_set_fatal_handler(end_all_ranks);
    cv_fatal("rank %d lost its disk", 3);
}
END_TEST

START_TEST(fatal_says_one_line_on_stderr)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    cv_set_fatal_handler(end_all_ranks);
    pid_t child = fork();
    if (child == 0) cv_fatal("rank %d lost its disk", 3);
    close(ends[1]);
    close(STDERR_FILENO);

    char text[200] = {0};
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) length += (size_t)got;
    close(ends[0]);
    ck_assert_str_eq(text, "caravan: fatal: rank 3 lost its disk\n");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("memory");
    tcase_add_loop_test(tests, products_are_checked, 0, ROWS(products));
    tcase_add_loop_test(tests, sums_are_checked, 0, ROWS(sums));
    tcase_add_test(tests, nothing_is_a_valid_pointer_too);
    tcase_add_test(tests, calloc_gives_zeros_and_realloc_keeps_what_was_there);
    tcase_add_test(tests, floats_are_aligned_for_vector_loads);
    tcase_add_test(tests, strings_are_copied);
    tcase_add_test(tests, reserve_grows_geometrically_and_keeps_the_elements);
    tcase_add_loop_exit_test(tests, an_array_past_the_address_space_is_fatal, CV_FAILED, 0, ROWS(too_large));
    tcase_add_exit_test(tests, growing_past_the_address_space_is_fatal, CV_FAILED);
    tcase_add_exit_test(tests, floats_past_the_address_space_are_fatal, CV_FAILED);
    tcase_add_exit_test(tests, the_fatal_handler_ends_the_process_its_own_way, 17);
    tcase_add_test(tests, fatal_says_one_line_on_stderr);
    return run_suite(tests);
}
