#include "report/matrix.h"

#include "base/memory.h"
#include "report/colour.h"
#include "report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { CELL_WIDTH = 46, CELL_HEIGHT = 22, TOP = 44 };

cv_matrix_cells cv_matrix_cells_make(size_t count)
{
    cv_matrix_cells c = {cv_alloc(count, sizeof *c.values), cv_calloc(count, sizeof *c.texts),
                         cv_calloc(count, sizeof *c.tips), count};
    for (size_t i = 0; i < count; i++) c.values[i] = NAN;
    return c;
}

void cv_matrix_cells_free(cv_matrix_cells *cells)
{
    for (size_t i = 0; i < cells->count; i++) {
        free(cells->texts[i]);
        free(cells->tips[i]);
    }
    free(cells->values);
    free(cells->texts);
    free(cells->tips);
    *cells = (cv_matrix_cells){0};
}

void cv_matrix_cells_set(cv_matrix_cells *cells, size_t i, double value, cv_buffer *text, cv_buffer *tip)
{
    assert(i < cells->count);
    free(cells->texts[i]);
    free(cells->tips[i]);
    cells->values[i] = value;
    cells->texts[i] = cv_buffer_steal(text);
    cells->tips[i] = cv_buffer_steal(tip);
}

static void swap(char **a, char **b)
{
    char *old = *a;
    *a = *b;
    *b = old;
}

void cv_matrix_cells_narrow(cv_matrix_cells *cells, size_t width, size_t rows, size_t columns)
{
    assert(columns <= width && rows * width <= cells->count);
    /* A cell moves to the front, where nothing is that is still to be moved; count stays, for what is freed. */
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            size_t to = r * columns + c, from = r * width + c;
            double value = cells->values[from];
            cells->values[from] = cells->values[to];
            cells->values[to] = value;
            swap(&cells->texts[to], &cells->texts[from]);
            swap(&cells->tips[to], &cells->tips[from]);
        }
}

static double widest(const char *const *names, size_t count)
{
    double width = 0;
    for (size_t i = 0; i < count; i++) width = fmax(width, cv_svg_label_width(names[i]));
    return width;
}

/* Columns' names stand on their foot and lean to the right: long ones need no wide columns. */
static void draw_column_name(cv_buffer *out, double x, double y, const char *name)
{
    cv_buffer_printf(out, "<g transform=\"translate(%.2f %.2f) rotate(-50)\">\n", x, y);
    cv_svg_label(out, 0, 0, CV_ANCHOR_START, name);
    cv_buffer_puts(out, "</g>\n");
}

static void draw_cell(cv_buffer *out, const cv_matrix *matrix, double x, double y, size_t i)
{
    if (isnan(matrix->cells->values[i])) return;
    cv_colour colour = cv_colour_amount(matrix->cells->values[i] / matrix->high);
    cv_svg_rect(out, x, y, CELL_WIDTH - 2, CELL_HEIGHT - 2, colour, matrix->cells->tips[i]);
    if (matrix->cells->texts[i])
        cv_svg_text_on(out, x + CELL_WIDTH / 2.0 - 1, y + 14, CV_SVG_SMALL, colour, matrix->cells->texts[i]);
}

void cv_matrix_draw(cv_buffer *out, const cv_matrix *matrix)
{
    double left = widest(matrix->rows, matrix->num_rows) + 18;
    double lean = widest(matrix->columns, matrix->num_columns), top = TOP + 0.766 * lean + 8;
    double right = left + CELL_WIDTH * (double)matrix->num_columns + 0.643 * lean + 8;
    right = fmax(right, fmax(cv_svg_text_width(matrix->title, CV_SVG_LARGE), //
                             cv_svg_text_width(matrix->label, CV_SVG_SMALL)) +
                            16);
    cv_svg_open(out, matrix->id, right, top + CELL_HEIGHT * (double)matrix->num_rows + 10, matrix->title,
                matrix->label);
    cv_svg_heading(out, 8, 16, matrix->title);
    cv_svg_text(out, 8, 32, CV_ANCHOR_START, CV_SVG_SMALL, matrix->label);
    for (size_t c = 0; c < matrix->num_columns; c++)
        draw_column_name(out, left + CELL_WIDTH * ((double)c + 0.5), top - 5, matrix->columns[c]);
    for (size_t r = 0; r < matrix->num_rows; r++) {
        double y = top + CELL_HEIGHT * (double)r;
        cv_svg_label(out, left - 8, y + 14, CV_ANCHOR_END, matrix->rows[r]);
        for (size_t c = 0; c < matrix->num_columns; c++)
            draw_cell(out, matrix, left + CELL_WIDTH * (double)c, y, r * matrix->num_columns + c);
    }
    cv_svg_close(out);
}
