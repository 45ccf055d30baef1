#include "sweep/simulate.h"

#include "base/memory.h"
#include "base/random.h"
#include "sweep/crew.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A rank and when it is done with what it has. */
typedef struct slot {
    double free_at;
    int rank;
} slot;

static bool sooner(const slot *a, const slot *b)
{
    return a->free_at != b->free_at ? a->free_at < b->free_at : a->rank < b->rank;
}

/* Restores the heap [count], soonest first, after its first slot has changed. */
static void sift(slot *heap, size_t count)
{
    size_t at = 0;
    for (;;) {
        size_t least = 2 * at + 1;
        if (least >= count) return;
        if (least + 1 < count && sooner(&heap[least + 1], &heap[least])) least++;
        if (!sooner(&heap[least], &heap[at])) return;
        slot swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

static int by_falling_cost(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

/* Takes the soonest slot off the heap [*count]. */
static slot take(slot *heap, size_t *count)
{
    slot first = heap[0];
    heap[0] = heap[--*count];
    sift(heap, *count);
    return first;
}

/* The units under way: when each rank's is done, and what it costs. */
typedef struct under_way {
    double *done_at;      /* [ranks]; -1 for a rank without a unit */
    uint64_t *operations; /* [ranks] */
    int ranks;
} under_way;

static int latest(const under_way *u)
{
    int last = 0;
    for (int r = 1; r < u->ranks; r++)
        if (u->done_at[r] > u->done_at[last]) last = r;
    return last;
}

/* Nothing is left to hand out: ranks that fall idle, soonest first, take over what would be done last. */
static double finish(slot *heap, size_t count, under_way *u, const double *speeds, double overhead)
{
    while (count > 0) {
        slot idle = take(heap, &count);
        int last = latest(u);
        if (u->done_at[last] <= idle.free_at) return u->done_at[last];
        double speed = speeds ? speeds[idle.rank] : 1;
        double seconds = overhead + (double)u->operations[last] / speed;
        if (cv_copy_pays(idle.free_at, seconds, u->done_at[last])) u->done_at[last] = idle.free_at + seconds;
    }
    return u->done_at[latest(u)];
}

double cv_simulate(const uint64_t *costs, size_t count, int ranks, const double *speeds, double overhead)
{
    assert(ranks > 0);
    if (count == 0) return 0;
    size_t num_slots = (size_t)ranks;
    uint64_t *order = cv_alloc(count, sizeof *order);
    memcpy(order, costs, count * sizeof *order);
    qsort(order, count, sizeof *order, by_falling_cost);
    slot *heap = cv_alloc(num_slots, sizeof *heap);
    under_way u = {cv_alloc(num_slots, sizeof *u.done_at), cv_calloc(num_slots, sizeof *u.operations), ranks};
    for (int r = 0; r < ranks; r++) {
        heap[r] = (slot){0, r};
        u.done_at[r] = -1;
    }
    for (size_t i = 0; i < count; i++) {
        int rank = heap[0].rank;
        heap[0].free_at += overhead + (double)order[i] / (speeds ? speeds[rank] : 1);
        u.done_at[rank] = heap[0].free_at;
        u.operations[rank] = order[i];
        sift(heap, num_slots);
    }
    double seconds = finish(heap, num_slots, &u, speeds, overhead);
    free(order);
    free(heap);
    free(u.done_at);
    free(u.operations);
    return seconds;
}

void cv_simulate_speeds(double *speeds, int ranks, double mean, double spread, uint64_t seed)
{
    for (int r = 0; r < ranks; r++) {
        cv_random random = cv_random_open(seed, CV_RANDOM_SPEEDS, (uint64_t)r);
        double factor;
        do { /* Box and Muller */
            double radius = sqrt(-2 * log(1 - cv_random_uniform(&random)));
            factor = 1 + spread * radius * cos(2 * M_PI * cv_random_uniform(&random));
        } while (factor < 0.5 || factor > 1.5);
        speeds[r] = mean * factor;
    }
}
