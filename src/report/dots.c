#include "report/dots.h"

#include "base/memory.h"
#include "report/colour.h"
#include "report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 660, SERIES_STEP = 11, ROW_PADDING = 9, RIGHT = 24 };

static cv_scale scale_of(const cv_dots *plot, double left)
{
    if (plot->range) return (cv_scale){plot->kind, plot->range[0], plot->range[1], left, WIDTH - RIGHT};
    size_t count = plot->rows * plot->num_series;
    double *values = cv_alloc(3 * count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[3 * i] = plot->dots[i].value;
        values[3 * i + 1] = plot->dots[i].low;
        values[3 * i + 2] = plot->dots[i].high;
    }
    cv_scale scale = cv_scale_over(plot->kind, values, 3 * count, left, WIDTH - RIGHT);
    free(values);
    return scale;
}

static void draw_dot(cv_buffer *out, const cv_dots *plot, const cv_scale *scale, size_t row, size_t series, double y)
{
    cv_estimate dot = plot->dots[row * plot->num_series + series];
    char value[32], low[32], high[32];
    double x = cv_scale_at(scale, dot.value), from = cv_scale_at(scale, dot.low), to = cv_scale_at(scale, dot.high);
    cv_buffer tip = {0};
    if (isnan(x)) return;
    cv_buffer_printf(&tip, "%s%s%s: %s", plot->labels[row], plot->num_series > 1 ? ", " : "",
                     plot->num_series > 1 ? plot->series[series] : "", cv_number_text(dot.value, value));
    if (!isnan(dot.low) && !isnan(dot.high))
        cv_buffer_printf(&tip, " (%s to %s)", cv_number_text(dot.low, low), cv_number_text(dot.high, high));
    if (!isnan(from) && !isnan(to)) cv_svg_line(out, from, y, to, y, cv_colour_named(series), 2);
    cv_svg_marker(out, x, y, series, tip.data);
    cv_buffer_free(&tip);
}

static double label_width(const cv_dots *plot)
{
    double widest = 40;
    for (size_t r = 0; r < plot->rows; r++) widest = fmax(widest, cv_svg_label_width(plot->labels[r]));
    return widest;
}

void cv_dots_draw(cv_buffer *out, const cv_dots *plot)
{
    assert(plot->num_series > 0);
    double left = label_width(plot) + 20, top = plot->num_series > 1 ? 52 : 32;
    double row_height = (double)plot->num_series * SERIES_STEP + ROW_PADDING;
    cv_buffer legend = {0};
    if (plot->num_series > 1) top = 28 + cv_svg_legend(&legend, 8, 36, WIDTH - 16, plot->series, plot->num_series);
    double bottom = top + row_height * (double)plot->rows;
    cv_scale scale = scale_of(plot, left);
    cv_svg_open(out, plot->id, WIDTH, bottom + 44, plot->title,
                "Estimates as marks, their 95 % intervals as lines. The values are in the table too.");
    cv_svg_heading(out, 8, 16, plot->title);
    if (legend.data) cv_buffer_append(out, legend.data, legend.length);
    cv_buffer_free(&legend);
    cv_svg_axis_below(out, &scale, bottom, top, plot->axis);
    for (size_t r = 0; r < plot->rows; r++) {
        double middle = top + (double)r * row_height + row_height / 2;
        cv_svg_label(out, left - 10, middle + 4, CV_ANCHOR_END, plot->labels[r]);
        for (size_t s = 0; s < plot->num_series; s++) {
            double offset = ((double)s - (double)(plot->num_series - 1) / 2) * SERIES_STEP;
            draw_dot(out, plot, &scale, r, s, middle + offset);
        }
    }
    cv_svg_close(out);
}
