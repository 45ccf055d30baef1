#include "report/utility_table.h"

#include "base/memory.h"
#include "store/results.h"

#include "scratch.h"
#include "small_answers.h"
#include "suite.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ITEMS = 4 };

/* Four questions of two choices, the first of which is right; the second has three times the length. */
static char *context[] = {(char *)"it is"}, *choices[] = {(char *)"so", (char *)"not so"};
static cv_task_item items[ITEMS];
static cv_task task = {.items = items, .count = ITEMS};
static size_t begin[] = {0, 2, 4, 6, 8}, counts[2 * ITEMS], contexts[2 * ITEMS];
static int32_t ids[] = {1, 2, 3};
static const int32_t *pointers[2 * ITEMS];
static cv_task_pairs pairs = {ITEMS, 2 * ITEMS, begin, pointers, counts, contexts, ids};
static cv_task_pairs *all_pairs[] = {&pairs, &pairs};
static cv_job_utility names = {.name = (char *)"quiz", .file = (char *)"quiz.jsonl"};

/* The log-likelihoods of an item's two choices: right both ways, by the sum alone, and not. */
static const double right[] = {-1, -9}, by_sum[] = {-2, -3}, wrong[] = {-5, -1};

static cv_inputs make_inputs(void)
{
    cv_inputs inputs = small_evaluation(0, true);
    for (size_t i = 0; i < ITEMS; i++) items[i] = (cv_task_item){context, 1, choices, 2, 0, i + 1};
    for (size_t i = 0; i < 2 * ITEMS; i++) {
        pointers[i] = ids;
        counts[i] = 3;
        contexts[i] = 2;
    }
    inputs.tasks = &task;
    inputs.pairs = all_pairs;
    inputs.job.evaluate.utility = &names;
    inputs.job.evaluate.num_utility = 1;
    return inputs;
}

static void put(cv_utility *utility, const cv_utility_row *row, const double *const values[ITEMS])
{
    double all[2 * ITEMS];
    for (size_t i = 0; i < 2 * ITEMS; i++) all[i] = values[i / 2][i % 2];
    cv_buffer bytes = {0};
    cv_error err;
    cv_put_array(&bytes, all, 2 * ITEMS, sizeof *all);
    cv_batch batch = {.begin = row->first, .end = row->first + row->count};
    ck_assert_msg(cv_utility_put(utility, &batch, bytes.data, bytes.length, &err), "%s", err.text);
    cv_buffer_free(&bytes);
}

/* The clean model has three right by sums and two by lengths; top:2 has one and one, and all others none. */
static cv_utility *make_utility(const cv_inputs *inputs, const cv_chosen *chosen)
{
    static const double *const clean[] = {right, by_sum, right, wrong}, *const top[] = {right, wrong, wrong, wrong},
                               *const none[] = {wrong, wrong, wrong, wrong};
    cv_utility *utility = cv_utility_make(inputs, chosen);
    size_t count;
    const cv_utility_row *rows = cv_utility_rows(utility, &count);
    for (size_t r = 0; r < count; r++) {
        bool is_top = rows[r].group == TOP_2 && rows[r].model == 1;
        put(utility, &rows[r], rows[r].group == NONE ? clean : is_top ? top : none);
    }
    return utility;
}

static cv_utility *utility;
static cv_chosen *chosen;
static cv_inputs inputs;

static void setup(void)
{
    cv_error err;
    scratch_make();
    inputs = make_inputs();
    chosen = small_chosen(&inputs);
    utility = make_utility(&inputs, chosen);
    cv_folder *folder = cv_folder_open(scratch, &err);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            char *name = cv_results_name(&inputs.job, m, a, NULL);
            ck_assert(cv_folder_make(folder, name, &err));
            free(name);
        }
    ck_assert_msg(cv_utility_write(folder, &inputs, utility, &err), "%s", err.text);
    cv_folder_close(folder);
}

static void teardown(void)
{
    cv_utility_free(utility);
    cv_chosen_free(chosen);
    scratch_remove();
}

/* The table's lines, in a static array. */
static char **read_lines(const char *name, size_t *count)
{
    static char *lines[32];
    cv_error err;
    size_t length;
    char *path = scratch_path(name), *text = cv_read_file(path, &length, &err), *rest = NULL;
    ck_assert_msg(text != NULL, "%s", err.text);
    *count = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        ck_assert_uint_lt(*count, 32);
        lines[(*count)++] = line;
    }
    free(path);
    return lines;
}

static void expect_start(const char *line, const char *start)
{
    ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "\"%s\" does not begin with \"%s\"", line, start);
}

/* Field number field of a line, from 0; NaN for an empty one. */
static double number_in(const char *line, int field)
{
    for (; field > 0; field--) {
        line = strchr(line, ',');
        ck_assert_ptr_nonnull(line);
        line++;
    }
    return *line == ',' || !*line ? (double)NAN : strtod(line, NULL);
}

START_TEST(a_line_for_each_group_that_answers_alike)
{
    static const char *const starts[] = {
        "group,heads,task,n,acc,acc_low,acc_high,acc_difference,acc_difference_low,acc_difference_high,acc_norm,"
        "acc_norm_low,acc_norm_high,acc_norm_difference,acc_norm_difference_low,acc_norm_difference_high",
        "none,,quiz,4,0.75,",
        "top:2,L2H1 L1H1,quiz,4,0.25,",
        "sahara:1,L2H1,quiz,4,0,",
        "random:2,L1H0 L0H1,quiz,4,0,",
    };
    size_t count;
    char **lines = read_lines("b/value_scale-kv_group/utility.csv", &count);
    ck_assert_uint_eq(count, sizeof starts / sizeof starts[0]); /* per_prompt has no meaning here */
    for (size_t i = 0; i < count; i++) expect_start(lines[i], starts[i]);
    free(lines[0]);
}
END_TEST

static void expect_estimate(const char *line, int field, cv_estimate expected)
{
    ck_assert_double_eq_tol(number_in(line, field), expected.value, 1e-12);
    ck_assert_double_eq_tol(number_in(line, field + 1), expected.low, 1e-12);
    ck_assert_double_eq_tol(number_in(line, field + 2), expected.high, 1e-12);
}

/* By sums and by lengths, and against the clean model on the same questions. */
START_TEST(accuracies_and_differences_have_their_columns)
{
    static const bool clean[2][ITEMS] = {{true, true, true, false}, {true, false, true, false}},
                      top[ITEMS] = {true, false, false, false};
    size_t count;
    char **lines = read_lines("b/uniform_attention/utility.csv", &count);
    expect_estimate(lines[1], 4, cv_wilson(3, 4));
    expect_estimate(lines[1], 10, cv_wilson(2, 4));
    for (int field = 7; field < 10; field++) ck_assert_double_nan(number_in(lines[1], field));
    expect_estimate(lines[2], 4, cv_wilson(1, 4));
    expect_estimate(lines[2], 7, cv_accuracy_difference(top, clean[0], ITEMS));
    expect_estimate(lines[2], 10, cv_wilson(1, 4));
    expect_estimate(lines[2], 13, cv_accuracy_difference(top, clean[1], ITEMS));
    ck_assert_double_eq_tol(number_in(lines[2], 7), -0.5, 1e-12); /* fewer right is below zero */
    free(lines[0]);
}
END_TEST

START_TEST(the_clean_models_line_stands_in_every_table)
{
    static const char *const names_of[] = {"a/uniform_attention/utility.csv", "a/value_scale-kv_group/utility.csv",
                                           "b/value_scale-kv_group/utility.csv"};
    size_t count;
    char **lines = read_lines("b/uniform_attention/utility.csv", &count), *first = lines[0], *clean = lines[1];
    for (size_t i = 0; i < 3; i++) {
        lines = read_lines(names_of[i], &count);
        ck_assert_str_eq(lines[1], clean);
        free(lines[0]);
    }
    free(first);
}
END_TEST

/* There is nothing to be compared with where the job does not ask for the clean model. */
START_TEST(without_the_clean_model_there_are_no_differences)
{
    cv_inputs others = inputs;
    others.job.evaluate.groups = small_groups + 1;
    others.job.evaluate.num_groups = 1;
    cv_chosen *few = small_chosen(&others);
    cv_utility *alone = cv_utility_make(&others, few);
    size_t count;
    const cv_utility_row *rows = cv_utility_rows(alone, &count);
    static const double *const values[] = {right, right, wrong, wrong};
    for (size_t r = 0; r < count; r++) put(alone, &rows[r], values);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_msg(cv_utility_write(folder, &others, alone, &err), "%s", err.text);
    char **lines = read_lines("a/uniform_attention/utility.csv", &count);
    ck_assert_uint_eq(count, 2);
    expect_start(lines[1], "top:2,L2H3 L1H3,quiz,4,0.5,");
    for (int field = 7; field < 10; field++) ck_assert_double_nan(number_in(lines[1], field));
    free(lines[0]);
    cv_folder_close(folder);
    cv_utility_free(alone);
    cv_chosen_free(few);
}
END_TEST

START_TEST(people_get_a_table_too)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    cv_utility_print(out, &inputs, utility);
    fclose(out);
    static const char start[] = "a, uniform_attention: utility (accuracy by log-likelihood; 95 % intervals)\n";
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "  none           quiz              4  0.750 (0.301 to 0.954)     0.500\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "  top:2          quiz              4  0.250 (0.046 to 0.699)     0.250  -0.500 ("));
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("utility_table");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_line_for_each_group_that_answers_alike);
    tcase_add_test(tests, accuracies_and_differences_have_their_columns);
    tcase_add_test(tests, the_clean_models_line_stands_in_every_table);
    tcase_add_test(tests, without_the_clean_model_there_are_no_differences);
    tcase_add_test(tests, people_get_a_table_too);
    return run_suite(tests);
}
