/* The dispatcher with made-up work, run at several numbers of ranks. Check would fork a process for
 * each test, which MPI does not take, so this is a plain program: each rank counts its failures, and
 * any failure on any rank fails the run. */
#include "cluster/cluster.h"
#include "cluster/dispatch.h"

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cluster/signals.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);                      \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

enum { MAX_ITEMS = 64 };

/* One dispatch of made-up work. */
typedef struct work {
    size_t count;
    uint64_t costs[MAX_ITEMS];
    size_t lengths[MAX_ITEMS]; /* bytes that an item yields */
    bool done[MAX_ITEMS];      /* before the dispatch */
    int bad_item;              /* whose compute fails; -1 for none */
    int refused_item;          /* whose delivery fails; -1 for none */
    int endless_item;          /* whose result is longer than any may be */
    double deadline;           /* on the clock of cv_seconds; 0: none */
    size_t raise_at;           /* deliveries after which the process gets SIGUSR1; 0: never */
    size_t num_delivered;
    bool stops;             /* the next item stops this rank's process */
    bool hangs;             /* each item for ten seconds on this rank */
    bool slow;              /* items take as many milliseconds as they cost */
    int running;            /* computes at this moment on this rank */
    int computed, given_up; /* on this rank */
    int delivered[MAX_ITEMS];
    size_t ticks, most_done;
} work;

static char value(size_t item, size_t place)
{
    return (char)(item * 31 + place * 7);
}

static void sleep_milliseconds(long count)
{
    nanosleep(&(struct timespec){count / 1000, count % 1000 * 1000000}, NULL);
}

/* Ten seconds, unless it is given up before. */
static bool hang(work *w, cv_error *err)
{
    for (int i = 0; i < 1000 && !cv_cancelled(); i++) sleep_milliseconds(10);
    if (cv_not_cancelled(err)) return true;
    w->given_up++;
    w->running--;
    return false;
}

static bool compute(void *context, size_t item, cv_buffer *out, cv_work *done, cv_error *err)
{
    work *w = context;
    EXPECT(++w->running == 1);
    EXPECT(out->length == 0);
    w->computed++;
    if (w->slow) sleep_milliseconds((long)w->costs[item]);
    if (w->hangs && !hang(w, err)) return false;
    if (w->stops) raise(SIGSTOP);
    w->stops = false;
    for (size_t i = 0; i < w->lengths[item]; i++) cv_buffer_append(out, &(char){value(item, i)}, 1);
    if ((int)item == w->endless_item) {
        out->length = (size_t)CV_DISPATCH_MOST_BYTES + 1; /* never touched, so it takes no memory */
        out->data = cv_calloc(out->length, 1);
    }
    *done = (cv_work){w->costs[item], 1};
    w->running--;
    return (int)item != w->bad_item || cv_bad_input(err, "item %zu is bad", item);
}

static bool deliver(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    work *w = context;
    EXPECT(length == w->lengths[item]);
    for (size_t i = 0; i < length; i++) EXPECT(bytes[i] == value(item, i));
    w->delivered[item]++;
    if (++w->num_delivered == w->raise_at) raise(SIGUSR1);
    return (int)item != w->refused_item || cv_failed(err, "item %zu cannot be taken", item);
}

static void tick(void *context, size_t items_done, uint64_t cost_done)
{
    work *w = context;
    w->ticks++;
    EXPECT(items_done >= w->most_done);
    EXPECT(items_done > 0 || cost_done == 0);
    w->most_done = items_done;
}

static work make_work(size_t count)
{
    work w = {.count = count, .bad_item = -1, .refused_item = -1, .endless_item = -1};
    for (size_t i = 0; i < count; i++) {
        w.costs[i] = 1 + (i * 7) % 11;
        w.lengths[i] = (i * 5) % 9; /* some have none */
    }
    return w;
}

enum { MAX_RANKS = 64 };
static cv_share shares[MAX_RANKS]; /* of the last run, on rank 0 */
static cv_dispatch_report report;  /* likewise */

static bool run(cv_cluster *cluster, work *w, cv_error *err)
{
    cv_dispatch dispatch = {w->count, w->costs, w->done, w, compute, deliver, tick, w->deadline, NULL};
    *err = (cv_error){CV_OK, ""};
    memset(shares, 0, sizeof shares);
    report = (cv_dispatch_report){.shares = shares};
    return cv_dispatch_run(cluster, &dispatch, &report, err);
}

static bool is_first(cv_cluster *cluster)
{
    return cv_cluster_rank(cluster) == 0;
}

static void every_item_is_delivered_once(cv_cluster *cluster, size_t count, bool slow)
{
    work w = make_work(count);
    w.slow = slow;
    for (size_t i = 0; slow && i < count; i++) w.costs[i] = 200;
    cv_error err;
    EXPECT(run(cluster, &w, &err));
    if (cv_cluster_rank(cluster) != 0) {
        for (size_t i = 0; i < count; i++) EXPECT(w.delivered[i] == 0);
        return;
    }
    size_t items = 0;
    uint64_t operations = 0, expected = 0;
    for (int r = 0; r < cv_cluster_size(cluster); r++) {
        items += shares[r].items;
        operations += shares[r].work.operations;
        if (slow) EXPECT(shares[r].items > 0); /* nobody is left without work while there is enough */
    }
    for (size_t i = 0; i < count; i++) {
        EXPECT(w.delivered[i] == 1);
        expected += w.costs[i];
    }
    EXPECT(items == count);
    EXPECT(operations == expected);
    EXPECT(count == 0 || w.most_done == count);
}

static void a_failing_item_stops_all_ranks(cv_cluster *cluster, int bad_item)
{
    work w = make_work(40);
    w.bad_item = bad_item;
    cv_error err;
    EXPECT(!run(cluster, &w, &err));
    EXPECT(err.status == CV_BAD_INPUT);
    if (cv_cluster_rank(cluster) == 0) {
        char text[64];
        snprintf(text, sizeof text, "item %d is bad", bad_item);
        EXPECT(strcmp(err.text, text) == 0);
        EXPECT(w.delivered[bad_item] == 0);
    }
}

static void a_refused_delivery_stops_all_ranks(cv_cluster *cluster)
{
    work w = make_work(40);
    w.refused_item = 21;
    cv_error err;
    EXPECT(!run(cluster, &w, &err));
    EXPECT(err.status == CV_FAILED);
    if (cv_cluster_rank(cluster) == 0) EXPECT(strcmp(err.text, "item 21 cannot be taken") == 0);
}

/* Resumed: what is done already is neither computed nor delivered, but counts. */
static void items_done_before_are_left_out(cv_cluster *cluster, size_t stride)
{
    work w = make_work(30);
    size_t done = 0;
    for (size_t i = 0; i < w.count; i++) done += w.done[i] = cv_cluster_rank(cluster) == 0 && i % stride == 0;
    cv_error err;
    EXPECT(run(cluster, &w, &err));
    if (cv_cluster_rank(cluster) != 0) return;
    size_t items = 0;
    for (int r = 0; r < cv_cluster_size(cluster); r++) items += shares[r].items;
    EXPECT(items == w.count - done);
    for (size_t i = 0; i < w.count; i++) EXPECT(w.delivered[i] == (i % stride != 0));
    EXPECT(w.most_done == w.count);
}

static void a_long_result_arrives_and_one_too_long_is_an_error(cv_cluster *cluster)
{
    work w = make_work(4);
    for (size_t i = 0; i < w.count; i++) w.lengths[i] = (i + 1) << 20;
    cv_error err;
    EXPECT(run(cluster, &w, &err));
    for (size_t i = 0; cv_cluster_rank(cluster) == 0 && i < w.count; i++) EXPECT(w.delivered[i] == 1);
    w = make_work(4);
    w.lengths[2] = 0;
    w.endless_item = 2;
    EXPECT(!run(cluster, &w, &err));
    EXPECT(err.status == CV_FAILED);
    if (is_first(cluster)) EXPECT(strstr(err.text, "more than the 1073741824 that can be sent"));
    EXPECT(w.delivered[2] == 0);
}

/* While rank 0 is in its long item, the others must be served: the many short items fit in beside it. */
static void rank_0_serves_while_it_computes(cv_cluster *cluster)
{
    if (cv_cluster_size(cluster) < 2) return;
    work w = make_work(21);
    w.slow = true;
    w.costs[0] = 1500; /* so much longer than all others together that a busy machine does not matter */
    for (size_t i = 1; i < w.count; i++) w.costs[i] = 5;
    cv_error err;
    EXPECT(run(cluster, &w, &err));
    bool alone = false; /* whoever got the long one did nothing else */
    for (int r = 0; r < cv_cluster_size(cluster); r++)
        if (shares[r].items == 1 && shares[r].work.operations == w.costs[0]) alone = true;
    EXPECT(alone || !is_first(cluster));
}

static void ranks_agree(cv_cluster *cluster)
{
    int rank = cv_cluster_rank(cluster), size = cv_cluster_size(cluster);
    cv_error err = {CV_OK, ""};
    EXPECT(cv_cluster_agree(cluster, true, &err));
    for (int bad = 0; bad < size; bad++) {
        if (rank >= bad) cv_bad_input(&err, "rank %d is ill", rank);
        EXPECT(!cv_cluster_agree(cluster, rank < bad, &err));
        char text[32];
        snprintf(text, sizeof text, "rank %d is ill", bad);
        EXPECT(err.status == CV_BAD_INPUT);
        EXPECT(strcmp(err.text, text) == 0);
    }
}

static void bytes_reach_all_ranks(cv_cluster *cluster)
{
    static const char content[] = "some \0 bytes";
    for (size_t length = 0; length <= sizeof content; length += sizeof content) {
        cv_buffer bytes = {0};
        if (cv_cluster_rank(cluster) == 0 && length) cv_buffer_append(&bytes, content, length);
        cv_cluster_broadcast(cluster, &bytes);
        EXPECT(bytes.length == length);
        EXPECT(length == 0 || memcmp(bytes.data, content, length) == 0);
        cv_buffer_free(&bytes);
    }
}

/* What was done counts, and nothing that was not: the run ends as one that is to be continued. */
static void expect_saved(cv_cluster *cluster, const work *w, bool ok, const cv_error *err, const char *why)
{
    EXPECT(!ok);
    EXPECT(err->status == CV_STOPPED);
    if (cv_cluster_rank(cluster) != 0) return;
    EXPECT(strstr(err->text, why));
    size_t delivered = 0;
    for (size_t i = 0; i < w->count; i++) {
        EXPECT(w->delivered[i] <= 1);
        delivered += (size_t)w->delivered[i];
    }
    EXPECT(delivered > 0 && delivered < w->count);
    EXPECT(w->most_done == delivered);
}

/* Ten seconds are kept back for results, so these items have 300 milliseconds: six for each of at most
 * four ranks. */
static void nothing_is_begun_that_would_be_late(cv_cluster *cluster)
{
    work w = make_work(MAX_ITEMS);
    w.slow = true;
    for (size_t i = 0; i < w.count; i++) w.costs[i] = 50;
    cv_error err;
    double start = cv_seconds();
    w.deadline = start + 10.3;
    bool ok = run(cluster, &w, &err);
    expect_saved(cluster, &w, ok, &err, "the time that is left is short");
    EXPECT(cv_seconds() - start < 5);
    w = make_work(MAX_ITEMS);
    w.deadline = cv_seconds() + 1000;
    EXPECT(run(cluster, &w, &err));
}

static void expect_each_delivered_once(cv_cluster *cluster, const work *w)
{
    for (size_t i = 0; i < w->count; i++) EXPECT(w->delivered[i] == is_first(cluster));
    if (is_first(cluster)) EXPECT(w->most_done == w->count);
}

/* A rank that hangs, but listens, is told to give its item up when another one was quicker. */
static void a_late_item_is_computed_by_another_rank(cv_cluster *cluster, int slow_rank)
{
    int size = cv_cluster_size(cluster);
    if (size < 2) return;
    slow_rank %= size;
    for (int again = 0; again < 2; again++) { /* the wish to give up does not stay */
        work w = make_work(20);
        w.slow = true;
        w.hangs = cv_cluster_rank(cluster) == slow_rank;
        for (size_t i = 0; i < w.count; i++) w.costs[i] = 50;
        cv_error err;
        double start = cv_seconds();
        EXPECT(run(cluster, &w, &err));
        EXPECT(cv_seconds() - start < 8);
        expect_each_delivered_once(cluster, &w);
        if (w.hangs) EXPECT(w.given_up == w.computed);
        if (is_first(cluster)) EXPECT(report.copies > 0 && shares[slow_rank].items == 0);
    }
    work w = make_work(20);
    cv_error err;
    EXPECT(run(cluster, &w, &err));
    EXPECT(w.given_up == 0);
    expect_each_delivered_once(cluster, &w);
}

/* No pace is known, as the only item hangs. */
static void the_only_item_is_copied_too(cv_cluster *cluster)
{
    if (cv_cluster_size(cluster) < 2) return;
    work w = make_work(1);
    w.hangs = is_first(cluster);
    cv_error err;
    double start = cv_seconds();
    EXPECT(run(cluster, &w, &err));
    EXPECT(cv_seconds() - start < 8);
    EXPECT(w.delivered[0] == is_first(cluster));
}

/* The last rank is stopped by a signal that no process can refuse, and woken after some seconds. Meanwhile the
 * others finish several dispatches, and hear what rank 0 tells in between; then it catches up. */
static void a_stopped_rank_holds_nobody_up(cv_cluster *cluster)
{
    enum { DISPATCHES = 3, SECONDS = 4 };
    int rank = cv_cluster_rank(cluster), last = cv_cluster_size(cluster) - 1;
    if (last == 0) return;
    double start = cv_seconds();
    if (rank == last) {
        pid_t me = getpid(), child = fork();
        EXPECT(child >= 0);
        if (child == 0) {
            sleep(SECONDS);
            kill(me, SIGCONT);
            _exit(0);
        }
    }
    for (int i = 0; i < DISPATCHES; i++) {
        work w = make_work(20);
        w.slow = true;
        w.stops = rank == last && i == 0;
        for (size_t k = 0; k < w.count; k++) w.costs[k] = 20;
        cv_error err;
        EXPECT(run(cluster, &w, &err));
        expect_each_delivered_once(cluster, &w);
        cv_buffer bytes = {0};
        enum { LONG = 1 << 20 }; /* more than a message that is sent ahead */
        if (rank == 0) {
            bytes.data = cv_calloc(LONG, 1);
            bytes.length = LONG;
            bytes.data[LONG - 1] = (char)i;
        }
        cv_cluster_tell(cluster, &bytes);
        EXPECT(bytes.length == LONG && bytes.data[LONG - 1] == (char)i);
        cv_buffer_free(&bytes);
        bool well = rank > 0 || i < DISPATCHES - 1 || cv_bad_input(&err, "x");
        EXPECT(cv_cluster_follow(cluster, well, &err) == (i < DISPATCHES - 1));
        if (i == DISPATCHES - 1) EXPECT(err.status == CV_BAD_INPUT);
    }
    if (rank != last) EXPECT(cv_seconds() - start < SECONDS);
    if (rank == last) EXPECT(cv_seconds() - start >= SECONDS - 1);
}

/* The last test of all: the wish stays. */
static void a_signal_stops_the_dispatch(cv_cluster *cluster)
{
    work w = make_work(MAX_ITEMS);
    w.slow = true;
    for (size_t i = 0; i < w.count; i++) w.costs[i] = 20;
    w.raise_at = 3;
    cv_error err;
    cv_signals_catch();
    bool ok = run(cluster, &w, &err);
    expect_saved(cluster, &w, ok, &err, "asked to stop");
    w = make_work(5);
    EXPECT(!run(cluster, &w, &err)); /* and nothing is begun any more */
    EXPECT(err.status == CV_STOPPED);
    for (size_t i = 0; i < w.count; i++) EXPECT(w.delivered[i] == 0);
}

int main(int argc, char **argv)
{
    cv_cluster *cluster = cv_cluster_open(&argc, &argv);
    ranks_agree(cluster);
    bytes_reach_all_ranks(cluster);
    every_item_is_delivered_once(cluster, 0, false);
    every_item_is_delivered_once(cluster, 1, false); /* more ranks than items */
    every_item_is_delivered_once(cluster, 3, false);
    every_item_is_delivered_once(cluster, MAX_ITEMS, false);
    every_item_is_delivered_once(cluster, 12, true);
    a_failing_item_stops_all_ranks(cluster, 0);
    a_failing_item_stops_all_ranks(cluster, 17);
    a_failing_item_stops_all_ranks(cluster, 39);
    a_refused_delivery_stops_all_ranks(cluster);
    items_done_before_are_left_out(cluster, 3);
    items_done_before_are_left_out(cluster, 1); /* all */
    a_long_result_arrives_and_one_too_long_is_an_error(cluster);
    rank_0_serves_while_it_computes(cluster);
    a_late_item_is_computed_by_another_rank(cluster, 1);
    a_late_item_is_computed_by_another_rank(cluster, 0);
    the_only_item_is_copied_too(cluster);
    a_stopped_rank_holds_nobody_up(cluster);
    nothing_is_begun_that_would_be_late(cluster);
    a_signal_stops_the_dispatch(cluster);
    cv_error err;
    cv_failed(&err, "%d expectations failed", failures);
    bool ok = cv_cluster_agree(cluster, failures == 0, &err);
    cv_cluster_close(cluster, ok ? CV_OK : CV_FAILED);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
