#include "report/source.h"

#include "results_folder.h"
#include "suite.h"

#include <math.h>
#include <string.h>

START_TEST(all_that_is_there_is_read)
{
    cv_error err;
    cv_source source;
    char name[32];
    make_results();
    ck_assert_msg(cv_source_read(scratch, &source, &err), "%s", err.text);
    ck_assert_uint_eq(source.num_runs, 2);
    const cv_source_run *run = &source.runs[0];
    ck_assert_str_eq(run->model, "a");
    ck_assert_str_eq(run->base, "base");
    ck_assert_str_eq(run->ablation, "uniform_attention");
    ck_assert_ptr_null(source.runs[1].base);
    ck_assert(run->layers == 2 && run->heads_a_layer == 3);
    ck_assert(run->has_ships && run->has_harmless && run->has_angles);
    ck_assert_str_eq(cv_head_name(&run->heads[0], name), "L1H2");
    ck_assert_double_eq(run->heads[1].harmless, 0.5);
    ck_assert_double_eq(run->heads[1].rank_high, 3);
    ck_assert_double_eq(run->heads[0].specificity_low, 0.3);
    ck_assert_double_nan(run->heads[2].ships_low);
    ck_assert_double_nan(run->heads[5].angle);
    ck_assert_double_eq(cv_source_score(run, &run->heads[0]), 0.5);
    ck_assert_uint_eq(run->sahara.rows, 2);
    ck_assert_uint_eq(run->asr.rows, 2);
    ck_assert_uint_eq(run->stability.rows, 0);
    ck_assert_uint_eq(source.overlap.rows, 0);
    cv_source_free(&source);
}
END_TEST

START_TEST(angles_alone_rank_too)
{
    cv_error err;
    cv_source source;
    make_results();
    for (int m = 0; m < 2; m++) {
        put_file(m ? "b/uniform_attention/heads.csv" : "a/uniform_attention/heads.csv",
                 "layer,head,rank,ships_mean,angle_deg\n0,1,1,,4\n0,0,2,,3\n");
        put_file(m ? "b/uniform_attention/intervals.csv" : "a/uniform_attention/intervals.csv",
                 "layer,head\n0,1\n0,0\n");
    }
    ck_assert_msg(cv_source_read(scratch, &source, &err), "%s", err.text);
    ck_assert(!source.runs[0].has_ships && source.runs[0].has_angles);
    ck_assert_double_eq(cv_source_score(&source.runs[0], &source.runs[0].heads[0]), 4);
    cv_source_free(&source);
}
END_TEST

/* Each file in place of the good one, and what is said of it. */
static const struct {
    const char *file, *text, *message;
} broken[] = {
    {"manifest.json", "{", "manifest.json"},
    {"manifest.json", "{\"models\": []}", "manifest.json: names no models, or no definitions.ablations"},
    {"manifest.json", "{\"models\": [{\"name\": \"a\"}]}",
     "manifest.json: names no models, or no definitions.ablations"},
    {"manifest.json", "{\"models\": [3], \"definitions\": {\"ablations\": [{\"name\": \"x\"}]}}",
     "manifest.json: models[0] must be an object"},
    {"manifest.json", "{\"models\": [{\"name\": \"../a\"}], \"definitions\": {\"ablations\": [{\"name\": \"x\"}]}}",
     "models[0].name \"../a\" names a folder, but it begins with a dot"},
    {"manifest.json", "{\"models\": [{\"name\": \"a\"}], \"definitions\": {\"ablations\": [{\"name\": \"x/../y\"}]}}",
     "definitions.ablations[0].name \"x/../y\" names a folder, but it may hold"},
    {"manifest.json", "{\"models\": [{\"name\": \"c\"}], \"definitions\": {\"ablations\": [{\"name\": \"x\"}]}}",
     "c/x/heads.csv: cannot be opened"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n", "heads.csv: has no heads"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n0,0,1\n0,1,3\n",
     "row 2 has rank 3; rows must be sorted by rank"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n0,0,1\n0,0,2\n", "2 rows are not the 1 heads"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n0,0,1\n1,1,2\n1,1,3\n0,1,4\n", "heads.csv: L1H1 has two rows"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n-1,0,1\n", "layer is \"-1\", and must be a whole number"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n99999999999999999999,0,1\n", "must be a whole number"},
    {"a/uniform_attention/heads.csv", "layer,head,rank\n4000,4000,1\n", "1 rows are not the 16008001 heads"},
    {"a/uniform_attention/intervals.csv", "layer,head\n0,0\n", "intervals.csv: 1 rows are not those of heads.csv"},
    {"a/uniform_attention/intervals.csv", "layer,head\n0,0\n0,1\n0,2\n1,0\n1,1\n1,2\n",
     "intervals.csv: row 1 is L0H0, and in heads.csv L1H2"},
    {"b/uniform_attention/asr.csv", "group\n\"", "asr.csv: line 2: a field's opening quote"},
    {"overlap.csv", "", "overlap.csv: is empty"},
    {"depth.csv", "a\n1,2\n", "depth.csv: line 2: 2 fields"},
    {"overlap.json", "[", "overlap.json"},
};

START_TEST(damage_is_told)
{
    cv_error err;
    cv_source source;
    make_results();
    put_file("overlap.json", "{}");
    put_file(broken[_i].file, broken[_i].text);
    ck_assert(!cv_source_read(scratch, &source, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, broken[_i].message) != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_run_that_is_not_done_has_no_report)
{
    cv_error err;
    cv_source source;
    ck_assert(!cv_source_read(scratch, &source, &err));
    ck_assert_ptr_nonnull(
        strstr(err.text, "manifest.json: is not there; name the results folder of a run that is done"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("source");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, all_that_is_there_is_read);
    tcase_add_test(tests, angles_alone_rank_too);
    tcase_add_loop_test(tests, damage_is_told, 0, ROWS(broken));
    tcase_add_test(tests, a_run_that_is_not_done_has_no_report);
    return run_suite(tests);
}
