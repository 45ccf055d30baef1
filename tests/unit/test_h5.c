#include "store/h5.h"

#include "scratch.h"
#include "suite.h"

#include <hdf5.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *texts[] = {"plain", "käse 🧀", ""};
static int32_t first[] = {1, 2, 3}, last[] = {-7};
static const cv_tokens rows[] = {{first, 3, 3}, {NULL, 0, 0}, {last, 1, 1}};
static const double doubles[2][3] = {{1, 2, 3}, {4, 5, -0.1}};

/* A file with one of each kind. */
static bool write_all_kinds(const char *path, cv_error *err)
{
    cv_h5 *file = cv_h5_create(path);
    cv_h5_group(file, "/group");
    cv_h5_doubles(file, "/group/doubles", 2, (size_t[]){2, 3}, &doubles[0][0]);
    cv_h5_floats(file, "/floats", 1, (size_t[]){2}, (float[]){0.5f, -1});
    cv_h5_ints(file, "/ints", 3, first);
    cv_h5_texts(file, "/texts", 3, texts);
    cv_h5_token_rows(file, "/rows", 3, rows);
    cv_h5_text_attribute(file, "/", "kind", "käse");
    cv_h5_double_attribute(file, "/group/doubles", "epsilon", 1e-5);
    cv_h5_texts_attribute(file, "/group", "names", 3, texts);
    return cv_h5_commit(file, err);
}

static hid_t open_scratch(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    return file;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static void read_into(hid_t file, const char *name, hid_t type, int rank, hsize_t expected, void *values)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    ck_assert_int_eq(H5Sget_simple_extent_ndims(space), rank);
    ck_assert_int_eq(H5Sget_simple_extent_npoints(space), (hssize_t)expected);
    ck_assert_int_ge(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Sclose(space);
    H5Dclose(set);
}

START_TEST(what_is_written_reads_back)
{
    char *path = scratch_path("all.h5");
    cv_error err;
    ck_assert_msg(write_all_kinds(path, &err), "%s", err.text);
    hid_t file = open_scratch(path), type = text_type(), vlen = H5Tvlen_create(H5T_NATIVE_INT32);
    double d[2][3];
    float f[2];
    int32_t i[3];
    char *t[3];
    hvl_t v[3];
    read_into(file, "/group/doubles", H5T_NATIVE_DOUBLE, 2, 6, d);
    read_into(file, "/floats", H5T_NATIVE_FLOAT, 1, 2, f);
    read_into(file, "/ints", H5T_NATIVE_INT32, 1, 3, i);
    read_into(file, "/texts", type, 1, 3, t);
    read_into(file, "/rows", vlen, 1, 3, v);
    ck_assert_mem_eq(d, doubles, sizeof doubles);
    ck_assert_float_eq(f[0], 0.5f);
    ck_assert_float_eq(f[1], -1);
    ck_assert_mem_eq(i, first, sizeof first);
    for (int k = 0; k < 3; k++) {
        ck_assert_str_eq(t[k], texts[k]);
        ck_assert_uint_eq(v[k].len, rows[k].count);
        if (rows[k].count) ck_assert_mem_eq(v[k].p, rows[k].ids, rows[k].count * sizeof(int32_t));
        H5free_memory(t[k]);
        H5free_memory(v[k].p);
    }
    H5Tclose(type);
    H5Tclose(vlen);
    H5Fclose(file);
    free(path);
}
END_TEST

START_TEST(attributes_read_back)
{
    char *path = scratch_path("all.h5");
    cv_error err;
    ck_assert_msg(write_all_kinds(path, &err), "%s", err.text);
    hid_t file = open_scratch(path), type = text_type();
    hid_t kind = H5Aopen_by_name(file, "/", "kind", H5P_DEFAULT, H5P_DEFAULT);
    hid_t epsilon = H5Aopen_by_name(file, "/group/doubles", "epsilon", H5P_DEFAULT, H5P_DEFAULT);
    hid_t names = H5Aopen_by_name(file, "/group", "names", H5P_DEFAULT, H5P_DEFAULT);
    char *text, *list[3];
    double value;
    ck_assert_int_ge(H5Aread(kind, type, &text), 0);
    ck_assert_int_ge(H5Aread(epsilon, H5T_NATIVE_DOUBLE, &value), 0);
    ck_assert_int_ge(H5Aread(names, type, list), 0);
    ck_assert_str_eq(text, "käse");
    ck_assert_double_eq(value, 1e-5);
    for (int k = 0; k < 3; k++) {
        ck_assert_str_eq(list[k], texts[k]);
        H5free_memory(list[k]);
    }
    H5free_memory(text);
    H5Aclose(kind);
    H5Aclose(epsilon);
    H5Aclose(names);
    H5Tclose(type);
    H5Fclose(file);
    free(path);
}
END_TEST

/* With no more room, at each size up to what the file needs: the message says why, and nothing is left,
 * neither a file nor what would fail when the process ends. */
START_TEST(a_full_disk_is_told)
{
    char *path = scratch_path("full.h5");
    struct rlimit limit;
    cv_error err;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = (rlim_t)(512 * _i + 100);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert(!write_all_kinds(path, &err));
    ck_assert_msg(strstr(err.text, strerror(EFBIG)), "%s", err.text);
    ck_assert_int_ne(access(path, F_OK), 0);
    free(path);
}
END_TEST

/* A time of day inside would differ, as the files are written more than a second apart. */
START_TEST(the_same_content_is_the_same_bytes)
{
    char *paths[] = {scratch_path("one.h5"), scratch_path("two.h5")};
    char *bytes[2];
    size_t lengths[2];
    cv_error err;
    for (int k = 0; k < 2; k++) {
        ck_assert_msg(write_all_kinds(paths[k], &err), "%s", err.text);
        bytes[k] = cv_read_file(paths[k], &lengths[k], &err);
        ck_assert_ptr_nonnull(bytes[k]);
        if (k == 0) sleep(2);
    }
    ck_assert_uint_eq(lengths[0], lengths[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], lengths[0]);
    for (int k = 0; k < 2; k++) {
        free(paths[k]);
        free(bytes[k]);
    }
}
END_TEST

START_TEST(no_file_is_left_after_a_failure)
{
    char *path = scratch_path("half.h5"), *part = scratch_path("half.h5.part");
    cv_error err = {CV_OK, ""};
    cv_h5 *file = cv_h5_create(path);
    cv_h5_ints(file, "/no/such/group/ints", 3, first);
    cv_h5_ints(file, "/ints", 3, first);
    ck_assert(!cv_h5_commit(file, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_ptr_nonnull(strstr(err.text, "half.h5: cannot be written: HDF5 cannot write /no/such/group/ints: "));
    ck_assert(!cv_file_exists(path));
    ck_assert(!cv_file_exists(part));
    free(path);
    free(part);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_named)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!write_all_kinds("/nowhere/all.h5", &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/all.h5: cannot be written: HDF5 cannot create the file"));
    ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
}
END_TEST

START_TEST(an_older_file_is_replaced)
{
    char *path = scratch_file("all.h5", "old", 3);
    cv_error err;
    struct stat info;
    ck_assert_msg(write_all_kinds(path, &err), "%s", err.text);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_gt(info.st_size, 100);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("h5");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, what_is_written_reads_back);
    tcase_add_test(tests, attributes_read_back);
    tcase_add_test(tests, the_same_content_is_the_same_bytes);
    tcase_add_loop_test(tests, a_full_disk_is_told, 0, 8);
    tcase_add_test(tests, no_file_is_left_after_a_failure);
    tcase_add_test(tests, a_folder_that_is_not_there_is_named);
    tcase_add_test(tests, an_older_file_is_replaced);
    return run_suite(tests);
}
