#include "base/memory.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdlib.h>

static int falling(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* A copy in falling order and its sum; NULL where there is nothing to share out. Free with free(). */
static double *sorted_copy(const double *values, size_t n, double *sum)
{
    *sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(values[i] >= 0) || isinf(values[i])) return NULL;
        *sum += values[i];
    }
    if (!(*sum > 0) || isinf(*sum)) return NULL;
    double *sorted = cv_alloc(n, sizeof *sorted);
    for (size_t i = 0; i < n; i++) sorted[i] = values[i];
    qsort(sorted, n, sizeof *sorted, falling);
    return sorted;
}

double cv_gini(const double *values, size_t n)
{
    double sum, weighted = 0;
    double *sorted = sorted_copy(values, n, &sum);
    if (!sorted) return NAN;
    /* The mean of all |x - y| over twice the mean of x: by rank, the i-th largest counts n - 1 - 2 i times. */
    for (size_t i = 0; i < n; i++) weighted += ((double)n - 1 - 2 * (double)i) * (sorted[i] / sum);
    free(sorted);
    return fmax(0, weighted / (double)n);
}

double cv_top_share(const double *values, size_t n, size_t k)
{
    double sum, top = 0;
    double *sorted = sorted_copy(values, n, &sum);
    if (!sorted) return NAN;
    for (size_t i = 0; i < k && i < n; i++) top += sorted[i];
    free(sorted);
    return fmin(1, top / sum);
}
