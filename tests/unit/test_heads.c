#include "report/heads.h"

#include "store/results.h"

#include "scratch.h"
#include "small_grid.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

static char *read_table(cv_folder *folder, const char *name)
{
    cv_error err;
    size_t length;
    char *path = cv_folder_path(folder, name), *text = cv_read_file(path, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return text;
}

static cv_folder *write_tables(size_t harmless)
{
    cv_inputs inputs = small_inputs(harmless);
    cv_scores *scores = cv_scores_make(&inputs);
    small_fill(scores, &inputs);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_ptr_nonnull(folder);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            char *name = cv_results_name(&inputs.job, m, a, NULL);
            ck_assert(cv_folder_make(folder, name, &err));
            free(name);
        }
    ck_assert_msg(cv_heads_write(folder, &inputs, scores, &err), "%s", err.text);
    cv_scores_free(scores);
    return folder;
}

/* A line begins so, then has an interval around the mean, then an end. All heads differ by the same for every
 * prompt, so their ranks are certain; the means are not. */
static void expect_line(const char *line, const char *begin, const char *end)
{
    double mean, low, high;
    int used;
    ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "%s", line);
    mean = strtod(strrchr(begin, ',') + 1, NULL);
    ck_assert_msg(sscanf(line + strlen(begin), ",%lf,%lf,%n", &low, &high, &used) == 2, "%s", line);
    ck_assert_msg(low < mean && mean < high && high - low > 1000, "%s", line);
    ck_assert_str_eq(line + strlen(begin) + used, end);
}

/* small_cell over prompts 0 to 4 has mean m + 0.1 a + 10 l + 100 h + 2000, over 0 to 1 ... + 500. */
START_TEST(a_table_has_a_line_for_each_head)
{
    cv_folder *folder = write_tables(HARMLESS);
    char *text = read_table(folder, "a/uniform_attention/heads.csv"), *rest = NULL;
    ck_assert_str_eq(strtok_r(text, "\n", &rest),
                     "layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,"
                     "top10_probability,parameter_share");
    expect_line(strtok_r(NULL, "\n", &rest), "2,3,1,2320", "820.01,1499.99,,1,0.125");
    expect_line(strtok_r(NULL, "\n", &rest), "1,3,2,2310", "810.01,1499.99,,1,0.125");
    int lines = 3;
    while (strtok_r(NULL, "\n", &rest)) lines++;
    ck_assert_int_eq(lines, 1 + LAYERS * HEADS);
    free(text);
    text = read_table(folder, "b/value_scale-kv_group/heads.csv");
    strtok_r(text, "\n", &rest);
    for (lines = 1; strtok_r(NULL, "\n", &rest); lines++) {
    }
    ck_assert_int_eq(lines, 1 + LAYERS * GROUPS);
    free(text);
    cv_folder_close(folder);
}
END_TEST

START_TEST(ranks_and_specificities_have_intervals)
{
    cv_folder *folder = write_tables(HARMLESS);
    char *text = read_table(folder, "a/uniform_attention/intervals.csv"), *rest = NULL;
    ck_assert_str_eq(strtok_r(text, "\n", &rest),
                     "layer,head,rank,rank_low,rank_high,specificity,specificity_low,specificity_high");
    double value, low, high;
    const char *line = strtok_r(NULL, "\n", &rest);
    ck_assert_msg(sscanf(line, "2,3,1,1,1,%lf,%lf,%lf", &value, &low, &high) == 3, "%s", line);
    ck_assert_msg(low < value && value < high, "%s", line);
    ck_assert_double_eq_tol(value, 1499.99, 1e-9);
    free(text);
    cv_folder_close(folder);
}
END_TEST

START_TEST(halves_of_the_prompts_agree_where_heads_differ_alike)
{
    cv_folder *folder = write_tables(HARMLESS);
    char *text = read_table(folder, "a/uniform_attention/stability.csv"), *rest = NULL;
    ck_assert_str_eq(strtok_r(text, "\n", &rest), "score,prompts,splits,spearman,spearman_low,spearman_high");
    ck_assert_str_eq(strtok_r(NULL, "\n", &rest), "harmful_ships,5,2000,1,1,1");
    ck_assert_str_eq(strtok_r(NULL, "\n", &rest), "harmless_ships,2,2000,1,1,1");
    free(text);
    cv_folder_close(folder);
}
END_TEST

START_TEST(without_harmless_prompts_the_fields_are_empty)
{
    cv_folder *folder = write_tables(0);
    char *text = read_table(folder, "a/uniform_attention/heads.csv"), *rest = NULL;
    strtok_r(text, "\n", &rest);
    expect_line(strtok_r(NULL, "\n", &rest), "2,3,1,2320", ",,,1,0.125");
    free(text);
    cv_folder_close(folder);
}
END_TEST

/* One head is 8 * 16 of 1024 parameters; a group of 2 query heads shares one key head. */
static const struct {
    cv_ablation ablation;
    double share;
} shares[] = {
    {{.kind = CV_UNIFORM_ATTENTION}, 0.125},
    {{.kind = CV_UNIFORM_ATTENTION, .granularity = CV_GRANULARITY_KV_GROUP}, 0.125},
    {{.kind = CV_VALUE_SCALE}, 0.125},
    {{.kind = CV_VALUE_SCALE, .granularity = CV_GRANULARITY_KV_GROUP}, 0.25},
    {{.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Q}, 0.125},
    {{.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Q, .granularity = CV_GRANULARITY_KV_GROUP}, 0.25},
    {{.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_K}, 0.125},
    {{.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_K, .granularity = CV_GRANULARITY_KV_GROUP}, 0.125},
    {{.kind = CV_MEAN_OVER_HEADS, .mean_of = CV_MEAN_OF_Z, .granularity = CV_GRANULARITY_KV_GROUP}, 0.25},
};

START_TEST(the_share_counts_the_matrix_that_is_modified)
{
    ck_assert_double_eq(cv_parameter_share(&small_model, &shares[_i].ablation), shares[_i].share);
}
END_TEST

/* The paper's example: one head's W_q in Llama-2-7B is 0.0078 % of the parameters. */
START_TEST(the_share_of_a_llama_head)
{
    cv_model llama = {
        .config = {.num_attention_heads = 32, .num_key_value_heads = 32, .hidden_size = 4096, .head_dim = 128},
        .parameters = 6738415616};
    ck_assert_double_eq_tol(cv_parameter_share(&llama, &(cv_ablation){0}), 7.78e-5, 1e-7);
}
END_TEST

START_TEST(the_printed_table_shows_the_top)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    cv_scores *scores = cv_scores_make(&inputs);
    small_fill(scores, &inputs);
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    cv_heads_print(out, &inputs, scores, 2);
    fclose(out);
    const char *start = "a, uniform_attention: top 2 of 12 heads by Ships (nats, mean over 5 harmful prompts)\n"
                        "  rank  head        ships mean   harmless mean   specificity\n"
                        "     1  L2H3              2320          820.01       1499.99\n"
                        "     2  L1H3              2310          810.01       1499.99\n"
                        "\n"
                        "a, value_scale-kv_group: top 2 of 6 heads by Ships (nats, mean over 5 harmful prompts)\n";
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
    free(text);
    cv_scores_free(scores);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("heads");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_table_has_a_line_for_each_head);
    tcase_add_test(tests, ranks_and_specificities_have_intervals);
    tcase_add_test(tests, halves_of_the_prompts_agree_where_heads_differ_alike);
    tcase_add_test(tests, without_harmless_prompts_the_fields_are_empty);
    tcase_add_loop_test(tests, the_share_counts_the_matrix_that_is_modified, 0, ROWS(shares));
    tcase_add_test(tests, the_share_of_a_llama_head);
    tcase_add_test(tests, the_printed_table_shows_the_top);
    return run_suite(tests);
}
