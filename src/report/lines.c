#include "report/lines.h"

#include "base/memory.h"
#include "report/scale.h"
#include "report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 600, HEIGHT = 340, LEFT = 70, RIGHT = 20, BOTTOM = 48 };

static void draw_line(cv_buffer *out, const cv_line *line, size_t number, const cv_scale *across, const cv_scale *up)
{
    double(*path)[2] = cv_alloc(line->count, sizeof *path);
    for (size_t i = 0; i < line->count; i++) {
        path[i][0] = cv_scale_at(across, line->points[i][0]);
        path[i][1] = cv_scale_at(up, line->points[i][1]);
    }
    if (line->count > 0) cv_svg_path(out, (const double(*)[2])path, line->count, number, line->name);
    for (size_t i = 0; i < line->count; i++) {
        cv_buffer tip = {0};
        char x[32], y[32];
        cv_buffer_printf(&tip, "%s at %s: %s", line->name, cv_number_text(line->points[i][0], x),
                         cv_number_text(line->points[i][1], y));
        cv_svg_marker(out, path[i][0], path[i][1], number, tip.data);
        cv_buffer_free(&tip);
    }
    free(path);
}

void cv_lines_draw(cv_buffer *out, const cv_lines *plot)
{
    assert(plot->count <= CV_MOST_LINES);
    const char *names[CV_MOST_LINES];
    double greatest[CV_MOST_LINES + 1] = {0};
    cv_buffer legend = {0};
    for (size_t l = 0; l < plot->count; l++) {
        names[l] = plot->lines[l].name;
        for (size_t i = 0; i < plot->lines[l].count; i++) greatest[l] = fmax(greatest[l], plot->lines[l].points[i][1]);
    }
    double top = 28 + cv_svg_legend(&legend, 8, 36, WIDTH - 16, names, plot->count), foot = top + HEIGHT;
    /* The last of greatest is 0, where the axis begins. */
    cv_scale across = {CV_SCALE_LINEAR, 0, 1, LEFT, WIDTH - RIGHT};
    greatest[plot->count] = 0;
    cv_scale up = cv_scale_over(CV_SCALE_LINEAR, greatest, plot->count + 1, foot, top);
    cv_svg_open(out, plot->id, WIDTH, foot + BOTTOM, plot->title,
                "Curves. The values are in a table of the results too.");
    cv_svg_heading(out, 8, 16, plot->title);
    if (legend.data) cv_buffer_append(out, legend.data, legend.length);
    cv_buffer_free(&legend);
    cv_svg_axis_below(out, &across, foot, top, plot->across_label);
    cv_svg_axis_left(out, &up, LEFT, WIDTH - RIGHT, plot->up_label);
    for (size_t l = 0; l < plot->count; l++) draw_line(out, &plot->lines[l], l, &across, &up);
    cv_svg_close(out);
}
