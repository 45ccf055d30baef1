#include "base/memory.h"

#include <caravan/stats.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* One item: its two values, and for Spearman's rho its place in the caller's order. */
typedef struct item {
    double x, y;
    size_t place;
} item;

static int by_x_then_y(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->x != b->x) return a->x < b->x ? -1 : 1;
    return (a->y > b->y) - (a->y < b->y);
}

/* The items in order of x, then y; NULL where there is no correlation to speak of. Free with free(). */
static item *sorted_items(const double *x, const double *y, size_t n)
{
    assert(n <= UINT32_MAX); /* pairs are counted in 64 bits */
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]) || isnan(y[i])) return NULL;
    if (n < 2) return NULL;
    item *items = cv_alloc(n, sizeof *items);
    for (size_t i = 0; i < n; i++) items[i] = (item){x[i], y[i], i};
    qsort(items, n, sizeof *items, by_x_then_y);
    return items;
}

/* One past the last item whose x equals that of items[begin]; sorted by x. */
static size_t end_of_tie(const item *items, size_t begin, size_t n)
{
    size_t end = begin + 1;
    while (end < n && items[end].x == items[begin].x) end++;
    return end;
}

static double clamp(double correlation)
{
    return fmax(-1, fmin(1, correlation)); /* rounding alone can go beyond */
}

/* ranks [n] of x as twice their distance from the mean rank, which is a whole number for ties too; false
 * where x has no ranks. */
static bool centred_ranks(const double *x, size_t n, double *ranks)
{
    item *items = sorted_items(x, x, n);
    if (!items) return false;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = end_of_tie(items, begin, n);
        for (size_t i = begin; i < end; i++) ranks[items[i].place] = (double)(begin + end) - (double)n;
    }
    free(items);
    return true;
}

double cv_spearman(const double *x, const double *y, size_t n)
{
    double *a = cv_alloc(n, sizeof *a), *b = cv_alloc(n, sizeof *b), aa = 0, bb = 0, ab = 0;
    if (centred_ranks(x, n, a) && centred_ranks(y, n, b))
        for (size_t i = 0; i < n; i++) {
            aa += a[i] * a[i];
            bb += b[i] * b[i];
            ab += a[i] * b[i];
        }
    free(a);
    free(b);
    return aa > 0 && bb > 0 ? clamp(ab / sqrt(aa * bb)) : NAN;
}

static int64_t pairs(size_t n)
{
    return (int64_t)n * ((int64_t)n - 1) / 2;
}

/* Pairs with equal x, and of those the ones with equal y too; items sorted by x, then y. */
static void count_ties(const item *items, size_t n, int64_t *in_x, int64_t *in_both)
{
    *in_x = *in_both = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = end_of_tie(items, begin, n);
        *in_x += pairs(end - begin);
        for (size_t i = begin, same; i < end; i = same) {
            for (same = i + 1; same < end && items[same].y == items[i].y;) same++;
            *in_both += pairs(same - i);
        }
    }
}

/* Merges the sorted y[0..middle) and y[middle..n); the number of pairs that stood the wrong way round. */
static int64_t merge(double *y, size_t middle, size_t n, double *scratch)
{
    int64_t inversions = 0;
    size_t left = 0, right = middle, out = 0;
    while (left < middle && right < n) {
        if (y[right] < y[left]) {
            inversions += (int64_t)(middle - left);
            scratch[out++] = y[right++];
        } else {
            scratch[out++] = y[left++];
        }
    }
    while (left < middle) scratch[out++] = y[left++];
    for (size_t i = 0; i < out; i++) y[i] = scratch[i];
    return inversions;
}

/* Sorts y; the number of pairs i < j with y[i] > y[j]. */
static int64_t sort_counting_inversions(double *y, size_t n, double *scratch)
{
    int64_t inversions = 0;
    for (size_t width = 1; width < n; width *= 2)
        for (size_t begin = 0; begin + width < n; begin += 2 * width)
            inversions += merge(y + begin, width, n - begin < 2 * width ? n - begin : 2 * width, scratch);
    return inversions;
}

static int64_t count_equal(const double *sorted, size_t n)
{
    int64_t count = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && sorted[end] == sorted[begin];) end++;
        count += pairs(end - begin);
    }
    return count;
}

double cv_kendall_tau(const double *x, const double *y, size_t n)
{
    item *items = sorted_items(x, y, n);
    if (!items) return NAN;
    double *column = cv_alloc(n, sizeof *column), *scratch = cv_alloc(n, sizeof *scratch);
    int64_t tied_x, tied_both, all = pairs(n);
    count_ties(items, n, &tied_x, &tied_both);
    for (size_t i = 0; i < n; i++) column[i] = items[i].y;
    int64_t discordant = sort_counting_inversions(column, n, scratch);
    int64_t tied_y = count_equal(column, n);
    free(items);
    free(column);
    free(scratch);
    if (tied_x == all || tied_y == all) return NAN;
    int64_t concordant = all - tied_x - tied_y + tied_both - discordant;
    return clamp((double)(concordant - discordant) / sqrt((double)(all - tied_x) * (double)(all - tied_y)));
}
