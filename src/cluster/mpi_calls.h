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
    double *asked;               /* [size] since when something is sent that the rank has not answered; 0: nothing is */
};

/* MPI returns its errors here (MPI_ERRORS_RETURN); none can be mended, so all end the run. */
#define CV_MPI(call)                                                                                                   \
    do {                                                                                                               \
        int cv_mpi_code = (call);                                                                                      \
        if (cv_mpi_code != MPI_SUCCESS) cv_mpi_failed(cv_mpi_code, #call, __FILE__, __LINE__);                         \
    } while (0)

/* On rank 0: something was sent to the rank that it answers, or something has come from it. */
void cv_cluster_asked(cv_cluster *cluster, int rank);
void cv_cluster_heard(cv_cluster *cluster, int rank);

_Noreturn void cv_mpi_failed(int code, const char *call, const char *file, int line);

/* Growing sleeps between looks: from 10 microseconds to 160 within half a millisecond, and slowly on to one
 * millisecond, or to longest where that is set. Start with {0}. */
typedef struct cv_backoff {
    long nanoseconds, longest;
} cv_backoff;
long cv_backoff_next(cv_backoff *backoff); /* nanoseconds to sleep now */
void cv_backoff_sleep(cv_backoff *backoff);

/* Waits for a request without burning the core. */
void cv_mpi_wait(MPI_Request *request);

#endif
