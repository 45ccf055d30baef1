#include "store/results.h"

#include "scratch.h"
#include "small_grid.h"
#include "suite.h"

#include <caravan/version.h>

#include <hdf5.h>

static cv_fingerprint model_files[] = {{(char *)"config.json", 2, "c0"}, {(char *)"model.safetensors", 9, "5a"}};
static cv_fingerprint harmful_file = {(char *)"harmful.csv", 7, "aa"},
                      harmless_file = {(char *)"harmless.csv", 8, "bb"};
static cv_fingerprints model_prints[] = {{model_files, 2, 2}, {model_files, 1, 1}};
static const cv_sources sources = {.models = model_prints,
                                   .num_models = 2,
                                   .prompts = {{&harmful_file, 1, 1}, {&harmless_file, 1, 1}}};

/* Writes the results of a filled grid; the folder's path stays scratch. */
static void write_results(size_t harmless)
{
    cv_inputs inputs = small_inputs(harmless);
    cv_scores *scores = cv_scores_make(&inputs);
    small_fill(scores, &inputs);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_ptr_nonnull(folder);
    ck_assert_msg(cv_results_write(folder, &inputs, &sources, scores, NULL, &err), "%s", err.text);
    cv_folder_close(folder);
    cv_scores_free(scores);
}

static hid_t open_result(const char *name)
{
    char *path = scratch_path(name);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    free(path);
    return file;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static void expect_attribute(hid_t file, const char *object, const char *name, const char *expected)
{
    hid_t type = text_type(), attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_msg(attribute >= 0, "no attribute %s of %s", name, object);
    char *text;
    ck_assert_int_ge(H5Aread(attribute, type, &text), 0);
    ck_assert_str_eq(text, expected);
    H5free_memory(text);
    H5Aclose(attribute);
    H5Tclose(type);
}

/* Reads a data set whose elements are type; returns its number of dimensions. */
static int read_all(hid_t file, const char *name, hid_t type, hsize_t dimensions[3], void *values)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_dims(space, dimensions, NULL);
    ck_assert_int_ge(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Sclose(space);
    H5Dclose(set);
    return rank;
}

START_TEST(scores_lie_by_layer_head_prompt)
{
    write_results(HARMLESS);
    hid_t file = open_result("b/value_scale-kv_group/scores.h5");
    double ships[LAYERS][GROUPS][HARMFUL], control[LAYERS][GROUPS][HARMLESS];
    hsize_t n[3];
    ck_assert_int_eq(read_all(file, "/harmful/ships", H5T_NATIVE_DOUBLE, n, ships), 3);
    ck_assert(n[0] == LAYERS && n[1] == GROUPS && n[2] == HARMFUL);
    ck_assert_int_eq(read_all(file, "/harmless/ships", H5T_NATIVE_DOUBLE, n, control), 3);
    ck_assert(n[0] == LAYERS && n[1] == GROUPS && n[2] == HARMLESS);
    for (int l = 0; l < LAYERS; l++)
        for (int h = 0; h < GROUPS; h++) {
            for (int p = 0; p < HARMFUL; p++) ck_assert_double_eq(ships[l][h][p], small_cell(1, 1, 0, l, h, p));
            for (int p = 0; p < HARMLESS; p++) ck_assert_double_eq(control[l][h][p], small_cell(1, 1, 1, l, h, p));
        }
    H5Fclose(file);
}
END_TEST

/* Two steps of a search in which head number h of layer l has (step + 1) * (l + 10 h) degrees: the last head
 * of the last layer joins first, then the head before it in the board's order of angles. */
static void search(cv_sahara *sahara, const cv_inputs *inputs)
{
    cv_error err;
    for (int step = 0; step < 2; step++) {
        for (int m = 0; m < 2; m++)
            for (int a = 0; a < 2; a++)
                for (int l = 0; l < LAYERS; l++)
                    for (int h = 0; h < cv_ablation_heads(&inputs->job.ablations[a], &small_model.config); h++)
                        cv_sahara_put(sahara, m, a, l, h, (step + 1) * (l + 10 * h));
        ck_assert_msg(cv_sahara_choose(sahara, &err), "%s", err.text);
    }
}

START_TEST(angles_and_the_search_are_recorded)
{
    cv_inputs inputs = small_inputs(HARMLESS);
    inputs.job.subspace = (cv_job_subspace){true, 2, CV_RESID_POST};
    inputs.job.sahara_steps = 2;
    cv_scores *scores = cv_scores_make(&inputs);
    cv_sahara *sahara = cv_sahara_make(&inputs);
    small_fill(scores, &inputs);
    search(sahara, &inputs);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_msg(cv_results_write(folder, &inputs, &sources, scores, sahara, &err), "%s", err.text);
    cv_folder_close(folder);
    hid_t file = open_result("b/uniform_attention/scores.h5");
    double angles[LAYERS][HEADS][CV_SUBSPACE_RANKS], boards[2][LAYERS][HEADS];
    int32_t layer[2], head[2];
    hsize_t n[3];
    ck_assert_int_eq(read_all(file, "/harmless/angles_deg", H5T_NATIVE_DOUBLE, n, angles), 3);
    ck_assert(n[0] == LAYERS && n[1] == HEADS && n[2] == CV_SUBSPACE_RANKS);
    ck_assert_double_eq(angles[2][1][3], small_angle(1, 0, 1, 2, 1, 4));
    expect_attribute(file, "/harmful/angles_deg", "state", "resid_post");
    ck_assert_int_eq(read_all(file, "/sahara/angles_deg", H5T_NATIVE_DOUBLE, n, boards), 3);
    ck_assert(n[0] == 2 && n[1] == LAYERS && n[2] == HEADS);
    ck_assert_double_eq(boards[0][2][3], 32);
    ck_assert_double_nan(boards[1][2][3]);
    ck_assert_double_eq(boards[1][1][3], 62);
    read_all(file, "/sahara/layer", H5T_NATIVE_INT32, n, layer);
    read_all(file, "/sahara/head", H5T_NATIVE_INT32, n, head);
    ck_assert(layer[0] == 2 && head[0] == 3 && layer[1] == 1 && head[1] == 3);
    H5Fclose(file);
    cv_scores_free(scores);
    cv_sahara_free(sahara);
}
END_TEST

START_TEST(prompts_and_tokens_are_recorded)
{
    write_results(HARMLESS);
    hid_t file = open_result("a/uniform_attention/scores.h5"), text = text_type();
    hid_t row = H5Tvlen_create(H5T_NATIVE_INT32);
    char *prompts[HARMFUL];
    hvl_t tokens[HARMFUL];
    hsize_t n[3];
    ck_assert_int_eq(read_all(file, "/harmful/prompt", text, n, prompts), 1);
    ck_assert_uint_eq(n[0], HARMFUL);
    ck_assert_int_eq(read_all(file, "/harmful/tokens", row, n, tokens), 1);
    ck_assert_uint_eq(n[0], HARMFUL);
    for (int p = 0; p < HARMFUL; p++) {
        ck_assert_str_eq(prompts[p], small_prompts[p]);
        ck_assert_uint_eq(tokens[p].len, small_tokens[p].count);
        ck_assert_mem_eq(tokens[p].p, small_tokens[p].ids, tokens[p].len * sizeof(int32_t));
        H5free_memory(prompts[p]);
        H5free_memory(tokens[p].p);
    }
    H5Tclose(row);
    H5Tclose(text);
    H5Fclose(file);
}
END_TEST

START_TEST(attributes_carry_the_definitions)
{
    write_results(HARMLESS);
    hid_t file = open_result("b/uniform_attention/scores.h5");
    expect_attribute(file, "/", "score", cv_score_definition);
    expect_attribute(file, "/", "caravan_version", CARAVAN_VERSION);
    expect_attribute(file, "/", "model", "b");
    expect_attribute(file, "/", "model_path", "models/b");
    expect_attribute(file, "/", "ablation", "uniform_attention");
    expect_attribute(file, "/", "ablation_kind", "uniform_attention");
    expect_attribute(file, "/", "ablation_granularity", "head");
    expect_attribute(file, "/", "format_kind", "direct");
    expect_attribute(file, "/", "format_text", "<{prompt}>");
    expect_attribute(file, "/", "engine", "wavefront");
    expect_attribute(file, "/", "precision", "f32");
    expect_attribute(file, "/harmful", "file", "harmful.csv");
    expect_attribute(file, "/harmful", "sha256", "aa");
    expect_attribute(file, "/harmless", "sha256", "bb");
    expect_attribute(file, "/harmful/ships", "unit", "nats");
    double epsilon = -1;
    hid_t attribute = H5Aopen_by_name(file, "/", "ablation_epsilon", H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Aread(attribute, H5T_NATIVE_DOUBLE, &epsilon), 0);
    ck_assert_double_eq(epsilon, 0);
    H5Aclose(attribute);
    H5Fclose(file);
}
END_TEST

/* A file without Ships does not say what they are. */
START_TEST(without_ships_there_is_no_definition_of_them)
{
    cv_inputs inputs = small_inputs(0);
    inputs.job.ships = false;
    inputs.job.subspace = (cv_job_subspace){true, 1, CV_FINAL_NORM};
    cv_scores *scores = cv_scores_make(&inputs);
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_msg(cv_results_write(folder, &inputs, &sources, scores, NULL, &err), "%s", err.text);
    cv_folder_close(folder);
    hid_t file = open_result("a/uniform_attention/scores.h5");
    ck_assert_int_eq(H5Aexists(file, "score"), 0);
    ck_assert_int_eq(H5Lexists(file, "/harmful/ships", H5P_DEFAULT), 0);
    ck_assert_int_gt(H5Lexists(file, "/harmful/angles_deg", H5P_DEFAULT), 0);
    H5Fclose(file);
    cv_scores_free(scores);
}
END_TEST

START_TEST(a_set_that_the_job_lacks_is_left_out)
{
    write_results(0);
    hid_t file = open_result("a/uniform_attention/scores.h5");
    ck_assert_int_gt(H5Lexists(file, "/harmful", H5P_DEFAULT), 0);
    ck_assert_int_eq(H5Lexists(file, "/harmless", H5P_DEFAULT), 0);
    H5Fclose(file);
}
END_TEST

START_TEST(the_same_scores_are_the_same_bytes)
{
    char *path = scratch_path("a/uniform_attention/scores.h5"), *bytes[2];
    size_t lengths[2];
    cv_error err;
    for (int k = 0; k < 2; k++) {
        write_results(HARMLESS);
        bytes[k] = cv_read_file(path, &lengths[k], &err);
        ck_assert_ptr_nonnull(bytes[k]);
    }
    ck_assert_uint_eq(lengths[0], lengths[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], lengths[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(path);
}
END_TEST

START_TEST(sources_are_read_or_named)
{
    cv_inputs inputs = small_inputs(0);
    cv_job_model here = {.name = (char *)"a", .path = scratch};
    inputs.job.models = &here;
    inputs.job.num_models = 1;
    inputs.job.prompts[CV_HARMFUL].file = scratch_file("p.txt", "abc", 3);
    free(scratch_file("config.json", "{}", 2));
    free(scratch_file("model.safetensors", "weights", 7));
    cv_job_utility quiz = {(char *)"quiz", scratch_file("quiz.jsonl", "abc", 3), 0};
    inputs.job.evaluate.utility = &quiz;
    inputs.job.evaluate.num_utility = 1;
    cv_sources found;
    cv_error err;
    ck_assert_msg(cv_sources_read(&inputs, &found, &err), "%s", err.text);
    ck_assert_int_eq(found.num_utility, 1);
    ck_assert_str_eq(found.utility[0].files[0].sha256, found.prompts[CV_HARMFUL].files[0].sha256);
    ck_assert_uint_eq(found.models[0].count, 2);
    ck_assert_uint_eq(found.prompts[CV_HARMFUL].count, 1);
    ck_assert_uint_eq(found.prompts[CV_HARMLESS].count, 0);
    ck_assert_str_eq(found.prompts[CV_HARMFUL].files[0].sha256,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cv_sources_free(&found);
    remove(inputs.job.prompts[CV_HARMFUL].file);
    ck_assert(!cv_sources_read(&inputs, &found, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "p.txt"));
    ck_assert_ptr_null(found.models);
    ck_assert_ptr_null(found.utility);
    free(inputs.job.prompts[CV_HARMFUL].file);
    free(quiz.file);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("results");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, scores_lie_by_layer_head_prompt);
    tcase_add_test(tests, angles_and_the_search_are_recorded);
    tcase_add_test(tests, prompts_and_tokens_are_recorded);
    tcase_add_test(tests, attributes_carry_the_definitions);
    tcase_add_test(tests, without_ships_there_is_no_definition_of_them);
    tcase_add_test(tests, a_set_that_the_job_lacks_is_left_out);
    tcase_add_test(tests, the_same_scores_are_the_same_bytes);
    tcase_add_test(tests, sources_are_read_or_named);
    return run_suite(tests);
}
