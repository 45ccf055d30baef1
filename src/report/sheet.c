#include "report/sheet.h"

#include "base/memory.h"
#include "report/escape.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

cv_sheet cv_sheet_make(const char *caption)
{
    return (cv_sheet){.caption = cv_strdup(caption)};
}

void cv_sheet_free(cv_sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++) free(sheet->cells[i]);
    free(sheet->cells);
    free(sheet->columns);
    free(sheet->caption);
    *sheet = (cv_sheet){0};
}

void cv_sheet_add_column(cv_sheet *sheet, const char *name, cv_cell_kind kind, const char *hint)
{
    assert(sheet->count == 0);
    cv_reserve(&sheet->columns, &sheet->columns_capacity, sheet->num_columns + 1, sizeof *sheet->columns);
    sheet->columns[sheet->num_columns++] = (cv_sheet_column){name, hint, kind};
}

void cv_sheet_add_text(cv_sheet *sheet, const char *text)
{
    cv_reserve(&sheet->cells, &sheet->capacity, sheet->count + 1, sizeof *sheet->cells);
    sheet->cells[sheet->count++] = cv_strdup(text);
}

void cv_sheet_add_number(cv_sheet *sheet, double value)
{
    char text[32] = "";
    if (!isnan(value)) snprintf(text, sizeof text, fabs(value) < 1000 ? "%.3g" : "%.6g", value);
    cv_sheet_add_text(sheet, text);
}

void cv_sheet_add_percent(cv_sheet *sheet, double share)
{
    char text[40] = "";
    if (!isnan(share)) snprintf(text, sizeof text, "%.3g %%", 100 * share);
    cv_sheet_add_text(sheet, text);
}

void cv_sheet_add_interval(cv_sheet *sheet, double value, double low, double high)
{
    char text[120] = "";
    if (!isnan(value) && (isnan(low) || isnan(high)))
        snprintf(text, sizeof text, "%.3g", value);
    else if (!isnan(value))
        snprintf(text, sizeof text, "%.3g (%.3g to %.3g)", value, low, high);
    cv_sheet_add_text(sheet, text);
}

size_t cv_sheet_rows(const cv_sheet *sheet)
{
    return sheet->num_columns ? sheet->count / sheet->num_columns : 0;
}

static const char *cell(const cv_sheet *sheet, size_t row, size_t column)
{
    return sheet->cells[row * sheet->num_columns + column];
}

/* ---- HTML ---- */

static void put_header(cv_buffer *out, const cv_sheet *sheet)
{
    cv_buffer_puts(out, "<thead><tr>");
    for (size_t c = 0; c < sheet->num_columns; c++) {
        const cv_sheet_column *column = &sheet->columns[c];
        cv_buffer_printf(out, "<th scope=\"col\"%s", column->kind == CV_CELL_NUMBER ? " class=\"n\"" : "");
        if (column->hint) {
            cv_buffer_puts(out, " title=\"");
            cv_put_html(out, column->hint);
            cv_buffer_puts(out, "\"");
        }
        cv_buffer_puts(out, ">");
        cv_put_html(out, column->name);
        cv_buffer_puts(out, "</th>");
    }
    cv_buffer_puts(out, "</tr></thead>\n");
}

static void put_row(cv_buffer *out, const cv_sheet *sheet, size_t row, bool printed)
{
    cv_buffer_puts(out, printed ? "<tr>" : "<tr class=\"more\">");
    for (size_t c = 0; c < sheet->num_columns; c++) {
        bool heads_row = c == 0 && sheet->columns[c].kind == CV_CELL_TEXT;
        static const char *const classes[] = {"", " class=\"wide\"", " class=\"n\""};
        const char *class = classes[sheet->columns[c].kind];
        cv_buffer_printf(out, heads_row ? "<th scope=\"row\"%s>" : "<td%s>", class);
        cv_put_html(out, cell(sheet, row, c));
        cv_buffer_puts(out, heads_row ? "</th>" : "</td>");
    }
    cv_buffer_puts(out, "</tr>\n");
}

void cv_sheet_put_html(cv_buffer *out, const cv_sheet *sheet, const char *id, size_t printed)
{
    size_t rows = cv_sheet_rows(sheet);
    cv_buffer_puts(out, "<div class=\"table\" tabindex=\"0\"><table id=\"");
    cv_put_html(out, id);
    cv_buffer_puts(out, "\"><caption>");
    cv_put_html(out, sheet->caption);
    if (printed < rows)
        cv_buffer_printf(out, "<span class=\"print\"> The first %zu of %zu rows.</span>", printed, rows);
    cv_buffer_puts(out, "</caption>\n");
    put_header(out, sheet);
    cv_buffer_puts(out, "<tbody>\n");
    for (size_t r = 0; r < rows; r++) put_row(out, sheet, r, r < printed);
    cv_buffer_puts(out, "</tbody></table></div>\n");
}

/* ---- Markdown and LaTeX ---- */

void cv_sheet_put_markdown(cv_buffer *out, const cv_sheet *sheet, size_t most)
{
    cv_put_markdown(out, sheet->caption);
    cv_buffer_puts(out, "\n\n|");
    for (size_t c = 0; c < sheet->num_columns; c++) {
        cv_buffer_puts(out, " ");
        cv_put_markdown(out, sheet->columns[c].name);
        cv_buffer_puts(out, " |");
    }
    cv_buffer_puts(out, "\n|");
    for (size_t c = 0; c < sheet->num_columns; c++)
        cv_buffer_puts(out, sheet->columns[c].kind == CV_CELL_NUMBER ? "---:|" : "---|");
    cv_buffer_puts(out, "\n");
    for (size_t r = 0; r < cv_sheet_rows(sheet) && r < most; r++) {
        cv_buffer_puts(out, "|");
        for (size_t c = 0; c < sheet->num_columns; c++) {
            cv_buffer_puts(out, " ");
            cv_put_markdown(out, cell(sheet, r, c));
            cv_buffer_puts(out, " |");
        }
        cv_buffer_puts(out, "\n");
    }
}

void cv_sheet_put_latex(cv_buffer *out, const cv_sheet *sheet, const char *label, size_t most)
{
    cv_buffer_puts(out, "% Needs \\usepackage{booktabs} and \\usepackage{textcomp}.\n"
                        "\\begin{table}\n\\centering\n\\caption{");
    cv_put_latex(out, sheet->caption);
    cv_buffer_puts(out, "}\n\\label{tab:");
    cv_put_slug(out, label);
    cv_buffer_puts(out, "}\n\\begin{tabular}{");
    for (size_t c = 0; c < sheet->num_columns; c++)
        cv_buffer_puts(out, sheet->columns[c].kind == CV_CELL_NUMBER ? "r"
                            : sheet->columns[c].kind == CV_CELL_WIDE ? "p{0.5\\linewidth}"
                                                                     : "l");
    cv_buffer_puts(out, "}\n\\toprule\n");
    for (size_t c = 0; c < sheet->num_columns; c++) {
        cv_buffer_puts(out, c ? " & " : "");
        cv_put_latex(out, sheet->columns[c].name);
    }
    cv_buffer_puts(out, " \\\\\n\\midrule\n");
    for (size_t r = 0; r < cv_sheet_rows(sheet) && r < most; r++) {
        for (size_t c = 0; c < sheet->num_columns; c++) {
            cv_buffer_puts(out, c ? " & " : "");
            cv_put_latex(out, cell(sheet, r, c));
        }
        cv_buffer_puts(out, " \\\\\n");
    }
    cv_buffer_puts(out, "\\bottomrule\n\\end{tabular}\n\\end{table}\n");
}
