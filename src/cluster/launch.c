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

/* ---- where a rank runs ---- */

static void read_mask(cv_placement *place)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return; /* the machine has more cores than fit */
    for (int c = 0; c < CV_MOST_CORES; c++)
        if (CPU_ISSET((size_t)c, &set)) place->mask[c / 8] |= (unsigned char)(1U << c % 8);
}

static bool has_core(const cv_placement *place, int core)
{
    return (place->mask[core / 8] & 1U << core % 8) != 0;
}

/* Copies what stands behind ':' in the first line of a file that begins with the key. */
static void read_field(const char *path, const char *key, char *value, size_t size)
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *start = strchr(line, ':');
        if (!start) continue;
        start += 1 + strspn(start + 1, " \t");
        snprintf(value, size, "%.*s", (int)strcspn(start, "\n"), start);
        break;
    }
    fclose(file);
}

static const char *isa(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") ? "AVX-512"
           : __builtin_cpu_supports("avx2")  ? "AVX2"
           : __builtin_cpu_supports("avx")   ? "AVX"
                                             : "SSE2";
#elif defined(__aarch64__)
    return "NEON";
#else
    return "unknown";
#endif
}

/* ---- the memory of a node ---- */

static void limit_memory(cv_placement *place, uint64_t bytes, const char *from)
{
    if (bytes == 0 || (place->memory_bytes > 0 && bytes >= place->memory_bytes)) return;
    place->memory_bytes = bytes;
    snprintf(place->memory_from, sizeof place->memory_from, "%s", from);
}

/* The number in a file of one line; 0 if there is none, as for "max". */
static uint64_t number_in_file(const char *path)
{
    char line[64] = "";
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (!fgets(line, sizeof line, file)) line[0] = 0;
    fclose(file);
    return strtoull(line, NULL, 10);
}

/* The process's own group in the second version's tree, and all above it. */
static void limit_by_cgroups(cv_placement *place)
{
    char group[256] = "", path[512];
    read_field("/proc/self/cgroup", "0:", group, sizeof group);
    char *start = strchr(group, '/');
    for (char *end; start && (end = strrchr(start, '/')) != NULL; *end = 0) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", start);
        limit_memory(place, number_in_file(path), "the cgroup's limit");
    }
    limit_memory(place, number_in_file("/sys/fs/cgroup/memory.max"), "the cgroup's limit");
    limit_memory(place, number_in_file("/sys/fs/cgroup/memory/memory.limit_in_bytes"), "the cgroup's limit");
}

static void read_memory(cv_placement *place)
{
    char text[64] = "";
    read_field("/proc/meminfo", "MemAvailable", text, sizeof text);
    limit_memory(place, strtoull(text, NULL, 10) << 10, "MemAvailable");
    limit_by_cgroups(place);
    const char *node = getenv("SLURM_MEM_PER_NODE");
    if (node) limit_memory(place, strtoull(node, NULL, 10) << 20, "SLURM_MEM_PER_NODE");
}

cv_placement cv_placement_here(void)
{
    cv_placement place;
    memset(&place, 0, sizeof place);
    if (gethostname(place.host, sizeof place.host - 1) != 0) strcpy(place.host, "unknown");
    place.threads = omp_get_max_threads();
    place.cores = omp_get_num_procs(); /* heeds the affinity mask, of any size */
    place.online_cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    place.slurm_cores = (int)number_in(getenv("SLURM_CPUS_PER_TASK"));
    read_mask(&place);
    read_field("/proc/cpuinfo", "model name", place.cpu, sizeof place.cpu);
    snprintf(place.isa, sizeof place.isa, "%s", isa());
    read_memory(&place);
    return place;
}

const char *cv_placement_binding(const cv_placement *rank, char *text, size_t size)
{
    size_t length = 0;
    text[0] = 0;
    for (int c = 0; c < CV_MOST_CORES && length < size; c++) {
        if (!has_core(rank, c)) continue;
        int last = c;
        while (last + 1 < CV_MOST_CORES && has_core(rank, last + 1)) last++;
        const char *comma = length ? "," : "";
        int written = last > c ? snprintf(text + length, size - length, "%s%d-%d", comma, c, last)
                               : snprintf(text + length, size - length, "%s%d", comma, c);
        length += (size_t)written;
        c = last;
    }
    if (length == 0) snprintf(text, size, "unknown");
    return text;
}

/* ---- what is wrong with it ---- */

/* Cores that the ranks on the host of ranks[first] may run on together; 0 where not known of all. */
static int cores_together(const cv_placement *ranks, int count, int first)
{
    cv_placement all;
    memset(&all, 0, sizeof all);
    int cores = 0;
    for (int r = 0; r < count; r++) {
        if (strcmp(ranks[r].host, ranks[first].host) != 0) continue;
        bool known = false;
        for (size_t i = 0; i < sizeof all.mask; i++) {
            all.mask[i] |= ranks[r].mask[i];
            known |= ranks[r].mask[i] != 0;
        }
        if (!known) return 0;
    }
    for (int c = 0; c < CV_MOST_CORES; c++) cores += has_core(&all, c);
    return cores;
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
        if (rank->slurm_cores > 0 && rank->threads > rank->slurm_cores) {
            snprintf(text, size,
                     "rank %d on %s runs %d threads, but Slurm gave it %d CPU%s (SLURM_CPUS_PER_TASK); set "
                     "OMP_NUM_THREADS=%d, or ask for --cpus-per-task=%d",
                     r, rank->host, rank->threads, rank->slurm_cores, rank->slurm_cores == 1 ? "" : "s",
                     rank->slurm_cores, rank->threads);
            return text;
        }
    }
    for (int r = 0; r < count; r++) {
        if (!is_first_on_host(ranks, r)) continue;
        int there, threads = threads_on_host(ranks, count, r, &there), cores = ranks[r].online_cores;
        int together = cores_together(ranks, count, r);
        if (there > cores)
            snprintf(text, size, "%d ranks on %s share %d cores; start at most %d there", there, ranks[r].host, cores,
                     cores);
        else if (threads > cores)
            snprintf(text, size, "%d ranks on %s run %d threads on %d cores; set OMP_NUM_THREADS=%d", there,
                     ranks[r].host, threads, cores, cores / there);
        else if (together > 0 && threads > together)
            snprintf(
                text, size,
                "%d ranks on %s run %d threads on the same %d core%s, to which all are bound; use mpirun --bind-to "
                "none, or srun --cpu-bind=cores",
                there, ranks[r].host, threads, together, together == 1 ? "" : "s");
        else if (idle && 2 * threads <= cores)
            snprintf(text, size,
                     "%d rank%s on %s use%s %d of %d cores; start more ranks, or set OMP_NUM_THREADS=%d with mpirun "
                     "--bind-to none",
                     there, there == 1 ? "" : "s", ranks[r].host, there == 1 ? "s" : "", threads, cores, cores / there);
        if (text[0]) return text;
    }
    return text;
}

const char *cv_placement_mixed(const cv_placement *ranks, int count, char *text, size_t size)
{
    text[0] = 0;
    for (int r = 1; r < count; r++) {
        if (strcmp(ranks[r].blas_core, ranks[0].blas_core) == 0) continue;
        snprintf(text, size,
                 "%s (%s, BLAS %s) and %s (%s, BLAS %s) have different kernels: the last bits of scores depend on who "
                 "computes what; set OPENBLAS_CORETYPE to the lesser on all",
                 ranks[0].host, ranks[0].cpu, ranks[0].blas_core, ranks[r].host, ranks[r].cpu, ranks[r].blas_core);
        break;
    }
    return text;
}

/* ---- whether a run fits ---- */

static double gibibytes(double bytes)
{
    return bytes / (1024.0 * 1024 * 1024);
}

/* Bytes that the ranks on the host of ranks[first] need beside the weights, and how many they are. */
static double need_on_host(const cv_placement *ranks, int count, int first, const cv_memory_need *need, int *there)
{
    int threads = threads_on_host(ranks, count, first, there);
    return (double)need->rank * *there + (double)need->thread * threads;
}

bool cv_memory_check(const cv_placement *ranks, int count, const cv_memory_need *need, char *warning, size_t size,
                     cv_error *err)
{
    warning[0] = 0;
    for (int r = 0; r < count; r++) {
        if (!is_first_on_host(ranks, r) || ranks[r].memory_bytes == 0) continue;
        int there;
        double bytes = need_on_host(ranks, count, r, need, &there), has = (double)ranks[r].memory_bytes;
        if (bytes > has)
            return cv_bad_input(
                err,
                "%d rank%s on %s will need %.3g GiB of memory, beside %.3g GiB of weights, but there are "
                "%.3g GiB (%s): start fewer ranks a node, or set engine.memory_gib to %.2g or less",
                there, there == 1 ? "" : "s", ranks[r].host, gibibytes(bytes), gibibytes((double)need->weights),
                gibibytes(has), ranks[r].memory_from, 0.8 * gibibytes(has) / there);
        if (bytes + (double)need->weights > has && warning[0] == 0)
            snprintf(
                warning, size,
                "%d rank%s on %s will need %.3g GiB of memory and %.3g GiB of weights, but there are %.3g GiB (%s): "
                "weights will be read from disk again and again",
                there, there == 1 ? "" : "s", ranks[r].host, gibibytes(bytes), gibibytes((double)need->weights),
                gibibytes(has), ranks[r].memory_from);
    }
    return true;
}
