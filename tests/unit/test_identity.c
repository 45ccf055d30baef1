#include "store/identity.h"

#include "base/json.h"

#include "scratch.h"
#include "small_grid.h"
#include "suite.h"

#include <caravan/version.h>

static cv_fingerprint model_files[] = {{(char *)"config.json", 2, "c0"}, {(char *)"model.safetensors", 9, "5a"}};
static cv_fingerprint other_files[] = {{(char *)"config.json", 2, "c0"}, {(char *)"model.safetensors", 9, "5b"}};
static cv_fingerprint harmful_file = {(char *)"harmful.csv", 7, "aa"}, changed_file = {(char *)"harmful.csv", 7, "ab"};
static cv_fingerprint harmless_file = {(char *)"harmless.csv", 7, "bb"};
static cv_fingerprints model_prints[] = {{model_files, 2, 2}, {model_files, 1, 1}};
static cv_fingerprints other_prints[] = {{other_files, 2, 2}, {model_files, 1, 1}};

static char job_text[] =
    "{\"name\": \"small\", \"models\": [{\"name\": \"a\", \"path\": \"models/a\"}, {\"name\": \"b\", "
    "\"path\": \"models/b\", \"base\": \"base\"}],\n"
    " \"prompts\": {\"harmful\": {\"file\": \"harmful.csv\", \"column\": null, \"limit\": 5}},\n"
    " \"ablations\": [{\"kind\": \"uniform_attention\"}, {\"kind\": \"value_scale\", \"epsilon\": "
    "0.5}],\n"
    " \"subspace\": {}, \"engine\": {\"memory_gib\": 2}, \"output\": \"out\"}";

static cv_inputs inputs_of(const char *text)
{
    cv_inputs inputs = small_inputs(0);
    inputs.job.text = (char *)text;
    inputs.job.text_length = strlen(text);
    inputs.job.memory_bytes = (uint64_t)2 << 30;
    return inputs;
}

static cv_sources sources_of(cv_fingerprints *models, cv_fingerprint *harmful, cv_fingerprint *harmless)
{
    return (
        cv_sources){.models = models, .num_models = 2, .prompts = {{harmful, 1, 1}, {harmless, harmless != NULL, 1}}};
}

static cv_identity identity_of(const cv_inputs *inputs, const cv_sources *sources)
{
    cv_identity identity = {0};
    cv_error err;
    ck_assert_msg(cv_identity_of_run(inputs, sources, &identity, &err), "%s", err.text);
    return identity;
}

/* The identity of the unchanged run, as a journal keeps it. */
static char *kept(size_t *length)
{
    cv_inputs inputs = inputs_of(job_text);
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    cv_identity identity = identity_of(&inputs, &sources);
    char *text = cv_identity_text(&identity, length);
    cv_identity_free(&identity);
    return text;
}

static bool is_continued(const cv_inputs *inputs, const cv_sources *sources, cv_error *err)
{
    size_t length;
    char *text = kept(&length);
    cv_identity identity = identity_of(inputs, sources);
    bool ok = cv_identity_check(&identity, text, length, false, "out/journal", err);
    cv_identity_free(&identity);
    free(text);
    return ok;
}

static void refused(const cv_inputs *inputs, const cv_sources *sources, const char *message)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!is_continued(inputs, sources, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_str_eq(err.text, message);
}

/* job_text with the first occurrence of a text replaced. */
static char *edited(const char *from, const char *to)
{
    static char text[2048];
    char *at = strstr(job_text, from);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - job_text), job_text, to, at + strlen(from));
    return text;
}

static const char *const harmless_edits[][2] = {
    {"", ""},
    {"\"small\"", "\"another name\""},
    {"\"output\": \"out\"", "\"output\": \"elsewhere\""},
    {"models/a", "/scratch/models/a"},
    {"harmful.csv", "/scratch/harmful.csv"},
    {"\"column\": null, ", ""},
    {"\"base\": \"base\"", "\"base\": \"better\""},
    {"\"subspace\": {}, ", "\"subspace\": {}, \"overlap\": {\"top_k\": [3]}, "},
    {"0.5", "5e-1"},
    {"{\"kind\": \"value_scale\", \"epsilon\": 0.5}", "{  \"epsilon\": 0.5,\n\"kind\": \"value_scale\"}"},
    {"\"engine\": {\"memory_gib\": 2}, ", ""}, /* an option may have gone before it: the budget in use counts */
};

START_TEST(what_changes_no_result_may_change)
{
    cv_inputs inputs = inputs_of(edited(harmless_edits[_i][0], harmless_edits[_i][1]));
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    cv_error err;
    ck_assert_msg(is_continued(&inputs, &sources, &err), "%s", err.text);
}
END_TEST

static const struct {
    const char *from, *to, *difference;
} edits[] = {
    {"0.5", "0.25", "ablations[1].epsilon was 0.5 and is 0.25"},
    {"value_scale", "uniform_attention", "ablations[1].kind was \"value_scale\" and is \"uniform_attention\""},
    {"\"limit\": 5", "\"limit\": 4", "prompts.harmful.limit was 5 and is 4"},
    {", \"limit\": 5", "", "prompts.harmful.limit was 5 and is not given"},
    {"\"column\": null", "\"column\": \"goal\"", "prompts.harmful.column was not given and is \"goal\""},
    {"\"subspace\": {}", "\"sahara\": {}", "sahara was not given and is {}"},
    {"\"subspace\": {}, ", "", "subspace was {} and is not given"},
    {"\"name\": \"a\"", "\"name\": \"c\"", "models[0].name was \"a\" and is \"c\""},
};

START_TEST(a_changed_job_is_refused_and_the_key_is_named)
{
    char message[512];
    snprintf(message, sizeof message, "out/journal: was begun by another job: %s; restore it, or choose another output",
             edits[_i].difference);
    cv_inputs inputs = inputs_of(edited(edits[_i].from, edits[_i].to));
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    refused(&inputs, &sources, message);
}
END_TEST

START_TEST(options_that_change_units_or_scores_are_refused)
{
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    cv_inputs inputs = inputs_of(job_text);
    inputs.job.engine = CV_ENGINE_PLAIN;
    refused(&inputs, &sources,
            "out/journal: was begun by another job: --engine was wavefront and is plain; restore it, "
            "or choose another output");
    inputs = inputs_of(job_text);
    inputs.job.memory_bytes = (uint64_t)3 << 29;
    refused(&inputs, &sources,
            "out/journal: was begun by another job: engine.memory_gib was 2 and is 1.5; restore it, "
            "or choose another output");
}
END_TEST

START_TEST(ranks_that_the_work_is_cut_for_are_refused)
{
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    cv_inputs inputs = inputs_of(job_text);
    inputs.job.ranks = 512;
    refused(
        &inputs, &sources,
        "out/journal: was begun by another job: engine.ranks was 0 and is 512; restore it, or choose another output");
}
END_TEST

START_TEST(a_changed_file_is_named_by_its_path)
{
    cv_inputs inputs = inputs_of(job_text);
    cv_sources sources = sources_of(model_prints, &changed_file, NULL);
    refused(&inputs, &sources,
            "harmful.csv: has changed since out/journal was begun; restore it, or choose another output");
    sources = sources_of(other_prints, &harmful_file, NULL);
    refused(
        &inputs, &sources,
        "models/a/model.safetensors: has changed since out/journal was begun; restore it, or choose another output");
}
END_TEST

START_TEST(a_file_that_came_or_went_is_named)
{
    cv_inputs inputs = inputs_of(job_text);
    cv_fingerprints fewer[] = {{model_files, 1, 1}, {model_files, 1, 1}};
    cv_sources sources = sources_of(fewer, &harmful_file, NULL);
    refused(&inputs, &sources,
            "model a: model.safetensors: is gone since out/journal was begun; restore it, or choose another output");
    inputs.job.prompts[CV_HARMLESS].file = (char *)"harmless.csv";
    sources = sources_of(model_prints, &harmful_file, &harmless_file);
    refused(&inputs, &sources,
            "harmless.csv: has come since out/journal was begun; restore it, or choose another output");
}
END_TEST

START_TEST(utility_files_count_by_content)
{
    cv_inputs inputs = inputs_of(job_text);
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    char *path = scratch_file("boolq.jsonl", "one", 3), message[512];
    cv_job_utility task = {(char *)"boolq", path, 0};
    inputs.job.evaluate = (cv_job_evaluate){.utility = &task, .num_utility = 1};
    cv_identity before = identity_of(&inputs, &sources);
    size_t length;
    char *text = cv_identity_text(&before, &length);
    cv_error err;
    ck_assert(cv_identity_check(&before, text, length, false, "j", &err));
    free(scratch_file("boolq.jsonl", "two", 3));
    cv_identity after = identity_of(&inputs, &sources);
    ck_assert(!cv_identity_check(&after, text, length, false, "j", &err));
    snprintf(message, sizeof message, "%s: has changed since j was begun; restore it, or choose another output", path);
    ck_assert_str_eq(err.text, message);
    task.file = (char *)"/nowhere/boolq.jsonl";
    cv_identity none = {0};
    ck_assert(!cv_identity_of_run(&inputs, &sources, &none, &err));
    cv_identity_free(&none);
    cv_identity_free(&before);
    cv_identity_free(&after);
    free(text);
    free(path);
}
END_TEST

START_TEST(another_build_is_refused_and_another_machine_is_not)
{
    cv_identity was = {0}, is = {0};
    cv_error err = {CV_OK, ""};
    cv_identity_add(&was, CV_IDENTITY_MACHINE, "OpenBLAS's kernels", "Haswell", NULL);
    cv_identity_add(&is, CV_IDENTITY_MACHINE, "OpenBLAS's kernels", "Zen", NULL);
    size_t length;
    char *text = cv_identity_text(&was, &length);
    ck_assert(cv_identity_check(&is, text, length, false, "j", &err));
    free(text);
    cv_identity_add(&was, CV_IDENTITY_PROGRAM, "caravan", "0.1.0 (abc)", NULL);
    cv_identity_add(&is, CV_IDENTITY_PROGRAM, "caravan", "0.1.0 (def)", NULL);
    text = cv_identity_text(&was, &length);
    ck_assert(!cv_identity_check(&is, text, length, false, "j", &err));
    ck_assert_str_eq(err.text, "j: was begun by caravan 0.1.0 (abc), and this is 0.1.0 (def); go on with that one, or "
                               "choose another output");
    free(text);
    cv_identity_free(&was);
    cv_identity_free(&is);
}
END_TEST

START_TEST(the_kept_text_is_json_for_people)
{
    size_t length;
    cv_error err;
    char *text = kept(&length);
    json_t *top = cv_json_parse(text, length, "kept", 0, &err);
    ck_assert_msg(top != NULL, "%s", err.text);
    const json_t *job = json_object_get(top, "job"), *files = json_object_get(top, "files");
    ck_assert_str_eq(json_string_value(json_object_get(job, "ablations[1].epsilon")), "0.5");
    ck_assert_str_eq(json_string_value(json_object_get(job, "engine.memory_gib")), "2");
    ck_assert_ptr_null(json_object_get(job, "output"));
    ck_assert_str_eq(json_string_value(json_object_get(files, "harmful prompts")), "aa");
    ck_assert_str_eq(json_string_value(json_object_get(files, "model a: model.safetensors")), "5a");
    const char *program = json_string_value(json_object_get(json_object_get(top, "program"), "caravan"));
    ck_assert_ptr_nonnull(strstr(program, CARAVAN_VERSION));
    json_decref(top);
    free(text);
}
END_TEST

/* What only somebody who means it puts into a journal: the checksum is right, and the content is not. */
static const char *const hostile[] = {
    "",
    "[]",
    "{",
    "{}",
    "{\"job\": 3}",
    "{\"job\": {\"x\": {\"y\": 1}}, \"files\": []}",
    "{\"program\": {\"caravan\": null}}",
    "{\"program\": {\"caravan\": \"\\u0000\"}}",
};

START_TEST(hostile_texts_are_refused)
{
    cv_inputs inputs = inputs_of(job_text);
    cv_sources sources = sources_of(model_prints, &harmful_file, NULL);
    cv_identity identity = identity_of(&inputs, &sources);
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_identity_check(&identity, hostile[_i], strlen(hostile[_i]), false, "j", &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    cv_identity_free(&identity);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("identity");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, what_changes_no_result_may_change, 0, ROWS(harmless_edits));
    tcase_add_loop_test(tests, a_changed_job_is_refused_and_the_key_is_named, 0, ROWS(edits));
    tcase_add_test(tests, options_that_change_units_or_scores_are_refused);
    tcase_add_test(tests, ranks_that_the_work_is_cut_for_are_refused);
    tcase_add_test(tests, a_changed_file_is_named_by_its_path);
    tcase_add_test(tests, a_file_that_came_or_went_is_named);
    tcase_add_test(tests, utility_files_count_by_content);
    tcase_add_test(tests, another_build_is_refused_and_another_machine_is_not);
    tcase_add_test(tests, the_kept_text_is_json_for_people);
    tcase_add_loop_test(tests, hostile_texts_are_refused, 0, ROWS(hostile));
    return run_suite(tests);
}
