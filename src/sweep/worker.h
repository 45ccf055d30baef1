/* One rank's hands: computes units, keeping an engine for each model it has met. */
#ifndef CV_WORKER_H
#define CV_WORKER_H

#include "sweep/inputs.h"
#include "sweep/plan.h"

typedef struct cv_worker cv_worker;

/* inputs must outlive the worker. */
cv_worker *cv_worker_open(const cv_inputs *inputs);
void cv_worker_close(cv_worker *worker);

/* The worker's engine of a model, which keeps its place. */
cv_engine *cv_worker_engine(cv_worker *worker, int model);

/* Done by all its engines since they were opened. */
cv_work cv_worker_work(const cv_worker *worker);

/* The unit's values, into values [cv_unit_values(unit)], by the engine that the job names. group is what
 * Sahara has chosen, for units of its steps; else NULL or empty. */
bool cv_worker_run(cv_worker *worker, const cv_unit *unit, const cv_head_group *group, double *values, cv_error *err);

/* One clean forward pass of a model's shortest prompt: finds weights that are not finite before
 * anything is written. */
bool cv_worker_check_model(cv_worker *worker, int model, cv_error *err);

#endif
