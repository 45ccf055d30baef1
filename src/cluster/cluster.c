#include "cluster/cluster.h"

#include "base/log.h"
#include "base/memory.h"
#include "cluster/mpi_calls.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const size_t CHUNK = (size_t)1 << 30; /* of a broadcast: MPI counts bytes in an int */

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
    const long shortest = 10000, longest = 1000000;
    backoff->nanoseconds = backoff->nanoseconds ? 2 * backoff->nanoseconds : shortest;
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
    return cluster;
}

/* MPI_Finalize would spin until rank 0 has written its results, so ranks wait for each other before. */
void cv_cluster_close(cv_cluster *cluster)
{
    MPI_Request request;
    CV_MPI(MPI_Ibarrier(cluster->control, &request));
    cv_mpi_wait(&request);
    CV_MPI(MPI_Comm_free(&cluster->control));
    CV_MPI(MPI_Comm_free(&cluster->work));
    cv_set_fatal_handler(NULL);
    CV_MPI(MPI_Finalize());
    free(cluster);
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

const char *cv_mpi_version(void)
{
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
    text[strcspn(text, ",\n")] = 0; /* the rest is about who built it */
    return text;
}
