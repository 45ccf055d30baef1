#include "sweep/bytes.h"

#include "suite.h"

#include <math.h>

START_TEST(what_is_put_comes_back)
{
    cv_buffer out = {0};
    const int32_t ids[] = {1, -2, 3};
    cv_put_u64(&out, UINT64_MAX - 1);
    cv_put_i64(&out, INT64_MIN);
    cv_put_double(&out, -0.1);
    cv_put_text(&out, "käse");
    cv_put_text(&out, "");
    cv_put_text(&out, NULL);
    cv_put_array(&out, ids, 3, sizeof ids[0]);
    cv_put_array(&out, NULL, 0, sizeof ids[0]);

    cv_cursor in = cv_cursor_at(out.data, out.length);
    ck_assert_uint_eq(cv_get_u64(&in), UINT64_MAX - 1);
    ck_assert_int_eq(cv_get_i64(&in), INT64_MIN);
    ck_assert_double_eq(cv_get_double(&in), -0.1);
    char *text = cv_get_text(&in), *empty = cv_get_text(&in);
    ck_assert_str_eq(text, "käse");
    ck_assert_str_eq(empty, "");
    ck_assert_ptr_null(cv_get_text(&in));
    size_t count, none;
    int32_t *back = cv_get_array(&in, &count, sizeof *back), *nothing = cv_get_array(&in, &none, sizeof *back);
    ck_assert_uint_eq(count, 3);
    ck_assert_mem_eq(back, ids, sizeof ids);
    ck_assert_uint_eq(none, 0);
    ck_assert(cv_cursor_done(&in));
    free(text);
    free(empty);
    free(back);
    free(nothing);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(cut_bytes_are_noticed_at_every_length)
{
    cv_buffer out = {0};
    cv_put_text(&out, "name");
    cv_put_array(&out, "abcdef", 3, 2);
    cv_put_u64(&out, 7);
    for (size_t length = 0; length < out.length; length++) {
        cv_cursor in = cv_cursor_at(out.data, length);
        size_t count;
        char *text = cv_get_text(&in), *array = cv_get_array(&in, &count, 2);
        cv_get_u64(&in);
        ck_assert_msg(!cv_cursor_done(&in), "%zu of %zu bytes passed", length, out.length);
        free(text);
        free(array);
    }
    cv_buffer_free(&out);
}
END_TEST

START_TEST(bytes_left_over_are_noticed)
{
    cv_buffer out = {0};
    cv_put_u64(&out, 7);
    cv_put_u64(&out, 8);
    cv_cursor in = cv_cursor_at(out.data, out.length);
    cv_get_u64(&in);
    ck_assert(in.ok);
    ck_assert(!cv_cursor_done(&in));
    cv_buffer_free(&out);
}
END_TEST

START_TEST(a_count_larger_than_the_bytes_is_not_believed)
{
    const uint64_t counts[] = {2, UINT64_MAX, UINT64_MAX / 8 + 1};
    for (size_t i = 0; i < 3; i++) {
        cv_buffer out = {0};
        cv_put_u64(&out, counts[i]);
        cv_put_u64(&out, 0);
        cv_cursor in = cv_cursor_at(out.data, out.length);
        size_t count = 99;
        ck_assert_ptr_null(cv_get_array(&in, &count, 8));
        ck_assert_uint_eq(count, 0);
        ck_assert(!in.ok);
        ck_assert_uint_eq(cv_get_u64(&in), 0);
        cv_buffer_free(&out);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("bytes");
    tcase_add_test(tests, what_is_put_comes_back);
    tcase_add_test(tests, cut_bytes_are_noticed_at_every_length);
    tcase_add_test(tests, bytes_left_over_are_noticed);
    tcase_add_test(tests, a_count_larger_than_the_bytes_is_not_believed);
    return run_suite(tests);
}
