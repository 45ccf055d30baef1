/* Mistakes of starting a parallel program that otherwise only show as slowness, or as copies that
 * overwrite each other's results. */
#ifndef CV_LAUNCH_H
#define CV_LAUNCH_H

#include <caravan/base.h>

#include <stddef.h>

/* What launchers tell a process through its environment; NULL where not set. */
typedef struct cv_launch_environment {
    const char *ompi_size;        /* OMPI_COMM_WORLD_SIZE */
    const char *pmi_size;         /* PMI_SIZE */
    const char *slurm_step_tasks; /* SLURM_STEP_NUM_TASKS */
    const char *slurm_tasks;      /* SLURM_NTASKS */
} cv_launch_environment;
cv_launch_environment cv_launch_environment_get(void);

/* Bad input if this process was started as one of several but sees only itself. */
bool cv_launch_check(const cv_launch_environment *environment, int mpi_size, cv_error *err);

/* Where a rank runs. Plain bytes: it is gathered by cv_cluster_gather. */
typedef struct cv_placement {
    char host[256];
    int threads;      /* OpenMP threads that it will use */
    int cores;        /* that it may run on: its affinity mask */
    int online_cores; /* of the machine */
} cv_placement;
cv_placement cv_placement_here(void);

/* A warning about the placement of all ranks [count], one line; empty if there is none. With idle,
 * also one about cores that no rank uses. Returns text. */
const char *cv_placement_fault(const cv_placement *ranks, int count, bool idle, char *text, size_t size);

#endif
