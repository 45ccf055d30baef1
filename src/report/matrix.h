/* Pictures of what several models share: a value of each pair of them, and which heads are among the first of
 * which. */
#ifndef CV_MATRIX_H
#define CV_MATRIX_H

#include "base/buffer.h"

#include <stddef.h>

/* What stands in the cells, row after row. */
typedef struct cv_matrix_cells {
    double *values;       /* [count] NaN: nothing is drawn; owned, and so are the texts */
    char **texts, **tips; /* [count] written into the cells; shown beside the mouse; NULL: nothing */
    size_t count;
} cv_matrix_cells;

/* All empty. */
cv_matrix_cells cv_matrix_cells_make(size_t count);
void cv_matrix_cells_free(cv_matrix_cells *cells);
/* Takes text and tip over; what was there before is freed. */
void cv_matrix_cells_set(cv_matrix_cells *cells, size_t i, double value, cv_buffer *text, cv_buffer *tip);
/* Makes rows of columns cells of rows of width cells, of which only the first ones are in use. */
void cv_matrix_cells_narrow(cv_matrix_cells *cells, size_t width, size_t rows, size_t columns);

typedef struct cv_matrix {
    const char *id, *title, *label;
    const char *const *rows, *const *columns; /* [num_rows], [num_columns] names */
    size_t num_rows, num_columns;
    const cv_matrix_cells *cells; /* [num_rows][num_columns] */
    double high;                  /* the value of the last colour; that of the first is 0 */
} cv_matrix;

void cv_matrix_draw(cv_buffer *out, const cv_matrix *matrix);

#endif
