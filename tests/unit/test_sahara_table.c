#include "report/sahara_table.h"

#include "report/heads.h"
#include "store/results.h"

#include "scratch.h"
#include "small_answers.h"
#include "suite.h"

#include <stdio.h>

/* The search of two steps over the sweep's angles at rank 2: 0.001 times a cell's number, and 2. */
static cv_sahara *search(const cv_inputs *inputs)
{
    cv_scores *scores = cv_scores_make(inputs);
    small_fill(scores, inputs);
    cv_sahara *sahara = small_search(inputs, scores);
    cv_scores_free(scores);
    return sahara;
}

static void expect_file(const char *name, const char *expected)
{
    cv_error err;
    size_t length;
    char *path = scratch_path(name), *text = cv_read_file(path, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    ck_assert_str_eq(text, expected);
    free(path);
    free(text);
}

/* A head is 128 of 1024 parameters, and a group of two, scaled, 256. */
START_TEST(a_line_for_each_step)
{
    cv_inputs inputs = small_evaluation(0, true);
    cv_sahara *sahara = search(&inputs);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            char *name = cv_results_name(&inputs.job, m, a, NULL);
            ck_assert(cv_folder_make(folder, name, &err));
            free(name);
        }
    ck_assert_msg(cv_sahara_write(folder, &inputs, sahara, &err), "%s", err.text);
    expect_file("a/uniform_attention/sahara.csv", "step,layer,head,angle_deg,parameter_share\n"
                                                  "1,2,3,2.32,0.125\n"
                                                  "2,1,3,2.31,0.25\n");
    expect_file("b/value_scale-kv_group/sahara.csv", "step,layer,head,angle_deg,parameter_share\n"
                                                     "1,2,1,2.1211,0.25\n"
                                                     "2,1,1,2.1111,0.5\n");
    cv_folder_close(folder);
    cv_sahara_free(sahara);
}
END_TEST

START_TEST(steps_are_printed_in_a_line)
{
    cv_inputs inputs = small_evaluation(0, true);
    cv_sahara *sahara = search(&inputs);
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    cv_sahara_print(out, &inputs, sahara);
    fclose(out);
    static const char start[] =
        "a, uniform_attention: Sahara's heads (angle of the group's states with the clean ones, "
        "degrees)\n  L2H3 2.32, L1H3 2.31\n\n"
        "a, value_scale-kv_group: ";
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
    free(text);
    cv_sahara_free(sahara);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sahara_table");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_line_for_each_step);
    tcase_add_test(tests, steps_are_printed_in_a_line);
    return run_suite(tests);
}
