#include "base/memory.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdlib.h>

typedef struct hypothesis {
    double p;
    size_t index;
} hypothesis;

static int by_p(const void *left, const void *right)
{
    const hypothesis *a = left, *b = right;
    if (a->p != b->p) return a->p < b->p ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

void cv_benjamini_hochberg(const double *p, size_t count, double *q)
{
    hypothesis *sorted = cv_alloc(count, sizeof *sorted);
    size_t m = 0;
    for (size_t i = 0; i < count; i++) {
        q[i] = NAN;
        if (!isnan(p[i])) sorted[m++] = (hypothesis){p[i], i};
    }
    qsort(sorted, m, sizeof *sorted, by_p);
    double least = 1;
    for (size_t rank = m; rank > 0; rank--) {
        least = fmin(least, sorted[rank - 1].p * (double)m / (double)rank);
        q[sorted[rank - 1].index] = least;
    }
    free(sorted);
}
