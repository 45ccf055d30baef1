/* Pictures of what several models share: a value of each pair of them, and which heads are among the first of
 * which. */
#ifndef CV_MATRIX_H
#define CV_MATRIX_H

#include "base/buffer.h"

#include <stddef.h>

typedef struct cv_matrix {
    const char *id, *title, *label;
    const char *const *rows, *const *columns; /* [num_rows], [num_columns] names */
    size_t num_rows, num_columns;
    const double *values;     /* [num_rows][num_columns] NaN: nothing is drawn */
    const char *const *texts; /* [num_rows][num_columns] written into the cells; NULL: nothing */
    char *const *tips;        /* [num_rows][num_columns] */
    double high;              /* the value of the last colour; that of the first is 0 */
} cv_matrix;

void cv_matrix_draw(cv_buffer *out, const cv_matrix *matrix);

#endif
