#include "stats/normal_scores.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>

double cv_normal_quantile(double p)
{
    assert(p > 0 && p < 1);
    if (p > 0.5) return -cv_normal_quantile(1 - p);
    /* Halving is slow, but sure to the last bit but one, and a table of these is made once. */
    double low = -40, high = 0;
    for (int step = 0; step < 80; step++) {
        double middle = (low + high) / 2;
        if (erfc(-middle * M_SQRT1_2) / 2 < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

double *cv_normal_table(size_t n)
{
    assert(n > 0);
    size_t count = 2 * n - 1;
    double *table = cv_alloc(count, sizeof *table);
    for (size_t i = 0; i < n; i++) {
        table[i] = i + 1 == n ? 0 : cv_normal_quantile((double)(i + 1) / (2 * (double)n));
        table[count - 1 - i] = -table[i]; /* the same bits, so that scores add up to nothing */
    }
    return table;
}

void cv_normal_scores(const cv_ranking *ranking, const double *table, double *scores)
{
    size_t n = ranking->n;
    for (size_t i = 0; i < n; i++) {
        /* Twice the mean number of items above, over the ties: from 0 to 2 n - 2. */
        size_t above = (size_t)ranking->first[i] + ranking->end[i] - 1;
        scores[i] = table[2 * n - 2 - above];
    }
}

void cv_normal_split(const double *harmful, const double *control, size_t n, double *fitted, double *residual)
{
    double product = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        product += harmful[i] * control[i];
        square += control[i] * control[i];
    }
    double slope = square > 0 ? product / square : 0;
    for (size_t i = 0; i < n; i++) {
        fitted[i] = slope * control[i];
        residual[i] = harmful[i] - fitted[i];
    }
}
