#include "store/status.h"

#include <jansson.h>

#include <math.h>

static const char *const state_names[] = {"running", "done", "failed", "stopped"};

double cv_progress_eta(const cv_progress *progress)
{
    if (progress->operations_done <= progress->operations_before) return NAN;
    double left = (double)(progress->operations_total - progress->operations_done);
    return progress->elapsed * left / (double)(progress->operations_done - progress->operations_before);
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

bool cv_status_write(const cv_folder *folder, cv_run_state state, const cv_progress *progress, const char *error,
                     cv_error *err)
{
    json_t *top = json_object();
    json_object_set_new(top, "state", json_string(state_names[state]));
    json_object_set_new(top, "phase", progress->phase ? json_string(progress->phase) : json_null());
    json_object_set_new(top, "units_done", json_integer((json_int_t)progress->units_done));
    json_object_set_new(top, "units_total", json_integer((json_int_t)progress->units_total));
    json_object_set_new(top, "operations_done", json_integer((json_int_t)progress->operations_done));
    json_object_set_new(top, "operations_total", json_integer((json_int_t)progress->operations_total));
    json_object_set_new(top, "elapsed_seconds", real_or_null(progress->elapsed));
    json_object_set_new(top, "eta_seconds", real_or_null(cv_progress_eta(progress)));
    if (error) json_object_set_new(top, "error", json_string(error));
    return cv_folder_write_json(folder, "status.json", top, err);
}

bool cv_pace_due(cv_pace *pace, double now, double seconds)
{
    if (now < pace->next) return false;
    pace->next = now + seconds;
    return true;
}
