#include "report/heatmap.h"

#include "report/colour.h"
#include "report/scale.h"
#include "report/svg.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum {
    MOST_WIDTH = 500,
    MOST_HEIGHT = 560,
    LEAST_CELL = 5,
    MOST_CELL = 28,
    CELL_OF_LETTERS = 13, /* the smallest that a rank can be written into */
    LEFT = 48,
    TOP = 74,
    BAR_WIDTH = 14,
    BAR_SLICES = 50,
    LEAST_BAR = 90,
};

typedef struct layout {
    double cell, grid_width, grid_height, bar_x, bar_height;
    cv_scale scale; /* from values, or their amounts where they are signed, to 0 .. 1 */
} layout;

static layout lay_out(const cv_heatmap *map)
{
    layout l;
    double across = floor(MOST_WIDTH / (double)map->heads), down = floor(MOST_HEIGHT / (double)map->layers);
    l.cell = fmin(fmax(fmin(across, down), LEAST_CELL), MOST_CELL);
    l.grid_width = l.cell * map->heads;
    l.grid_height = l.cell * map->layers;
    l.bar_x = LEFT + l.grid_width + 18;
    l.bar_height = fmin(fmax(l.grid_height, LEAST_BAR), 260);
    double ends[2] = {0, 0};
    for (int i = 0; i < map->layers * map->heads; i++)
        if (isfinite(map->values[i])) ends[1] = fmax(ends[1], fabs(map->values[i]));
    l.scale = cv_scale_over(CV_SCALE_SQRT, ends, 2, 0, 1);
    return l;
}

static cv_colour colour_of(const cv_heatmap *map, const layout *l, double value)
{
    if (!map->is_signed) return cv_colour_amount(cv_scale_at(&l->scale, value));
    return cv_colour_signed(copysign(cv_scale_at(&l->scale, fabs(value)), value));
}

static void draw_cells(cv_buffer *out, const cv_heatmap *map, const layout *l)
{
    for (int layer = 0; layer < map->layers; layer++)
        for (int head = 0; head < map->heads; head++) {
            int i = layer * map->heads + head;
            cv_svg_rect(out, LEFT + head * l->cell, TOP + layer * l->cell, l->cell, l->cell,
                        colour_of(map, l, map->values[i]), map->tips[i]);
        }
}

/* Ranks of the first heads: written into their cells, or, where these are too small, a frame around them. */
static void draw_marks(cv_buffer *out, const cv_heatmap *map, const layout *l)
{
    for (int i = 0; map->marks && i < map->layers * map->heads; i++) {
        int layer = i / map->heads, head = i % map->heads;
        double x = LEFT + head * l->cell, y = TOP + layer * l->cell;
        char text[16];
        if (map->marks[i] == 0) continue;
        snprintf(text, sizeof text, "%d", map->marks[i]);
        if (l->cell >= CELL_OF_LETTERS)
            cv_svg_text_on(out, x + l->cell / 2, y + l->cell / 2 + 4, l->cell < 18 ? 10 : CV_SVG_SMALL,
                           colour_of(map, l, map->values[i]), text);
        else
            cv_svg_frame(out, x - 1, y - 1, l->cell + 2, l->cell + 2);
    }
}

/* Every n-th number, so that they stand apart by at least room. */
static int stride_of(double cell, double room)
{
    static const int strides[] = {1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100};
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++)
        if (strides[i] * cell >= room) return strides[i];
    return 128;
}

static void draw_numbers(cv_buffer *out, const cv_heatmap *map, const layout *l)
{
    char text[16];
    for (int head = 0; head < map->heads; head += stride_of(l->cell, 20)) {
        snprintf(text, sizeof text, "%d", head);
        cv_svg_text(out, LEFT + (head + 0.5) * l->cell, TOP - 5, CV_ANCHOR_MIDDLE, CV_SVG_SMALL, text);
    }
    for (int layer = 0; layer < map->layers; layer += stride_of(l->cell, 13)) {
        snprintf(text, sizeof text, "%d", layer);
        cv_svg_text(out, LEFT - 5, TOP + (layer + 0.5) * l->cell + 4, CV_ANCHOR_END, CV_SVG_SMALL, text);
    }
    cv_svg_text(out, LEFT + l->grid_width / 2, TOP - 20, CV_ANCHOR_MIDDLE, CV_SVG_NORMAL, "head");
    cv_svg_text_upwards(out, 14, TOP + l->grid_height / 2, CV_SVG_NORMAL, "layer");
}

static void draw_tick(cv_buffer *out, const layout *l, double y, double value)
{
    char text[32];
    cv_svg_axis_line(out, l->bar_x + BAR_WIDTH, y, l->bar_x + BAR_WIDTH + 4, y);
    cv_svg_text(out, l->bar_x + BAR_WIDTH + 7, y + 4, CV_ANCHOR_START, CV_SVG_SMALL, cv_number_text(value, text));
}

/* The colours from the least value at the foot to the greatest. */
static void draw_bar(cv_buffer *out, const cv_heatmap *map, const layout *l)
{
    double slice = l->bar_height / BAR_SLICES, ticks[CV_MOST_TICKS];
    for (int i = 0; i < BAR_SLICES; i++) {
        double part = (i + 0.5) / BAR_SLICES;
        cv_colour colour = map->is_signed ? cv_colour_signed(2 * part - 1) : cv_colour_amount(part);
        /* A little higher than a slice, or the ground shines through between two. */
        cv_svg_rect(out, l->bar_x, TOP + l->bar_height - (i + 1) * slice, BAR_WIDTH, fmin(slice + 0.5, (i + 1) * slice),
                    colour, NULL);
    }
    size_t count = cv_scale_ticks(&l->scale, map->is_signed ? 2 : 4, ticks);
    for (size_t i = 0; i < count; i++) {
        double part = cv_scale_at(&l->scale, ticks[i]);
        double up = map->is_signed ? (1 + part) / 2 : part, down = (1 - part) / 2;
        draw_tick(out, l, TOP + l->bar_height * (1 - up), ticks[i]);
        if (map->is_signed && ticks[i] > 0) draw_tick(out, l, TOP + l->bar_height * (1 - down), -ticks[i]);
    }
}

void cv_heatmap_draw(cv_buffer *out, const cv_heatmap *map)
{
    assert(map->layers > 0 && map->heads > 0);
    layout l = lay_out(map);
    char description[256];
    snprintf(description, sizeof description,
             "A map of %d layers, from the top, by %d heads, from the left. %s. The values are in the tables too.",
             map->layers, map->heads, map->label);
    double width = fmax(l.bar_x + BAR_WIDTH + 62, cv_svg_text_width(map->title, CV_SVG_LARGE) + 16);
    double subtitle = cv_svg_text_width(map->label, CV_SVG_SMALL) + 16;
    cv_svg_open(out, map->id, fmax(width, subtitle), TOP + fmax(l.grid_height, l.bar_height) + 12, map->title,
                description);
    cv_svg_heading(out, 8, 16, map->title);
    cv_svg_text(out, 8, 32, CV_ANCHOR_START, CV_SVG_SMALL, map->label);
    draw_cells(out, map, &l);
    draw_marks(out, map, &l);
    draw_numbers(out, map, &l);
    draw_bar(out, map, &l);
    cv_svg_close(out);
}
