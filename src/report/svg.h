/* Pictures as SVG: drawn once, and used both inside the page and as files of their own.
 *
 * Letters and axes are drawn in the current colour, which a page sets for its ground; a file by itself is
 * dark on white. Coordinates are pixels from the top left corner. All texts are escaped here. */
#ifndef CV_SVG_H
#define CV_SVG_H

#include "base/buffer.h"
#include "report/colour.h"
#include "report/scale.h"

#include <stddef.h>

enum { CV_SVG_SMALL = 11, CV_SVG_NORMAL = 12, CV_SVG_LARGE = 14 }; /* sizes of letters */

typedef enum cv_anchor { CV_ANCHOR_START, CV_ANCHOR_MIDDLE, CV_ANCHOR_END } cv_anchor;

/* id is the picture's own in its page; title and description are for those who do not see it. */
void cv_svg_open(cv_buffer *out, const char *id, double width, double height, const char *title,
                 const char *description);
void cv_svg_close(cv_buffer *out);

/* Letters whose foot is at y. The weight is normal, or bold for a heading. */
void cv_svg_text(cv_buffer *out, double x, double y, cv_anchor anchor, int size, const char *text);
void cv_svg_heading(cv_buffer *out, double x, double y, const char *text);
/* A foreign name, whose first characters stand for all of it where it is long; and how wide it will about be. */
void cv_svg_label(cv_buffer *out, double x, double y, cv_anchor anchor, const char *name);
double cv_svg_label_width(const char *name);
/* Small letters with a rim of the ground's colour, to be read upon a crowd of marks. */
void cv_svg_text_upon(cv_buffer *out, double x, double y, cv_anchor anchor, const char *text);
/* Turned by a quarter to the left, read upwards, centred at (x, y). */
void cv_svg_text_upwards(cv_buffer *out, double x, double y, int size, const char *text);
/* Small letters upon a mark of a colour, black or white by what is easier to read. Passes the mouse on. */
void cv_svg_text_on(cv_buffer *out, double x, double y, int size, cv_colour ground, const char *text);

/* Marks. tip is what is shown when the mouse is on it, or NULL. */
void cv_svg_rect(cv_buffer *out, double x, double y, double width, double height, cv_colour fill, const char *tip);
void cv_svg_circle(cv_buffer *out, double x, double y, double radius, cv_colour fill, const char *tip);
/* The marker of the i-th named thing, told apart by shape as well as by colour: disc, square, triangle, diamond,
 * and the same hollow. */
void cv_svg_marker(cv_buffer *out, double x, double y, size_t i, const char *tip);
void cv_svg_line(cv_buffer *out, double x1, double y1, double x2, double y2, cv_colour colour, double width);
/* Through points [count][2], in the colour and with the dashes of the i-th named thing. */
void cv_svg_path(cv_buffer *out, const double (*points)[2], size_t count, size_t i, const char *tip);
/* In the current colour: an axis, a frame, and a faint line. */
void cv_svg_axis_line(cv_buffer *out, double x1, double y1, double x2, double y2);
void cv_svg_frame(cv_buffer *out, double x, double y, double width, double height);
void cv_svg_faint_line(cv_buffer *out, double x1, double y1, double x2, double y2);

/* An axis with ticks, their values and faint lines across: scale's begin and end are x, respectively y, and at
 * is where the axis stands; across is where the faint lines end. */
void cv_svg_axis_below(cv_buffer *out, const cv_scale *scale, double at, double across, const char *label);
void cv_svg_axis_left(cv_buffer *out, const cv_scale *scale, double at, double across, const char *label);

/* Names with their markers from (x, y) to the right, in lines no wider than width. Returns the height used. */
double cv_svg_legend(cv_buffer *out, double x, double y, double width, const char *const *names, size_t count);

/* How wide the text will about be: fonts differ, so a little more than most. */
double cv_svg_text_width(const char *text, int size);

/* A number as short as people want it: about four digits. "" for NaN. */
const char *cv_number_text(double value, char text[32]);

#endif
