/* Each head by its score on harmless and on harmful prompts: what lies on the diagonal is important for
 * everything, what lies above it for refusals. */
#ifndef CV_SCATTER_H
#define CV_SCATTER_H

#include "base/buffer.h"

#include <stddef.h>

typedef struct cv_scatter {
    const char *id, *title, *across_label, *up_label;
    const double *across, *up; /* [count] scores, not negative; points without numbers are left out */
    char *const *tips;         /* [count] */
    const char *const *names;  /* [named] of the first points, written beside them where there is room */
    size_t count, named;
} cv_scatter;

/* Both axes are logarithmic and of one range, six decades at most; what lies lower is at the edge. */
void cv_scatter_draw(cv_buffer *out, const cv_scatter *plot);

#endif
