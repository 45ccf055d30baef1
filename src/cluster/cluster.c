#include "cluster/cluster.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/mpi_calls.h"
#include "cluster/signals.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const size_t CHUNK = (size_t)1 << 30; /* of a broadcast: MPI counts bytes in an int */

/* At the end: a rank that has not answered for SILENCE seconds is gone; one that answers is waited for so long. No rank
 * is gone before rank 0 has LISTENED for so many seconds, as it may have been writing for long. */
static const double SILENCE = 0.5, PATIENCE = 10, LISTENED = 0.2;

_Noreturn void cv_mpi_failed(int code, const char *call, const char *file, int line)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;
    MPI_Error_string(code, text, &length);
    fprintf(stderr, "caravan: %s:%d: %s: %s\n", file, line, call, text);
    MPI_Abort(MPI_COMM_WORLD, CV_FAILED);
    abort();
}

/* cv_fatal may be met in the thread that computes. MPI then hears of it from a thread that should not
 * call it, but there is nothing left to lose. */
static void abort_all_ranks(void)
{
    MPI_Abort(MPI_COMM_WORLD, CV_FAILED);
}

long cv_backoff_next(cv_backoff *backoff)
{
    const long shortest = 10000, quick = 160000, longest = backoff->longest ? backoff->longest : 1000000;
    long last = backoff->nanoseconds;
    backoff->nanoseconds = last == 0 ? shortest : last < quick ? 2 * last : last + last / 16;
    if (backoff->nanoseconds > longest) backoff->nanoseconds = longest;
    return backoff->nanoseconds;
}

void cv_backoff_sleep(cv_backoff *backoff)
{
    nanosleep(&(struct timespec){0, cv_backoff_next(backoff)}, NULL);
}

void cv_mpi_wait(MPI_Request *request)
{
    cv_backoff backoff = {0};
    for (;;) {
        int done = 0;
        CV_MPI(MPI_Test(request, &done, MPI_STATUS_IGNORE));
        if (done) return;
        cv_backoff_sleep(&backoff);
    }
}

static MPI_Comm duplicate_world(void)
{
    MPI_Comm comm;
    CV_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    CV_MPI(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    return comm;
}

static void gather_hosts(cv_cluster *cluster)
{
    char host[CV_HOST_NAME] = "";
    if (gethostname(host, sizeof host - 1) != 0) snprintf(host, sizeof host, "unknown");
    if (cluster->rank == 0) cluster->hosts = cv_calloc((size_t)cluster->size, sizeof *cluster->hosts);
    cv_cluster_gather(cluster, host, sizeof host, cluster->hosts);
}

cv_cluster *cv_cluster_open(int *argc, char ***argv)
{
    int provided = MPI_THREAD_SINGLE;
    CV_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
    CV_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    cv_set_fatal_handler(abort_all_ranks);
    if (provided < MPI_THREAD_FUNNELED)
        cv_fatal("this MPI library cannot be used by a program with threads (MPI_THREAD_FUNNELED); load another build");
    cv_cluster *cluster = cv_calloc(1, sizeof *cluster);
    cluster->control = duplicate_world();
    cluster->work = duplicate_world();
    CV_MPI(MPI_Comm_rank(cluster->control, &cluster->rank));
    CV_MPI(MPI_Comm_size(cluster->control, &cluster->size));
    cv_log_enable(cluster->rank == 0);
    gather_hosts(cluster);
    if (cluster->rank == 0) {
        cluster->post = cv_post_open();
        cluster->asked = cv_calloc((size_t)cluster->size, sizeof *cluster->asked);
    }
    return cluster;
}

_Noreturn void cv_cluster_abort(cv_status status)
{
    fflush(NULL);
    MPI_Abort(MPI_COMM_WORLD, (int)status);
    abort();
}

void cv_cluster_asked(cv_cluster *cluster, int rank)
{
    if (cluster->asked[rank] == 0) cluster->asked[rank] = cv_seconds();
}

void cv_cluster_heard(cv_cluster *cluster, int rank)
{
    cluster->asked[rank] = 0;
}

double cv_cluster_silence(const cv_cluster *cluster, int rank)
{
    return cluster->asked[rank] > 0 ? cv_seconds() - cluster->asked[rank] : 0;
}

static void end_mpi(cv_cluster *cluster)
{
    CV_MPI(MPI_Comm_free(&cluster->control));
    CV_MPI(MPI_Comm_free(&cluster->work));
    cv_set_fatal_handler(NULL);
    CV_MPI(MPI_Finalize());
    cv_post_close(cluster->post);
    free(cluster->hosts);
    free(cluster->asked);
    free(cluster);
}

/* Takes in farewells, and late replies, which nobody wants any more; missing [ranks] have not said theirs. */
static void take_farewells(cv_cluster *cluster, bool *missing, int *num_missing)
{
    int rank;
    cv_buffer bytes = {0};
    while (cv_post_take(cluster, CV_TAG_REPLY, &rank, &bytes)) {
        cv_cluster_heard(cluster, rank);
        cv_buffer_free(&bytes);
    }
    while (cv_post_take(cluster, CV_TAG_FAREWELL, &rank, &bytes)) {
        cv_cluster_heard(cluster, rank);
        cv_buffer_free(&bytes);
        *num_missing -= missing[rank];
        missing[rank] = false;
    }
}

/* Whether none of the missing ranks will come, as far as can be told after waiting for so many seconds. */
static bool all_gone(const cv_cluster *cluster, const bool *missing, double waited)
{
    if (waited >= PATIENCE) return true;
    for (int r = 1; r < cluster->size; r++)
        if (missing[r] && cv_cluster_silence(cluster, r) < SILENCE) return false;
    return waited >= LISTENED;
}

/* Which ranks are missing: the first of them by name. */
static void tell_missing(const cv_cluster *cluster, const bool *missing, int num_missing, double waited)
{
    int rank = 1;
    while (!missing[rank]) rank++;
    double silence = cv_cluster_silence(cluster, rank);
    char others[48] = "";
    if (num_missing > 1)
        snprintf(others, sizeof others, " and %d other%s", num_missing - 1, num_missing > 2 ? "s" : "");
    cv_warn("rank %d on %s%s did not answer for %.1f s, as if stopped: the run ends without; nothing is lost", rank,
            cluster->hosts[rank], others, silence > waited ? silence : waited);
}

/* On rank 0: returns when all ranks have said farewell, or ends them. */
static void await_farewells(cv_cluster *cluster, cv_status status)
{
    int num_missing = cluster->size - 1;
    bool *missing = cv_alloc((size_t)cluster->size, sizeof *missing);
    for (int r = 0; r < cluster->size; r++) missing[r] = r > 0;
    double start = cv_seconds();
    for (cv_backoff backoff = {0};; cv_backoff_sleep(&backoff)) {
        take_farewells(cluster, missing, &num_missing);
        if (cv_post_settle(cluster) && num_missing == 0) break;
        double waited = cv_seconds() - start;
        if (num_missing == 0 || !all_gone(cluster, missing, waited)) continue;
        tell_missing(cluster, missing, num_missing, waited);
        cv_cluster_abort(status);
    }
    free(missing);
}

/* MPI_Finalize waits for all ranks, and may spin; so none goes there before rank 0 has heard of all. */
void cv_cluster_close(cv_cluster *cluster, cv_status status)
{
    cv_buffer bytes = {0};
    if (cluster->rank == 0) {
        await_farewells(cluster, status);
        cv_signals_ignore();
        cv_post_send_all(cluster, CV_TAG_FAREWELL, NULL, 0);
        for (cv_backoff backoff = {0}; !cv_post_settle(cluster);) cv_backoff_sleep(&backoff);
    } else {
        CV_MPI(MPI_Send(NULL, 0, MPI_BYTE, 0, CV_TAG_FAREWELL, cluster->work));
        cv_post_receive(cluster, CV_TAG_FAREWELL, &bytes);
        cv_signals_ignore();
        cv_buffer_free(&bytes);
    }
    end_mpi(cluster);
}

int cv_cluster_rank(const cv_cluster *cluster)
{
    return cluster->rank;
}

int cv_cluster_size(const cv_cluster *cluster)
{
    return cluster->size;
}

static void broadcast_from(cv_cluster *cluster, int root, void *bytes, size_t length)
{
    for (size_t done = 0; done < length; done += CHUNK) {
        size_t part = length - done < CHUNK ? length - done : CHUNK;
        MPI_Request request;
        CV_MPI(MPI_Ibcast((char *)bytes + done, (int)part, MPI_BYTE, root, cluster->control, &request));
        cv_mpi_wait(&request);
    }
}

bool cv_cluster_agree(cv_cluster *cluster, bool ok, cv_error *err)
{
    int mine = ok ? cluster->size : cluster->rank, lowest = mine;
    MPI_Request request;
    CV_MPI(MPI_Iallreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, cluster->control, &request));
    cv_mpi_wait(&request);
    if (lowest == cluster->size) return true;
    cv_error shared;
    memset(&shared, 0, sizeof shared);
    if (cluster->rank == lowest) shared = *err;
    broadcast_from(cluster, lowest, &shared, sizeof shared);
    shared.text[CV_ERROR_TEXT - 1] = 0;
    *err = shared;
    return false;
}

void cv_cluster_broadcast(cv_cluster *cluster, cv_buffer *bytes)
{
    uint64_t length = bytes->length;
    broadcast_from(cluster, 0, &length, sizeof length);
    if (cluster->rank != 0) {
        bytes->data = cv_alloc((size_t)length + 1, 1);
        bytes->length = (size_t)length;
        bytes->capacity = (size_t)length + 1;
        bytes->data[length] = 0;
    }
    broadcast_from(cluster, 0, bytes->data, bytes->length);
}

void cv_cluster_gather(cv_cluster *cluster, const void *mine, size_t size, void *all)
{
    MPI_Request request;
    if (size > INT_MAX) cv_fatal("%zu bytes a rank are too many to gather", size);
    CV_MPI(MPI_Igather(mine, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, 0, cluster->control, &request));
    cv_mpi_wait(&request);
}

bool cv_cluster_follow(cv_cluster *cluster, bool ok, cv_error *err)
{
    int32_t status = ok ? 0 : (int32_t)err->status;
    if (cluster->rank == 0) {
        cv_post_send_all(cluster, CV_TAG_WORD, &status, sizeof status);
        return ok;
    }
    cv_buffer bytes = {0};
    cv_post_receive(cluster, CV_TAG_WORD, &bytes);
    if (bytes.length != sizeof status) cv_fatal("rank 0 sent a word of %zu bytes", bytes.length);
    memcpy(&status, bytes.data, sizeof status);
    cv_buffer_free(&bytes);
    *err = (cv_error){(cv_status)status, ""};
    return status == CV_OK;
}

void cv_cluster_tell(cv_cluster *cluster, cv_buffer *bytes)
{
    uint64_t length = bytes->length;
    if (cluster->rank == 0) {
        cv_post_send_all(cluster, CV_TAG_WORD, &length, sizeof length);
        for (size_t done = 0; done < bytes->length; done += CHUNK)
            cv_post_send_all(cluster, CV_TAG_WORD, bytes->data + done,
                             bytes->length - done < CHUNK ? bytes->length - done : CHUNK);
        return;
    }
    cv_buffer part = {0};
    cv_post_receive(cluster, CV_TAG_WORD, &part);
    if (part.length != sizeof length) cv_fatal("rank 0 sent a length of %zu bytes", part.length);
    memcpy(&length, part.data, sizeof length);
    cv_buffer_free(&part);
    while (bytes->length < length) {
        cv_post_receive(cluster, CV_TAG_WORD, &part);
        cv_buffer_append(bytes, part.data, part.length);
        cv_buffer_free(&part);
    }
}

const char *cv_cluster_host(const cv_cluster *cluster, int rank)
{
    return cluster->hosts[rank];
}

const char *cv_mpi_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
    text[strcspn(text, ",\n")] = 0; /* the rest is about who built it */
    return text;
}
