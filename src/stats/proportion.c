#include <caravan/stats.h>

#include <assert.h>
#include <math.h>

/* The 0.975 quantile of the normal distribution. */
#define Z 1.959963984540054

cv_estimate cv_wilson(uint64_t k, uint64_t n)
{
    assert(k <= n);
    if (n == 0) return (cv_estimate){NAN, NAN, NAN};
    double count = (double)n, p = (double)k / count, q = (double)(n - k) / count;
    double denominator = 1 + Z * Z / count, centre = p + Z * Z / (2 * count);
    double reach = Z * sqrt(p * q / count + Z * Z / (4 * count * count));
    /* What is 0 or 1 by definition must not be left to rounding. */
    double low = k == 0 ? 0 : (centre - reach) / denominator;
    double high = k == n ? 1 : (centre + reach) / denominator;
    return (cv_estimate){p, low, high};
}

/* Items that both, a alone, b alone and none got right. */
typedef struct paired_counts {
    double both, a, b, none;
} paired_counts;

/* Newcombe's correlation of the two answers: 0 where a margin is empty, and one that is positive is
 * corrected for continuity. */
static double correlation(paired_counts c)
{
    double n = c.both + c.a + c.b + c.none;
    double margins = sqrt((c.both + c.a) * (c.b + c.none)) * sqrt((c.both + c.b) * (c.a + c.none));
    if (margins == 0) return 0;
    double determinant = c.both * c.none - c.a * c.b;
    if (determinant > 0) determinant = fmax(determinant - n / 2, 0);
    return determinant / margins;
}

/* The length of u minus v where phi is the cosine between them. */
static double combine(double u, double v, double phi)
{
    return sqrt(fmax(u * u - 2 * phi * u * v + v * v, 0));
}

cv_estimate cv_accuracy_difference(const bool *a, const bool *b, size_t n)
{
    if (n == 0) return (cv_estimate){NAN, NAN, NAN};
    uint64_t right_a = 0, right_b = 0, both = 0;
    for (size_t i = 0; i < n; i++) {
        right_a += a[i];
        right_b += b[i];
        both += a[i] && b[i];
    }
    paired_counts counts = {(double)both, (double)(right_a - both), (double)(right_b - both),
                            (double)(n + both - right_a - right_b)};
    double phi = correlation(counts), difference = (counts.a - counts.b) / (double)n;
    cv_estimate first = cv_wilson(right_a, n), second = cv_wilson(right_b, n);
    double below = combine(first.value - first.low, second.high - second.value, phi);
    double above = combine(first.high - first.value, second.value - second.low, phi);
    return (cv_estimate){difference, fmax(difference - below, -1), fmin(difference + above, 1)};
}
