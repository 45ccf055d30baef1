/* MPI inside the cluster room: every call is checked, and every wait sleeps. */
#ifndef CV_MPI_CALLS_H
#define CV_MPI_CALLS_H

#include "cluster/cluster.h"

#include <mpi.h>

struct cv_cluster {
    MPI_Comm control; /* collectives */
    MPI_Comm work;    /* messages of the dispatcher */
    int rank, size;
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
