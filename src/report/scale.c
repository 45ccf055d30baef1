#include "report/scale.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/* The smallest of 1, 2, 5 times a power of ten that is not below value > 0. */
static double round_step(double value)
{
    double power = pow(10, floor(log10(value)));
    static const double steps[] = {1, 2, 5};
    for (int i = 0; i < 3; i++)
        if (steps[i] * power >= value * (1 - 1e-9)) return steps[i] * power;
    return 10 * power;
}

static bool fits(cv_scale_kind kind, double value)
{
    return isfinite(value) && (kind != CV_SCALE_LOG || value > 0) && (kind != CV_SCALE_SQRT || value >= 0);
}

static double forward(cv_scale_kind kind, double value)
{
    return kind == CV_SCALE_LOG ? log10(value) : kind == CV_SCALE_SQRT ? sqrt(value) : value;
}

cv_scale cv_scale_over(cv_scale_kind kind, const double *values, size_t count, double begin, double end)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        if (!fits(kind, values[i])) continue;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    if (!(low <= high)) return (cv_scale){kind, kind == CV_SCALE_LOG ? 0.1 : 0, 1, begin, end};
    if (kind == CV_SCALE_LOG) {
        low = fmax(pow(10, floor(log10(low) + 1e-9)), 1e-300);
        high = fmin(pow(10, ceil(log10(high) - 1e-9)), 1e300);
        if (!(low < high)) high = low * 10;
        return (cv_scale){kind, low, high, begin, end};
    }
    if (kind == CV_SCALE_SQRT) low = 0;
    if (!(low < high)) high = low + (low == 0 ? 1 : fabs(low));
    if (!isfinite(high - low)) return (cv_scale){kind, low, high, begin, end};
    double step = round_step((high - low) / 10);
    return (cv_scale){kind, floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step, begin, end};
}

double cv_scale_at(const cv_scale *scale, double value)
{
    assert(scale->low < scale->high);
    if (!(scale->kind == CV_SCALE_LOG ? value > 0 : !isnan(value))) return NAN;
    double inside = fmin(fmax(value, scale->low), scale->high);
    double low = forward(scale->kind, scale->low), high = forward(scale->kind, scale->high);
    double part = (forward(scale->kind, inside) - low) / (high - low);
    return scale->begin + part * (scale->end - scale->begin);
}

static size_t log_ticks(const cv_scale *scale, size_t wanted, double ticks[CV_MOST_TICKS])
{
    int first = (int)ceil(log10(scale->low) - 1e-9), last = (int)floor(log10(scale->high) + 1e-9);
    int stride = 1;
    while ((size_t)((last - first) / stride) > wanted || (last - first) / stride >= CV_MOST_TICKS) stride++;
    size_t count = 0;
    for (int power = first; power <= last; power += stride) ticks[count++] = pow(10, power);
    return count;
}

/* Even values on a linear scale, even roots, as far as round values allow, on the other. */
size_t cv_scale_ticks(const cv_scale *scale, size_t wanted, double ticks[CV_MOST_TICKS])
{
    assert(wanted > 0 && wanted < CV_MOST_TICKS);
    if (scale->kind == CV_SCALE_LOG) return log_ticks(scale, wanted, ticks);
    size_t count = 0;
    if (scale->kind == CV_SCALE_SQRT) {
        ticks[count++] = scale->low;
        for (size_t i = 1; i <= wanted; i++) {
            double part = (double)i / (double)wanted, value = scale->high * part * part;
            double step = round_step(value / 10), tick = floor(value / step + 1e-9) * step;
            if (tick > ticks[count - 1] && tick <= scale->high) ticks[count++] = tick;
        }
        return count;
    }
    double step = round_step((scale->high - scale->low) / (double)wanted);
    double first = ceil(scale->low / step - 1e-9);
    for (size_t i = 0; i < CV_MOST_TICKS && (first + (double)i) * step <= scale->high + step * 1e-9; i++)
        ticks[count++] = (first + (double)i) * step;
    return count;
}
