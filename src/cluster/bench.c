#include "cluster/bench.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum bench_state { EMPTY, BUSY, FINISHED, CLOSED } bench_state;

struct cv_bench {
    cv_bench_compute compute;
    void *context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of what follows, which lock guards */
    bench_state state;
    size_t item;
    cv_outcome outcome;
};

static void *compute_at_bench(void *argument)
{
    cv_bench *b = argument;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        while (b->state == EMPTY || b->state == FINISHED) pthread_cond_wait(&b->changed, &b->lock);
        if (b->state == CLOSED) break;
        cv_outcome out = {.item = b->item, .err = {CV_OK, ""}};
        pthread_mutex_unlock(&b->lock);
        double start = cv_seconds();
        b->compute(b->context, out.item, &out);
        out.seconds = cv_seconds() - start;
        pthread_mutex_lock(&b->lock);
        b->outcome = out;
        b->state = FINISHED;
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

cv_bench *cv_bench_open(cv_bench_compute compute, void *context)
{
    cv_bench *b = cv_calloc(1, sizeof *b);
    b->compute = compute;
    b->context = context;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&b->lock, NULL);
    int problem = pthread_create(&b->thread, NULL, compute_at_bench, b);
    if (problem) cv_fatal("no thread can be started: %s", strerror(problem));
    return b;
}

static void set(cv_bench *b, bench_state state, size_t item)
{
    pthread_mutex_lock(&b->lock);
    b->state = state;
    b->item = item;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

void cv_bench_begin(cv_bench *b, size_t item)
{
    set(b, BUSY, item);
}

void cv_bench_give_up(cv_bench *b)
{
    pthread_mutex_lock(&b->lock);
    if (b->state == BUSY) cv_cancel();
    pthread_mutex_unlock(&b->lock);
}

bool cv_bench_take(cv_bench *b, cv_outcome *out)
{
    pthread_mutex_lock(&b->lock);
    bool finished = b->state == FINISHED;
    if (finished) {
        *out = b->outcome;
        b->state = EMPTY;
        cv_cancel_take_back();
    }
    pthread_mutex_unlock(&b->lock);
    return finished;
}

bool cv_bench_is_laid(cv_bench *b)
{
    pthread_mutex_lock(&b->lock);
    bool laid = b->state == BUSY || b->state == FINISHED;
    pthread_mutex_unlock(&b->lock);
    return laid;
}

void cv_bench_wait(cv_bench *b, long nanoseconds)
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

void cv_bench_close(cv_bench *b)
{
    cv_outcome last;
    pthread_mutex_lock(&b->lock);
    while (b->state == BUSY) pthread_cond_wait(&b->changed, &b->lock);
    pthread_mutex_unlock(&b->lock);
    if (cv_bench_take(b, &last)) cv_buffer_free(&last.bytes);
    set(b, CLOSED, 0);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
