/* Curves of named things over one axis. */
#ifndef CV_LINES_H
#define CV_LINES_H

#include "base/buffer.h"

#include <stddef.h>

enum { CV_MOST_LINES = 8 }; /* that are told apart by colour, dash and marker */

typedef struct cv_line {
    const char *name;
    const double (*points)[2]; /* [count] x and y, by rising x, all numbers */
    size_t count;
} cv_line;

typedef struct cv_lines {
    const char *id, *title, *across_label, *up_label;
    const cv_line *lines; /* [count], at most CV_MOST_LINES */
    size_t count;
} cv_lines;

/* x lies between 0 and 1; y from 0 up. */
void cv_lines_draw(cv_buffer *out, const cv_lines *plot);

#endif
