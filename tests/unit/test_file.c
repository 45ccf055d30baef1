#include "base/file.h"

#include "scratch.h"
#include "suite.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(a_mapped_file_shows_its_bytes)
{
    char *path = scratch_file("data", "a\0bc", 4);
    cv_mapping mapping;
    cv_error err;
    ck_assert(cv_map_file(path, &mapping, &err));
    ck_assert_uint_eq(mapping.size, 4);
    ck_assert_mem_eq(mapping.data, "a\0bc", 4);
    cv_unmap_file(&mapping);
    ck_assert_ptr_null(mapping.data);
    cv_unmap_file(&mapping);
    free(path);
}
END_TEST

START_TEST(an_empty_file_maps_and_reads_as_nothing)
{
    char *path = scratch_file("empty", "", 0);
    cv_mapping mapping;
    cv_error err;
    ck_assert(cv_map_file(path, &mapping, &err));
    ck_assert_ptr_null(mapping.data);
    ck_assert_uint_eq(mapping.size, 0);
    cv_unmap_file(&mapping);

    size_t length = 42;
    char *text = cv_read_file(path, &length, &err);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(length, 0);
    free(text);
    free(path);
}
END_TEST

START_TEST(a_file_is_read_whole_with_a_nul_after_it)
{
    enum { SIZE = 300000 };
    static char bytes[SIZE];
    for (int i = 0; i < SIZE; i++) bytes[i] = (char)(i * 7);
    char *path = scratch_file("large", bytes, SIZE);
    size_t length;
    cv_error err;
    char *text = cv_read_file(path, &length, &err);
    ck_assert_uint_eq(length, SIZE);
    ck_assert_mem_eq(text, bytes, SIZE);
    ck_assert_int_eq(text[SIZE], 0);
    free(text);
    free(path);
}
END_TEST

/* Made by make_unreadable(): what is no file must be refused by name, and never waited for. */
static const struct {
    const char *name, *message;
} unreadable[] = {
    {"missing", "cannot be opened: No such file"},
    {"folder", "is not a regular file"},
    {"pipe", "is not a regular file"},
    {"dangling", "cannot be opened: No such file"},
};

static void make_unreadable(void)
{
    char *folder = scratch_path("folder"), *fifo = scratch_path("pipe"), *dangling = scratch_path("dangling");
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    ck_assert_int_eq(mkfifo(fifo, 0666), 0);
    ck_assert_int_eq(symlink("nowhere", dangling), 0);
    free(folder);
    free(fifo);
    free(dangling);
}

START_TEST(what_is_no_file_is_bad_input)
{
    make_unreadable();
    char *path = scratch_path(unreadable[_i].name);
    cv_mapping mapping;
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_map_file(path, &mapping, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, unreadable[_i].message));
    ck_assert_ptr_null(mapping.data);

    size_t length;
    err = (cv_error){CV_OK, ""};
    ck_assert_ptr_null(cv_read_file(path, &length, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, unreadable[_i].message));
    free(path);
}
END_TEST

/* Entries of the scratch folder: a failed or finished write must leave nothing beside its file. */
static int count_entries(void)
{
    DIR *folder = opendir(scratch);
    ck_assert_ptr_nonnull(folder);
    int count = -2; /* . and .. */
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

START_TEST(a_written_file_replaces_the_one_before)
{
    char *path = scratch_path("status.json");
    const char *contents[] = {"a first content that is longer", "second", ""};
    for (int i = 0; i < ROWS(contents); i++) {
        cv_error err;
        size_t length;
        ck_assert(cv_write_file(path, contents[i], strlen(contents[i]), &err));
        char *text = cv_read_file(path, &length, &err);
        ck_assert_str_eq(text, contents[i]);
        ck_assert_int_eq(count_entries(), 1);
        free(text);
    }
    free(path);
}
END_TEST

START_TEST(a_reader_keeps_the_file_it_opened)
{
    char *path = scratch_file("scores", "old", 3);
    cv_mapping mapping;
    cv_error err;
    ck_assert(cv_map_file(path, &mapping, &err));
    ck_assert(cv_write_file(path, "newer", 5, &err));
    ck_assert_uint_eq(mapping.size, 3);
    ck_assert_mem_eq(mapping.data, "old", 3);
    cv_unmap_file(&mapping);
    free(path);
}
END_TEST

START_TEST(a_write_that_cannot_be_is_a_failure_and_leaves_nothing)
{
    char *no_folder = scratch_path("missing/file"), *folder = scratch_path("folder");
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_write_file(no_folder, "x", 1, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_ptr_nonnull(strstr(err.text, "missing/file: cannot be written: No such file"));

    ck_assert_int_eq(mkdir(folder, 0777), 0);
    ck_assert(!cv_write_file(folder, "x", 1, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be written: Is a directory"));
    ck_assert_int_eq(count_entries(), 1);
    free(no_folder);
    free(folder);
}
END_TEST

START_TEST(directories_are_made_with_their_parents)
{
    const char *names[] = {"a", "a/b/c", "a/b/c/", "a//d", "a/b"};
    for (int i = 0; i < ROWS(names); i++) {
        char *path = scratch_path(names[i]);
        struct stat info;
        cv_error err;
        ck_assert(cv_make_directories(path, &err));
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert(S_ISDIR(info.st_mode));
        ck_assert(cv_file_exists(path));
        free(path);
    }
}
END_TEST

START_TEST(a_directory_over_a_file_is_bad_input)
{
    char *file = scratch_file("taken", "x", 1), *below = scratch_path("taken/below/it");
    const char *paths[] = {file, below, ""};
    for (int i = 0; i < ROWS(paths); i++) {
        cv_error err = {CV_OK, ""};
        ck_assert(!cv_make_directories(paths[i], &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(err.text, "the directory cannot be made"));
    }
    ck_assert_int_eq(count_entries(), 1);
    free(file);
    free(below);
}
END_TEST

START_TEST(file_exists_tells)
{
    char *there = scratch_file("there", "", 0), *missing = scratch_path("missing");
    ck_assert(cv_file_exists(there));
    ck_assert(!cv_file_exists(missing));
    ck_assert(!cv_file_exists(""));
    free(there);
    free(missing);
}
END_TEST

static const struct {
    const char *directory, *name, *path;
} joins[] = {
    {"models/a", "config.json", "models/a/config.json"},
    {"models/a/", "config.json", "models/a/config.json"},
    {"models/a", "/etc/passwd", "/etc/passwd"},
    {"/", "x", "/x"},
    {".", "../x", "./../x"},
    {"", "x", "x"},
};

START_TEST(paths_are_joined)
{
    char *path = cv_path_join(joins[_i].directory, joins[_i].name);
    ck_assert_str_eq(path, joins[_i].path);
    free(path);
}
END_TEST

static const struct {
    const char *path, *directory;
} directories[] = {
    {"jobs/demo/job.json", "jobs/demo"}, {"job.json", "."}, {"/job.json", "/"}, {"./job.json", "."}, {"a/b/", "a/b"},
};

START_TEST(the_directory_of_a_path)
{
    char *directory = cv_path_directory(directories[_i].path);
    ck_assert_str_eq(directory, directories[_i].directory);
    free(directory);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("file");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_mapped_file_shows_its_bytes);
    tcase_add_test(tests, an_empty_file_maps_and_reads_as_nothing);
    tcase_add_test(tests, a_file_is_read_whole_with_a_nul_after_it);
    tcase_add_loop_test(tests, what_is_no_file_is_bad_input, 0, ROWS(unreadable));
    tcase_add_test(tests, a_written_file_replaces_the_one_before);
    tcase_add_test(tests, a_reader_keeps_the_file_it_opened);
    tcase_add_test(tests, a_write_that_cannot_be_is_a_failure_and_leaves_nothing);
    tcase_add_test(tests, directories_are_made_with_their_parents);
    tcase_add_test(tests, a_directory_over_a_file_is_bad_input);
    tcase_add_test(tests, file_exists_tells);
    tcase_add_loop_test(tests, paths_are_joined, 0, ROWS(joins));
    tcase_add_loop_test(tests, the_directory_of_a_path, 0, ROWS(directories));
    return run_suite(tests);
}
