#include "cli/ranks.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/launch.h"
#include "engine/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS_NAMED = 8 };

static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

/* Appends the host of ranks[first], unless an earlier rank lies there. True for a new host. */
static bool put_host(cv_buffer *line, const cv_placement *ranks, int count, int first, bool named)
{
    int there = 0, threads = 0;
    for (int r = 0; r < count; r++) {
        if (strcmp(ranks[r].host, ranks[first].host) != 0) continue;
        if (r < first) return false;
        there++;
        threads += ranks[r].threads;
    }
    if (named)
        cv_buffer_printf(line, "%s %s (%d rank%s, %d thread%s, BLAS %s)", line->length ? "," : "", ranks[first].host,
                         there, plural(there), threads, plural(threads), ranks[first].blas_core);
    return true;
}

static void tell_hosts(const cv_placement *ranks, int count)
{
    cv_buffer line = {0};
    int hosts = 0;
    for (int r = 0; r < count; r++) hosts += put_host(&line, ranks, count, r, hosts < HOSTS_NAMED);
    if (hosts > HOSTS_NAMED) cv_buffer_printf(&line, " and %d more", hosts - HOSTS_NAMED);
    cv_info("%d rank%s on %d host%s:%s", count, plural(count), hosts, plural(hosts), line.data);
    cv_buffer_free(&line);
}

/* Neighbouring ranks with the same binding are told together. */
static void put_bindings(cv_buffer *line, const cv_placement *ranks, int count)
{
    int told = 0;
    for (int r = 0, last; r < count; r = last + 1) {
        char binding[128];
        last = r;
        while (last + 1 < count && memcmp(ranks[last + 1].mask, ranks[r].mask, sizeof ranks[r].mask) == 0) last++;
        if (told++ == HOSTS_NAMED) {
            cv_buffer_puts(line, " ...");
            return;
        }
        cv_placement_binding(&ranks[r], binding, sizeof binding);
        if (last > r)
            cv_buffer_printf(line, "%s ranks %d-%d on %s", told > 1 ? "," : "", r, last, binding);
        else
            cv_buffer_printf(line, "%s rank %d on %s", told > 1 ? "," : "", r, binding);
    }
}

static double mebibytes(double bytes)
{
    return bytes / (1024.0 * 1024);
}

static void tell_machine(const cv_placement *ranks, int count, const cv_memory_need *need)
{
    cv_buffer line = {0};
    put_bindings(&line, ranks, count);
    cv_info("cores:%s; %s, %s", line.data, ranks[0].cpu[0] ? ranks[0].cpu : "processor unknown", ranks[0].isa);
    cv_buffer_free(&line);
    cv_info("memory: at most %.0f MiB a rank beside %.0f MiB of weights a host, which has %.0f MiB (%s)",
            mebibytes((double)need->rank + (double)need->thread * ranks[0].threads), mebibytes((double)need->weights),
            mebibytes((double)ranks[0].memory_bytes), ranks[0].memory_from[0] ? ranks[0].memory_from : "unknown");
}

cv_placement *cv_ranks_gather(cv_cluster *cluster)
{
    cv_placement here = cv_placement_here(), *ranks = NULL;
    snprintf(here.blas_core, sizeof here.blas_core, "%s", cv_blas_core());
    if (cv_cluster_rank(cluster) == 0) ranks = cv_calloc((size_t)cv_cluster_size(cluster), sizeof *ranks);
    cv_cluster_gather(cluster, &here, sizeof here, ranks);
    return ranks;
}

void cv_ranks_tell(const cv_placement *ranks, int count, const cv_memory_need *need)
{
    char warning[512];
    bool idle = !getenv("OMP_NUM_THREADS") && !getenv("SLURM_JOB_ID");
    tell_hosts(ranks, count);
    tell_machine(ranks, count, need);
    if (cv_placement_fault(ranks, count, idle, warning, sizeof warning)[0]) cv_warn("%s", warning);
    if (cv_placement_mixed(ranks, count, warning, sizeof warning)[0]) cv_warn("%s", warning);
}
