#include "model/checkpoint.h"

#include "model_files.h"
#include "suite.h"

#include <sys/stat.h>
#include <unistd.h>

#define INDEX "model.safetensors.index.json"

static void write_index(const char *text)
{
    json_t *index = json_of(text);
    char *plain = json_dumps(index, 0);
    free(scratch_file(INDEX, plain, strlen(plain)));
    free(plain);
    json_decref(index);
}

/* Shard one.safetensors holds a and c, two.safetensors holds b. */
static void write_shards(void)
{
    static const listed_tensor one[] = {{"c", "F32", 0, 2}, {"a", "F16", 2, 3}}, two[] = {{"b", "BF16", 0, 4}};
    write_tensors("one.safetensors", one, 2);
    write_tensors("two.safetensors", two, 1);
}

static const char good_index[] = "{'metadata': {'total_size': 28},"
                                 " 'weight_map': {'a': 'one.safetensors', 'b': 'two.safetensors',"
                                 " 'c': 'one.safetensors'}}";

static cv_checkpoint *open_good(void)
{
    cv_error err;
    cv_checkpoint *checkpoint = cv_checkpoint_open(scratch, &err);
    ck_assert_msg(checkpoint != NULL, "%s", err.text);
    return checkpoint;
}

static void assert_scratch_refused(const char *file, const char *message)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_checkpoint_open(scratch, &err));
    assert_refused(&err, file, message);
}

START_TEST(a_single_file_is_found_by_name)
{
    static const listed_tensor tensors[] = {{"z", "F32", 0, 2}, {"a", "F16", 2, 3}, {"m", "BF16", 0, 1}};
    write_tensors("model.safetensors", tensors, 3);
    cv_checkpoint *checkpoint = open_good();
    ck_assert_uint_eq(checkpoint->num_files, 1);
    ck_assert_uint_eq(checkpoint->num_entries, 3);
    ck_assert_str_eq(cv_checkpoint_find(checkpoint, "z")->tensor->dtype, "F32");
    ck_assert_uint_eq(cv_checkpoint_find(checkpoint, "a")->tensor->shape[1], 3);
    ck_assert_ptr_nonnull(strstr(cv_checkpoint_find(checkpoint, "m")->path, "/model.safetensors"));
    ck_assert(!cv_checkpoint_find(checkpoint, "m")->used);
    ck_assert_ptr_null(cv_checkpoint_find(checkpoint, "b"));
    ck_assert_ptr_null(cv_checkpoint_find(checkpoint, ""));
    cv_checkpoint_close(checkpoint);
    cv_checkpoint_close(NULL);
}
END_TEST

START_TEST(shards_are_mapped_once_each)
{
    write_shards();
    write_index(good_index);
    cv_checkpoint *checkpoint = open_good();
    ck_assert_uint_eq(checkpoint->num_files, 2);
    ck_assert_uint_eq(checkpoint->num_entries, 3);
    ck_assert_ptr_nonnull(strstr(cv_checkpoint_find(checkpoint, "a")->path, "/one.safetensors"));
    ck_assert_ptr_nonnull(strstr(cv_checkpoint_find(checkpoint, "b")->path, "/two.safetensors"));
    ck_assert_ptr_eq(cv_checkpoint_find(checkpoint, "a")->path, cv_checkpoint_find(checkpoint, "c")->path);
    cv_checkpoint_close(checkpoint);
}
END_TEST

/* As in the hub's cache, where a folder holds links to files elsewhere. */
START_TEST(a_shard_may_be_a_symbolic_link)
{
    write_shards();
    write_index(good_index);
    char *blobs = scratch_path("blobs"), *from = scratch_path("two.safetensors"), *to = scratch_path("blobs/f00d");
    ck_assert_int_eq(mkdir(blobs, 0777), 0);
    ck_assert_int_eq(rename(from, to), 0);
    ck_assert_int_eq(symlink("blobs/f00d", from), 0);
    cv_checkpoint_close(open_good());
    free(blobs);
    free(from);
    free(to);
}
END_TEST

START_TEST(a_single_file_goes_before_an_index)
{
    static const listed_tensor tensors[] = {{"only", "F32", 0, 2}};
    write_tensors("model.safetensors", tensors, 1);
    write_index("{'weight_map': {'a': 'missing.safetensors'}}");
    cv_checkpoint *checkpoint = open_good();
    ck_assert_ptr_nonnull(cv_checkpoint_find(checkpoint, "only"));
    cv_checkpoint_close(checkpoint);
}
END_TEST

START_TEST(a_folder_without_safetensors_is_refused)
{
    free(scratch_file("pytorch_model.bin", "x", 1));
    assert_scratch_refused(scratch, "neither model.safetensors nor model.safetensors.index.json");
}
END_TEST

static const struct {
    const char *index, *file, *message;
} bad_indexes[] = {
    {"{}", INDEX, "weight_map is missing"},
    {"{'weight_map': []}", INDEX, "weight_map must be an object"},
    {"{'weight_map': {'a': 7}}", INDEX, "weight_map.a must name a .safetensors file"},
    {"{'weight_map': {'a': null}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': ''}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': '.safetensors'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': 'one.bin'}}", INDEX, "not \"one.bin\""},
    {"{'weight_map': {'a': '../one.safetensors'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': '..'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': '/etc/passwd.safetensors'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': 'sub/one.safetensors'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': 'sub\\\\one.safetensors'}}", INDEX, "weight_map.a must name"},
    {"{'weight_map': {'a': 'three.safetensors'}}", "three.safetensors", "cannot be opened"},
    {"{'weight_map': {'a': 'one.safetensors', 'b': 'two.safetensors'}}", INDEX, "weight_map lacks tensor c"},
    {"{'weight_map': {'a': 'one.safetensors', 'b': 'one.safetensors', 'c': 'one.safetensors'}}", INDEX,
     "weight_map.b names one.safetensors, which has no such tensor"},
    {"{'weight_map': {'a': 'one.safetensors', 'b': 'two.safetensors', 'c': 'two.safetensors'}}", INDEX,
     "weight_map.c names two.safetensors"},
};

START_TEST(a_bad_index_is_refused)
{
    write_shards();
    write_index(bad_indexes[_i].index);
    assert_scratch_refused(bad_indexes[_i].file, bad_indexes[_i].message);
}
END_TEST

START_TEST(an_index_that_is_no_json_is_refused)
{
    free(scratch_file(INDEX, "{\"weight_map\": ", 15));
    assert_scratch_refused(INDEX, "not valid JSON");
}
END_TEST

START_TEST(a_file_name_with_a_nul_is_refused)
{
    static const char text[] = "{\"weight_map\": {\"a\": \"one.safetensors\\u0000.safetensors\"}}";
    write_shards();
    free(scratch_file(INDEX, text, strlen(text)));
    assert_scratch_refused(INDEX, "weight_map.a must name");
}
END_TEST

START_TEST(an_empty_index_names_nothing)
{
    write_index("{'weight_map': {}}");
    cv_checkpoint *checkpoint = open_good();
    ck_assert_uint_eq(checkpoint->num_entries, 0);
    ck_assert_ptr_null(cv_checkpoint_find(checkpoint, "a"));
    cv_checkpoint_close(checkpoint);
}
END_TEST

START_TEST(a_tensor_in_two_shards_is_refused)
{
    static const listed_tensor again[] = {{"b", "BF16", 0, 4}, {"c", "F32", 0, 2}};
    write_shards();
    write_tensors("two.safetensors", again, 2);
    write_index(good_index);
    assert_scratch_refused("one.safetensors", "tensor c is also in");
}
END_TEST

START_TEST(a_broken_shard_is_refused_by_its_name)
{
    write_shards();
    write_index(good_index);
    char *two = scratch_path("two.safetensors");
    ck_assert_int_eq(truncate(two, 20), 0);
    assert_scratch_refused("two.safetensors", "points past the end of the file");
    free(two);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("checkpoint");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_single_file_is_found_by_name);
    tcase_add_test(tests, shards_are_mapped_once_each);
    tcase_add_test(tests, a_shard_may_be_a_symbolic_link);
    tcase_add_test(tests, a_single_file_goes_before_an_index);
    tcase_add_test(tests, a_folder_without_safetensors_is_refused);
    tcase_add_loop_test(tests, a_bad_index_is_refused, 0, ROWS(bad_indexes));
    tcase_add_test(tests, an_index_that_is_no_json_is_refused);
    tcase_add_test(tests, a_file_name_with_a_nul_is_refused);
    tcase_add_test(tests, an_empty_index_names_nothing);
    tcase_add_test(tests, a_tensor_in_two_shards_is_refused);
    tcase_add_test(tests, a_broken_shard_is_refused_by_its_name);
    return run_suite(tests);
}
