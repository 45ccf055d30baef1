#include "store/journal.h"

#include "base/hash.h"
#include "base/memory.h"

#include "scratch.h"
#include "suite.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS = 6 };

static cv_identity identity;
static cv_folder *folder;

static void setup(void)
{
    cv_error err;
    scratch_make();
    folder = cv_folder_open(scratch, &err);
    identity = (cv_identity){0};
    cv_identity_add(&identity, CV_IDENTITY_JOB, "steps", "3", NULL);
}

static void teardown(void)
{
    cv_identity_free(&identity);
    cv_folder_close(folder);
    scratch_remove();
}

static cv_journal *opened(void)
{
    cv_error err;
    cv_journal *journal = cv_journal_open(folder, &identity, &err);
    ck_assert_msg(journal != NULL, "%s", err.text);
    return journal;
}

static bool is_there(const char *name)
{
    char *path = scratch_path(name);
    bool there = cv_file_exists(path);
    free(path);
    return there;
}

/* An item's bytes are doubles that tell its number, and phase. */
static void append(cv_journal *journal, const char *phase, size_t item)
{
    double values[] = {(double)item, (double)strlen(phase)};
    cv_error err;
    ck_assert_msg(cv_journal_append(journal, phase, item, 100 + item, (const char *)values, sizeof values, &err), "%s",
                  err.text);
}

typedef struct taken {
    const char *phase;
    size_t order[2 * ITEMS], count;
    int refuse; /* the item that take does not want; -1 for none */
} taken;

static bool take(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    taken *t = context;
    if ((int)item == t->refuse) return cv_failed(err, "not wanted");
    ck_assert_uint_eq(length, 2 * sizeof(double));
    ck_assert_uint_eq((uintptr_t)bytes % _Alignof(double), 0);
    const double *values = (const double *)(const void *)bytes;
    ck_assert_double_eq(values[0], (double)item);
    ck_assert_double_eq(values[1], (double)strlen(t->phase));
    t->order[t->count++] = item;
    return true;
}

static bool resume(cv_journal *journal, taken *t, bool done[ITEMS], cv_error *err)
{
    static const uint64_t descriptions[ITEMS] = {100, 101, 102, 103, 104, 105};
    return cv_journal_resume(journal, t->phase, descriptions, ITEMS, take, t, done, err);
}

static void expect_done(const bool done[ITEMS], const char *picture)
{
    for (size_t i = 0; i < ITEMS; i++) ck_assert_int_eq(done[i], picture[i] == 'x');
}

START_TEST(each_phase_gets_its_own_items)
{
    cv_journal *journal = opened();
    append(journal, "sweep", 4);
    append(journal, "sahara 2", 0);
    append(journal, "sweep", 1);
    append(journal, "generate", 5);
    cv_journal_close(journal);
    journal = opened();
    ck_assert_uint_eq(cv_journal_count(journal), 4);
    append(journal, "sweep", 2);
    taken sweep = {.phase = "sweep", .refuse = -1}, sahara = {.phase = "sahara 2", .refuse = -1},
          other = {.phase = "sahara 3", .refuse = -1};
    bool done[ITEMS];
    cv_error err;
    ck_assert_msg(resume(journal, &sweep, done, &err), "%s", err.text);
    expect_done(done, ".xx.x.");
    ck_assert_uint_eq(sweep.count, 3);
    ck_assert_uint_eq(sweep.order[0], 4);
    ck_assert_uint_eq(sweep.order[1], 1);
    ck_assert_uint_eq(sweep.order[2], 2);
    ck_assert(resume(journal, &sahara, done, &err));
    expect_done(done, "x.....");
    ck_assert(resume(journal, &other, done, &err));
    expect_done(done, "......");
    cv_journal_close(journal);
}
END_TEST

/* The last units of a run are handed out twice. */
START_TEST(an_item_that_is_there_twice_is_taken_once)
{
    cv_journal *journal = opened();
    append(journal, "sweep", 3);
    append(journal, "sweep", 3);
    taken t = {.phase = "sweep", .refuse = -1};
    bool done[ITEMS];
    cv_error err;
    ck_assert(resume(journal, &t, done, &err));
    expect_done(done, "...x..");
    ck_assert_uint_eq(t.count, 1);
    cv_journal_close(journal);
}
END_TEST

START_TEST(an_empty_result_is_a_result)
{
    cv_journal *journal = opened();
    cv_error err;
    ck_assert(cv_journal_append(journal, "", 2, 102, NULL, 0, &err));
    cv_journal_close(journal);
    journal = opened();
    ck_assert_uint_eq(cv_journal_count(journal), 1);
    cv_journal_close(journal);
}
END_TEST

/* What a record is, is its description: another number is the same item elsewhere in a list, and another
 * description is a unit that this run does not have. */
START_TEST(items_are_known_by_what_they_are)
{
    cv_journal *journal = opened();
    cv_error err = {CV_OK, ""};
    double values[] = {4, strlen("sweep")};
    append(journal, "sweep", 1);
    ck_assert(cv_journal_append(journal, "sweep", 77, 104, (const char *)values, sizeof values, &err));
    ck_assert(cv_journal_append(journal, "sweep", 2, 900, "x", 1, &err));
    ck_assert(cv_journal_append(journal, "sweep", SIZE_MAX, 0, "x", 1, &err));
    taken t = {.phase = "sweep", .refuse = -1};
    bool done[ITEMS];
    ck_assert_msg(resume(journal, &t, done, &err), "%s", err.text);
    expect_done(done, ".x..x.");
    ck_assert_uint_eq(t.count, 2);
    cv_journal_close(journal);
}
END_TEST

/* Makes another results folder whose journal has items [begin, end), and gives the journal's path. */
static char *other_journal(const char *name, const cv_identity *whose, size_t begin, size_t end)
{
    cv_error err;
    char *path = scratch_path(name);
    cv_folder *other = cv_folder_open(path, &err);
    cv_journal *journal = cv_journal_open(other, whose, &err);
    ck_assert_msg(journal != NULL, "%s", err.text);
    for (size_t item = begin; item < end; item++) append(journal, "sweep", item);
    cv_journal_close(journal);
    char *file = cv_folder_path(other, "journal");
    cv_folder_close(other);
    free(path);
    return file;
}

START_TEST(parts_come_together)
{
    cv_identity part = {0};
    cv_identity_add(&identity, CV_IDENTITY_FILES, "model a: config.json", "aa", NULL);
    cv_identity_add(&identity, CV_IDENTITY_FILES, "model b: config.json", "bb", NULL);
    cv_identity_add(&part, CV_IDENTITY_JOB, "steps", "3", NULL);
    cv_identity_add(&part, CV_IDENTITY_FILES, "model b: config.json", "bb", NULL);
    char *first = other_journal("first", &identity, 0, 3), *second = other_journal("second", &part, 2, 5);
    cv_journal *journal = opened();
    cv_error err = {CV_OK, ""};
    size_t added;
    append(journal, "sweep", 0);
    ck_assert_msg(cv_journal_import(journal, first, &identity, &added, &err), "%s", err.text);
    ck_assert_uint_eq(added, 2);
    ck_assert_msg(cv_journal_import(journal, second, &identity, &added, &err), "%s", err.text);
    ck_assert_uint_eq(added, 2);
    taken t = {.phase = "sweep", .refuse = -1};
    bool done[ITEMS];
    ck_assert(resume(journal, &t, done, &err));
    expect_done(done, "xxxxx.");
    cv_journal_close(journal);
    free(first);
    free(second);
    cv_identity_free(&part);
}
END_TEST

START_TEST(parts_of_something_else_are_refused)
{
    cv_identity other = {0}, changed = {0};
    cv_identity_add(&other, CV_IDENTITY_JOB, "steps", "4", NULL);
    cv_identity_add(&changed, CV_IDENTITY_JOB, "steps", "3", NULL);
    cv_identity_add(&changed, CV_IDENTITY_FILES, "model a: config.json", "ab", NULL);
    cv_identity_add(&identity, CV_IDENTITY_FILES, "model a: config.json", "aa", NULL);
    char *paths[] = {other_journal("other", &other, 0, 1), other_journal("changed", &changed, 0, 1)};
    const char *says[] = {"steps was 4 and is 3", "model a: config.json: has changed since"};
    cv_journal *journal = opened();
    for (size_t i = 0; i < 2; i++) {
        cv_error err = {CV_OK, ""};
        size_t added;
        ck_assert(!cv_journal_import(journal, paths[i], &identity, &added, &err));
        ck_assert_msg(strstr(err.text, says[i]) != NULL, "%s", err.text);
        free(paths[i]);
    }
    cv_error err = {CV_OK, ""};
    size_t added;
    ck_assert(!cv_journal_import(journal, "nowhere/journal", &identity, &added, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "there is no journal"));
    ck_assert_uint_eq(cv_journal_count(journal), 0);
    cv_journal_close(journal);
    cv_identity_free(&other);
    cv_identity_free(&changed);
}
END_TEST

START_TEST(a_result_that_is_not_wanted_is_an_error)
{
    cv_journal *journal = opened();
    cv_error err;
    append(journal, "sweep", 1);
    append(journal, "sweep", 2);
    taken t = {.phase = "sweep", .refuse = 2};
    bool done[ITEMS];
    ck_assert(!resume(journal, &t, done, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "/journal: not wanted"));
    expect_done(done, ".x....");
    cv_journal_close(journal);
}
END_TEST

START_TEST(a_second_run_is_refused_while_the_first_is_alive)
{
    cv_journal *journal = opened();
    cv_error err = {CV_OK, ""};
    append(journal, "sweep", 0);
    ck_assert_ptr_null(cv_journal_open(folder, &identity, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "is writing these results"));
    append(journal, "sweep", 1); /* the first goes on undisturbed */
    cv_journal_close(journal);
    journal = opened();
    ck_assert_uint_eq(cv_journal_count(journal), 2);
    cv_journal_close(journal);
    ck_assert(!is_there(".journal-lease"));
}
END_TEST

START_TEST(another_job_is_refused_and_leaves_no_lease)
{
    cv_journal *journal = opened();
    append(journal, "sweep", 0);
    cv_journal_close(journal);
    cv_identity other = {0};
    cv_error err = {CV_OK, ""};
    cv_identity_add(&other, CV_IDENTITY_JOB, "steps", "4", NULL);
    ck_assert_ptr_null(cv_journal_open(folder, &other, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "steps was 3 and is 4"));
    ck_assert(!is_there(".journal-lease"));
    journal = opened();
    ck_assert_uint_eq(cv_journal_count(journal), 1);
    cv_journal_close(journal);
    cv_identity_free(&other);
}
END_TEST

START_TEST(a_journal_without_records_is_removed)
{
    cv_journal *journal = opened();
    ck_assert(is_there("journal"));
    ck_assert(is_there(".journal-lease"));
    cv_journal_close(journal);
    ck_assert(!is_there("journal"));
    ck_assert(!is_there(".journal-lease"));
    cv_journal_close(NULL);
}
END_TEST

/* Whatever was appended before the kill is there, as the system has it. */
START_TEST(a_killed_writer_loses_nothing)
{
    int told[2];
    ck_assert_int_eq(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        cv_journal *journal = opened();
        for (size_t i = 0;; i++) {
            append(journal, "sweep", i % ITEMS);
            if (write(told[1], "x", 1) != 1) _exit(1);
        }
    }
    char byte;
    close(told[1]);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(read(told[0], &byte, 1), 1);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    size_t appended = 1000;
    while (read(told[0], &byte, 1) == 1) appended++;
    close(told[0]);
    cv_journal *journal = opened();
    ck_assert_uint_ge(cv_journal_count(journal), appended);
    ck_assert_uint_le(cv_journal_count(journal), appended + 1);
    cv_journal_close(journal);
}
END_TEST

START_TEST(a_full_disk_is_an_error_and_what_was_there_stays)
{
    cv_journal *journal = opened();
    cv_error err = {CV_OK, ""};
    append(journal, "sweep", 0);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY}), 0);
    ck_assert(!cv_journal_append(journal, "sweep", 1, 101, "x", 1, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_ptr_nonnull(strstr(err.text, "run the same command again"));
    cv_journal_close(journal);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}), 0);
    journal = opened();
    ck_assert_uint_eq(cv_journal_count(journal), 1);
    cv_journal_close(journal);
}
END_TEST

START_TEST(flushing_is_fine_at_any_time)
{
    cv_journal *journal = opened();
    cv_error err;
    ck_assert_msg(cv_journal_flush(journal, &err), "%s", err.text);
    append(journal, "sweep", 0);
    ck_assert_msg(cv_journal_flush(journal, &err), "%s", err.text);
    ck_assert_msg(cv_journal_flush(journal, &err), "%s", err.text);
    cv_journal_close(journal);
}
END_TEST

/* The journal's own thread renews the lease, and finds out if it was lost. */
START_TEST(a_run_that_was_ousted_stops)
{
    cv_journal *journal = opened();
    cv_error err = {CV_OK, ""};
    append(journal, "sweep", 0);
    char *lease = scratch_path(".journal-lease");
    static const char usurper[] = "host node7\nboot b\nspace s\npid 12\nstart 34\ntoken 56\n";
    free(scratch_file(".journal-lease", usurper, sizeof usurper - 1));
    double waited = 0;
    while (cv_journal_append(journal, "sweep", 1, 101, "x", 1, &err) && waited < 60) {
        nanosleep(&(struct timespec){0, 200000000}, NULL);
        waited += 0.2;
    }
    ck_assert_ptr_nonnull(strstr(err.text, "process 12 on node7 has taken these results over"));
    ck_assert(!cv_journal_flush(journal, &err));
    cv_journal_close(journal);
    ck_assert(cv_file_exists(lease)); /* the other's is left alone */
    free(lease);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("journal");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_phase_gets_its_own_items);
    tcase_add_test(tests, an_item_that_is_there_twice_is_taken_once);
    tcase_add_test(tests, an_empty_result_is_a_result);
    tcase_add_test(tests, items_are_known_by_what_they_are);
    tcase_add_test(tests, parts_come_together);
    tcase_add_test(tests, parts_of_something_else_are_refused);
    tcase_add_test(tests, a_result_that_is_not_wanted_is_an_error);
    tcase_add_test(tests, a_second_run_is_refused_while_the_first_is_alive);
    tcase_add_test(tests, another_job_is_refused_and_leaves_no_lease);
    tcase_add_test(tests, a_journal_without_records_is_removed);
    tcase_add_test(tests, a_killed_writer_loses_nothing);
    tcase_add_test(tests, a_full_disk_is_an_error_and_what_was_there_stays);
    tcase_add_test(tests, flushing_is_fine_at_any_time);
    tcase_add_test(tests, a_run_that_was_ousted_stops);
    return run_suite(tests);
}
