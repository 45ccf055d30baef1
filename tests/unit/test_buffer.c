#include "base/buffer.h"

#include "suite.h"

#include <string.h>

START_TEST(an_empty_buffer_has_no_data_and_steals_as_an_empty_string)
{
    cv_buffer buffer = {0};
    ck_assert_ptr_null(buffer.data);
    cv_buffer_free(&buffer);
    char *text = cv_buffer_steal(&buffer);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(bytes_are_appended_nul_included)
{
    cv_buffer buffer = {0};
    cv_buffer_append(&buffer, "a\0b", 3);
    cv_buffer_append(&buffer, "", 0);
    cv_buffer_append(&buffer, NULL, 0);
    cv_buffer_puts(&buffer, "cd");
    ck_assert_uint_eq(buffer.length, 5);
    ck_assert_mem_eq(buffer.data, "a\0bcd", 6);
    cv_buffer_free(&buffer);
    ck_assert_ptr_null(buffer.data);
    ck_assert_uint_eq(buffer.length, 0);
}
END_TEST

START_TEST(printf_appends_texts_of_any_length)
{
    char longer[5000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;

    cv_buffer buffer = {0};
    cv_buffer_printf(&buffer, "%s", "");
    ck_assert_str_eq(buffer.data, "");
    cv_buffer_printf(&buffer, "L%dH%d ", 2, 26);
    cv_buffer_printf(&buffer, "%s!", longer);
    ck_assert_uint_eq(buffer.length, 6 + 4999 + 1);
    ck_assert_int_eq(strncmp(buffer.data, "L2H26 xxx", 9), 0);
    ck_assert_str_eq(buffer.data + buffer.length - 2, "x!");
    cv_buffer_free(&buffer);
}
END_TEST

START_TEST(many_small_pieces_make_one_text)
{
    cv_buffer buffer = {0};
    for (int i = 0; i < 1000; i++) cv_buffer_printf(&buffer, "%03d", i);
    ck_assert_uint_eq(buffer.length, 3000);
    for (int i = 0; i < 1000; i++) {
        char piece[4] = {0};
        memcpy(piece, buffer.data + 3 * i, 3);
        ck_assert_int_eq(atoi(piece), i);
    }
    cv_buffer_free(&buffer);
}
END_TEST

START_TEST(a_stolen_text_leaves_the_buffer_empty_for_the_next)
{
    cv_buffer buffer = {0};
    cv_buffer_puts(&buffer, "first");
    char *first = cv_buffer_steal(&buffer);
    ck_assert_ptr_null(buffer.data);
    cv_buffer_puts(&buffer, "second");
    char *second = cv_buffer_steal(&buffer);
    ck_assert_str_eq(first, "first");
    ck_assert_str_eq(second, "second");
    free(first);
    free(second);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("buffer");
    tcase_add_test(tests, an_empty_buffer_has_no_data_and_steals_as_an_empty_string);
    tcase_add_test(tests, bytes_are_appended_nul_included);
    tcase_add_test(tests, printf_appends_texts_of_any_length);
    tcase_add_test(tests, many_small_pieces_make_one_text);
    tcase_add_test(tests, a_stolen_text_leaves_the_buffer_empty_for_the_next);
    return run_suite(tests);
}
