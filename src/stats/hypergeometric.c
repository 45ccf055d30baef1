#include <caravan/stats.h>

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

/* The distribution as numbers that are proportional to it, from 0 to min(marked, drawn): all are found from
 * the most likely one by ratios of neighbours, so that nothing underflows where it matters, and no
 * logarithm of a factorial loses digits. Free with free(). */
static double *weights_of(uint64_t n, uint64_t marked, uint64_t drawn)
{
    assert(marked <= n && drawn <= n);
    uint64_t most = marked < drawn ? marked : drawn, least = marked + drawn > n ? marked + drawn - n : 0;
    double *weights = cv_calloc((size_t)most + 1, sizeof *weights);
    uint64_t mode = (uint64_t)(((double)marked + 1) * ((double)drawn + 1) / ((double)n + 2));
    if (mode < least) mode = least;
    if (mode > most) mode = most;
    weights[mode] = 1;
    /* P(x + 1) / P(x) = (marked - x) (drawn - x) / ((x + 1) (n - marked - drawn + x + 1)) */
    for (uint64_t x = mode; x < most; x++) {
        double up = (double)(marked - x) * (double)(drawn - x);
        weights[x + 1] = weights[x] * up / ((double)(x + 1) * (double)(n + x + 1 - marked - drawn));
    }
    for (uint64_t x = mode; x > least; x--) {
        double down = (double)x * (double)(n + x - marked - drawn);
        weights[x - 1] = weights[x] * down / ((double)(marked - x + 1) * (double)(drawn - x + 1));
    }
    return weights;
}

void cv_hypergeometric(uint64_t n, uint64_t marked, uint64_t drawn, double *probabilities)
{
    uint64_t most = marked < drawn ? marked : drawn;
    double *weights = weights_of(n, marked, drawn), sum = 0;
    for (uint64_t x = 0; x <= most; x++) sum += weights[x];
    for (uint64_t x = 0; x <= most; x++) probabilities[x] = weights[x] / sum;
    free(weights);
}

double cv_hypergeometric_tail(uint64_t n, uint64_t marked, uint64_t drawn, uint64_t at_least)
{
    uint64_t most = marked < drawn ? marked : drawn;
    uint64_t least = marked + drawn > n ? marked + drawn - n : 0;
    if (at_least <= least) return 1;
    if (at_least > most) return 0;
    double *weights = weights_of(n, marked, drawn), below = 0, above = 0;
    for (uint64_t x = 0; x < at_least; x++) below += weights[x];
    for (uint64_t x = most + 1; x > at_least; x--) above += weights[x - 1];
    free(weights);
    return above / (below + above);
}
