#include "report/scatter.h"

#include "base/memory.h"
#include "report/colour.h"
#include "report/scale.h"
#include "report/svg.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SIDE = 340, LEFT = 70, TOP = 34, BOTTOM = 48, RIGHT = 50, DECADES = 6 };

typedef struct box {
    double left, top, right, bottom;
} box;

static bool is_point(const cv_scatter *plot, size_t i)
{
    return isfinite(plot->across[i]) && isfinite(plot->up[i]);
}

/* The range of both axes. */
static cv_scale scale_of(const cv_scatter *plot)
{
    double greatest = 0;
    for (size_t i = 0; i < plot->count; i++)
        if (is_point(plot, i)) greatest = fmax(greatest, fmax(plot->across[i], plot->up[i]));
    if (greatest < 1e-290) greatest = 1; /* all are zero */
    double least = greatest;
    for (size_t i = 0; i < plot->count; i++) {
        if (!is_point(plot, i)) continue;
        if (plot->across[i] > 0) least = fmin(least, plot->across[i]);
        if (plot->up[i] > 0) least = fmin(least, plot->up[i]);
    }
    const double ends[] = {fmax(least, greatest / pow(10, DECADES)), greatest};
    return cv_scale_over(CV_SCALE_LOG, ends, 2, LEFT, LEFT + SIDE);
}

static double place(const cv_scale *scale, double value)
{
    return value > 0 ? cv_scale_at(scale, value) : scale->begin;
}

static bool is_free(const box *taken, size_t count, box b)
{
    if (b.left < LEFT || b.right > LEFT + SIDE + RIGHT || b.top < TOP - 8 || b.bottom > TOP + SIDE + 7) return false;
    for (size_t i = 0; i < count; i++)
        if (b.left < taken[i].right && taken[i].left < b.right && b.top < taken[i].bottom && taken[i].top < b.bottom)
            return false;
    return true;
}

/* A name beside its point: right, left, above or below, wherever no other name is; nowhere if all are taken. */
static void draw_name(cv_buffer *out, double x, double y, const char *name, box *taken, size_t *count)
{
    double wide = cv_svg_text_width(name, CV_SVG_SMALL), high = 11;
    const box places[] = {{x + 6, y - 5, x + 6 + wide, y - 5 + high},
                          {x - 6 - wide, y - 5, x - 6, y - 5 + high},
                          {x - wide / 2, y - 7 - high, x + wide / 2, y - 7},
                          {x - wide / 2, y + 6, x + wide / 2, y + 6 + high}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!is_free(taken, *count, places[i])) continue;
        cv_svg_text_upon(out, (places[i].left + places[i].right) / 2, places[i].bottom - 2, CV_ANCHOR_MIDDLE, name);
        taken[(*count)++] = places[i];
        return;
    }
}

/* The last heads first, so that the first ones lie on top. */
static void draw_points(cv_buffer *out, const cv_scatter *plot, const cv_scale *across, const cv_scale *up)
{
    for (size_t i = plot->count; i-- > 0;)
        if (is_point(plot, i))
            cv_svg_circle(out, place(across, plot->across[i]), place(up, plot->up[i]), i < plot->named ? 4 : 2.2,
                          cv_colour_named(i < plot->named ? 0 : 1), plot->tips[i]);
}

/* Names keep clear of each other and of the points that have names. */
static void draw_names(cv_buffer *out, const cv_scatter *plot, const cv_scale *across, const cv_scale *up)
{
    box *taken = cv_alloc(2 * plot->named, sizeof *taken);
    size_t count = 0;
    for (size_t i = 0; i < plot->named && i < plot->count; i++) {
        if (!is_point(plot, i)) continue;
        double x = place(across, plot->across[i]), y = place(up, plot->up[i]);
        taken[count++] = (box){x - 4, y - 4, x + 4, y + 4};
    }
    for (size_t i = 0; i < plot->named && i < plot->count; i++)
        if (is_point(plot, i))
            draw_name(out, place(across, plot->across[i]), place(up, plot->up[i]), plot->names[i], taken, &count);
    free(taken);
}

void cv_scatter_draw(cv_buffer *out, const cv_scatter *plot)
{
    cv_scale across = scale_of(plot), up = across;
    up.begin = TOP + SIDE;
    up.end = TOP;
    cv_svg_open(
        out, plot->id, LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, plot->title,
        "Each head is a point. Heads above the diagonal matter more for harmful prompts than for harmless ones.");
    cv_svg_heading(out, 8, 16, plot->title);
    cv_svg_axis_below(out, &across, TOP + SIDE, TOP, plot->across_label);
    cv_svg_axis_left(out, &up, LEFT, LEFT + SIDE, plot->up_label);
    cv_svg_faint_line(out, LEFT, TOP + SIDE, LEFT + SIDE, TOP);
    draw_points(out, plot, &across, &up);
    draw_names(out, plot, &across, &up);
    cv_svg_close(out);
}
