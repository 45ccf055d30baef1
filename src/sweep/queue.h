/* Which item is handed out next, and which are done: the dispatcher's memory, without its messages.
 *
 * Items go out by falling cost, so that the long ones do not come last and leave ranks idle. */
#ifndef CV_QUEUE_H
#define CV_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cv_queue cv_queue;

/* Items 0 to count - 1 with their costs [count], which are copied; those with done [count] set count
 * as done from the start (NULL: none). Free with cv_queue_free (NULL is fine). */
cv_queue *cv_queue_make(const uint64_t *costs, const bool *done, size_t count);
void cv_queue_free(cv_queue *queue);

/* Hands out the most expensive item that is left, the lowest-numbered of equals. False if none is
 * left, or after cv_queue_stop. */
bool cv_queue_next(cv_queue *queue, size_t *item);

/* The item that cv_queue_next would hand out. */
bool cv_queue_peek(const cv_queue *queue, size_t *item);

/* Takes an item back as done. False, changing nothing, if it is not out. */
bool cv_queue_done(cv_queue *queue, size_t item);

/* Hands out nothing more. */
void cv_queue_stop(cv_queue *queue);

size_t cv_queue_num_out(const cv_queue *queue); /* handed out and not yet back */
size_t cv_queue_num_done(const cv_queue *queue);
uint64_t cv_queue_cost_done(const cv_queue *queue);

/* What the largest share of cost would be if num_ranks ranks of equal speed took the items in this
 * order: the wall time in units of cost. */
uint64_t cv_queue_makespan(const uint64_t *costs, size_t count, int num_ranks);

#endif
