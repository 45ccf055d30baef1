#include "cli/ranks.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/launch.h"
#include "engine/blas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CORE_NAME = 32, HOSTS_NAMED = 8 };

static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

/* Appends the host of ranks[first], unless an earlier rank lies there. True for a new host. */
static bool put_host(cv_buffer *line, const cv_placement *ranks, char (*cores)[CORE_NAME], int count, int first,
                     bool named)
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
                         there, plural(there), threads, plural(threads), cores[first]);
    return true;
}

static void tell(const cv_placement *ranks, char (*cores)[CORE_NAME], int count)
{
    cv_buffer line = {0};
    int hosts = 0;
    for (int r = 0; r < count; r++) hosts += put_host(&line, ranks, cores, count, r, hosts < HOSTS_NAMED);
    if (hosts > HOSTS_NAMED) cv_buffer_printf(&line, " and %d more", hosts - HOSTS_NAMED);
    cv_info("%d rank%s on %d host%s:%s", count, plural(count), hosts, plural(hosts), line.data);
    cv_buffer_free(&line);
}

void cv_ranks_tell(cv_cluster *cluster)
{
    int count = cv_cluster_size(cluster);
    bool first = cv_cluster_rank(cluster) == 0;
    cv_placement here = cv_placement_here(), *ranks = first ? cv_calloc((size_t)count, sizeof *ranks) : NULL;
    char core[CORE_NAME] = "", (*cores)[CORE_NAME] = first ? cv_calloc((size_t)count, sizeof *cores) : NULL;
    snprintf(core, sizeof core, "%s", cv_blas_core());
    cv_cluster_gather(cluster, &here, sizeof here, ranks);
    cv_cluster_gather(cluster, core, sizeof core, cores);
    if (!first) return;
    tell(ranks, cores, count);
    char warning[512];
    bool idle = !getenv("OMP_NUM_THREADS") && !getenv("SLURM_JOB_ID");
    if (cv_placement_fault(ranks, count, idle, warning, sizeof warning)[0]) cv_warn("%s", warning);
    free(ranks);
    free(cores);
}
