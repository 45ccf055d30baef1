/* Estimates with their intervals: a row each, one or more series side by side. */
#ifndef CV_DOTS_H
#define CV_DOTS_H

#include "base/buffer.h"
#include "report/scale.h"

#include <caravan/stats.h>

#include <stddef.h>

typedef struct cv_dots {
    const char *id, *title, *axis; /* axis: what the values are */
    const char *const *labels;     /* [rows] */
    size_t rows;
    const char *const *series; /* [num_series] their names; one alone needs none */
    size_t num_series;
    const cv_estimate *dots; /* [rows][num_series]; NaN where there is none, or no interval */
    const double *range;     /* the axis' ends, low and high; NULL: by the values */
    cv_scale_kind kind;
} cv_dots;

void cv_dots_draw(cv_buffer *out, const cv_dots *plot);

#endif
