/* MPI inside the cluster room: every call is checked, and every wait sleeps. */
#ifndef CV_MPI_CALLS_H
#define CV_MPI_CALLS_H

#include "cluster/cluster.h"
#include "cluster/post.h"

#include <mpi.h>
#include <stdint.h>

enum { CV_HOST_NAME = 64 };

struct cv_cluster {
    MPI_Comm control; /* collectives */
    MPI_Comm work;    /* messages of the dispatcher */
    int rank, size;
    uint64_t num_dispatches; /* that were begun, on each rank */

    /* rank 0 alone */
    cv_post *post;
    char (*hosts)[CV_HOST_NAME]; /* [size] */
    bool *suspect;               /* [size] had not answered when the last dispatch was over */
    double longest_item;         /* seconds that the longest item of all dispatches took */
};

/* MPI returns its errors here (MPI_ERRORS_RETURN); none can be mended, so all end the run. */
#define CV_MPI(call)                                                                                                   \
    do {                                                                                                               \
        int cv_mpi_code = (call);                                                                                      \
        if (cv_mpi_code != MPI_SUCCESS) cv_mpi_failed(cv_mpi_code, #call, __FILE__, __LINE__);                         \
    } while (0)

_Noreturn void cv_mpi_failed(int code, const char *call, const char *file, int line);

/* Growing sleeps between looks: from 10 microseconds to one millisecond. Start with {0}. */
typedef struct cv_backoff {
    long nanoseconds;
} cv_backoff;
long cv_backoff_next(cv_backoff *backoff); /* nanoseconds to sleep now */
void cv_backoff_sleep(cv_backoff *backoff);

/* Waits for a request without burning the core. */
void cv_mpi_wait(MPI_Request *request);

#endif
