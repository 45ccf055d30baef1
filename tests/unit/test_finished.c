#include "store/finished.h"

#include "scratch.h"
#include "store/h5.h"
#include "suite.h"

#include <math.h>
#include <stdint.h>

enum { LAYERS = 2, HEADS = 3, PROMPTS = 4, RANKS = 8 };

/* Two models under two ablations; the second model has no base. */
#define MODELS "\"models\": [{\"name\": \"a\", \"base\": \"tree\"}, {\"name\": \"b\", \"base\": null}]"
#define ABLATIONS                                                                                                      \
    "\"ablations\": [{\"name\": \"uniform_attention\", \"granularity\": \"head\"},"                                    \
    " {\"name\": \"value_scale-kv_group\", \"granularity\": \"kv_group\"}]"
#define DEFINITIONS "\"definitions\": {\"subspace\": {\"rank\": 2}, " ABLATIONS "}"

static void write_manifest(const char *text)
{
    free(scratch_file("manifest.json", text, strlen(text)));
}

/* Scores that tell their own place. */
static double cell(size_t model, size_t ablation, size_t set, size_t i)
{
    return 1000.0 * (double)model + 100.0 * (double)ablation + 10.0 * (double)set + 0.25 * (double)i;
}

static void write_set(cv_h5 *file, size_t model, size_t ablation, size_t set, bool ships)
{
    static const char *const groups[] = {"/harmful", "/harmless"};
    double values[LAYERS * HEADS * PROMPTS], angles[LAYERS * HEADS * RANKS];
    char name[64];
    for (size_t i = 0; i < LAYERS * HEADS * PROMPTS; i++) values[i] = cell(model, ablation, set, i);
    for (size_t i = 0; i < LAYERS * HEADS * RANKS; i++)
        angles[i] = i % RANKS < 3 ? cell(model, ablation, set, i) : NAN; /* states of rank 3 */
    cv_h5_group(file, groups[set]);
    cv_h5_text_attribute(file, groups[set], "sha256", set ? "bb" : "aa");
    snprintf(name, sizeof name, "%s/ships", groups[set]);
    if (ships) cv_h5_doubles(file, name, 3, (size_t[]){LAYERS, HEADS, PROMPTS}, values);
    snprintf(name, sizeof name, "%s/angles_deg", groups[set]);
    cv_h5_doubles(file, name, 3, (size_t[]){LAYERS, HEADS, RANKS}, angles);
}

static void commit(cv_h5 *file)
{
    cv_error err;
    ck_assert_msg(cv_h5_commit(file, &err), "%s", err.text);
}

/* Starts MODEL/ABLATION/scores.h5 in the scratch folder. */
static cv_h5 *begin(const char *model, const char *ablation)
{
    char name[128];
    cv_error err;
    snprintf(name, sizeof name, "%s/%s", model, ablation);
    char *folder = scratch_path(name), *path = cv_path_join(folder, "scores.h5");
    ck_assert(cv_make_directories(folder, &err));
    cv_h5 *file = cv_h5_create(path);
    cv_h5_text_attribute(file, "/", "model", model);
    cv_h5_text_attribute(file, "/", "ablation", ablation);
    free(folder);
    free(path);
    return file;
}

static void write_run(bool ships)
{
    static const char *const models[] = {"a", "b"}, *const ablations[] = {"uniform_attention", "value_scale-kv_group"};
    for (size_t m = 0; m < 2; m++)
        for (size_t a = 0; a < 2; a++) {
            cv_h5 *file = begin(models[m], ablations[a]);
            for (size_t set = 0; set < 2; set++) write_set(file, m, a, set, ships);
            commit(file);
        }
    write_manifest("{\"name\": \"job\", " MODELS ", " DEFINITIONS "}");
}

static void check_item(const cv_finished_scores *item, size_t m, size_t a, bool ships)
{
    ck_assert_str_eq(item->model, m ? "b" : "a");
    ck_assert_str_eq(item->ablation, a ? "value_scale-kv_group" : "uniform_attention");
    ck_assert_str_eq(item->granularity, a ? "kv_group" : "head");
    ck_assert(m ? item->base == NULL : strcmp(item->base, "tree") == 0);
    ck_assert(item->layers == LAYERS && item->heads == HEADS);
    for (size_t set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        const cv_finished_set *found = &item->sets[set];
        ck_assert_str_eq(found->sha256, set ? "bb" : "aa");
        ck_assert_uint_eq(found->prompts, ships ? PROMPTS : 0);
        ck_assert(ships == (found->ships != NULL));
        for (size_t i = 0; ships && i < LAYERS * HEADS * PROMPTS; i++)
            ck_assert_double_eq(found->ships[i], cell(m, a, set, i));
        for (size_t h = 0; h < LAYERS * HEADS; h++)
            ck_assert_double_eq(found->angles[h], cell(m, a, set, h * RANKS + 1));
    }
}

START_TEST(a_finished_run_is_read)
{
    cv_finished run;
    cv_error err;
    write_run(_i == 0);
    ck_assert_msg(cv_finished_open(scratch, &run, &err), "%s", err.text);
    ck_assert_str_eq(run.name, "job");
    ck_assert_str_eq(run.folder, scratch);
    ck_assert_int_eq(run.angle_rank, 2);
    ck_assert_uint_eq(run.count, 4);
    for (size_t i = 0; i < 4; i++) check_item(&run.items[i], i / 2, i % 2, _i == 0);
    cv_finished_free(&run);
}
END_TEST

/* A run that asked for no angles has none, whatever its files hold. */
START_TEST(without_subspace_there_are_no_angles)
{
    cv_finished run;
    cv_error err;
    write_run(true);
    write_manifest("{\"name\": \"job\", " MODELS ", \"definitions\": {" ABLATIONS "}}");
    ck_assert_msg(cv_finished_open(scratch, &run, &err), "%s", err.text);
    ck_assert_int_eq(run.angle_rank, 0);
    ck_assert_ptr_null(run.items[0].sets[CV_HARMFUL].angles);
    cv_finished_free(&run);
}
END_TEST

static void refuse(const char *text)
{
    cv_finished run;
    cv_error err;
    ck_assert_msg(!cv_finished_open(scratch, &run, &err), "accepted, not refused for: %s", text);
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strncmp(err.text, scratch, strlen(scratch)) == 0, "no file in: %s", err.text);
    ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" is not in: %s", text, err.text);
    ck_assert(!run.items && !run.folder && run.count == 0);
}

static const struct {
    const char *manifest, *text;
} manifests[] = {
    {"{", "not valid JSON"},
    {"[]", "must hold one JSON object"},
    {"{" MODELS ", " DEFINITIONS "}", "name is missing"},
    {"{\"name\": \"j\", " DEFINITIONS "}", "models is missing"},
    {"{\"name\": \"j\", \"models\": [], " DEFINITIONS "}", "models must have 1 to 10000 entries"},
    {"{\"name\": \"j\", \"models\": [3], " DEFINITIONS "}", "models[0] must be an object"},
    {"{\"name\": \"j\", \"models\": [{\"name\": 3}], " DEFINITIONS "}", "models[0].name must be a string"},
    {"{\"name\": \"j\", \"models\": [{\"base\": \"x\"}], " DEFINITIONS "}", "models[0].name is missing"},
    {"{\"name\": \"j\", \"models\": [{\"name\": \"../a\"}], " DEFINITIONS "}",
     "models[0].name \"../a\" names a folder, but it begins with a dot or a dash"},
    {"{\"name\": \"j\", \"models\": [{\"name\": \"a/../../b\"}], " DEFINITIONS "}", "it may hold letters, digits"},
    {"{\"name\": \"j\", \"models\": [{\"name\": \"none\"}], " DEFINITIONS "}",
     "none/uniform_attention/scores.h5: is missing"},
    {"{\"name\": \"j\", " MODELS "}", "definitions is missing"},
    {"{\"name\": \"j\", " MODELS ", \"definitions\": {}}", "definitions.ablations is missing"},
    {"{\"name\": \"j\", " MODELS
     ", \"definitions\": {\"ablations\": [{\"name\": \"/etc\", \"granularity\": \"head\"}]}}",
     "definitions.ablations[0].name \"/etc\" names a folder"},
    {"{\"name\": \"j\", " MODELS ", \"definitions\": {\"ablations\": [{\"name\": \"uniform_attention\"}]}}",
     "definitions.ablations[0].granularity is missing"},
    {"{\"name\": \"j\", " MODELS ", \"definitions\": {\"subspace\": {\"rank\": 9}, " ABLATIONS "}}",
     "definitions.subspace.rank is 9"},
    {"{\"name\": \"j\", " MODELS ", \"definitions\": {\"subspace\": {\"rank\": 4}, " ABLATIONS "}}",
     "a/uniform_attention/scores.h5: /harmful/angles_deg holds nan, which is no score"},
};

START_TEST(bad_manifests_are_refused)
{
    cv_h5 *file = begin("a", "uniform_attention");
    write_set(file, 0, 0, 0, true);
    commit(file);
    write_manifest(manifests[_i].manifest);
    refuse(manifests[_i].text);
}
END_TEST

START_TEST(a_run_that_is_not_done_is_refused)
{
    commit(begin("a", "uniform_attention"));
    refuse("has no manifest.json: it is no results folder, or its run is not done");
}
END_TEST

/* Each makes b's file what it should not be. */
static void other_model(void)
{
    cv_h5 *file = begin("a", "value_scale-kv_group");
    write_set(file, 0, 0, 0, true);
    commit(file);
    char *from = scratch_path("a"), *to = scratch_path("b");
    ck_assert_int_eq(rename(from, to), 0);
    free(from);
    free(to);
}

static void no_scores(void)
{
    commit(begin("b", "value_scale-kv_group"));
}

static void put_ships(const char *name, const size_t *dimensions, double value)
{
    double values[64];
    for (int i = 0; i < 64; i++) values[i] = value;
    cv_h5 *file = begin("b", "value_scale-kv_group");
    cv_h5_group(file, "/harmful");
    cv_h5_text_attribute(file, "/harmful", "sha256", "aa");
    cv_h5_doubles(file, name, 3, dimensions, values);
    commit(file);
}

static void infinite_score(void)
{
    put_ships("/harmful/ships", (size_t[]){2, 3, 4}, INFINITY);
}

static void few_angles(void)
{
    put_ships("/harmful/angles_deg", (size_t[]){2, 3, 1}, 1);
}

static void other_shapes(void)
{
    double values[64] = {0};
    cv_h5 *file = begin("b", "value_scale-kv_group");
    cv_h5_group(file, "/harmful");
    cv_h5_text_attribute(file, "/harmful", "sha256", "aa");
    cv_h5_doubles(file, "/harmful/ships", 3, (size_t[]){2, 3, 4}, values);
    cv_h5_doubles(file, "/harmful/angles_deg", 3, (size_t[]){3, 2, 8}, values);
    commit(file);
}

static void no_hash(void)
{
    double values[64] = {0};
    cv_h5 *file = begin("b", "value_scale-kv_group");
    cv_h5_group(file, "/harmful");
    cv_h5_doubles(file, "/harmful/ships", 3, (size_t[]){2, 3, 4}, values);
    commit(file);
}

static void two_dimensions(void)
{
    double values[6] = {0};
    cv_h5 *file = begin("b", "value_scale-kv_group");
    cv_h5_group(file, "/harmful");
    cv_h5_doubles(file, "/harmful/ships", 2, (size_t[]){2, 3}, values);
    commit(file);
}

static const struct {
    void (*change)(void);
    const char *text;
} files[] = {
    {other_model, "b/value_scale-kv_group/scores.h5: holds the scores of the model \"a\", not \"b\""},
    {no_scores, "b/value_scale-kv_group/scores.h5: has no scores of the harmful prompts"},
    {infinite_score, "/harmful/ships holds inf, which is no score"},
    {few_angles, "/harmful/angles_deg has angles of 1 ranks, but the run's is 2"},
    {other_shapes, "/harmful/angles_deg is of 3 layers of 2 heads, other arrays of 2 of 3"},
    {no_hash, "/harmful has no text attribute \"sha256\""},
    {two_dimensions, "/harmful/ships must have 3 dimensions"},
};

START_TEST(foreign_files_are_refused)
{
    files[_i].change();
    write_manifest("{\"name\": \"j\", \"models\": [{\"name\": \"b\"}], \"definitions\": {\"subspace\": {\"rank\": 2}, "
                   "\"ablations\": [{\"name\": \"value_scale-kv_group\", \"granularity\": \"kv_group\"}]}}");
    refuse(files[_i].text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("finished");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, a_finished_run_is_read, 0, 2);
    tcase_add_test(tests, without_subspace_there_are_no_angles);
    tcase_add_loop_test(tests, bad_manifests_are_refused, 0, ROWS(manifests));
    tcase_add_test(tests, a_run_that_is_not_done_is_refused);
    tcase_add_loop_test(tests, foreign_files_are_refused, 0, ROWS(files));
    return run_suite(tests);
}
