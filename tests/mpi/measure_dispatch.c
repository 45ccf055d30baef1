/* What handing out costs: the dispatcher with units that only sleep, so that many more ranks than cores can be
 * tried. Prints when it begins, and then one line: ranks, units, seconds, and the part of the ranks' time in which no
 * unit was under way.
 *
 *   mpirun -n RANKS measure_dispatch UNITS_A_RANK MILLISECONDS BYTES STOP
 *
 * With STOP above 0 the last rank stops (SIGSTOP) in the middle of its unit of that number, and is not woken. */
#include "cluster/dispatch.h"

#include "base/clock.h"
#include "base/memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct pause {
    long milliseconds;
    size_t bytes; /* of each result */
    size_t stop;  /* the unit in which this rank stops; 0: none */
    size_t units; /* that it has begun */
} pause_unit;

static bool compute(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err)
{
    pause_unit *p = context;
    long half = p->milliseconds * 500000;
    (void)item;
    (void)err;
    nanosleep(&(struct timespec){half / 1000000000, half % 1000000000}, NULL);
    if (++p->units == p->stop) raise(SIGSTOP);
    nanosleep(&(struct timespec){half / 1000000000, half % 1000000000}, NULL);
    char *bytes = cv_calloc(p->bytes, 1);
    cv_buffer_append(out, bytes, p->bytes);
    free(bytes);
    *work = (cv_work){0};
    return true;
}

static bool deliver(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const pause_unit *p = context;
    (void)bytes;
    return length == p->bytes || cv_failed(err, "item %zu has %zu bytes", item, length);
}

static size_t argument(int argc, char **argv, int place, size_t otherwise)
{
    return argc > place ? strtoul(argv[place], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    cv_cluster *cluster = cv_cluster_open(&argc, &argv);
    size_t ranks = (size_t)cv_cluster_size(cluster);
    pause_unit p = {(long)argument(argc, argv, 2, 50), argument(argc, argv, 3, 4096), 0, 0};
    if ((size_t)cv_cluster_rank(cluster) == ranks - 1) p.stop = argument(argc, argv, 4, 0);
    size_t units = ranks * argument(argc, argv, 1, 32);
    uint64_t *costs = cv_alloc(units, sizeof *costs);
    for (size_t i = 0; i < units; i++) costs[i] = (uint64_t)p.milliseconds;
    cv_dispatch dispatch = {units, costs, NULL, &p, compute, deliver, NULL, 0, NULL};
    cv_dispatch_report report = {.shares = cv_calloc(ranks, sizeof *report.shares)};
    cv_error err = {CV_OK, ""};
    cv_cluster_agree(cluster, true, &err);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (cv_cluster_rank(cluster) == 0) printf("begins at %ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
    double start = cv_seconds();
    bool ok = cv_dispatch_run(cluster, &dispatch, &report, &err);
    double seconds = cv_seconds() - start, busy = 0;
    for (size_t r = 0; r < ranks; r++) busy += report.shares[r].busy_seconds;
    if (ok && cv_cluster_rank(cluster) == 0)
        printf("%zu ranks, %zu units of %ld ms: %.2f s, %.1f %% of the ranks' time outside units, %.1f %% above the "
               "sleep that was asked for; %zu copies\n",
               ranks, units, p.milliseconds, seconds, 100 * (1 - busy / (seconds * (double)ranks)),
               100 * (1 - 1e-3 * (double)p.milliseconds * (double)units / (seconds * (double)ranks)), report.copies);
    free(costs);
    free(report.shares);
    cv_cluster_close(cluster, ok ? CV_OK : err.status);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
