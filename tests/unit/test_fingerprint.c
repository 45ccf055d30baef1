#include "store/fingerprint.h"

#include "scratch.h"
#include "suite.h"

/* printf abc | sha256sum, printf "" | sha256sum */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void add(const char *name, const char *text)
{
    free(scratch_file(name, text, strlen(text)));
}

static void expect(const cv_fingerprints *found, const char *const *names)
{
    for (size_t i = 0; i < found->count; i++) {
        ck_assert_msg(names[i] != NULL, "%s is not expected", found->files[i].name);
        ck_assert_str_eq(found->files[i].name, names[i]);
    }
    ck_assert_ptr_null(names[found->count]);
}

START_TEST(files_have_the_hash_that_sha256sum_prints)
{
    cv_fingerprints found = {0};
    cv_error err;
    char *path = scratch_file("abc", "abc", 3);
    add("empty", "");
    ck_assert(cv_fingerprint_file(scratch, "abc", &found, &err));
    ck_assert(cv_fingerprint_file(scratch, "empty", &found, &err));
    ck_assert(cv_fingerprint_file(NULL, path, &found, &err));
    ck_assert_uint_eq(found.count, 3);
    ck_assert_str_eq(found.files[0].sha256, abc);
    ck_assert_uint_eq(found.files[0].bytes, 3);
    ck_assert_str_eq(found.files[1].sha256, nothing);
    ck_assert_str_eq(found.files[2].sha256, abc);
    ck_assert_str_eq(found.files[2].name, path);
    ck_assert(!cv_fingerprint_file(scratch, "missing", &found, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_uint_eq(found.count, 3);
    cv_fingerprints_free(&found);
    free(path);
}
END_TEST

START_TEST(weights_alone_leave_out_what_speaks_of_text)
{
    cv_fingerprints model = {0}, weights = {0};
    cv_error err;
    static const char *const names[] = {"config.json", "tokenizer.json", "generation_config.json", "model.safetensors"};
    for (size_t i = 0; i < 4; i++) add(names[i], "abc");
    ck_assert_msg(cv_fingerprint_model(scratch, &model, &err), "%s", err.text);
    expect(&model, (const char *[]){names[0], names[1], names[2], names[3], NULL});
    ck_assert_msg(cv_fingerprint_weights(scratch, &weights, &err), "%s", err.text);
    expect(&weights, (const char *[]){names[0], names[3], NULL});
    cv_fingerprints_free(&model);
    cv_fingerprints_free(&weights);
}
END_TEST

START_TEST(a_model_of_one_file)
{
    cv_fingerprints found = {0};
    cv_error err;
    add("config.json", "{}");
    add("model.safetensors", "abc");
    add("README.md", "not part of the model");
    ck_assert_msg(cv_fingerprint_model(scratch, &found, &err), "%s", err.text);
    expect(&found, (const char *[]){"config.json", "model.safetensors", NULL});
    ck_assert_str_eq(found.files[1].sha256, abc);
    cv_fingerprints_free(&found);
}
END_TEST

START_TEST(a_model_of_shards_names_each_once)
{
    cv_fingerprints found = {0};
    cv_error err;
    add("config.json", "{}");
    add("tokenizer.json", "{}");
    add("tokenizer_config.json", "{}");
    add("model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\", \"c\": \"one.safetensors\"}}");
    add("one.safetensors", "1");
    add("two.safetensors", "2");
    ck_assert_msg(cv_fingerprint_model(scratch, &found, &err), "%s", err.text);
    expect(&found, (const char *[]){"config.json", "tokenizer.json", "tokenizer_config.json",
                                    "model.safetensors.index.json", "one.safetensors", "two.safetensors", NULL});
    cv_fingerprints_free(&found);
}
END_TEST

static const struct {
    const char *index, *text;
} bad[] = {
    {"{", "not valid JSON"},
    {"{}", "weight_map is missing"},
    {"{\"weight_map\": {\"a\": 3}}", "weight_map.a must be a file name"},
    {"{\"weight_map\": {\"a\": \"gone.safetensors\"}}", "gone.safetensors"},
};

START_TEST(a_broken_index_is_bad_input)
{
    cv_fingerprints found = {0};
    cv_error err = {CV_OK, ""};
    add("config.json", "{}");
    add("model.safetensors.index.json", bad[_i].index);
    ck_assert(!cv_fingerprint_model(scratch, &found, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, bad[_i].text) != NULL, "%s", err.text);
    cv_fingerprints_free(&found);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("fingerprint");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, files_have_the_hash_that_sha256sum_prints);
    tcase_add_test(tests, weights_alone_leave_out_what_speaks_of_text);
    tcase_add_test(tests, a_model_of_one_file);
    tcase_add_test(tests, a_model_of_shards_names_each_once);
    tcase_add_loop_test(tests, a_broken_index_is_bad_input, 0, ROWS(bad));
    return run_suite(tests);
}
