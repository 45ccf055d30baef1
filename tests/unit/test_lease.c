#include "store/lease.h"

#include "scratch.h"
#include "suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double TERM = 0.6; /* seconds; the real one is a minute */

static cv_lease *take(const char *path)
{
    cv_error err;
    cv_lease *lease = cv_lease_take(path, TERM, &err);
    ck_assert_msg(lease != NULL, "%s", err.text);
    return lease;
}

/* cv_lease_take must refuse, and say so in these words. */
static void refused(const char *path, const char *words)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_lease_take(path, TERM, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
}

static char *read_text(const char *path)
{
    size_t length;
    cv_error err;
    char *text = cv_read_file(path, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    return text;
}

/* What the lease at path says, with the value of a field changed. */
static void change_field(const char *path, const char *key, const char *value)
{
    char *text = read_text(path), *at = strstr(text, key);
    ck_assert_ptr_nonnull(at);
    at += strlen(key) + 1;
    FILE *file = fopen(path, "w");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, value, strchr(at, '\n'));
    ck_assert_int_eq(fclose(file), 0);
    free(text);
}

/* As if it had been renewed so many seconds ago. */
static void make_older(const char *path, double seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= (time_t)seconds;
    ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){now, now}, 0), 0);
}

START_TEST(a_lease_is_held_by_one_and_gone_afterwards)
{
    char *path = scratch_path("lease"), words[64];
    cv_lease *lease = take(path);
    snprintf(words, sizeof words, "process %lld on ", (long long)getpid());
    refused(path, words);
    refused(path, "choose another output");
    cv_lease_release(lease);
    ck_assert(!cv_file_exists(path));
    cv_lease_release(take(path));
    cv_lease_release(NULL);
    free(path);
}
END_TEST

START_TEST(a_holder_that_was_killed_does_not_count)
{
    char *path = scratch_path("lease");
    pid_t child = fork();
    if (child == 0) {
        take(path);
        for (;;) pause();
    }
    while (!cv_file_exists(path)) nanosleep(&(struct timespec){0, 1000000}, NULL);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    refused(path, "is writing these results");
    kill(child, SIGKILL);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0); /* it stays as a zombie */
    cv_lease *lease = take(path);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    refused(path, "is writing these results"); /* now it is ours */
    cv_lease_release(lease);
    free(path);
}
END_TEST

START_TEST(a_number_that_was_given_anew_is_not_the_holder)
{
    char *path = scratch_path("lease");
    cv_lease *old = take(path);
    change_field(path, "start", "17");
    cv_lease *lease = take(path);
    cv_lease_release(lease);
    cv_lease_release(old);
    free(path);
}
END_TEST

START_TEST(a_process_that_is_gone_is_not_the_holder)
{
    char number[32];
    pid_t child = fork();
    if (child == 0) _exit(0);
    char *path = scratch_path("lease");
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    cv_lease *old = take(path);
    snprintf(number, sizeof number, "%lld", (long long)child);
    change_field(path, "pid", number);
    cv_lease_release(take(path));
    cv_lease_release(old);
    free(path);
}
END_TEST

/* Processes of another machine cannot be asked. */
static const struct {
    const char *key, *value;
} elsewhere[] = {{"boot", "other"}, {"space", "pid:[1]"}, {"boot", ""}, {"pid", "-1"}, {"pid", "99999999999"}};

START_TEST(a_holder_elsewhere_is_dead_when_it_has_not_renewed_for_a_term)
{
    char *path = scratch_path("lease");
    cv_lease *old = take(path);
    change_field(path, elsewhere[_i].key, elsewhere[_i].value);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    cv_lease *lease = take(path); /* once the term is over */
    clock_gettime(CLOCK_MONOTONIC, &after);
    double waited = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    ck_assert_double_gt(waited, 0.5 * TERM);
    cv_error err = {CV_OK, ""};
    if (strcmp(elsewhere[_i].key, "boot") != 0) {
        ck_assert(!cv_lease_renew(old, &err));
        ck_assert_ptr_nonnull(strstr(err.text, "has taken these results over"));
    }
    cv_lease_release(old); /* leaves the new one's alone */
    ck_assert(cv_lease_renew(lease, &err));
    cv_lease_release(lease);
    ck_assert(!cv_file_exists(path));
    free(path);
}
END_TEST

START_TEST(an_old_lease_elsewhere_is_taken_at_once)
{
    char *path = scratch_path("lease");
    cv_lease *old = take(path);
    change_field(path, "boot", "other");
    make_older(path, 3600);
    cv_error err;
    cv_lease *lease = cv_lease_take(path, 1000, &err); /* a wait of that term would not end in time */
    ck_assert_msg(lease != NULL, "%s", err.text);
    cv_lease_release(lease);
    cv_lease_release(old);
    free(path);
}
END_TEST

START_TEST(a_holder_elsewhere_that_renews_is_alive)
{
    char *path = scratch_path("lease");
    cv_lease *old = take(path);
    change_field(path, "boot", "other");
    change_field(path, "host", "node7");
    pid_t child = fork();
    if (child == 0) {
        cv_error err;
        for (;;) {
            nanosleep(&(struct timespec){0, 50000000}, NULL);
            if (!cv_lease_renew(old, &err)) _exit(1);
        }
    }
    refused(path, "on node7 is writing these results");
    refused(path, "if it is dead for sure, remove this file");
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    cv_lease_release(old);
    free(path);
}
END_TEST

static const char *const strange[] = {"", "hello", "host \nboot \nspace \npid \nstart \ntoken \n",
                                      "host \033[31mred\nboot b\nspace s\npid 1\nstart 2\ntoken t\n",
                                      "token 123456789012345678901234567890123456789012345678901234567890\n"};

START_TEST(a_file_that_is_no_lease_is_respected_for_a_term)
{
    char *path = scratch_file("lease", strange[_i], strlen(strange[_i]));
    cv_lease_release(take(path));
    ck_assert(!cv_file_exists(path));
    free(path);
}
END_TEST

START_TEST(a_lease_that_vanished_is_made_again)
{
    char *path = scratch_path("lease");
    cv_lease *lease = take(path);
    cv_error err;
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(cv_lease_renew(lease, &err), "%s", err.text);
    refused(path, "is writing these results");
    cv_lease_release(lease);
    free(path);
}
END_TEST

START_TEST(a_renewal_moves_the_time_and_nothing_else)
{
    char *path = scratch_path("lease");
    cv_lease *lease = take(path);
    char *before = read_text(path);
    make_older(path, 1000);
    cv_error err;
    ck_assert_msg(cv_lease_renew(lease, &err), "%s", err.text);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_lt(time(NULL) - info.st_mtime, 100);
    char *after = read_text(path);
    ck_assert_str_eq(before, after);
    cv_lease_release(lease);
    free(before);
    free(after);
    free(path);
}
END_TEST

START_TEST(a_lease_that_cannot_be_renewed_for_a_term_is_an_error)
{
    char *path = scratch_path("gone");
    ck_assert_int_eq(mkdir(path, 0777), 0);
    char *inside = cv_path_join(path, "lease");
    cv_lease *lease = take(inside);
    ck_assert_int_eq(unlink(inside), 0);
    ck_assert_int_eq(rmdir(path), 0);
    cv_error err;
    ck_assert(cv_lease_renew(lease, &err)); /* a moment's trouble is none */
    nanosleep(&(struct timespec){0, 700000000}, NULL);
    ck_assert(!cv_lease_renew(lease, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "could not be renewed"));
    cv_lease_release(lease);
    free(inside);
    free(path);
}
END_TEST

START_TEST(a_lease_in_no_folder_is_an_error)
{
    char *path = scratch_path("nowhere/lease");
    cv_error err;
    ck_assert_ptr_null(cv_lease_take(path, TERM, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    free(path);
}
END_TEST

/* Many processes want a lease whose holder is dead: one gets it, and the others hear of that one. */
START_TEST(one_of_many_gets_a_stale_lease)
{
    enum { MANY = 12 };
    char *path = scratch_path("lease");
    cv_lease *old = take(path);
    change_field(path, "start", "17");
    int go[2], won = 0;
    ck_assert_int_eq(pipe(go), 0);
    pid_t children[MANY];
    for (int i = 0; i < MANY; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        char byte;
        cv_error err;
        close(go[1]);
        if (read(go[0], &byte, 1) < 0) _exit(2);
        cv_lease *mine = cv_lease_take(path, 5, &err);
        if (mine) nanosleep(&(struct timespec){1, 0}, NULL);
        _exit(mine && cv_lease_renew(mine, &err) ? 0 : 1);
    }
    close(go[1]); /* all begin */
    for (int i = 0; i < MANY; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        won += status == 0;
    }
    close(go[0]);
    ck_assert_int_eq(won, 1);
    cv_lease_release(old);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lease");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_lease_is_held_by_one_and_gone_afterwards);
    tcase_add_test(tests, a_holder_that_was_killed_does_not_count);
    tcase_add_test(tests, a_number_that_was_given_anew_is_not_the_holder);
    tcase_add_test(tests, a_process_that_is_gone_is_not_the_holder);
    tcase_add_loop_test(tests, a_holder_elsewhere_is_dead_when_it_has_not_renewed_for_a_term, 0, ROWS(elsewhere));
    tcase_add_test(tests, an_old_lease_elsewhere_is_taken_at_once);
    tcase_add_test(tests, a_holder_elsewhere_that_renews_is_alive);
    tcase_add_loop_test(tests, a_file_that_is_no_lease_is_respected_for_a_term, 0, ROWS(strange));
    tcase_add_test(tests, a_lease_that_vanished_is_made_again);
    tcase_add_test(tests, a_renewal_moves_the_time_and_nothing_else);
    tcase_add_test(tests, a_lease_that_cannot_be_renewed_for_a_term_is_an_error);
    tcase_add_test(tests, a_lease_in_no_folder_is_an_error);
    tcase_add_test(tests, one_of_many_gets_a_stale_lease);
    return run_suite(tests);
}
