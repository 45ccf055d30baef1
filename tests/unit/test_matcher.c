#include "text/matcher.h"

#include "suite.h"

#include <string.h>

static const char *const strings[] = {"<s>", "<s", "<sep>", "\u00e9", "\n", "\n\n\n"};

static const struct {
    const char *text;
    int value;
    size_t length;
} cases[] = {
    {"<s>x", 0, 3},  {"<sx", 1, 2}, {"<sep>", 2, 5}, {"<se", 1, 2},      {"\u00e9\u00e9", 3, 2},
    {"x<s>", -1, 0}, {"", -1, 0},   {"\n\n", 4, 1},  {"\n\n\n\n", 5, 3}, {"\xc3", -1, 0},
};

START_TEST(test_longest)
{
    cv_matcher *matcher = cv_matcher_create();
    for (int i = 0; i < ROWS(strings); i++) ck_assert(cv_matcher_add(matcher, strings[i], i));
    size_t length = 0;
    ck_assert_int_eq(cv_matcher_longest(matcher, cases[_i].text, strlen(cases[_i].text), &length), cases[_i].value);
    if (cases[_i].value >= 0) ck_assert_uint_eq(length, cases[_i].length);
    cv_matcher_free(matcher);
}
END_TEST

START_TEST(test_refusals)
{
    cv_matcher *matcher = cv_matcher_create();
    ck_assert(!cv_matcher_add(matcher, "", 0));
    ck_assert(cv_matcher_add(matcher, "a", 0));
    ck_assert(!cv_matcher_add(matcher, "a", 1));
    cv_matcher_free(matcher);
    cv_matcher_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("matcher");
    tcase_add_loop_test(tests, test_longest, 0, ROWS(cases));
    tcase_add_test(tests, test_refusals);
    return run_suite(tests);
}
