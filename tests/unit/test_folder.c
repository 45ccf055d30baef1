#include "store/folder.h"

#include "scratch.h"
#include "suite.h"

#include <sys/stat.h>
#include <unistd.h>

START_TEST(missing_parents_are_made_and_unmade)
{
    char *top = scratch_path("a"), *path = scratch_path("a/b/c/");
    cv_error err;
    cv_folder *folder = cv_folder_open(path, &err);
    ck_assert_msg(folder != NULL, "%s", err.text);
    ck_assert_msg(cv_folder_make(folder, "model/ablation", &err), "%s", err.text);
    ck_assert_msg(cv_folder_make(folder, "model/ablation", &err), "%s", err.text);
    char *inner = cv_folder_path(folder, "model/ablation");
    ck_assert(cv_file_exists(inner));
    cv_folder_undo(folder);
    ck_assert(!cv_file_exists(top));
    cv_folder_close(folder);
    free(inner);
    free(path);
    free(top);
}
END_TEST

START_TEST(what_was_there_before_stays)
{
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_ptr_nonnull(folder);
    char *kept = scratch_file("kept", "x", 1), *gone = scratch_file("gone", "x", 1);
    cv_folder_remove(folder, "gone");
    cv_folder_remove(folder, "never-there");
    cv_folder_undo(folder);
    ck_assert(cv_file_exists(kept));
    ck_assert(!cv_file_exists(gone));
    cv_folder_close(folder);
    cv_folder_close(NULL);
    free(kept);
    free(gone);
}
END_TEST

START_TEST(a_folder_with_something_in_it_is_not_unmade)
{
    cv_error err;
    char *path = scratch_path("out");
    cv_folder *folder = cv_folder_open(path, &err);
    free(scratch_file("out/kept", "x", 1));
    cv_folder_undo(folder);
    ck_assert(cv_file_exists(path));
    cv_folder_close(folder);
    free(path);
}
END_TEST

START_TEST(a_file_in_the_way_is_bad_input_and_nothing_is_made)
{
    cv_error err = {CV_OK, ""};
    char *file = scratch_file("file", "x", 1), *path = scratch_path("file/out");
    ck_assert_ptr_null(cv_folder_open(path, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
    ck_assert_ptr_null(cv_folder_open(file, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
    free(file);
    free(path);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_bad_input)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_folder_open("/proc/caravan/out", &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "/proc/caravan: the results folder cannot be made"));
    ck_assert_ptr_null(cv_folder_open("/proc", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "/proc: the results folder cannot be written to"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("folder");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, missing_parents_are_made_and_unmade);
    tcase_add_test(tests, what_was_there_before_stays);
    tcase_add_test(tests, a_folder_with_something_in_it_is_not_unmade);
    tcase_add_test(tests, a_file_in_the_way_is_bad_input_and_nothing_is_made);
    tcase_add_test(tests, a_place_that_cannot_be_written_is_bad_input);
    return run_suite(tests);
}
