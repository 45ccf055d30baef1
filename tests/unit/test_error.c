#include "suite.h"

#include <caravan/base.h>
#include <string.h>

START_TEST(bad_input_fills_status_and_text)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_bad_input(&err, "%s: %d bytes are too few", "model.safetensors", 7));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_str_eq(err.text, "model.safetensors: 7 bytes are too few");
}
END_TEST

START_TEST(failed_fills_status_and_text)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_failed(&err, "%s: the disk is full", "journal"));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_str_eq(err.text, "journal: the disk is full");
}
END_TEST

START_TEST(a_later_error_replaces_an_earlier_one)
{
    cv_error err;
    cv_failed(&err, "a long first text");
    cv_bad_input(&err, "second");
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_str_eq(err.text, "second");
}
END_TEST

/* A foreign file must not reach the terminal with escapes, nor break the one-line rule. */
static const struct {
    const char *quoted, *shown;
} quotes[] = {
    {"plain", "plain"},
    {"", ""},
    {"two\nlines", "two lines"},
    {"carriage\rreturn\ttab", "carriage return tab"},
    {"\x1b[31mred", " [31mred"},
    {"bell\x07 delete\x7f", "bell  delete "},
    {"caf\xc3\xa9 \xe6\xbc\xa2", "caf\xc3\xa9 \xe6\xbc\xa2"},
};

START_TEST(control_characters_become_blanks)
{
    cv_error err;
    cv_bad_input(&err, "%s", quotes[_i].quoted);
    ck_assert_str_eq(err.text, quotes[_i].shown);
}
END_TEST

static void fill_with(char *text, size_t size, char c)
{
    memset(text, c, size - 1);
    text[size - 1] = 0;
}

START_TEST(a_text_that_does_not_fit_is_cut)
{
    char longer[2 * CV_ERROR_TEXT];
    fill_with(longer, sizeof longer, 'x');
    cv_error err;
    cv_bad_input(&err, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), CV_ERROR_TEXT - 1);
    ck_assert_int_eq(strncmp(err.text, longer, CV_ERROR_TEXT - 1), 0);
}
END_TEST

START_TEST(prefix_keeps_status_and_puts_the_context_before)
{
    cv_error err;
    cv_failed(&err, "no space");
    ck_assert(!cv_error_prefix(&err, "model %d", 2));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_str_eq(err.text, "model 2: no space");
    cv_error_prefix(&err, "job");
    ck_assert_str_eq(err.text, "job: model 2: no space");
}
END_TEST

START_TEST(prefix_of_a_full_text_cuts_its_end)
{
    char longest[CV_ERROR_TEXT];
    fill_with(longest, sizeof longest, 'y');
    cv_error err;
    cv_bad_input(&err, "%s", longest);
    cv_error_prefix(&err, "job");
    ck_assert_uint_eq(strlen(err.text), CV_ERROR_TEXT - 1);
    ck_assert_int_eq(strncmp(err.text, "job: yyy", 8), 0);

    cv_error_prefix(&err, "%s", longest);
    ck_assert_str_eq(err.text, longest);
}
END_TEST

START_TEST(statuses_are_the_exit_codes_of_the_program)
{
    ck_assert_int_eq(CV_OK, 0);
    ck_assert_int_eq(CV_FAILED, 1);
    ck_assert_int_eq(CV_BAD_INPUT, 2);
    ck_assert_int_eq(CV_STOPPED, 75);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("error");
    tcase_add_test(tests, bad_input_fills_status_and_text);
    tcase_add_test(tests, failed_fills_status_and_text);
    tcase_add_test(tests, a_later_error_replaces_an_earlier_one);
    tcase_add_loop_test(tests, control_characters_become_blanks, 0, ROWS(quotes));
    tcase_add_test(tests, a_text_that_does_not_fit_is_cut);
    tcase_add_test(tests, prefix_keeps_status_and_puts_the_context_before);
    tcase_add_test(tests, prefix_of_a_full_text_cuts_its_end);
    tcase_add_test(tests, statuses_are_the_exit_codes_of_the_program);
    return run_suite(tests);
}
