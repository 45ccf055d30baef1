#include "store/h5_read.h"

#include "scratch.h"
#include "store/h5.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int32_t first[] = {1, 2, 3}, last[] = {-7};
static const cv_tokens rows[] = {{first, 3, 3}, {NULL, 0, 0}, {last, 1, 1}};
static const double doubles[2][3] = {{1, 2, 3}, {4, 5, -0.1}};

static char *write_file(void)
{
    cv_error err = {CV_OK, ""};
    char *path = scratch_path("read.h5");
    cv_h5 *file = cv_h5_create(path);
    cv_h5_group(file, "/group");
    cv_h5_doubles(file, "/group/doubles", 2, (size_t[]){2, 3}, &doubles[0][0]);
    cv_h5_ints(file, "/ints", 3, first);
    cv_h5_token_rows(file, "/rows", 3, rows);
    ck_assert_msg(cv_h5_commit(file, &err), "%s", err.text);
    return path;
}

START_TEST(what_was_written_is_read)
{
    cv_error err;
    char *path = write_file();
    cv_h5_input *file = cv_h5_input_open(path, &err);
    ck_assert_ptr_nonnull(file);
    double values[6];
    int32_t ints[3];
    cv_tokens read[3] = {{0}};
    ck_assert(cv_h5_read_doubles(file, "/group/doubles", 2, (size_t[]){2, 3}, values, &err));
    ck_assert_mem_eq(values, doubles, sizeof doubles);
    ck_assert(cv_h5_read_ints(file, "/ints", 3, ints, &err));
    ck_assert_mem_eq(ints, first, sizeof first);
    ck_assert(cv_h5_read_token_rows(file, "/rows", 3, read, &err));
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(read[i].count, rows[i].count);
        if (rows[i].count) ck_assert_mem_eq(read[i].ids, rows[i].ids, rows[i].count * sizeof *rows[i].ids);
        cv_tokens_free(&read[i]);
    }
    cv_h5_input_close(file);
    free(path);
}
END_TEST

START_TEST(other_shapes_and_names_are_refused)
{
    cv_error err;
    char *path = write_file();
    cv_h5_input *file = cv_h5_input_open(path, &err);
    double values[6];
    cv_tokens read[2] = {{0}};
    static const struct {
        const char *name, *text;
        int rank;
        size_t dimensions[4];
    } cases[] = {{"/group/doubles", "has not the shape", 2, {3, 2}},
                 {"/group/doubles", "has not the shape", 1, {6}},
                 {"/group/floats", "is missing", 2, {2, 3}},
                 {"/group", "is missing", 1, {6}},
                 {"/rows", "cannot be read", 1, {3}},
                 {"/nowhere/doubles", "is missing", 1, {6}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert(!cv_h5_read_doubles(file, cases[i].name, cases[i].rank, cases[i].dimensions, values, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, cases[i].text) && strstr(err.text, cases[i].name), "%s", err.text);
    }
    ck_assert(!cv_h5_read_token_rows(file, "/rows", 2, read, &err));
    cv_h5_input_close(file);
    free(path);
}
END_TEST

START_TEST(no_hdf5_file_is_refused)
{
    cv_error err;
    char *path = write_file();
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    fputs("Dear diary", file);
    fclose(file);
    ck_assert_ptr_null(cv_h5_input_open(path, &err));
    ck_assert_msg(strstr(err.text, path), "%s", err.text);
    ck_assert_ptr_null(cv_h5_input_open("nowhere.h5", &err));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* opening it would wait for a writer */
    ck_assert_ptr_null(cv_h5_input_open(path, &err));
    cv_h5_input_close(NULL);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("h5_read");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, what_was_written_is_read);
    tcase_add_test(tests, other_shapes_and_names_are_refused);
    tcase_add_test(tests, no_hdf5_file_is_refused);
    return run_suite(tests);
}
