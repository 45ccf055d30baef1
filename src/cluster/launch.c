#include "cluster/launch.h"

#include <omp.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cv_launch_environment cv_launch_environment_get(void)
{
    return (cv_launch_environment){getenv("OMPI_COMM_WORLD_SIZE"), getenv("PMI_SIZE"), getenv("SLURM_STEP_NUM_TASKS"),
                                   getenv("SLURM_NTASKS")};
}

/* The number in an environment variable; 0 where there is none. */
static long number_in(const char *text)
{
    return text ? strtol(text, NULL, 10) : 0;
}

bool cv_launch_check(const cv_launch_environment *environment, int mpi_size, cv_error *err)
{
    if (mpi_size > 1) return true;
    long ompi = number_in(environment->ompi_size), pmi = number_in(environment->pmi_size);
    long step = number_in(environment->slurm_step_tasks), tasks = number_in(environment->slurm_tasks);
    if (ompi > 1 || pmi > 1)
        return cv_bad_input(err,
                            "started as one of %ld processes that do not see each other: the launcher belongs to "
                            "another MPI than the one caravan was built with (see caravan --version)",
                            ompi > 1 ? ompi : pmi);
    if (ompi == 1 || pmi == 1) return true; /* one rank on purpose */
    if (step > 1)
        return cv_bad_input(err,
                            "srun started %ld copies of caravan that do not see each other: use srun --mpi=pmix "
                            "caravan run JOB.json, or mpirun caravan run JOB.json",
                            step);
    if (step == 0 && tasks > 1)
        return cv_bad_input(err,
                            "Slurm gave %ld tasks, but caravan runs in one: start it by srun --mpi=pmix caravan run "
                            "JOB.json, or mpirun caravan run JOB.json",
                            tasks);
    return true;
}

cv_placement cv_placement_here(void)
{
    cv_placement place;
    memset(&place, 0, sizeof place);
    if (gethostname(place.host, sizeof place.host - 1) != 0) strcpy(place.host, "unknown");
    place.threads = omp_get_max_threads();
    place.cores = omp_get_num_procs(); /* heeds the affinity mask, of any size */
    place.online_cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return place;
}

/* Threads of all ranks on the host of ranks[first], and how many ranks that are. */
static int threads_on_host(const cv_placement *ranks, int count, int first, int *ranks_there)
{
    int threads = 0;
    *ranks_there = 0;
    for (int r = 0; r < count; r++) {
        if (strcmp(ranks[r].host, ranks[first].host) != 0) continue;
        threads += ranks[r].threads;
        ++*ranks_there;
    }
    return threads;
}

static bool is_first_on_host(const cv_placement *ranks, int r)
{
    for (int i = 0; i < r; i++)
        if (strcmp(ranks[i].host, ranks[r].host) == 0) return false;
    return true;
}

const char *cv_placement_fault(const cv_placement *ranks, int count, bool idle, char *text, size_t size)
{
    text[0] = 0;
    for (int r = 0; r < count; r++) {
        const cv_placement *rank = &ranks[r];
        if (rank->threads > rank->cores) {
            snprintf(text, size,
                     "rank %d on %s runs %d threads on the %d cores it is bound to; set OMP_NUM_THREADS=%d, or use "
                     "mpirun --bind-to none",
                     r, rank->host, rank->threads, rank->cores, rank->cores);
            return text;
        }
    }
    for (int r = 0; r < count; r++) {
        if (!is_first_on_host(ranks, r)) continue;
        int there, threads = threads_on_host(ranks, count, r, &there), cores = ranks[r].online_cores;
        if (there > cores)
            snprintf(text, size, "%d ranks on %s share %d cores; start at most %d there", there, ranks[r].host, cores,
                     cores);
        else if (threads > cores)
            snprintf(text, size, "%d ranks on %s run %d threads on %d cores; set OMP_NUM_THREADS=%d", there,
                     ranks[r].host, threads, cores, cores / there);
        else if (idle && 2 * threads <= cores)
            snprintf(text, size,
                     "%d rank%s on %s use%s %d of %d cores; start more ranks, or set OMP_NUM_THREADS=%d with mpirun "
                     "--bind-to none",
                     there, there == 1 ? "" : "s", ranks[r].host, there == 1 ? "s" : "", threads, cores, cores / there);
        if (text[0]) return text;
    }
    return text;
}
