#include "base/log.h"

#include "suite.h"

#include <string.h>
#include <unistd.h>

static int saved_stderr, reading_end;

/* From here to captured(), stderr goes into a pipe; its capacity of 64 KiB is enough for a test. */
static void capture(void)
{
    int ends[2];
    saved_stderr = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    reading_end = ends[0];
}

/* What was written to stderr since capture(); valid until the next call. */
static const char *captured(void)
{
    static char text[8192];
    ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
    close(saved_stderr);
    size_t length = 0;
    for (ssize_t got; (got = read(reading_end, text + length, sizeof text - 1 - length)) > 0;) length += (size_t)got;
    close(reading_end);
    text[length] = 0;
    return text;
}

START_TEST(messages_are_lines_with_the_programs_name)
{
    capture();
    cv_info("%d heads", 48);
    cv_warn("BLAS has %d thread", 1);
    ck_assert_str_eq(captured(), "caravan: 48 heads\ncaravan: warning: BLAS has 1 thread\n");
}
END_TEST

START_TEST(a_silenced_rank_says_nothing_until_it_may_again)
{
    capture();
    cv_log_enable(false);
    cv_info("hidden");
    cv_warn("hidden");
    cv_log_enable(true);
    cv_info("shown");
    ck_assert_str_eq(captured(), "caravan: shown\n");
}
END_TEST

START_TEST(a_very_long_message_is_still_one_line)
{
    char longer[4000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    capture();
    cv_info("%s", longer);
    const char *text = captured();
    ck_assert_int_eq(strncmp(text, "caravan: xxx", 12), 0);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log");
    tcase_add_test(tests, messages_are_lines_with_the_programs_name);
    tcase_add_test(tests, a_silenced_rank_says_nothing_until_it_may_again);
    tcase_add_test(tests, a_very_long_message_is_still_one_line);
    return run_suite(tests);
}
