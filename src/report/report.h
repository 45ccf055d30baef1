/* The report of a results folder: one HTML page that needs nothing else, its pictures as SVG and its tables as
 * Markdown and LaTeX. From the files alone; docs/report.md has what is on it. */
#ifndef CV_REPORT_H
#define CV_REPORT_H

#include <caravan/base.h>

/* Writes FOLDER/report.html, FOLDER/figures/ and FOLDER/tables/; or, where page is not NULL, only the page,
 * there. Bad input if the folder has no finished results, or damaged ones. The same results give the same
 * bytes. */
bool cv_report_write(const char *folder, const char *page, cv_error *err);

#endif
