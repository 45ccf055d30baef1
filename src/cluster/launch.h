/* Mistakes of starting a parallel program that otherwise only show as slowness, or as copies that
 * overwrite each other's results. */
#ifndef CV_LAUNCH_H
#define CV_LAUNCH_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

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

enum { CV_MOST_CORES = 1024 };

/* Where a rank runs. Plain bytes: it is gathered by cv_cluster_gather. */
typedef struct cv_placement {
    char host[256];
    int threads;                           /* OpenMP threads that it will use */
    int cores;                             /* that it may run on: its affinity mask */
    int online_cores;                      /* of the machine */
    int slurm_cores;                       /* that Slurm gave a task (SLURM_CPUS_PER_TASK); 0: not said */
    unsigned char mask[CV_MOST_CORES / 8]; /* bit c: it may run on core c; all 0 where that is not known */
    char blas_core[32];                    /* the kernels that OpenBLAS chose */
    char isa[16];                          /* the widest vectors that the processor has */
    char cpu[64];                          /* the processor's name */
    uint64_t memory_bytes;                 /* that the rank's node has for all of its ranks; 0: not known */
    char memory_from[32];                  /* who says so: "MemAvailable", "the cgroup's limit", "SLURM_MEM_PER_NODE" */
} cv_placement;
/* blas_core is left empty: the caller knows. */
cv_placement cv_placement_here(void);

/* The cores of a mask as ranges, "0-3,8-11"; "unknown" for none. Returns text. */
const char *cv_placement_binding(const cv_placement *rank, char *text, size_t size);

/* A warning about the placement of all ranks [count], one line; empty if there is none. With idle,
 * also one about cores that no rank uses. Returns text. */
const char *cv_placement_fault(const cv_placement *ranks, int count, bool idle, char *text, size_t size);

/* A line about ranks that use different kernels, so that last bits may depend on who computed what; empty if
 * all use the same. Returns text. */
const char *cv_placement_mixed(const cv_placement *ranks, int count, char *text, size_t size);

/* What a run will take of a node's memory. */
typedef struct cv_memory_need {
    uint64_t weights;      /* bytes of the largest model's, which the node's ranks share */
    uint64_t rank, thread; /* bytes of each rank's work, and beside it of each of its threads' */
} cv_memory_need;

/* Bad input if the ranks of a node need more memory than it has, without the weights, which are mapped and may
 * be read again. *warning [size] is a line if they do with them; else empty. */
bool cv_memory_check(const cv_placement *ranks, int count, const cv_memory_need *need, char *warning, size_t size,
                     cv_error *err);

#endif
