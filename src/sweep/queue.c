#include "sweep/queue.h"

#include "base/memory.h"

#include <stdlib.h>

typedef enum item_state { WAITING, OUT, DONE } item_state;

typedef struct entry {
    uint64_t cost;
    size_t item;
} entry;

struct cv_queue {
    entry *order;      /* [num_order] as they go out */
    item_state *state; /* [count] by item */
    uint64_t *costs;   /* [count] by item */
    size_t count, num_order, next, num_out, num_done;
    uint64_t cost_done;
};

static int by_falling_cost(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->cost != b->cost) return a->cost > b->cost ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

/* The items that are not done. */
static entry *sorted(const uint64_t *costs, const bool *done, size_t count, size_t *num_order)
{
    entry *order = cv_alloc(count, sizeof *order);
    *num_order = 0;
    for (size_t i = 0; i < count; i++)
        if (!done || !done[i]) order[(*num_order)++] = (entry){costs[i], i};
    if (*num_order) qsort(order, *num_order, sizeof *order, by_falling_cost);
    return order;
}

cv_queue *cv_queue_make(const uint64_t *costs, const bool *done, size_t count)
{
    cv_queue *queue = cv_calloc(1, sizeof *queue);
    queue->order = sorted(costs, done, count, &queue->num_order);
    queue->state = cv_calloc(count, sizeof *queue->state);
    queue->costs = cv_alloc(count, sizeof *queue->costs);
    queue->count = count;
    for (size_t i = 0; i < count; i++) {
        queue->costs[i] = costs[i];
        if (!done || !done[i]) continue;
        queue->state[i] = DONE;
        queue->num_done++;
        queue->cost_done += costs[i];
    }
    return queue;
}

void cv_queue_free(cv_queue *queue)
{
    if (!queue) return;
    free(queue->order);
    free(queue->state);
    free(queue->costs);
    free(queue);
}

bool cv_queue_next(cv_queue *queue, size_t *item)
{
    if (queue->next == queue->num_order) return false;
    *item = queue->order[queue->next++].item;
    queue->state[*item] = OUT;
    queue->num_out++;
    return true;
}

bool cv_queue_peek(const cv_queue *queue, size_t *item)
{
    if (queue->next == queue->num_order) return false;
    *item = queue->order[queue->next].item;
    return true;
}

bool cv_queue_done(cv_queue *queue, size_t item)
{
    if (item >= queue->count || queue->state[item] != OUT) return false;
    queue->state[item] = DONE;
    queue->num_out--;
    queue->num_done++;
    queue->cost_done += queue->costs[item];
    return true;
}

void cv_queue_stop(cv_queue *queue)
{
    queue->next = queue->num_order;
}

size_t cv_queue_num_out(const cv_queue *queue)
{
    return queue->num_out;
}

size_t cv_queue_num_done(const cv_queue *queue)
{
    return queue->num_done;
}

uint64_t cv_queue_cost_done(const cv_queue *queue)
{
    return queue->cost_done;
}

uint64_t cv_queue_makespan(const uint64_t *costs, size_t count, int num_ranks)
{
    entry *order = sorted(costs, NULL, count, &count);
    uint64_t *load = cv_calloc((size_t)num_ranks, sizeof *load), longest = 0;
    for (size_t i = 0; i < count; i++) {
        int least = 0;
        for (int r = 1; r < num_ranks; r++)
            if (load[r] < load[least]) least = r;
        load[least] += order[i].cost;
        if (load[least] > longest) longest = load[least];
    }
    free(order);
    free(load);
    return longest;
}
