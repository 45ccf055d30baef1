#include "cluster/dispatch.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cluster/bench.h"
#include "cluster/mpi_calls.h"
#include "cluster/post.h"
#include "cluster/signals.h"
#include "sweep/bytes.h"
#include "sweep/crew.h"
#include "sweep/queue.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the deadline: items take so much longer than the rank's last one let expect, and results so many
 * seconds. */
static const double CAUTION = 1.25, RESERVE = 10;

/* Seconds that rank 0's own item has to be given up after a wish to stop, before all ranks are ended. */
static const double LAST_GRACE = 1.5;

/* Between looks for items that are late, and between questions to a rank; while a rank other than 0 computes, between
 * looks at the network. */
static const double LOOK_SECONDS = 0.02, ASK_SECONDS = 1;
static const long LISTEN_NANOSECONDS = 20000000;

/* Rank 0 sleeps no longer between looks than this part of an item's average time, but so many nanoseconds. */
static const double WAIT_SHARE = 0.005;
static const long LEAST_WAIT = 50000;

/* Seconds of silence after which a rank is named. */
static const double SILENCE = 0.5;

/* Rank 0 tells a rank to compute an item, to give it up, to show that it is awake, or that the dispatch is over; it
 * answers that it is there, that it is awake, and each order to compute with a result or a failure, unless the dispatch
 * is over by then. All carry the number of their dispatch, so that what a rank that slept sends is known as late. */
enum order_kind { COMPUTE, FORGET, ASK, END };
typedef struct order {
    uint64_t dispatch, kind, item;
} order;
enum reply_kind { HERE, AWAKE, RESULT, FAILURE };
typedef struct reply {
    uint64_t dispatch, kind;
    cv_outcome outcome;
} reply;

static void compute(void *context, size_t item, cv_outcome *out)
{
    const cv_dispatch *dispatch = context;
    out->ok = dispatch->compute(dispatch->context, item, &out->bytes, &out->work, &out->err);
    if (out->ok && out->bytes.length > CV_DISPATCH_MOST_BYTES)
        out->ok = cv_failed(&out->err, "a unit's result has %zu bytes, more than the %zu that can be sent",
                            out->bytes.length, (size_t)CV_DISPATCH_MOST_BYTES);
    if (!out->ok) cv_buffer_free(&out->bytes);
}

/* ---- replies as bytes ---- */

static void pack_reply(uint64_t dispatch, enum reply_kind kind, const cv_outcome *o, cv_buffer *out)
{
    cv_put_u64(out, dispatch);
    cv_put_u64(out, kind);
    if (kind == HERE || kind == AWAKE) return;
    cv_put_u64(out, o->item);
    if (kind == RESULT) {
        cv_put_u64(out, o->work.operations);
        cv_put_u64(out, o->work.weight_bytes);
        cv_put_double(out, o->seconds);
        cv_put_array(out, o->bytes.data, o->bytes.length, 1);
    } else {
        cv_put_i64(out, o->err.status);
        cv_put_text(out, o->err.text);
    }
}

static void unpack_outcome(cv_cursor *in, enum reply_kind kind, cv_outcome *o)
{
    o->item = (size_t)cv_get_u64(in);
    o->ok = kind == RESULT;
    if (o->ok) {
        o->work.operations = cv_get_u64(in);
        o->work.weight_bytes = cv_get_u64(in);
        o->seconds = cv_get_double(in);
        size_t count = cv_get_count(in, 1);
        if (count) cv_buffer_append(&o->bytes, in->data + in->position, count);
        in->position += count;
    } else {
        o->err.status = (cv_status)cv_get_i64(in);
        char *text = cv_get_text(in);
        snprintf(o->err.text, sizeof o->err.text, "%s", text ? text : "");
        free(text);
    }
}

/* False if the bytes are no reply. */
static bool unpack_reply(const cv_buffer *bytes, reply *r)
{
    cv_cursor in = cv_cursor_at(bytes->data, bytes->length);
    *r = (reply){.dispatch = cv_get_u64(&in)};
    r->kind = cv_get_u64(&in);
    if (r->kind == RESULT || r->kind == FAILURE) unpack_outcome(&in, (enum reply_kind)r->kind, &r->outcome);
    return cv_cursor_done(&in) && r->kind <= FAILURE; /* the last kind */
}

/* ---- a rank other than 0 ---- */

static_assert(CV_DISPATCH_MOST_BYTES <= INT_MAX - 4096, "a reply fits into one message");

static void answer(cv_cluster *cluster, enum reply_kind kind, const cv_outcome *o)
{
    cv_buffer bytes = {0};
    pack_reply(cluster->num_dispatches, kind, o, &bytes);
    CV_MPI(MPI_Send(bytes.data, (int)bytes.length, MPI_BYTE, 0, CV_TAG_REPLY, cluster->work));
    cv_buffer_free(&bytes);
}

/* The next order, if there is one. What rank 0 ordered before it heard that a dispatch was over is too late. */
static bool look_for_order(cv_cluster *cluster, const cv_dispatch *dispatch, order *o)
{
    do {
        cv_buffer bytes = {0};
        if (!cv_post_look(cluster, CV_TAG_ORDER, &bytes)) return false;
        if (bytes.length != sizeof *o) cv_fatal("rank 0 sent an order of %zu bytes", bytes.length);
        memcpy(o, bytes.data, sizeof *o);
        cv_buffer_free(&bytes);
    } while (o->dispatch < cluster->num_dispatches);
    if (o->dispatch > cluster->num_dispatches) cv_fatal("rank 0 sent an order of another dispatch");
    if (o->item >= dispatch->count && (o->kind == COMPUTE || o->kind == FORGET))
        cv_fatal("rank 0 ordered an item that there is not");
    return true;
}

static bool answer_from_bench(cv_cluster *cluster, cv_bench *bench)
{
    cv_outcome o;
    if (!cv_bench_take(bench, &o)) return false;
    answer(cluster, o.ok ? RESULT : FAILURE, &o);
    cv_buffer_free(&o.bytes);
    return true;
}

static void work_for_rank_0(cv_cluster *cluster, const cv_dispatch *dispatch)
{
    cv_bench *bench = cv_bench_open(compute, (void *)dispatch);
    cv_backoff backoff = {0};
    size_t item = 0;
    answer(cluster, HERE, NULL);
    for (;;) {
        order o;
        bool busy = !answer_from_bench(cluster, bench) && cv_bench_is_laid(bench);
        if (!look_for_order(cluster, dispatch, &o)) {
            if (busy)
                cv_bench_wait(bench, LISTEN_NANOSECONDS);
            else
                cv_backoff_sleep(&backoff);
            continue;
        }
        backoff = (cv_backoff){0};
        if (o.kind == ASK || o.kind == END) answer(cluster, AWAKE, NULL);
        if (o.kind == END) break;
        if (o.kind == COMPUTE) cv_bench_begin(bench, item = (size_t)o.item);
        if (o.kind == FORGET && busy && o.item == item) cv_bench_give_up(bench);
    }
    cv_bench_give_up(bench);
    cv_bench_close(bench);
}

/* ---- rank 0 ---- */

typedef struct server {
    cv_cluster *cluster;
    const cv_dispatch *dispatch;
    cv_dispatch_report *report;
    cv_queue *queue;
    cv_crew *crew;
    cv_bench *bench;
    double stop_seen; /* when a wish to stop was seen; 0: none */
    double give_up;   /* when what is under way is given up; 0: never */
    double next_look; /* for what is late */
    double *next_ask; /* [ranks] when to ask a rank that is late again */
    bool closing;     /* nothing more is handed out */
    bool ok;
    cv_error *err; /* the first error, where not ok */
} server;

/* Hands out nothing more, and waits for what is under way so long at most. */
static void hand_out_no_more(server *s, double give_up)
{
    s->closing = true;
    cv_queue_stop(s->queue);
    if (s->give_up == 0 || give_up < s->give_up) s->give_up = give_up;
}

static void note_error(server *s, const cv_error *err)
{
    if (s->ok) *s->err = *err;
    s->ok = false;
    hand_out_no_more(s, cv_seconds() + CV_DISPATCH_GRACE);
}

static void give_order(server *s, int rank, enum order_kind kind, size_t item)
{
    if (rank == 0 && kind == COMPUTE) {
        cv_bench_begin(s->bench, item);
    } else if (rank == 0) {
        cv_bench_give_up(s->bench);
    } else {
        order o = {s->cluster->num_dispatches, kind, item};
        cv_post_send(s->cluster, rank, CV_TAG_ORDER, &o, sizeof o);
    }
}

static void begin(server *s, int rank, size_t item)
{
    cv_crew_begin(s->crew, rank, item, s->dispatch->costs[item], cv_seconds());
    give_order(s, rank, COMPUTE, item);
}

/* Whether a rank will be done with the next item in time. The first items are begun while there is any time:
 * no pace is known. */
static bool is_in_time(const server *s, int rank)
{
    size_t item;
    if (s->dispatch->deadline == 0 || !cv_queue_peek(s->queue, &item)) return true;
    double seconds = CAUTION * cv_crew_seconds(s->crew, rank, s->dispatch->costs[item]);
    return cv_seconds() + seconds + RESERVE < s->dispatch->deadline;
}

/* The next item for an idle rank, if one is left. */
static void hand_out(server *s, int rank)
{
    size_t item;
    if (!is_in_time(s, rank)) hand_out_no_more(s, s->give_up);
    if (cv_queue_next(s->queue, &item)) begin(s, rank, item);
}

/* Copies of items that are late, to ranks without work. */
static void hand_out_copies(server *s, double now)
{
    size_t item;
    if (s->closing || cv_crew_num_idle(s->crew) == 0 || cv_queue_peek(s->queue, &item)) return;
    for (int r = 0; r < s->cluster->size; r++) {
        if (!cv_crew_is_idle(s->crew, r)) continue;
        if (!cv_crew_copy(s->crew, r, now, &item)) continue; /* a quicker rank's may pay */
        begin(s, r, item);
        s->report->copies++;
    }
}

/* Asks ranks that are late whether they are awake. */
static void ask_late_ranks(server *s, double now)
{
    for (int r = 1; r < s->cluster->size; r++) {
        if (now < s->next_ask[r] || !cv_crew_is_late(s->crew, r, now)) continue;
        give_order(s, r, ASK, 0);
        cv_cluster_asked(s->cluster, r);
        s->next_ask[r] = now + ASK_SECONDS;
    }
}

static void look_for_late(server *s)
{
    double now = cv_seconds();
    if (now < s->next_look) return;
    s->next_look = now + LOOK_SECONDS;
    ask_late_ranks(s, now);
    hand_out_copies(s, now);
}

/* Tells ranks that have the item still to give it up. */
static void forget(server *s, size_t item)
{
    size_t theirs;
    for (int r = 0; r < s->cluster->size; r++)
        if (cv_crew_has(s->crew, r, &theirs) && theirs == item) give_order(s, r, FORGET, item);
}

/* Takes over what became of an item that a rank had. Only the first answer counts. */
static void take_outcome(server *s, int rank, cv_outcome *o)
{
    cv_error err = o->err;
    bool given_up = !o->ok && err.status == CV_STOPPED;
    cv_crew_end(s->crew, rank, o->ok, cv_seconds());
    if (!given_up && cv_queue_done(s->queue, o->item)) {
        if (s->report->copies > 0) forget(s, o->item);
        cv_share *share = &s->report->shares[rank];
        share->work.operations += o->work.operations;
        share->work.weight_bytes += o->work.weight_bytes;
        share->busy_seconds += o->seconds;
        share->items += o->ok;
        if (!o->ok || !s->dispatch->deliver(s->dispatch->context, o->item, o->bytes.data, o->bytes.length, &err))
            note_error(s, &err);
    }
    cv_buffer_free(&o->bytes);
}

static void damaged(server *s, int rank)
{
    cv_error err;
    cv_failed(&err, "rank %d sent a damaged result", rank);
    note_error(s, &err);
}

/* Answers one waiting rank; false if none waits. */
static bool serve_one(server *s)
{
    int rank;
    cv_buffer bytes = {0};
    reply r;
    size_t had;
    if (!cv_post_take(s->cluster, CV_TAG_REPLY, &rank, &bytes)) return false;
    cv_cluster_heard(s->cluster, rank);
    bool fine = unpack_reply(&bytes, &r);
    cv_buffer_free(&bytes);
    if (fine && r.dispatch != s->cluster->num_dispatches) { /* it slept when that dispatch ended */
        cv_buffer_free(&r.outcome.bytes);
        return true;
    }
    if (fine && r.kind == AWAKE) return true;
    bool has = cv_crew_has(s->crew, rank, &had);
    if (fine && r.kind == HERE && !has) {
        cv_crew_idle(s->crew, rank);
    } else if (fine && r.kind != HERE && has && r.outcome.item == had) {
        take_outcome(s, rank, &r.outcome);
    } else {
        cv_buffer_free(&r.outcome.bytes);
        damaged(s, rank);
        return true;
    }
    hand_out(s, rank);
    return true;
}

/* Keeps rank 0's own bench busy; false if there was nothing to do. */
static bool serve_bench(server *s)
{
    cv_outcome o;
    if (!cv_bench_take(s->bench, &o)) return false;
    take_outcome(s, 0, &o);
    hand_out(s, 0);
    return true;
}

static void tick(const server *s)
{
    cv_post_settle(s->cluster);
    if (s->dispatch->tick)
        s->dispatch->tick(s->dispatch->context, cv_queue_num_done(s->queue), cv_queue_cost_done(s->queue));
}

/* Looks for a wish to stop. What is under way may end in its time, and is given up then. */
static void heed_signals(server *s)
{
    if (s->stop_seen > 0 || !cv_signals_stop()) return;
    s->stop_seen = cv_seconds();
    hand_out_no_more(s, s->stop_seen + CV_DISPATCH_GRACE);
}

static bool is_over(const server *s)
{
    size_t item;
    if (s->give_up > 0 && cv_seconds() >= s->give_up) return true;
    return cv_queue_num_out(s->queue) == 0 && !cv_queue_peek(s->queue, &item);
}

/* Rank 0 listens the more often the shorter items are, so that waiting stays a small part of them. */
static cv_backoff fresh_backoff(const server *s)
{
    double nanoseconds = 1e9 * WAIT_SHARE * cv_crew_average(s->crew);
    long longest = nanoseconds < 1e6 ? (long)nanoseconds : 0;
    return (cv_backoff){.longest = longest > 0 && longest < LEAST_WAIT ? LEAST_WAIT : longest};
}

static void serve(server *s)
{
    cv_backoff backoff = {0};
    for (int r = 1; r < s->cluster->size; r++) cv_cluster_asked(s->cluster, r);
    if (s->dispatch->deadline > 0) s->give_up = s->dispatch->deadline - RESERVE / 2;
    heed_signals(s);
    cv_crew_idle(s->crew, 0);
    hand_out(s, 0);
    tick(s);
    while (!is_over(s)) {
        bool served = serve_bench(s);
        while (serve_one(s)) served = true;
        look_for_late(s);
        tick(s);
        heed_signals(s);
        if (served)
            backoff = fresh_backoff(s);
        else if (!is_over(s))
            cv_bench_wait(s->bench, cv_backoff_next(&backoff));
    }
}

/* Whether rank 0's own item can be waited for no longer: some time after a wish to stop, or at the deadline. */
static bool is_last_moment(const server *s)
{
    double now = cv_seconds();
    return (s->stop_seen > 0 && now - s->stop_seen >= CV_DISPATCH_GRACE + LAST_GRACE) ||
           (s->dispatch->deadline > 0 && now >= s->dispatch->deadline - LAST_GRACE);
}

/* Waits until rank 0's own item is finished or given up. If neither is soon, the run ends without it. */
static void clear_bench(server *s)
{
    cv_bench_give_up(s->bench);
    while (cv_bench_is_laid(s->bench)) {
        if (serve_bench(s)) continue;
        cv_bench_wait(s->bench, LISTEN_NANOSECONDS);
        heed_signals(s);
        if (!is_last_moment(s)) continue;
        if (s->dispatch->abandon) s->dispatch->abandon(s->dispatch->context);
        cv_cluster_abort(CV_STOPPED);
    }
}

/* Tells all ranks that it is over, the silent ones too. */
static void end(server *s)
{
    order o = {s->cluster->num_dispatches, END, 0};
    s->report->silent_rank = -1;
    cv_queue_stop(s->queue);
    while (serve_one(s)) continue; /* what has come meanwhile; who sent it is not silent */
    for (int r = s->cluster->size - 1; r > 0; r--) {
        if (cv_cluster_silence(s->cluster, r) > SILENCE) s->report->silent_rank = r;
        cv_cluster_asked(s->cluster, r);
    }
    cv_post_send_all(s->cluster, CV_TAG_ORDER, &o, sizeof o);
    clear_bench(s);
}

/* After all ranks are told: an error if something is left undone. */
static void judge_end(server *s)
{
    size_t left = s->dispatch->count - cv_queue_num_done(s->queue);
    if (!s->ok || left == 0) return;
    s->ok = cv_stopped(s->err, "saved with %zu of %zu units left, as %s; run the same command again to go on", left,
                       s->dispatch->count, s->stop_seen > 0 ? "asked to stop" : "the time that is left is short");
}

static bool lead(cv_cluster *cluster, const cv_dispatch *dispatch, cv_dispatch_report *report, cv_error *err)
{
    server s = {.cluster = cluster, .dispatch = dispatch, .report = report, .ok = true, .err = err};
    s.queue = cv_queue_make(dispatch->costs, dispatch->done, dispatch->count);
    s.crew = cv_crew_make(cluster->size, dispatch->count);
    s.next_ask = cv_calloc((size_t)cluster->size, sizeof *s.next_ask);
    s.bench = cv_bench_open(compute, (void *)dispatch);
    report->copies = 0;
    serve(&s);
    end(&s);
    judge_end(&s);
    cv_bench_close(s.bench);
    cv_crew_free(s.crew);
    cv_queue_free(s.queue);
    free(s.next_ask);
    return s.ok;
}

bool cv_dispatch_run(cv_cluster *cluster, const cv_dispatch *dispatch, cv_dispatch_report *report, cv_error *err)
{
    bool ok = true;
    cluster->num_dispatches++;
    if (cluster->rank == 0)
        ok = lead(cluster, dispatch, report, err);
    else
        work_for_rank_0(cluster, dispatch);
    return cv_cluster_follow(cluster, ok, err);
}
