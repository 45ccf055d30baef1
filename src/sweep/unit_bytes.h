/* A unit of the sweep or of Sahara as the journal knows it: what it is, and what it yielded, as bytes. */
#ifndef CV_UNIT_BYTES_H
#define CV_UNIT_BYTES_H

#include "base/buffer.h"
#include "sweep/plan.h"

#include <caravan/base.h>
#include <caravan/engine.h>

/* Appends what tells the unit from others: by names, not by numbers in the job, as another part of the job may have
 * other numbers. group is what Sahara has chosen before, empty in the sweep. */
void cv_unit_describe(const cv_unit *unit, const cv_job *job, const cv_head_group *group, cv_buffer *out);

/* The unit's values [cv_unit_values] out of the bytes that its run gave, to be freed with free(). An error, calling
 * the unit by its number, if they are no such thing; NULL then. */
double *cv_unit_read(const cv_unit *unit, const cv_job *job, size_t number, const char *bytes, size_t length,
                     cv_error *err);

#endif
