/* How scores are distributed over heads: for each value the share of heads that reach no further. */
#ifndef CV_DISTRIBUTION_H
#define CV_DISTRIBUTION_H

#include "base/buffer.h"

#include <stddef.h>

enum { CV_MOST_CURVES = 8 };

typedef struct cv_distribution {
    const char *id, *title, *axis;
    const char *const *names;    /* [curves] */
    const double *const *values; /* [curves][count] scores, not negative */
    size_t curves, count;        /* at most CV_MOST_CURVES */
} cv_distribution;

/* The axis is logarithmic and shows six decades below the greatest score; what lies lower is at its end. */
void cv_distribution_draw(cv_buffer *out, const cv_distribution *plot);

#endif
