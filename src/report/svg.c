#include "report/svg.h"

#include "report/escape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A coordinate: two decimals are a fiftieth of what a screen shows; without zeros at the end. */
static void put_coordinate(cv_buffer *out, double value)
{
    char text[64];
    snprintf(text, sizeof text, "%.2f", isfinite(value) ? value : 0);
    size_t length = strlen(text);
    while (text[length - 1] == '0') length--;
    if (text[length - 1] == '.') length--;
    text[length] = 0;
    cv_buffer_puts(out, strcmp(text, "-0") == 0 ? "0" : text);
}

static void put_attribute(cv_buffer *out, const char *name, double value)
{
    cv_buffer_printf(out, " %s=\"", name);
    put_coordinate(out, value);
    cv_buffer_puts(out, "\"");
}

/* Ends an element that has been opened so far: with its tip, or empty. */
static void put_end(cv_buffer *out, const char *name, const char *tip)
{
    if (!tip) {
        cv_buffer_puts(out, "/>\n");
        return;
    }
    cv_buffer_puts(out, "><title>");
    cv_put_html(out, tip);
    cv_buffer_printf(out, "</title></%s>\n", name);
}

void cv_svg_open(cv_buffer *out, const char *id, double width, double height, const char *title,
                 const char *description)
{
    cv_buffer_puts(out, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    put_attribute(out, "width", ceil(width));
    put_attribute(out, "height", ceil(height));
    cv_buffer_printf(out, " viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-title %s-text\"", ceil(width),
                     ceil(height), id, id);
    cv_buffer_puts(out, " font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\""
                        " fill=\"currentColor\" color=\"#222222\">\n");
    cv_buffer_printf(out, "<title id=\"%s-title\">", id);
    cv_put_html(out, title);
    cv_buffer_printf(out, "</title>\n<desc id=\"%s-text\">", id);
    cv_put_html(out, description);
    cv_buffer_puts(out, "</desc>\n<rect class=\"ground\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
}

void cv_svg_close(cv_buffer *out)
{
    cv_buffer_puts(out, "</svg>\n");
}

/* ---- letters ---- */

static void open_text(cv_buffer *out, double x, double y, cv_anchor anchor, int size)
{
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    cv_buffer_puts(out, "<text");
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    cv_buffer_printf(out, "%s font-size=\"%d\"", anchors[anchor], size);
}

static void close_text(cv_buffer *out, const char *text)
{
    cv_buffer_puts(out, ">");
    cv_put_html(out, text);
    cv_buffer_puts(out, "</text>\n");
}

void cv_svg_text(cv_buffer *out, double x, double y, cv_anchor anchor, int size, const char *text)
{
    open_text(out, x, y, anchor, size);
    close_text(out, text);
}

void cv_svg_heading(cv_buffer *out, double x, double y, const char *text)
{
    open_text(out, x, y, CV_ANCHOR_START, CV_SVG_LARGE);
    cv_buffer_puts(out, " font-weight=\"bold\"");
    close_text(out, text);
}

void cv_svg_text_upon(cv_buffer *out, double x, double y, cv_anchor anchor, const char *text)
{
    open_text(out, x, y, anchor, CV_SVG_SMALL);
    cv_buffer_puts(out, " class=\"halo\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"");
    close_text(out, text);
}

void cv_svg_text_upwards(cv_buffer *out, double x, double y, int size, const char *text)
{
    open_text(out, x, y, CV_ANCHOR_MIDDLE, size);
    cv_buffer_printf(out, " transform=\"rotate(-90 %.2f %.2f)\"", x, y);
    close_text(out, text);
}

void cv_svg_text_on(cv_buffer *out, double x, double y, int size, cv_colour ground, const char *text)
{
    open_text(out, x, y, CV_ANCHOR_MIDDLE, size);
    cv_buffer_printf(out, " fill=\"%s\" pointer-events=\"none\"", cv_colour_is_dark(ground) ? "#ffffff" : "#000000");
    close_text(out, text);
}

enum { MOST_LABEL = 34 }; /* characters */

/* Bytes of the first MOST_LABEL characters; all of a shorter name. */
static size_t label_bytes(const char *name)
{
    size_t bytes = 0, characters = 0;
    for (; name[bytes]; bytes++) {
        characters += ((unsigned char)name[bytes] & 0xc0) != 0x80;
        if (characters > MOST_LABEL) break;
    }
    return bytes;
}

void cv_svg_label(cv_buffer *out, double x, double y, cv_anchor anchor, const char *name)
{
    cv_buffer text = {0};
    size_t bytes = label_bytes(name);
    cv_buffer_append(&text, name, bytes);
    if (name[bytes]) cv_buffer_puts(&text, "\xe2\x80\xa6");
    cv_svg_text(out, x, y, anchor, CV_SVG_NORMAL, text.data);
    cv_buffer_free(&text);
}

double cv_svg_label_width(const char *name)
{
    return fmin(cv_svg_text_width(name, CV_SVG_NORMAL), (MOST_LABEL + 1) * 0.62 * CV_SVG_NORMAL);
}

double cv_svg_text_width(const char *text, int size)
{
    size_t characters = 0;
    for (const char *c = text; *c; c++) characters += ((unsigned char)*c & 0xc0) != 0x80;
    return 0.62 * size * (double)characters;
}

const char *cv_number_text(double value, char text[32])
{
    if (isnan(value))
        text[0] = 0;
    else
        snprintf(text, 32, "%.4g", value == 0 ? 0 : value);
    return text;
}

/* ---- marks ---- */

static void put_fill(cv_buffer *out, cv_colour fill)
{
    char text[8];
    cv_buffer_printf(out, " fill=\"%s\"", cv_colour_text(fill, text));
}

void cv_svg_rect(cv_buffer *out, double x, double y, double width, double height, cv_colour fill, const char *tip)
{
    cv_buffer_puts(out, "<rect");
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    put_attribute(out, "width", width);
    put_attribute(out, "height", height);
    put_fill(out, fill);
    put_end(out, "rect", tip);
}

void cv_svg_circle(cv_buffer *out, double x, double y, double radius, cv_colour fill, const char *tip)
{
    cv_buffer_puts(out, "<circle");
    put_attribute(out, "cx", x);
    put_attribute(out, "cy", y);
    put_attribute(out, "r", radius);
    put_fill(out, fill);
    put_end(out, "circle", tip);
}

void cv_svg_marker(cv_buffer *out, double x, double y, size_t i, const char *tip)
{
    static const char *const shapes[] = {"m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", "m-4 -4h8v8h-8z",
                                         "m0 -5l5 9h-10z", "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z"};
    char colour[8];
    cv_colour_text(cv_colour_named(i), colour);
    cv_buffer_puts(out, "<path d=\"M");
    put_coordinate(out, x);
    cv_buffer_puts(out, " ");
    put_coordinate(out, y);
    cv_buffer_printf(out, "%s\" fill=\"%s\" stroke=\"%s\" stroke-width=\"1.5\"", shapes[i % 4],
                     i % 8 < 4 ? colour : "none", colour);
    put_end(out, "path", tip);
}

static void open_line(cv_buffer *out, double x1, double y1, double x2, double y2)
{
    cv_buffer_puts(out, "<path d=\"M");
    put_coordinate(out, x1);
    cv_buffer_puts(out, " ");
    put_coordinate(out, y1);
    cv_buffer_puts(out, "L");
    put_coordinate(out, x2);
    cv_buffer_puts(out, " ");
    put_coordinate(out, y2);
    cv_buffer_puts(out, "\"");
}

void cv_svg_line(cv_buffer *out, double x1, double y1, double x2, double y2, cv_colour colour, double width)
{
    char text[8];
    open_line(out, x1, y1, x2, y2);
    cv_buffer_printf(out, " stroke=\"%s\" stroke-width=\"%g\"/>\n", cv_colour_text(colour, text), width);
}

void cv_svg_path(cv_buffer *out, const double (*points)[2], size_t count, size_t i, const char *tip)
{
    static const char *const dashes[] = {"", " stroke-dasharray=\"6 3\"", " stroke-dasharray=\"2 2\"",
                                         " stroke-dasharray=\"8 3 2 3\""};
    char colour[8];
    cv_buffer_puts(out, "<path fill=\"none\" d=\"");
    for (size_t p = 0; p < count; p++) {
        cv_buffer_puts(out, p ? "L" : "M");
        put_coordinate(out, points[p][0]);
        cv_buffer_puts(out, " ");
        put_coordinate(out, points[p][1]);
    }
    cv_buffer_printf(out, "\" stroke=\"%s\" stroke-width=\"2\"%s", cv_colour_text(cv_colour_named(i), colour),
                     dashes[i % 4]);
    put_end(out, "path", tip);
}

void cv_svg_axis_line(cv_buffer *out, double x1, double y1, double x2, double y2)
{
    open_line(out, x1, y1, x2, y2);
    cv_buffer_puts(out, " stroke=\"currentColor\"/>\n");
}

void cv_svg_faint_line(cv_buffer *out, double x1, double y1, double x2, double y2)
{
    open_line(out, x1, y1, x2, y2);
    cv_buffer_puts(out, " stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\n");
}

void cv_svg_frame(cv_buffer *out, double x, double y, double width, double height)
{
    cv_buffer_puts(out, "<rect fill=\"none\" stroke=\"currentColor\"");
    put_attribute(out, "x", x);
    put_attribute(out, "y", y);
    put_attribute(out, "width", width);
    put_attribute(out, "height", height);
    cv_buffer_puts(out, "/>\n");
}

/* ---- axes and legends ---- */

enum { TICK = 4 };

void cv_svg_axis_below(cv_buffer *out, const cv_scale *scale, double at, double across, const char *label)
{
    double ticks[CV_MOST_TICKS];
    char text[32];
    size_t wanted = (size_t)fmin(fmax(fabs(scale->end - scale->begin) / 60, 2), 10);
    size_t count = cv_scale_ticks(scale, wanted, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = cv_scale_at(scale, ticks[i]);
        cv_svg_faint_line(out, x, at, x, across);
        cv_svg_axis_line(out, x, at, x, at + TICK);
        cv_svg_text(out, x, at + TICK + 12, CV_ANCHOR_MIDDLE, CV_SVG_SMALL, cv_number_text(ticks[i], text));
    }
    cv_svg_axis_line(out, scale->begin, at, scale->end, at);
    cv_svg_text(out, (scale->begin + scale->end) / 2, at + TICK + 30, CV_ANCHOR_MIDDLE, CV_SVG_NORMAL, label);
}

void cv_svg_axis_left(cv_buffer *out, const cv_scale *scale, double at, double across, const char *label)
{
    double ticks[CV_MOST_TICKS], widest = 0;
    char text[32];
    size_t wanted = (size_t)fmin(fmax(fabs(scale->end - scale->begin) / 40, 2), 10);
    size_t count = cv_scale_ticks(scale, wanted, ticks);
    for (size_t i = 0; i < count; i++) {
        double y = cv_scale_at(scale, ticks[i]);
        cv_svg_faint_line(out, at, y, across, y);
        cv_svg_axis_line(out, at - TICK, y, at, y);
        cv_svg_text(out, at - TICK - 3, y + 4, CV_ANCHOR_END, CV_SVG_SMALL, cv_number_text(ticks[i], text));
        widest = fmax(widest, cv_svg_text_width(text, CV_SVG_SMALL));
    }
    cv_svg_axis_line(out, at, scale->begin, at, scale->end);
    cv_svg_text_upwards(out, at - TICK - 10 - widest, (scale->begin + scale->end) / 2, CV_SVG_NORMAL, label);
}

double cv_svg_legend(cv_buffer *out, double x, double y, double width, const char *const *names, size_t count)
{
    double right = x, foot = y;
    for (size_t i = 0; i < count; i++) {
        double wide = 14 + cv_svg_label_width(names[i]) + 14;
        if (right > x && right + wide > x + width) {
            right = x;
            foot += 18;
        }
        cv_svg_marker(out, right + 6, foot - 4, i, NULL);
        cv_svg_label(out, right + 16, foot, CV_ANCHOR_START, names[i]);
        right += wide;
    }
    return count > 0 ? foot - y + 18 : 0;
}
