/* A value of each head as a map: a row a layer, a column a head. */
#ifndef CV_HEATMAP_H
#define CV_HEATMAP_H

#include "base/buffer.h"

#include <stdbool.h>

typedef struct cv_heatmap {
    const char *id, *title;
    const char *label;    /* of the scale of colours: what the values are */
    int layers, heads;    /* above 0 */
    const double *values; /* [layers][heads]; NaN is grey */
    const int *marks;     /* [layers][heads] ranks to be written into cells, 0: none; or NULL */
    char *const *tips;    /* [layers][heads] shown when the mouse is on a cell */
    bool is_signed;       /* colours for values on both sides of 0; else from 0 up */
} cv_heatmap;

/* The picture; steps of colour follow the root of the values, so that weak heads are told apart too. */
void cv_heatmap_draw(cv_buffer *out, const cv_heatmap *map);

#endif
