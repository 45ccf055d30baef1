/* The grid (model, ablation, prompt set, prompt, layer, head) cut into work units.
 *
 * The list depends on the job and its inputs alone, never on ranks, threads or the machine, so that
 * scores are the same bits however the work was spread. */
#ifndef CV_PLAN_H
#define CV_PLAN_H

#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>
#include <stdint.h>

/* Half-open ranges; model, ablation index the job's lists, set is a cv_prompt_set. */
typedef struct cv_unit {
    int32_t model, ablation, set;
    int32_t prompt_begin, prompt_end;
    int32_t layer_begin, layer_end;
    int32_t head_begin, head_end;
    uint64_t operations;   /* what it costs */
    uint64_t memory_bytes; /* what it needs beside the weights, per rank */
    uint64_t thread_bytes; /* and for each thread of the rank */
    int32_t step;          /* 0: the sweep; s: of Sahara's search, with s heads off in all states */
} cv_unit;

/* What a unit yields, doubles: Ships [layers, heads, prompts], where the sweep has them, then sums of
 * principal angles [layers, heads, CV_SUBSPACE_RANKS], where the job has them. */
bool cv_unit_has_ships(const cv_unit *unit, const cv_job *job);
size_t cv_unit_states(const cv_unit *unit);
size_t cv_unit_values(const cv_unit *unit, const cv_job *job);

/* The unit's states, under its ablation. */
cv_head_range cv_unit_range(const cv_unit *unit, const cv_ablation *ablation);

typedef struct cv_plan {
    cv_unit *units; /* [count], owned; in grid order */
    size_t count;
    uint64_t operations;       /* of all units */
    uint64_t plain_operations; /* what one pass per (head, prompt) would take */
    uint64_t least_operations; /* what the cheapest cut would take that fits the memory */
    uint64_t memory_bytes;     /* of the largest unit */
    uint64_t thread_bytes;     /* likewise; outside the budget, as units may not depend on threads */
} cv_plan;

/* The sweep's units. Bad input if even the smallest unit needs more than engine.memory_gib. */
bool cv_plan_make(const cv_inputs *inputs, cv_plan *plan, cv_error *err);

typedef struct cv_sahara cv_sahara; /* sweep/sahara.h */

/* The units of the next step of Sahara's search: harmful prompts only. sahara has chosen at least one
 * head. */
bool cv_plan_sahara(const cv_inputs *inputs, const cv_sahara *sahara, cv_plan *plan, cv_error *err);
void cv_plan_free(cv_plan *plan);

#endif
