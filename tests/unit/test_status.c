#include "store/status.h"

#include "base/json.h"

#include "scratch.h"
#include "suite.h"

#include <math.h>

static json_t *write_and_read(cv_run_state state, const cv_progress *progress, const char *error)
{
    cv_error err;
    cv_folder *folder = cv_folder_open(scratch, &err);
    ck_assert_ptr_nonnull(folder);
    ck_assert_msg(cv_status_write(folder, state, progress, error, &err), "%s", err.text);
    char *path = cv_folder_path(folder, "status.json");
    json_t *top = cv_json_load(path, 0, &err);
    ck_assert_msg(top != NULL, "%s", err.text);
    cv_folder_close(folder);
    free(path);
    return top;
}

static const char *text_of(const json_t *top, const char *key)
{
    return json_string_value(json_object_get(top, key));
}

START_TEST(a_running_sweep_tells_how_far_it_is)
{
    cv_progress progress = {3, 12, 1000, 4000, 10, 0, "sweep"};
    json_t *top = write_and_read(CV_RUN_RUNNING, &progress, NULL);
    ck_assert_str_eq(text_of(top, "state"), "running");
    ck_assert_str_eq(text_of(top, "phase"), "sweep");
    ck_assert_int_eq(json_integer_value(json_object_get(top, "units_done")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(top, "units_total")), 12);
    ck_assert_int_eq(json_integer_value(json_object_get(top, "operations_done")), 1000);
    ck_assert_int_eq(json_integer_value(json_object_get(top, "operations_total")), 4000);
    ck_assert_double_eq(json_real_value(json_object_get(top, "elapsed_seconds")), 10);
    ck_assert_double_eq(json_real_value(json_object_get(top, "eta_seconds")), 30);
    ck_assert_ptr_null(json_object_get(top, "error"));
    json_decref(top);
}
END_TEST

START_TEST(nothing_done_has_no_eta)
{
    cv_progress progress = {0, 12, 0, 4000, 1, 0, NULL};
    json_t *top = write_and_read(CV_RUN_RUNNING, &progress, NULL);
    ck_assert(json_is_null(json_object_get(top, "eta_seconds")));
    ck_assert(json_is_null(json_object_get(top, "phase")));
    ck_assert_double_nan(cv_progress_eta(&progress));
    json_decref(top);
}
END_TEST

START_TEST(what_an_earlier_run_did_tells_nothing_of_the_pace)
{
    cv_progress progress = {5, 12, 2500, 4000, 10, 2000, "sweep"};
    ck_assert_double_eq(cv_progress_eta(&progress), 30);
    progress.operations_done = 2000;
    ck_assert_double_nan(cv_progress_eta(&progress));
}
END_TEST

START_TEST(a_failed_run_says_why)
{
    cv_progress progress = {0};
    json_t *top = write_and_read(CV_RUN_FAILED, &progress, "disk full");
    ck_assert_str_eq(text_of(top, "state"), "failed");
    ck_assert_str_eq(text_of(top, "error"), "disk full");
    json_decref(top);
}
END_TEST

START_TEST(a_folder_that_is_gone_is_an_error)
{
    cv_error err = {CV_OK, ""};
    char *path = scratch_path("out");
    cv_folder *folder = cv_folder_open(path, &err);
    cv_progress progress = {0};
    cv_folder_undo(folder);
    ck_assert(!cv_status_write(folder, CV_RUN_DONE, &progress, NULL, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    cv_folder_close(folder);
    free(path);
}
END_TEST

START_TEST(the_pace_is_kept)
{
    cv_pace pace = {0};
    ck_assert(cv_pace_due(&pace, 100, 1));
    ck_assert(!cv_pace_due(&pace, 100.5, 1));
    ck_assert(cv_pace_due(&pace, 101, 1));
    ck_assert(!cv_pace_due(&pace, 101.9, 1));
    ck_assert(cv_pace_due(&pace, 200, 1));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("status");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_running_sweep_tells_how_far_it_is);
    tcase_add_test(tests, nothing_done_has_no_eta);
    tcase_add_test(tests, what_an_earlier_run_did_tells_nothing_of_the_pace);
    tcase_add_test(tests, a_failed_run_says_why);
    tcase_add_test(tests, a_folder_that_is_gone_is_an_error);
    tcase_add_test(tests, the_pace_is_kept);
    return run_suite(tests);
}
