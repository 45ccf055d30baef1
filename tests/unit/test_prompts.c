#include <caravan/text.h>

#include "base/buffer.h"
#include "scratch.h"
#include "suite.h"
#include "text_cases.h"

#define BOM "\xef\xbb\xbf"

/* Files and the prompts in them, joined with |. */
static const struct {
    const char *name, *content, *column;
    size_t limit;
    const char *prompts;
} cases[] = {
    {"p.csv", "goal,target\nbake,ok\n\"mix, \"\"well\"\"\",x\n", NULL, 0, "bake|mix, \"well\""},
    {"p.csv", "target,goal\r\nok,bake\r\nx,\"two\r\nlines\"\r\n", NULL, 0, "bake|two\r\nlines"},
    {"p.CSV", BOM "input\na\nb\n", NULL, 0, "a|b"},
    {"p.csv", BOM "\"prompt\"\na", NULL, 0, "a"},
    {"p.csv", "query,prompt\na,b\n", NULL, 0, "b"},
    {"p.csv", "Goal,query\na,b\n", NULL, 0, "a"},
    {"p.csv", "x,y\na,b\nc,d\n", "y", 0, "b|d"},
    {"p.csv", "goal\na\nb\nc\n", NULL, 2, "a|b"},
    {"p.csv", "goal\na\n\n\nb\n", NULL, 9, "a|b"},
    {"p.csv", "goal\n  padded \n", NULL, 0, "  padded "},
    {"p.csv", "goal\n\u00e9\U0001f600\n", NULL, 0, "\u00e9\U0001f600"},
    {"p.txt", "one\n\n  \ntwo, \"2\"\r\n three ", NULL, 0, "one|two, \"2\"| three "},
    {"p.txt", BOM "one\n", NULL, 0, "one"},
    {"prompts", "one\ntwo\nthree\n", NULL, 2, "one|two"},
};

START_TEST(test_load)
{
    cv_error err;
    cv_prompts prompts;
    cv_buffer out = {0};
    char *path = scratch_file(cases[_i].name, cases[_i].content, strlen(cases[_i].content));
    ck_assert_msg(cv_prompts_load(path, cases[_i].column, cases[_i].limit, &prompts, &err), "%s", err.text);
    for (size_t i = 0; i < prompts.count; i++) cv_buffer_printf(&out, "%s%s", i ? "|" : "", prompts.text[i]);
    ck_assert_str_eq(out.data, cases[_i].prompts);
    cv_buffer_free(&out);
    cv_prompts_free(&prompts);
    free(path);
}
END_TEST

#define SIZED(text) text, sizeof text - 1

static const struct {
    const char *name, *content;
    size_t length;
    const char *column, *message;
} refused[] = {
    {"p.csv", SIZED(""), NULL, "the file is empty"},
    {"p.csv", SIZED(BOM), NULL, "the file is empty"},
    {"p.csv", SIZED("\n\n"), NULL, "the file is empty"},
    {"p.csv", SIZED("goal\n"), NULL, "the file holds no prompt"},
    {"p.csv", SIZED("a,b\n1,2\n"), NULL, "no column goal, Goal, input, prompt or query"},
    {"p.csv", SIZED("a,b\n1,2\n"), NULL, "the columns are: a, b"},
    {"p.csv", SIZED("a,b\n1,2\n"), "goal", "no column \"goal\"; the columns are: a, b"},
    {"p.csv", SIZED("goal,b\n1\n"), NULL, "line 2: 1 fields, but the header has 2"},
    {"p.csv", SIZED("goal,b\n1,2\n1,2,3\n"), NULL, "line 3: 3 fields, but the header has 2"},
    {"p.csv", SIZED("goal,b\n1,2\n  ,2\n"), NULL, "line 3: the prompt is empty"},
    {"p.csv", SIZED("goal\n\"a\n"), NULL, "line 2: a field's opening quote has no closing one"},
    {"p.csv", SIZED("goal\na\0b\n"), NULL, "line 2: a NUL byte"},
    {"p.csv", SIZED("goal\na\n\xe9\n"), NULL, "line 3: not valid UTF-8"},
    {"p.txt", SIZED(""), NULL, "the file holds no prompt"},
    {"p.txt", SIZED(" \n\r\n\t\n"), NULL, "the file holds no prompt"},
    {"p.txt", SIZED("one\ntwo\0\n"), NULL, "line 2: a NUL byte"},
    {"p.txt", SIZED("one\n\xc3"), NULL, "line 2: not valid UTF-8"},
    {"p.txt", SIZED("one\n"), "goal", "\"column\" is for files whose name ends in .csv"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_prompts prompts = {0};
    char *path = scratch_file(refused[_i].name, refused[_i].content, refused[_i].length);
    ck_assert(!cv_prompts_load(path, refused[_i].column, 0, &prompts, &err));
    check_error(&err, refused[_i].message);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_null(prompts.text);
    free(path);
}
END_TEST

START_TEST(test_missing)
{
    cv_error err;
    cv_prompts prompts = {0};
    char *path = scratch_path("none.csv");
    ck_assert(!cv_prompts_load(path, NULL, 0, &prompts, &err));
    check_error(&err, "none.csv");
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("prompts");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, test_load, 0, ROWS(cases));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_test(tests, test_missing);
    return run_suite(tests);
}
