/* One rank's hands: computes units, keeping an engine for each model it has met. */
#ifndef CV_WORKER_H
#define CV_WORKER_H

#include "sweep/inputs.h"
#include "sweep/plan.h"

typedef struct cv_worker cv_worker;

/* inputs must outlive the worker. */
cv_worker *cv_worker_open(const cv_inputs *inputs);
void cv_worker_close(cv_worker *worker);

/* The unit's scores, [layers, heads, prompts] of the unit, into scores [cv_unit_cells(unit)], by the
 * engine that the job names. *work is what this unit took. */
bool cv_worker_run(cv_worker *worker, const cv_unit *unit, double *scores, cv_work *work, cv_error *err);

/* One clean forward pass of a model's shortest prompt: finds weights that are not finite before
 * anything is written. */
bool cv_worker_check_model(cv_worker *worker, int model, cv_error *err);

#endif
