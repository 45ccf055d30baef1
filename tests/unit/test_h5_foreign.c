#include "store/h5_foreign.h"

#include "scratch.h"
#include "store/h5.h"
#include "suite.h"

#include <hdf5.h>

#include <stdint.h>

static char *texts[] = {"plain", "käse 🧀", ""};
static const double doubles[2][3] = {{1, 2, 3}, {4, 5, -0.1}};

/* A file by Caravan's own writer; its path, to be freed. */
static char *written(void)
{
    char *path = scratch_path("good.h5");
    cv_error err;
    cv_h5 *file = cv_h5_create(path);
    cv_h5_group(file, "/group");
    cv_h5_doubles(file, "/group/doubles", 2, (size_t[]){2, 3}, &doubles[0][0]);
    cv_h5_floats(file, "/floats", 1, (size_t[]){2}, (float[]){0.5f, -1});
    cv_h5_ints(file, "/ints", 3, (int32_t[]){1, 2, 3});
    cv_h5_texts(file, "/texts", 3, texts);
    cv_h5_text_attribute(file, "/", "kind", "käse");
    cv_h5_double_attribute(file, "/group", "epsilon", 1e-5);
    cv_h5_texts_attribute(file, "/group", "names", 3, texts);
    ck_assert_msg(cv_h5_commit(file, &err), "%s", err.text);
    return path;
}

static cv_h5_foreign *open_file(const char *path)
{
    cv_error err;
    cv_h5_foreign *file = cv_h5_foreign_open(path, &err);
    ck_assert_msg(file != NULL, "%s", err.text);
    return file;
}

START_TEST(what_was_written_is_read)
{
    char *path = written(), *text, **list;
    cv_h5_foreign *file = open_file(path);
    cv_error err;
    size_t dimensions[2], count;
    double *values;
    ck_assert(cv_h5_foreign_doubles(file, "/group/doubles", 2, dimensions, &values, &err));
    ck_assert(dimensions[0] == 2 && dimensions[1] == 3);
    ck_assert_mem_eq(values, doubles, sizeof doubles);
    free(values);
    ck_assert(cv_h5_foreign_doubles(file, "/floats", 1, dimensions, &values, &err));
    ck_assert(dimensions[0] == 2 && values[0] == 0.5 && values[1] == -1);
    free(values);
    ck_assert(cv_h5_foreign_text_attribute(file, "/", "kind", &text, &err));
    ck_assert_str_eq(text, "käse");
    free(text);
    ck_assert(cv_h5_foreign_texts(file, "/texts", &count, &list, &err));
    ck_assert_uint_eq(count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(list[i], texts[i]);
        free(list[i]);
    }
    free(list);
    ck_assert(cv_h5_foreign_has(file, "/group") && cv_h5_foreign_has(file, "/group/doubles") &&
              cv_h5_foreign_has(file, "/ints"));
    ck_assert(!cv_h5_foreign_has(file, "/group/none") && !cv_h5_foreign_has(file, "/none/doubles") &&
              !cv_h5_foreign_has(file, "/ints/x"));
    cv_h5_foreign_close(file);
    cv_h5_foreign_close(NULL);
    free(path);
}
END_TEST

static void expect(bool ok, const cv_error *err, const char *text)
{
    ck_assert_msg(!ok, "accepted, not refused for: %s", text);
    ck_assert_int_eq(err->status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err->text, text) != NULL, "\"%s\" is not in: %s", text, err->text);
}

START_TEST(what_is_not_asked_for_is_refused)
{
    char *path = written(), *text, **list;
    cv_h5_foreign *file = open_file(path);
    cv_error err;
    size_t n[4];
    double *values;
    expect(cv_h5_foreign_doubles(file, "/none", 1, n, &values, &err), &err, "good.h5: has no array /none");
    expect(cv_h5_foreign_doubles(file, "/group", 1, n, &values, &err), &err, "has no array /group");
    expect(cv_h5_foreign_doubles(file, "/group/doubles", 3, n, &values, &err), &err, "must have 3 dimensions");
    expect(cv_h5_foreign_doubles(file, "/floats", 2, n, &values, &err), &err, "must have 2 dimensions");
    expect(cv_h5_foreign_doubles(file, "/ints", 1, n, &values, &err), &err,
           "/ints has another type than floating point");
    expect(cv_h5_foreign_doubles(file, "/texts", 1, n, &values, &err), &err, "/texts has another type");
    ck_assert_ptr_null(values);
    expect(cv_h5_foreign_texts(file, "/floats", n, &list, &err), &err, "/floats has another type than text");
    expect(cv_h5_foreign_text_attribute(file, "/", "none", &text, &err), &err, "/ has no text attribute \"none\"");
    expect(cv_h5_foreign_text_attribute(file, "/none", "kind", &text, &err), &err, "/none has no text attribute");
    expect(cv_h5_foreign_text_attribute(file, "/group", "epsilon", &text, &err), &err, "no text attribute \"epsilon\"");
    expect(cv_h5_foreign_text_attribute(file, "/group", "names", &text, &err), &err, "no text attribute \"names\"");
    ck_assert_ptr_null(text);
    cv_h5_foreign_close(file);
    free(path);
}
END_TEST

START_TEST(what_is_no_hdf5_file_is_refused)
{
    cv_error err;
    char *path = scratch_file("text.h5", "no HDF5", 7), *missing = scratch_path("none.h5");
    expect(cv_h5_foreign_open(path, &err) != NULL, &err, "text.h5: is no HDF5 file, or damaged");
    expect(cv_h5_foreign_open(missing, &err) != NULL, &err, "none.h5: is missing");
    expect(cv_h5_foreign_open(scratch, &err) != NULL, &err, "is missing, or no regular file");
    free(path);
    free(missing);
}
END_TEST

/* Cut anywhere, a file is refused or read right: never a crash. */
START_TEST(a_file_that_was_cut_is_no_crash)
{
    char *path = written();
    cv_error err;
    size_t length;
    char *bytes = cv_read_file(path, &length, &err);
    ck_assert_uint_gt(length, 1000);
    for (size_t cut = 0; cut < length; cut += 97) {
        char *short_path = scratch_file("cut.h5", bytes, cut);
        cv_h5_foreign *file = cv_h5_foreign_open(short_path, &err);
        size_t n[2];
        double *values = NULL;
        if (file && cv_h5_foreign_doubles(file, "/group/doubles", 2, n, &values, &err))
            ck_assert_mem_eq(values, doubles, sizeof doubles);
        free(values);
        cv_h5_foreign_close(file);
        free(short_path);
    }
    free(bytes);
    free(path);
}
END_TEST

/* A file with one array that says of itself what it likes; its path, to be freed. */
static char *claiming(int rank, const hsize_t *sizes, hid_t type, hid_t list)
{
    char *path = scratch_path("claim.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, sizes, NULL);
    hid_t set = H5Dcreate2(file, "/claim", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    ck_assert_int_ge(set, 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Fclose(file);
    return path;
}

static void refuse_claim(int rank, const hsize_t *sizes, hid_t list, const char *text)
{
    char *path = claiming(rank, sizes, H5T_IEEE_F64LE, list);
    cv_h5_foreign *file = open_file(path);
    cv_error err;
    size_t dimensions[4];
    double *values;
    expect(cv_h5_foreign_doubles(file, "/claim", rank, dimensions, &values, &err), &err, text);
    ck_assert_ptr_null(values);
    cv_h5_foreign_close(file);
    free(path);
}

/* Sizes that nothing stands behind: 8 EiB in chunks that were never written, products past 64 bits, none. */
START_TEST(hostile_sizes_are_refused)
{
    const hsize_t chunk[] = {1, 1, 64};
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 3, chunk);
    refuse_claim(3, (hsize_t[]){1 << 20, 1 << 20, 1 << 20}, chunked, "/claim is too large to be scores");
    refuse_claim(3, (hsize_t[]){1 << 20, 1 << 10, 1 << 6}, chunked, "/claim is too large to be scores");
    refuse_claim(3, (hsize_t[]){(hsize_t)1 << 31, (hsize_t)1 << 31, 64}, chunked, "/claim is too large to be scores");
    refuse_claim(3, (hsize_t[]){100, 100, 100}, chunked, "/claim was never written");
    refuse_claim(3, (hsize_t[]){0, 4, 4}, H5P_DEFAULT, "/claim is empty");
    refuse_claim(3, (hsize_t[]){4, 4, 0}, H5P_DEFAULT, "/claim is empty");
    H5Pclose(chunked);
}
END_TEST

/* As another program may write them: packed, and with a text of fixed length. */
START_TEST(packed_files_are_read)
{
    char *path = scratch_path("packed.h5"), *text;
    static double ones[64 * 64];
    const hsize_t sizes[] = {64, 64}, chunk[] = {64, 64};
    for (int i = 0; i < 64 * 64; i++) ones[i] = 1;
    hid_t list = H5Pcreate(H5P_DATASET_CREATE), type = H5Tcopy(H5T_C_S1);
    H5Pset_chunk(list, 2, chunk);
    H5Pset_deflate(list, 9);
    H5Tset_size(type, 4);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), scalar = H5Screate(H5S_SCALAR);
    hid_t space = H5Screate_simple(2, sizes, NULL);
    hid_t set = H5Dcreate2(file, "/ones", H5T_IEEE_F64BE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    hid_t attribute = H5Acreate2(set, "unit", type, scalar, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, ones), 0);
    ck_assert_int_ge(H5Awrite(attribute, type, "nats"), 0);
    H5Aclose(attribute);
    H5Dclose(set);
    H5Sclose(space);
    H5Sclose(scalar);
    H5Tclose(type);
    H5Pclose(list);
    H5Fclose(file);
    cv_h5_foreign *packed = open_file(path);
    cv_error err;
    size_t dimensions[2];
    double *values;
    ck_assert_msg(cv_h5_foreign_doubles(packed, "/ones", 2, dimensions, &values, &err), "%s", err.text);
    ck_assert_mem_eq(values, ones, sizeof ones);
    ck_assert(cv_h5_foreign_text_attribute(packed, "/ones", "unit", &text, &err));
    ck_assert_str_eq(text, "nats");
    free(values);
    free(text);
    cv_h5_foreign_close(packed);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("h5_foreign");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, what_was_written_is_read);
    tcase_add_test(tests, what_is_not_asked_for_is_refused);
    tcase_add_test(tests, what_is_no_hdf5_file_is_refused);
    tcase_add_test(tests, a_file_that_was_cut_is_no_crash);
    tcase_add_test(tests, hostile_sizes_are_refused);
    tcase_add_test(tests, packed_files_are_read);
    return run_suite(tests);
}
