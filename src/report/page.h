/* The report as it grows: the page's text, and the files that lie beside it, a picture or a table each. What is
 * put on the page is written as a file too, so that both are always of the same numbers. */
#ifndef CV_PAGE_H
#define CV_PAGE_H

#include "base/buffer.h"
#include "report/sheet.h"
#include "report/source.h"

#include <stddef.h>

/* A file to be written: figures/NAME.svg, tables/NAME.md, tables/NAME.tex. */
typedef struct cv_page_file {
    char *name; /* owned */
    cv_buffer text;
} cv_page_file;

/* Start with {0}. */
typedef struct cv_page {
    cv_buffer html; /* what stands in <main> */
    cv_page_file *files;
    size_t num_files, files_capacity;
    char **names; /* that are taken, owned */
    size_t num_names, names_capacity;
} cv_page;

void cv_page_free(cv_page *page);

/* A name for a picture or table of a run (NULL: of all), and for its files: "heads.chat-a.uniform_attention".
 * No two are alike. The page's own, until it is freed. */
const char *cv_page_name(cv_page *page, const char *kind, const cv_source_run *run);

/* <h2> or <h3>; id is its anchor, or NULL. */
void cv_page_heading(cv_page *page, int level, const char *id, const char *text);
/* A paragraph of foreign or of our own text, escaped. */
void cv_page_paragraph(cv_page *page, const char *text);

/* Each puts the thing on the page and keeps it as files; svg and sheet are taken over. */
void cv_page_figure(cv_page *page, const char *name, cv_buffer *svg);
/* printed is the number of rows on paper and in the files. */
void cv_page_table(cv_page *page, const char *name, cv_sheet *sheet, size_t printed);
/* On the page alone; for what differs between runs of the same job. */
void cv_page_table_alone(cv_page *page, const char *name, cv_sheet *sheet);

/* The whole page, with its style and its script. title is escaped here. */
void cv_page_compose(cv_buffer *out, const cv_page *page, const char *title, const char *contents);

#endif
