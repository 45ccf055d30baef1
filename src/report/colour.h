/* Colours that people with any kind of colour vision tell apart: viridis for amounts (CC0, by Stefan van der
 * Walt and Nathaniel Smith), blue to orange for signed amounts, and the palette of Okabe and Ito for things
 * that have names. The same on light and on dark ground. */
#ifndef CV_COLOUR_H
#define CV_COLOUR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cv_colour {
    unsigned char red, green, blue;
} cv_colour;

/* t is cut to 0 .. 1; NaN is grey. */
cv_colour cv_colour_amount(double t);
/* t is cut to -1 .. 1: blue below 0, white at it, orange above; NaN is grey. */
cv_colour cv_colour_signed(double t);
/* The i-th named thing; the palette begins anew after seven. */
cv_colour cv_colour_named(size_t i);

/* Whether white letters are easier to read on it than black ones. */
bool cv_colour_is_dark(cv_colour colour);

/* "#rrggbb" into text, which is returned. */
const char *cv_colour_text(cv_colour colour, char text[8]);

#endif
