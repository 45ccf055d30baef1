/* A table for people, in each of the report's languages: HTML, Markdown and LaTeX (booktabs). The CSV files
 * beside it have all digits; a cell here is what one would print. */
#ifndef CV_SHEET_H
#define CV_SHEET_H

#include "base/buffer.h"

#include <stddef.h>

typedef enum cv_cell_kind {
    CV_CELL_TEXT,
    CV_CELL_WIDE, /* text of any length, which is broken into lines */
    CV_CELL_NUMBER,
} cv_cell_kind;

typedef struct cv_sheet_column {
    const char *name, *hint; /* borrowed; hint is a longer word on it, or NULL */
    cv_cell_kind kind;
} cv_sheet_column;

/* Start with {0}, or cv_sheet_make. */
typedef struct cv_sheet {
    char *caption; /* owned */
    cv_sheet_column *columns;
    size_t num_columns, columns_capacity;
    char **cells; /* [count], row after row, owned */
    size_t count, capacity;
} cv_sheet;

cv_sheet cv_sheet_make(const char *caption);
void cv_sheet_free(cv_sheet *sheet);

/* Columns first, all of them; then cells, row after row. Texts are copied. */
void cv_sheet_add_column(cv_sheet *sheet, const char *name, cv_cell_kind kind, const char *hint);
void cv_sheet_add_text(cv_sheet *sheet, const char *text);
/* Three digits, six of greater numbers; empty for NaN. */
void cv_sheet_add_number(cv_sheet *sheet, double value);
void cv_sheet_add_percent(cv_sheet *sheet, double share);
/* "0.64 (0.54 to 0.73)"; without brackets where the interval is not known. */
void cv_sheet_add_interval(cv_sheet *sheet, double value, double low, double high);

/* Whole rows. */
size_t cv_sheet_rows(const cv_sheet *sheet);

/* As <table>, whose columns a script may sort. Rows past printed are left out on paper. */
void cv_sheet_put_html(cv_buffer *out, const cv_sheet *sheet, const char *id, size_t printed);
/* The first most rows. */
void cv_sheet_put_markdown(cv_buffer *out, const cv_sheet *sheet, size_t most);
/* The same as a table environment with caption and label, to be \input. */
void cv_sheet_put_latex(cv_buffer *out, const cv_sheet *sheet, const char *label, size_t most);

#endif
