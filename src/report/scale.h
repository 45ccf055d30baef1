/* From values to places on an axis, or on a scale of colours, and the round values to mark there. */
#ifndef CV_SCALE_H
#define CV_SCALE_H

#include <stddef.h>

typedef enum cv_scale_kind {
    CV_SCALE_LINEAR,
    CV_SCALE_SQRT, /* of values from 0 on: many small ones and few large ones are both seen */
    CV_SCALE_LOG,  /* of values above 0 */
} cv_scale_kind;

typedef struct cv_scale {
    cv_scale_kind kind;
    double low, high;  /* values, low < high */
    double begin, end; /* where they lie, in any unit; end < begin turns the axis round */
} cv_scale;

/* A scale that has all of values [count] in it that are numbers (above 0 for CV_SCALE_LOG), with ends at
 * round values; 0 .. 1, or 0.1 .. 1, where there are none. */
cv_scale cv_scale_over(cv_scale_kind kind, const double *values, size_t count, double begin, double end);

/* The place of value, cut to the ends; NaN for NaN, and for what is not above 0 on CV_SCALE_LOG. */
double cv_scale_at(const cv_scale *scale, double value);

enum { CV_MOST_TICKS = 16 };

/* Round values between low and high, rising, at most wanted + 1 of them and at most CV_MOST_TICKS. */
size_t cv_scale_ticks(const cv_scale *scale, size_t wanted, double ticks[CV_MOST_TICKS]);

#endif
