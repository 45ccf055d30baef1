#include "store/journal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/journal_file.h"
#include "store/lease.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Hidden, as no model's name begins with a dot and these must not be in the way of one. */
static const char LEASE_NAME[] = ".journal-lease", DAMAGED_NAME[] = ".journal-damaged";

static const double LEASE_TERM = 60, RENEW_SECONDS = 5, FLUSH_SECONDS = 1.5;

struct cv_journal {
    cv_journal_file file;
    cv_lease *lease;
    bool keeping; /* the thread runs */
    pthread_t keeper;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closing, dirty; /* guarded by lock, as is trouble */
    cv_error trouble;    /* the first that the thread met; status CV_OK while there is none */
};

size_t cv_journal_count(const cv_journal *journal)
{
    return journal->file.count;
}

const char *cv_journal_path(const cv_journal *journal)
{
    return journal->file.path;
}

/* ---- the thread ---- */

/* Keeps the first trouble, for whoever appends or flushes next. */
static void note_trouble(cv_journal *journal, const cv_error *err)
{
    pthread_mutex_lock(&journal->lock);
    if (journal->trouble.status == CV_OK) journal->trouble = *err;
    pthread_mutex_unlock(&journal->lock);
}

/* False with *err filled. After a failed flush the system may have dropped what was not written, so that
 * a later one that goes well means nothing. */
static bool flush_now(cv_journal *journal, cv_error *err)
{
    pthread_mutex_lock(&journal->lock);
    bool dirty = journal->dirty;
    journal->dirty = false;
    pthread_mutex_unlock(&journal->lock);
    return !dirty || fdatasync(journal->file.fd) == 0 ||
           cv_failed(err, "%s: cannot be flushed to disk: %s; free some space and run the same command again",
                     journal->file.path, strerror(errno));
}

/* Sleeps a second, or until the journal is to be closed, which is what it tells. */
static bool sleep_or_close(cv_journal *journal)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&journal->lock);
    while (!journal->closing)
        if (pthread_cond_timedwait(&journal->changed, &journal->lock, &until) == ETIMEDOUT) break;
    bool closing = journal->closing;
    pthread_mutex_unlock(&journal->lock);
    return closing;
}

static void *keep(void *argument)
{
    cv_journal *journal = argument;
    double flushed = cv_seconds(), renewed = flushed;
    while (!sleep_or_close(journal)) {
        cv_error err;
        double now = cv_seconds();
        if (now - flushed >= FLUSH_SECONDS) {
            if (!flush_now(journal, &err)) note_trouble(journal, &err);
            flushed = now;
        }
        if (now - renewed >= RENEW_SECONDS) {
            if (!cv_lease_renew(journal->lease, &err)) note_trouble(journal, &err);
            renewed = now;
        }
    }
    return NULL;
}

/* Signals are for the other threads: this one must not be the one that a handler interrupts. */
static void start_keeper(cv_journal *journal)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&journal->lock, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int problem = pthread_create(&journal->keeper, NULL, keep, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (problem) cv_fatal("no thread can be started: %s", strerror(problem));
    journal->keeping = true;
}

static void stop_keeper(cv_journal *journal)
{
    if (!journal->keeping) return;
    pthread_mutex_lock(&journal->lock);
    journal->closing = true;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->keeper, NULL);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    journal->keeping = false;
}

/* ---- opening ---- */

cv_journal *cv_journal_open(const cv_folder *folder, const cv_identity *identity, cv_error *err)
{
    cv_journal *journal = cv_calloc(1, sizeof *journal);
    char *path = cv_folder_path(folder, "journal"), *lease = cv_folder_path(folder, LEASE_NAME),
         *aside = cv_folder_path(folder, DAMAGED_NAME);
    journal->file.fd = -1;
    journal->lease = cv_lease_take(lease, LEASE_TERM, err);
    bool ok = journal->lease && cv_journal_file_open(&journal->file, path, aside, identity, err);
    free(path);
    free(lease);
    free(aside);
    if (ok) {
        start_keeper(journal);
        return journal;
    }
    cv_journal_close(journal);
    return NULL;
}

void cv_journal_close(cv_journal *journal)
{
    if (!journal) return;
    cv_error err;
    bool opened = journal->keeping;
    stop_keeper(journal);
    if (opened && journal->dirty && fdatasync(journal->file.fd) != 0)
        cv_warn("%s: cannot be flushed to disk: %s", journal->file.path, strerror(errno));
    if (opened && journal->file.count == 0 && cv_lease_renew(journal->lease, &err)) unlink(journal->file.path);
    cv_journal_file_close(&journal->file);
    cv_lease_release(journal->lease);
    free(journal);
}

/* ---- using ---- */

static int by_number(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

bool cv_journal_resume(cv_journal *journal, const char *phase, const uint64_t *descriptions, size_t count,
                       cv_journal_take take, void *context, bool *done, cv_error *err)
{
    return cv_journal_file_replay(&journal->file, phase, descriptions, count, take, context, done, err);
}

/* What the journal's records are, as one number each (of phase and description), sorted. */
static uint64_t *sort_records(cv_journal_file *file, cv_error *err)
{
    uint64_t *keys = cv_alloc(file->count, sizeof *keys);
    for (size_t i = 0; i < file->count; i++) {
        cv_journal_record r;
        if (!cv_journal_file_read(file, i, &r, err)) {
            free(keys);
            return NULL;
        }
        keys[i] = file->places[i].phase ^ r.description;
    }
    if (file->count) qsort(keys, file->count, sizeof *keys, by_number);
    return keys;
}

/* Copies record i of another file, unless it is among keys [count]. */
static bool import_record(cv_journal *journal, cv_journal_file *other, size_t i, const uint64_t *keys, size_t count,
                          size_t *added, cv_error *err)
{
    cv_journal_record r;
    if (!cv_journal_file_read(other, i, &r, err)) return false;
    uint64_t key = other->places[i].phase ^ r.description;
    if (count && bsearch(&key, keys, count, sizeof *keys, by_number)) return true;
    char *phase = cv_strndup(r.phase, r.phase_length);
    bool ok = cv_journal_append(journal, phase, (size_t)r.item, r.description, r.bytes, r.length, err);
    free(phase);
    *added += ok;
    return ok;
}

bool cv_journal_import(cv_journal *journal, const char *path, const cv_identity *identity, size_t *added, cv_error *err)
{
    cv_journal_file other;
    size_t count = journal->file.count;
    *added = 0;
    bool ok = cv_journal_file_open_to_read(&other, path, identity, err);
    uint64_t *keys = ok ? sort_records(&journal->file, err) : NULL;
    for (size_t i = 0; keys && ok && i < other.count; i++)
        ok = import_record(journal, &other, i, keys, count, added, err);
    ok = ok && keys;
    free(keys);
    cv_journal_file_close(&other);
    return ok;
}

/* What the thread met. */
static bool check_trouble(cv_journal *journal, cv_error *err)
{
    pthread_mutex_lock(&journal->lock);
    bool ok = journal->trouble.status == CV_OK;
    if (!ok) *err = journal->trouble;
    pthread_mutex_unlock(&journal->lock);
    return ok;
}

bool cv_journal_append(cv_journal *journal, const char *phase, size_t item, uint64_t description, const char *bytes,
                       size_t length, cv_error *err)
{
    if (!check_trouble(journal, err) ||
        !cv_journal_file_append(&journal->file, phase, item, description, bytes, length, err))
        return false;
    pthread_mutex_lock(&journal->lock);
    journal->dirty = true;
    pthread_mutex_unlock(&journal->lock);
    return true;
}

bool cv_journal_flush(cv_journal *journal, cv_error *err)
{
    if (!check_trouble(journal, err)) return false;
    if (flush_now(journal, err)) return true;
    note_trouble(journal, err);
    return false;
}
