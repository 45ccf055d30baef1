#include "sweep/crew.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* An item counts as late when it takes so much longer than expected, and a copy must be done as clearly sooner. No copy
 * is made of what has been out for less than LEAST seconds, as a busy machine's hiccups are as long. While nothing is
 * known of any pace, a first copy is made after UNKNOWN seconds, and each further one after GROWTH times as many. */
static const double LATE = 1.1, MARGIN = 1.1, LEAST = 0.1, UNKNOWN = 2, GROWTH = 4;

typedef enum place { AWAY, IDLE, BUSY } place;

typedef struct member {
    place place;
    size_t item;
    uint64_t cost;
    double since; /* when it got the item */
    double pace;  /* cost a second of its last item; 0: none yet */
} member;

/* Of an item that ranks have. */
typedef struct outlook {
    double end;   /* when the first of them should be done */
    double since; /* when the first of them got it */
    int copies;
} outlook;

struct cv_crew {
    member *members; /* [ranks] */
    outlook *items;  /* [items], of those that ranks have */
    int ranks, num_idle, num_paces;
    double sum_paces; /* of ranks that have one */
    size_t num_finished;
    double sum_seconds, longest; /* of finished items */
};

cv_crew *cv_crew_make(int ranks, size_t items)
{
    cv_crew *crew = cv_calloc(1, sizeof *crew);
    crew->members = cv_calloc((size_t)ranks, sizeof *crew->members);
    crew->items = cv_calloc(items, sizeof *crew->items);
    crew->ranks = ranks;
    return crew;
}

void cv_crew_free(cv_crew *crew)
{
    if (!crew) return;
    free(crew->members);
    free(crew->items);
    free(crew);
}

void cv_crew_idle(cv_crew *crew, int rank)
{
    if (crew->members[rank].place != IDLE) crew->num_idle++;
    crew->members[rank].place = IDLE;
}

bool cv_crew_is_idle(const cv_crew *crew, int rank)
{
    return crew->members[rank].place == IDLE;
}

int cv_crew_num_idle(const cv_crew *crew)
{
    return crew->num_idle;
}

void cv_crew_begin(cv_crew *crew, int rank, size_t item, uint64_t cost, double now)
{
    member *m = &crew->members[rank];
    assert(m->place == IDLE);
    m->place = BUSY;
    m->item = item;
    m->cost = cost;
    m->since = now;
    crew->num_idle--;
}

bool cv_crew_has(const cv_crew *crew, int rank, size_t *item)
{
    if (crew->members[rank].place != BUSY) return false;
    *item = crew->members[rank].item;
    return true;
}

static void note_pace(cv_crew *crew, member *m, double seconds)
{
    crew->num_finished++;
    crew->sum_seconds += seconds;
    if (seconds > crew->longest) crew->longest = seconds;
    if (!(seconds > 0) || m->cost == 0) return;
    if (m->pace == 0) crew->num_paces++;
    crew->sum_paces -= m->pace;
    m->pace = (double)m->cost / seconds;
    crew->sum_paces += m->pace;
}

void cv_crew_end(cv_crew *crew, int rank, bool finished, double now)
{
    member *m = &crew->members[rank];
    assert(m->place == BUSY);
    if (finished) note_pace(crew, m, now - m->since);
    cv_crew_idle(crew, rank);
}

double cv_crew_seconds(const cv_crew *crew, int rank, uint64_t cost)
{
    double pace = crew->members[rank].pace;
    if (crew->num_paces == 0) return 0;
    if (pace == 0) pace = crew->sum_paces / crew->num_paces;
    return pace > 0 ? (double)cost / pace : 0;
}

bool cv_crew_is_late(const cv_crew *crew, int rank, double now)
{
    const member *m = &crew->members[rank];
    double out = now - m->since;
    if (m->place != BUSY || out < LEAST) return false;
    return out > (crew->num_paces ? LATE * cv_crew_seconds(crew, rank, m->cost) : UNKNOWN);
}

double cv_crew_average(const cv_crew *crew)
{
    return crew->num_finished ? crew->sum_seconds / (double)crew->num_finished : 0;
}

double cv_crew_longest(const cv_crew *crew)
{
    return crew->longest;
}

/* When a busy rank should be done with its item. */
static double end_of(const cv_crew *crew, int rank, double now)
{
    const member *m = &crew->members[rank];
    double seconds = cv_crew_seconds(crew, rank, m->cost), out = now - m->since;
    return out > LATE * seconds ? now + out : m->since + seconds;
}

/* Looks at all items that ranks have; the one that is expected last. False if there is none. */
static bool expected_last(cv_crew *crew, double now, size_t *item)
{
    bool found = false;
    for (int r = 0; r < crew->ranks; r++)
        if (crew->members[r].place == BUSY) crew->items[crew->members[r].item] = (outlook){INFINITY, now, 0};
    for (int r = 0; r < crew->ranks; r++) {
        const member *m = &crew->members[r];
        if (m->place != BUSY) continue;
        outlook *o = &crew->items[m->item];
        double end = end_of(crew, r, now);
        if (end < o->end) o->end = end;
        if (m->since < o->since) o->since = m->since;
        o->copies++;
    }
    for (int r = 0; r < crew->ranks; r++) {
        const member *m = &crew->members[r];
        if (m->place != BUSY || (found && !(crew->items[m->item].end > crew->items[*item].end))) continue;
        *item = m->item;
        found = true;
    }
    return found;
}

static uint64_t cost_of(const cv_crew *crew, size_t item)
{
    for (int r = 0; r < crew->ranks; r++)
        if (crew->members[r].place == BUSY && crew->members[r].item == item) return crew->members[r].cost;
    return 0;
}

bool cv_crew_copy(cv_crew *crew, int rank, double now, size_t *item)
{
    if (!cv_crew_is_idle(crew, rank) || !expected_last(crew, now, item)) return false;
    const outlook *o = &crew->items[*item];
    double out = now - o->since;
    if (crew->num_paces == 0) return out > UNKNOWN * pow(GROWTH, o->copies - 1);
    return out > LEAST && cv_copy_pays(now, cv_crew_seconds(crew, rank, cost_of(crew, *item)), o->end);
}

bool cv_copy_pays(double now, double seconds, double end)
{
    return now + MARGIN * seconds < end;
}
