#include "report/colour.h"

#include <math.h>
#include <stdio.h>

static const cv_colour grey = {0x99, 0x99, 0x99};

/* Between the two of count equally spaced stops that t in 0 .. 1 lies between. */
static cv_colour between(const cv_colour *stops, size_t count, double t)
{
    if (isnan(t)) return grey;
    double place = fmin(fmax(t, 0), 1) * (double)(count - 1);
    size_t i = (size_t)place;
    if (i > count - 2) i = count - 2;
    double part = place - (double)i;
    cv_colour a = stops[i], b = stops[i + 1];
    return (cv_colour){(unsigned char)lround(a.red + part * (b.red - a.red)),
                       (unsigned char)lround(a.green + part * (b.green - a.green)),
                       (unsigned char)lround(a.blue + part * (b.blue - a.blue))};
}

cv_colour cv_colour_amount(double t)
{
    static const cv_colour viridis[] = {{0x44, 0x01, 0x54}, {0x48, 0x28, 0x78}, {0x3e, 0x4a, 0x89}, {0x31, 0x68, 0x8e},
                                        {0x26, 0x82, 0x8e}, {0x1f, 0x9e, 0x89}, {0x35, 0xb7, 0x79}, {0x6d, 0xcd, 0x59},
                                        {0xb4, 0xde, 0x2c}, {0xfd, 0xe7, 0x25}};
    return between(viridis, sizeof viridis / sizeof viridis[0], t);
}

cv_colour cv_colour_signed(double t)
{
    static const cv_colour stops[] = {
        {0x08, 0x45, 0x94}, {0x6b, 0xae, 0xd6}, {0xf4, 0xf4, 0xf4}, {0xf0, 0x9a, 0x4e}, {0xa6, 0x36, 0x03}};
    return between(stops, sizeof stops / sizeof stops[0], (t + 1) / 2);
}

cv_colour cv_colour_named(size_t i)
{
    static const cv_colour okabe_ito[] = {{0xd5, 0x5e, 0x00}, {0x00, 0x72, 0xb2}, {0x00, 0x9e, 0x73},
                                          {0xcc, 0x79, 0xa7}, {0xe6, 0x9f, 0x00}, {0x56, 0xb4, 0xe9},
                                          {0x99, 0x99, 0x99}};
    return okabe_ito[i % (sizeof okabe_ito / sizeof okabe_ito[0])];
}

/* The share of light by ITU-R BT.709, after undoing sRGB's curve. */
static double luminance(cv_colour colour)
{
    const double channels[] = {colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0};
    static const double weights[] = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++)
        sum += weights[i] * (channels[i] <= 0.04045 ? channels[i] / 12.92 : pow((channels[i] + 0.055) / 1.055, 2.4));
    return sum;
}

bool cv_colour_is_dark(cv_colour colour)
{
    /* Where the contrasts that WCAG defines, 1.05 / (l + 0.05) and (l + 0.05) / 0.05, are the same. */
    return luminance(colour) < 0.179;
}

const char *cv_colour_text(cv_colour colour, char text[8])
{
    snprintf(text, 8, "#%02x%02x%02x", colour.red, colour.green, colour.blue);
    return text;
}
