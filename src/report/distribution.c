#include "report/distribution.h"

#include "base/memory.h"
#include "report/scale.h"
#include "report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 480, HEIGHT = 300, LEFT = 64, RIGHT = 20, BOTTOM = 48, DECADES = 6 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The values that are numbers, rising; to be freed by the caller. */
static double *sorted(const double *values, size_t count, size_t *kept)
{
    double *copy = cv_alloc(count, sizeof *copy);
    *kept = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) copy[(*kept)++] = values[i];
    qsort(copy, *kept, sizeof *copy, by_value);
    return copy;
}

static cv_scale scale_of(const cv_distribution *plot)
{
    double greatest = 0;
    for (size_t c = 0; c < plot->curves; c++)
        for (size_t i = 0; i < plot->count; i++)
            if (isfinite(plot->values[c][i])) greatest = fmax(greatest, plot->values[c][i]);
    if (greatest < 1e-290) greatest = 1; /* all are zero */
    double least = greatest;
    for (size_t c = 0; c < plot->curves; c++)
        for (size_t i = 0; i < plot->count; i++)
            if (plot->values[c][i] > 0) least = fmin(least, plot->values[c][i]);
    const double ends[] = {fmax(least, greatest / pow(10, DECADES)), greatest};
    return cv_scale_over(CV_SCALE_LOG, ends, 2, LEFT, WIDTH - RIGHT);
}

static void draw_curve(cv_buffer *out, const cv_distribution *plot, size_t curve, const cv_scale *across,
                       const cv_scale *up)
{
    size_t kept, points = 0;
    double *values = sorted(plot->values[curve], plot->count, &kept);
    double(*path)[2] = cv_alloc(2 * kept + 2, sizeof *path);
    double height = cv_scale_at(up, 0);
    for (size_t i = 0; i < kept; i++) {
        double x = values[i] > 0 ? cv_scale_at(across, values[i]) : across->begin;
        if (points == 0 || x > path[points - 1][0]) {
            path[points][0] = x;
            path[points++][1] = height;
        }
        height = cv_scale_at(up, (double)(i + 1) / (double)kept);
        if (points > 1 && path[points - 1][0] == x && path[points - 2][0] == x) points--; /* further up the same step */
        path[points][0] = x;
        path[points++][1] = height;
    }
    if (kept > 0) {
        path[points][0] = across->end;
        path[points++][1] = height;
        cv_svg_path(out, (const double(*)[2])path, points, curve, plot->names[curve]);
    }
    free(path);
    free(values);
}

void cv_distribution_draw(cv_buffer *out, const cv_distribution *plot)
{
    assert(plot->curves <= CV_MOST_CURVES);
    cv_buffer legend = {0};
    double top = 28 + cv_svg_legend(&legend, 8, 36, WIDTH - 16, plot->names, plot->curves);
    cv_scale across = scale_of(plot), up = {CV_SCALE_LINEAR, 0, 1, HEIGHT - BOTTOM, top};
    cv_svg_open(out, plot->id, WIDTH, HEIGHT, plot->title,
                "Cumulative distributions: for each score the share of heads whose score is at most that.");
    cv_svg_heading(out, 8, 16, plot->title);
    if (legend.data) cv_buffer_append(out, legend.data, legend.length);
    cv_buffer_free(&legend);
    cv_svg_axis_below(out, &across, HEIGHT - BOTTOM, top, plot->axis);
    cv_svg_axis_left(out, &up, LEFT, WIDTH - RIGHT, "share of heads");
    for (size_t c = 0; c < plot->curves; c++) draw_curve(out, plot, c, &across, &up);
    cv_svg_close(out);
}
