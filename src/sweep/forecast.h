/* All stages of a run before it is made: what each will take, unit by unit.
 *
 * Later stages depend on heads that only the run will find. Here they are planned with stand-ins (as if
 * all scores were equal), which take the same but for the attention that some ablations compute anew.
 * Answers count as if none stopped early. */
#ifndef CV_FORECAST_H
#define CV_FORECAST_H

#include "sweep/inputs.h"
#include "sweep/plan.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_forecast_stage {
    char name[32];   /* as in the run: "sweep", "sahara 2", "answers", "utility" */
    uint64_t *costs; /* [count] operations of the units, owned */
    size_t count;
    uint64_t operations;                 /* their sum */
    uint64_t least_operations;           /* what units as large as memory allows would take */
    uint64_t memory_bytes, thread_bytes; /* of the hungriest units */
} cv_forecast_stage;

typedef struct cv_forecast {
    cv_plan sweep;             /* exact */
    cv_forecast_stage *stages; /* [num_stages] in order; the first is the sweep */
    size_t num_stages, capacity;
} cv_forecast;

/* Bad input as in cv_plan_make and cv_evaluation_plan. On error *forecast is empty. Free with
 * cv_forecast_free. */
bool cv_forecast_make(const cv_inputs *inputs, cv_forecast *forecast, cv_error *err);
void cv_forecast_free(cv_forecast *forecast);

#endif
