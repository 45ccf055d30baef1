#include "store/manifest.h"

#include "base/json.h"

#include "scratch.h"
#include "small_grid.h"
#include "suite.h"

#include <caravan/version.h>

static cv_fingerprint model_files[] = {{(char *)"config.json", 2, "c0"}, {(char *)"model.safetensors", 9, "5a"}};
static cv_fingerprint harmful_file = {(char *)"harmful.csv", 7, "aa"};
static cv_fingerprints model_prints[] = {{model_files, 2, 2}, {model_files, 1, 1}};
static cv_sources sources = {.models = model_prints, .num_models = 2, .prompts = {{&harmful_file, 1, 1}, {NULL, 0, 0}}};

static const cv_rank_report ranks[] = {
    {.host = "n1", .threads = 8, .busy_seconds = 9, .peak = 4e9, .work = {3000000000, 100}, .blas_core = "Haswell"},
    {.host = "n2", .threads = 4, .busy_seconds = 8, .peak = 1e9, .work = {1000000000, 50}, .blas_core = "Zen"},
};

static json_t *write_and_read(const cv_inputs *inputs)
{
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    cv_stage_report stages[] = {{"sweep", 5, 2, 3000000000, 1.25, 0}, {"sahara 2", 2, 0, 1000000000, 0.75, 3}};
    cv_run_report run = {.ranks = ranks,
                         .num_ranks = 2,
                         .stages = stages,
                         .num_stages = 2,
                         .plain_operations = 30000000000,
                         .resamples = 2000,
                         .mpi_version = "MPI 9",
                         .load_seconds = 1.5,
                         .stage_seconds = 2};
    ck_assert_msg(cv_manifest_write(folder, inputs, &sources, &run, &err), "%s", err.text);
    char *path = cv_folder_path(folder, "manifest.json");
    json_t *top = cv_json_load(path, 0, &err);
    ck_assert_msg(top != NULL, "%s", err.text);
    cv_folder_close(folder);
    free(path);
    return top;
}

/* The value at a path like "models.1.files.0.sha256". */
static const json_t *at(const json_t *value, const char *path)
{
    char copy[128], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *part = strtok_r(copy, ".", &rest); part; part = strtok_r(NULL, ".", &rest))
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(part)) : json_object_get(value, part);
    ck_assert_msg(value != NULL, "no %s", path);
    return value;
}

static const struct {
    const char *path, *text;
} texts[] = {
    {"name", "small"},
    {"job_file", "jobs/small.json"},
    {"output", "out"},
    {"job.name", "small"},
    {"definitions.format", "direct"},
    {"definitions.engine", "wavefront"},
    {"definitions.precision", "f32"},
    {"definitions.score", cv_score_definition},
    {"definitions.ablations.0.name", "uniform_attention"},
    {"definitions.ablations.1.granularity", "kv_group"},
    {"models.0.name", "a"},
    {"models.1.base", "base"},
    {"models.1.format_text", "<{prompt}>"},
    {"models.0.dtype", "F32"},
    {"models.0.files.1.name", "model.safetensors"},
    {"models.0.files.1.sha256", "5a"},
    {"prompts.harmful.file", "harmful.csv"},
    {"prompts.harmful.sha256", "aa"},
    {"versions.caravan", CARAVAN_VERSION},
    {"versions.mpi", "MPI 9"},
    {"performance.stages.1.name", "sahara 2"},
    {"definitions.bootstrap.intervals", "95 %, percentiles of resamples over prompts"},
    {"ranks.0.host", "n1"},
    {"ranks.1.openblas_core", "Zen"},
};

START_TEST(texts_are_in_their_places)
{
    cv_inputs inputs = small_inputs(0);
    json_t *top = write_and_read(&inputs);
    ck_assert_str_eq(json_string_value(at(top, texts[_i].path)), texts[_i].text);
    json_decref(top);
}
END_TEST

static const struct {
    const char *path;
    double number;
} numbers[] = {
    {"definitions.ablations.0.epsilon", 0},
    {"models.0.parameters", 1024},
    {"models.0.files.1.bytes", 9},
    {"prompts.harmful.prompts", HARMFUL},
    {"ranks.0.threads", 8},
    {"ranks.1.operations", 1e9},
    {"ranks.1.busy_seconds", 8},
    {"performance.units", 7},
    {"performance.units_from_journal", 2},
    {"performance.stages.0.units_from_journal", 2},
    {"performance.stages.0.units_handed_out_again", 0},
    {"performance.stages.1.units_handed_out_again", 3},
    {"performance.operations", 4e9},
    {"performance.operations_planned", 4e9},
    {"performance.operations_plain", 3e10},
    {"performance.weight_bytes_read", 150},
    {"performance.load_seconds", 1.5},
    {"performance.wall_seconds", 2},
    {"performance.gemm_peak_flops", 5e9},
    {"performance.gemm_peak_fraction", 0.4}, /* 4e9 operations in 2 s of 5e9 a second */
};

START_TEST(numbers_are_in_their_places)
{
    cv_inputs inputs = small_inputs(0);
    json_t *top = write_and_read(&inputs);
    ck_assert_double_eq_tol(json_number_value(at(top, numbers[_i].path)), numbers[_i].number, 1e-9);
    json_decref(top);
}
END_TEST

START_TEST(tasks_are_recorded_with_their_files)
{
    static cv_fingerprint file = {(char *)"quiz.jsonl", 5, "dd"};
    static cv_fingerprints print = {&file, 1, 1};
    cv_inputs inputs = small_inputs(0);
    cv_job_utility quiz = {(char *)"quiz", (char *)"tasks/quiz.jsonl", 0};
    cv_task task = {.count = 12};
    inputs.job.evaluate.utility = &quiz;
    inputs.job.evaluate.num_utility = 1;
    inputs.tasks = &task;
    sources.utility = &print;
    sources.num_utility = 1;
    json_t *top = write_and_read(&inputs);
    ck_assert_str_eq(json_string_value(at(top, "utility.0.name")), "quiz");
    ck_assert_str_eq(json_string_value(at(top, "utility.0.file")), "tasks/quiz.jsonl");
    ck_assert_str_eq(json_string_value(at(top, "utility.0.sha256")), "dd");
    ck_assert_int_eq(json_integer_value(at(top, "utility.0.questions")), 12);
    json_decref(top);
}
END_TEST

START_TEST(a_path_that_is_not_utf8_is_left_out)
{
    cv_inputs inputs = small_inputs(0);
    inputs.job.output = (char *)"\xff";
    json_t *top = write_and_read(&inputs);
    ck_assert(json_is_null(at(top, "output")));
    ck_assert_ptr_null(json_object_get(at(top, "prompts"), "harmless"));
    json_decref(top);
}
END_TEST

/* What a job that asks for answers goes by, though its text says nothing of it. */
START_TEST(the_ways_of_answering_are_recorded)
{
    static const struct {
        const char *path, *text;
    } expected[] = {
        {"definitions.evaluate.groups.0", "none"},
        {"definitions.evaluate.groups.1", "random:1"},
        {"definitions.evaluate.decode.0", "greedy"},
        {"definitions.evaluate.asr_judge", "prefix"},
    };
    cv_inputs inputs = small_inputs(0);
    cv_job_group groups[] = {{(char *)"none", CV_GROUP_NONE, 0}, {(char *)"random:1", CV_GROUP_RANDOM, 1}};
    cv_job_decode decode = {.name = (char *)"greedy", .samples = 1};
    inputs.job.evaluate = (cv_job_evaluate){.enabled = true,
                                            .groups = groups,
                                            .num_groups = 2,
                                            .decode = &decode,
                                            .num_decode = 1,
                                            .max_new_tokens = 7,
                                            .judges = {true, false, true},
                                            .first_judge = CV_JUDGE_PREFIX,
                                            .coherence = cv_coherence_defaults,
                                            .seed = 5};
    json_t *top = write_and_read(&inputs);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_str_eq(json_string_value(at(top, expected[i].path)), expected[i].text);
    const json_t *judges = at(top, "definitions.evaluate.judges");
    ck_assert_uint_eq(json_object_size(judges), 2);
    ck_assert_str_eq(json_string_value(at(judges, "paper")), cv_judge_definition(CV_JUDGE_PAPER));
    ck_assert_int_eq(json_integer_value(at(top, "definitions.evaluate.max_new_tokens")), 7);
    ck_assert_int_eq(json_integer_value(at(top, "definitions.evaluate.random_seed")), 5);
    ck_assert_double_eq(json_number_value(at(top, "definitions.evaluate.coherence.max_repetition")),
                        cv_coherence_defaults.max_repetition);
    json_decref(top);
    inputs.job.evaluate.num_decode = 0;
    top = write_and_read(&inputs);
    ck_assert_ptr_null(json_object_get(at(top, "definitions.evaluate"), "judges"));
    json_decref(top);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("manifest");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, texts_are_in_their_places, 0, ROWS(texts));
    tcase_add_loop_test(tests, numbers_are_in_their_places, 0, ROWS(numbers));
    tcase_add_test(tests, the_ways_of_answering_are_recorded);
    tcase_add_test(tests, tasks_are_recorded_with_their_files);
    tcase_add_test(tests, a_path_that_is_not_utf8_is_left_out);
    return run_suite(tests);
}
