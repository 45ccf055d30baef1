#include "cluster/dispatch.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cluster/mpi_calls.h"
#include "cluster/signals.h"
#include "sweep/bytes.h"
#include "sweep/queue.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Orders go from rank 0 to a rank, replies the other way. An order is one number: the item, or STOP.
 * A reply is a packed result, or empty for "I am here". */
enum { TAG_ORDER = 1, TAG_REPLY = 2 };
static const uint64_t STOP = UINT64_MAX;

/* Of the deadline: items take so much longer than the rank's last one let expect, and results so many
 * seconds. */
static const double CAUTION = 1.25, RESERVE = 10;

/* What became of one item. */
typedef struct result {
    size_t item;
    bool ok;
    cv_error err;    /* where not ok */
    cv_buffer bytes; /* where ok, owned */
} result;

static void compute(const cv_dispatch *dispatch, size_t item, result *out, cv_share *share)
{
    *out = (result){.item = item, .err = {CV_OK, ""}};
    cv_work work = {0};
    double start = cv_seconds();
    out->ok = dispatch->compute(dispatch->context, item, &out->bytes, &work, &out->err);
    share->busy_seconds += cv_seconds() - start;
    share->work.operations += work.operations;
    share->work.weight_bytes += work.weight_bytes;
    share->items++;
    if (out->ok && out->bytes.length > CV_DISPATCH_MOST_BYTES)
        out->ok = cv_failed(&out->err, "a unit's result has %zu bytes, more than the %zu that can be sent",
                            out->bytes.length, (size_t)CV_DISPATCH_MOST_BYTES);
}

/* ---- replies as bytes ---- */

static void pack_result(const result *r, cv_buffer *out)
{
    cv_put_u64(out, r->item);
    cv_put_u64(out, r->ok);
    if (r->ok) {
        cv_put_array(out, r->bytes.data, r->bytes.length, 1);
    } else {
        cv_put_i64(out, r->err.status);
        cv_put_text(out, r->err.text);
    }
}

/* False if the bytes are no reply about this item. */
static bool unpack_result(size_t item, const char *bytes, size_t length, result *r)
{
    cv_cursor in = cv_cursor_at(bytes, length);
    *r = (result){.item = (size_t)cv_get_u64(&in), .ok = cv_get_u64(&in) == 1};
    if (r->ok) {
        size_t count = cv_get_count(&in, 1);
        if (count) cv_buffer_append(&r->bytes, in.data + in.position, count);
        in.position += count;
    } else {
        r->err.status = (cv_status)cv_get_i64(&in);
        char *text = cv_get_text(&in);
        snprintf(r->err.text, sizeof r->err.text, "%s", text ? text : "");
        free(text);
    }
    return cv_cursor_done(&in) && r->item == item;
}

/* ---- a rank other than 0 ---- */

static_assert(CV_DISPATCH_MOST_BYTES <= INT_MAX - 4096, "a reply fits into one message");

static void send_bytes(cv_cluster *cluster, const cv_buffer *bytes)
{
    CV_MPI(MPI_Send(bytes->data, (int)bytes->length, MPI_BYTE, 0, TAG_REPLY, cluster->work));
}

static uint64_t receive_order(cv_cluster *cluster)
{
    uint64_t order;
    MPI_Request request;
    CV_MPI(MPI_Irecv(&order, 1, MPI_UINT64_T, 0, TAG_ORDER, cluster->work, &request));
    cv_mpi_wait(&request);
    return order;
}

static void work_for_rank_0(cv_cluster *cluster, const cv_dispatch *dispatch, cv_share *share)
{
    cv_buffer reply = {0};
    send_bytes(cluster, &reply);
    for (;;) {
        uint64_t order = receive_order(cluster);
        if (order == STOP) return;
        if (order >= dispatch->count) cv_fatal("rank 0 ordered an item that there is not");
        result r;
        compute(dispatch, (size_t)order, &r, share);
        pack_result(&r, &reply);
        cv_buffer_free(&r.bytes);
        send_bytes(cluster, &reply);
        cv_buffer_free(&reply);
    }
}

/* ---- rank 0's second thread ---- */

typedef enum bench_state { IDLE, BUSY, FINISHED, CLOSED } bench_state;

/* A workbench with room for one item, between the thread that serves and the one that computes. */
typedef struct bench {
    const cv_dispatch *dispatch;
    cv_share *share; /* the computing thread's while it runs */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of what follows, which lock guards */
    bench_state state;
    size_t item;
    result result;
} bench;

static void *compute_at_bench(void *argument)
{
    bench *b = argument;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->state == IDLE || b->state == FINISHED) pthread_cond_wait(&b->changed, &b->lock);
        if (b->state == CLOSED) break;
        size_t item = b->item;
        result r;
        pthread_mutex_unlock(&b->lock);
        compute(b->dispatch, item, &r, b->share);
        pthread_mutex_lock(&b->lock);
        b->result = r;
        b->state = FINISHED;
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void open_bench(bench *b, const cv_dispatch *dispatch, cv_share *share)
{
    *b = (bench){.dispatch = dispatch, .share = share, .state = IDLE};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&b->lock, NULL);
    int problem = pthread_create(&b->thread, NULL, compute_at_bench, b);
    if (problem) cv_fatal("no thread can be started: %s", strerror(problem));
}

static void set_bench(bench *b, bench_state state, size_t item)
{
    pthread_mutex_lock(&b->lock);
    b->state = state;
    b->item = item;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

/* The finished result, leaving the bench idle; false if there is none. */
static bool take_from_bench(bench *b, result *r)
{
    pthread_mutex_lock(&b->lock);
    bool finished = b->state == FINISHED;
    if (finished) {
        *r = b->result;
        b->state = IDLE;
    }
    pthread_mutex_unlock(&b->lock);
    return finished;
}

/* Sleeps so many nanoseconds, or until the bench has a result. */
static void wait_at_bench(bench *b, long nanoseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += nanoseconds;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&b->lock);
    while (b->state != FINISHED)
        if (pthread_cond_timedwait(&b->changed, &b->lock, &until) == ETIMEDOUT) break;
    pthread_mutex_unlock(&b->lock);
}

static void close_bench(bench *b)
{
    set_bench(b, CLOSED, 0);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}

/* ---- rank 0's first thread ---- */

typedef struct server {
    cv_cluster *cluster;
    const cv_dispatch *dispatch;
    cv_queue *queue;
    uint64_t *orders;   /* [ranks] the item that each rank has, STOP if none */
    double *ordered_at; /* [ranks] when it got it */
    double *pace;       /* [ranks] operations a second of its last item; 0 before */
    int num_serving;    /* ranks that have not been stopped yet, rank 0's bench included */
    double stop_seen;   /* when a wish to stop was seen; 0: none */
    bool late;          /* an item was not started as the deadline is near */
    bool ok;
    cv_error *err; /* the first error, where not ok */
} server;

static void note_error(server *s, const cv_error *err)
{
    if (s->ok) *s->err = *err;
    s->ok = false;
    cv_queue_stop(s->queue);
}

/* Takes over the result of an item that is out. */
static void take_result(server *s, result *r)
{
    cv_error err = r->err;
    cv_queue_done(s->queue, r->item);
    if (!r->ok || !s->dispatch->deliver(s->dispatch->context, r->item, r->bytes.data, r->bytes.length, &err))
        note_error(s, &err);
    cv_buffer_free(&r->bytes);
}

/* Whether a rank will be done with the next item in time. The first item of a rank is begun while there is
 * any time: its pace is not known. */
static bool is_in_time(const server *s, int rank)
{
    size_t item;
    if (s->dispatch->deadline == 0 || !cv_queue_peek(s->queue, &item)) return true;
    double seconds = s->pace[rank] > 0 ? CAUTION * (double)s->dispatch->costs[item] / s->pace[rank] : 0;
    return cv_seconds() + seconds + RESERVE < s->dispatch->deadline;
}

/* What the rank's last item tells of its pace. */
static void note_pace(server *s, int rank)
{
    double seconds = cv_seconds() - s->ordered_at[rank];
    if (s->orders[rank] != STOP && seconds > 0) s->pace[rank] = (double)s->dispatch->costs[s->orders[rank]] / seconds;
}

/* The next item for a rank, or STOP. */
static uint64_t next_order(server *s, int rank)
{
    size_t item;
    note_pace(s, rank);
    if (!is_in_time(s, rank)) {
        s->late = true;
        cv_queue_stop(s->queue);
    }
    s->orders[rank] = cv_queue_next(s->queue, &item) ? item : STOP;
    s->ordered_at[rank] = cv_seconds();
    if (s->orders[rank] == STOP) s->num_serving--;
    return s->orders[rank];
}

static void serve_reply(server *s, const char *bytes, size_t length, int source)
{
    uint64_t had = s->orders[source];
    if (had != STOP) {
        result r = {0};
        if (unpack_result((size_t)had, bytes, length, &r)) {
            take_result(s, &r);
        } else {
            cv_error err;
            cv_failed(&err, "rank %d sent a damaged result", source);
            cv_buffer_free(&r.bytes);
            cv_queue_done(s->queue, (size_t)had);
            note_error(s, &err);
        }
    }
    uint64_t order = next_order(s, source);
    CV_MPI(MPI_Send(&order, 1, MPI_UINT64_T, source, TAG_ORDER, s->cluster->work));
}

/* Answers one waiting rank; false if none waits. */
static bool serve_one(server *s)
{
    int waiting = 0, length;
    MPI_Message message;
    MPI_Status status;
    CV_MPI(MPI_Improbe(MPI_ANY_SOURCE, TAG_REPLY, s->cluster->work, &waiting, &message, &status));
    if (!waiting) return false;
    CV_MPI(MPI_Get_count(&status, MPI_BYTE, &length));
    char *bytes = cv_alloc((size_t)length, 1);
    CV_MPI(MPI_Mrecv(bytes, length, MPI_BYTE, &message, &status));
    serve_reply(s, bytes, (size_t)length, status.MPI_SOURCE);
    free(bytes);
    return true;
}

/* Keeps rank 0's own bench busy; false if there was nothing to do. */
static bool serve_bench(server *s, bench *b)
{
    result r;
    if (!take_from_bench(b, &r)) return false;
    take_result(s, &r);
    uint64_t order = next_order(s, 0);
    if (order != STOP) set_bench(b, BUSY, (size_t)order);
    return true;
}

static void tick(const server *s)
{
    if (s->dispatch->tick)
        s->dispatch->tick(s->dispatch->context, cv_queue_num_done(s->queue), cv_queue_cost_done(s->queue));
}

/* Looks for a wish to stop. What is under way may end in its time; then the run ends without it. */
static void heed_signals(server *s)
{
    if (s->stop_seen == 0 && cv_signals_stop()) {
        s->stop_seen = cv_seconds();
        cv_queue_stop(s->queue);
    }
    if (s->stop_seen == 0 || cv_seconds() - s->stop_seen < CV_DISPATCH_GRACE) return;
    if (s->dispatch->abandon) s->dispatch->abandon(s->dispatch->context);
    MPI_Abort(MPI_COMM_WORLD, CV_STOPPED);
}

/* After all ranks are stopped: an error if something is left undone. */
static void judge_end(server *s)
{
    size_t left = s->dispatch->count - cv_queue_num_done(s->queue);
    if (!s->ok || left == 0) return;
    s->ok = false;
    cv_failed(s->err, "saved with %zu of %zu units left, as %s; run the same command again to go on", left,
              s->dispatch->count, s->late ? "the time that is left is short" : "asked to stop");
    s->err->status = CV_STOPPED;
}

static void serve(server *s, bench *b)
{
    cv_backoff backoff = {0};
    heed_signals(s);
    uint64_t order = next_order(s, 0);
    if (order != STOP) set_bench(b, BUSY, (size_t)order);
    tick(s);
    while (s->num_serving > 0) {
        bool served = serve_bench(s, b);
        while (s->num_serving > 0 && serve_one(s)) served = true;
        tick(s);
        heed_signals(s);
        if (served)
            backoff = (cv_backoff){0};
        else
            wait_at_bench(b, cv_backoff_next(&backoff));
    }
}

static bool lead(cv_cluster *cluster, const cv_dispatch *dispatch, cv_share *share, cv_error *err)
{
    server s = {.cluster = cluster, .dispatch = dispatch, .num_serving = cluster->size, .ok = true, .err = err};
    s.queue = cv_queue_make(dispatch->costs, dispatch->done, dispatch->count);
    s.orders = cv_alloc((size_t)cluster->size, sizeof *s.orders);
    s.ordered_at = cv_calloc((size_t)cluster->size, sizeof *s.ordered_at);
    s.pace = cv_calloc((size_t)cluster->size, sizeof *s.pace);
    for (int r = 0; r < cluster->size; r++) s.orders[r] = STOP;
    bench b;
    open_bench(&b, dispatch, share);
    serve(&s, &b);
    close_bench(&b);
    judge_end(&s);
    cv_queue_free(s.queue);
    free(s.orders);
    free(s.ordered_at);
    free(s.pace);
    return s.ok;
}

bool cv_dispatch_run(cv_cluster *cluster, const cv_dispatch *dispatch, cv_share *mine, cv_error *err)
{
    *mine = (cv_share){0};
    bool ok = true;
    if (cluster->rank == 0)
        ok = lead(cluster, dispatch, mine, err);
    else
        work_for_rank_0(cluster, dispatch, mine);
    return cv_cluster_agree(cluster, ok, err);
}
