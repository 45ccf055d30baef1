/* Who has what: each rank's item, its pace, and when it should be done; and from that, whether a rank without
 * work should compute a second copy of an item that another one has.
 *
 * A copy is begun when no item is left that nobody has, of the item that is expected last, if the copy is
 * expected clearly sooner. An item that is out for longer than its rank's pace let expect is expected to take
 * as long again, so a rank that hangs is soon overtaken. */
#ifndef CV_CREW_H
#define CV_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cv_crew cv_crew;

/* Ranks 0 to ranks - 1, none of which is there yet, and items 0 to items - 1. Free with cv_crew_free (NULL is
 * fine). Times are seconds on any one clock. */
cv_crew *cv_crew_make(int ranks, size_t items);
void cv_crew_free(cv_crew *crew);

/* The rank is there and has nothing. */
void cv_crew_idle(cv_crew *crew, int rank);
bool cv_crew_is_idle(const cv_crew *crew, int rank);
int cv_crew_num_idle(const cv_crew *crew);

/* The idle rank has the item from now on. */
void cv_crew_begin(cv_crew *crew, int rank, size_t item, uint64_t cost, double now);
/* The item that a rank has; false if none. */
bool cv_crew_has(const cv_crew *crew, int rank, size_t *item);
/* The rank is done with its item, and idle. With finished this tells its pace: false for what was given up. */
void cv_crew_end(cv_crew *crew, int rank, bool finished, double now);

/* Seconds that an item of this cost should take the rank: by its last item, or by what the ranks need on
 * average; 0 while no item was finished. */
double cv_crew_seconds(const cv_crew *crew, int rank, uint64_t cost);

/* Whether the rank has an item for longer than it should. */
bool cv_crew_is_late(const cv_crew *crew, int rank, double now);

/* Seconds that finished items took on average (0 before the first), and at most. */
double cv_crew_average(const cv_crew *crew);
double cv_crew_longest(const cv_crew *crew);

/* The item of which an idle rank should compute a copy; false if none. */
bool cv_crew_copy(cv_crew *crew, int rank, double now, size_t *item);

/* Whether a copy that takes so many seconds from now on pays, where what it is of is expected at end. */
bool cv_copy_pays(double now, double seconds, double end);

#endif
