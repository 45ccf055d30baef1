/* Foreign text made harmless for each language that the report is written in: names, paths, hosts and
 * templates come from job files and from models, and must never become markup. */
#ifndef CV_ESCAPE_H
#define CV_ESCAPE_H

#include "base/buffer.h"

/* For HTML and SVG, as content and between quotes of either kind. What is not UTF-8, what XML forbids, and
 * marks that turn the direction of writing become U+FFFD. */
void cv_put_html(cv_buffer *out, const char *text);

/* For a cell of a Markdown table: on one line, and nothing in it is a mark. */
void cv_put_markdown(cv_buffer *out, const char *text);

/* For LaTeX's text mode. Characters beyond ASCII stay as they are, in UTF-8, which LaTeX reads. */
void cv_put_latex(cv_buffer *out, const char *text);

/* For a file's name: letters, digits, dot, dash and underscore; everything else is an underscore. */
void cv_put_slug(cv_buffer *out, const char *text);

#endif
