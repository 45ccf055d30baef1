#include "stats/ranking.h"

#include "base/memory.h"
#include "base/simd.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A score as a number that is the smaller the greater the score is. */
typedef struct item {
    uint64_t key;
    uint32_t index;
} item;

enum { DIGITS = 8, DIGIT = 256 }; /* of a key */

cv_ranking cv_ranking_make(size_t n)
{
    assert(n <= CV_MOST_RANKED);
    return (cv_ranking){.n = n,
                        .order = cv_alloc(n, sizeof(uint32_t)),
                        .place = cv_alloc(n, sizeof(uint32_t)),
                        .first = cv_alloc(n, sizeof(uint32_t)),
                        .end = cv_alloc(n, sizeof(uint32_t)),
                        .scratch = cv_alloc(2 * n, sizeof(item))};
}

void cv_ranking_free(cv_ranking *ranking)
{
    free(ranking->order);
    free(ranking->place);
    free(ranking->first);
    free(ranking->end);
    free(ranking->scratch);
    *ranking = (cv_ranking){0};
}

static uint64_t key_of(double score)
{
    uint64_t bits;
    double positive_zero = score + 0.0; /* both zeros are one score */
    assert(!isnan(score));
    memcpy(&bits, &positive_zero, sizeof bits);
    return bits >> 63 ? bits : ~bits & (UINT64_MAX >> 1);
}

/* Sorts by one digit of the keys; what is equal in it stays in order. */
static void sort_by_digit(const item *from, size_t n, int digit, uint32_t *counts, item *to)
{
    uint32_t begin = 0;
    for (int d = 0; d < DIGIT; d++) {
        uint32_t count = counts[d];
        counts[d] = begin;
        begin += count;
    }
    for (size_t i = 0; i < n; i++) to[counts[from[i].key >> (8 * digit) & (DIGIT - 1)]++] = from[i];
}

/* Sorts by key, then index, digit by digit: of random scores a comparison would be a guess. items [n] and scratch [n];
 * returns the sorted one. */
static const item *sort(item *items, item *scratch, size_t n)
{
    uint32_t counts[DIGITS][DIGIT];
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++)
        for (int digit = 0; digit < DIGITS; digit++) counts[digit][items[i].key >> (8 * digit) & (DIGIT - 1)]++;
    for (int digit = 0; digit < DIGITS; digit++) {
        if (n == 0 || counts[digit][items[0].key >> (8 * digit) & (DIGIT - 1)] == n) continue; /* all are alike */
        sort_by_digit(items, n, digit, counts[digit], scratch);
        item *sorted = scratch;
        scratch = items;
        items = sorted;
    }
    return items;
}

void cv_ranking_set(cv_ranking *ranking, const double *scores)
{
    size_t n = ranking->n;
    item *items = ranking->scratch;
    for (size_t i = 0; i < n; i++) items[i] = (item){key_of(scores[i]), (uint32_t)i};
    const item *sorted = sort(items, items + n, n);
    ranking->tied = 0;
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && sorted[end].key == sorted[begin].key;) end++;
        ranking->tied += (uint64_t)(end - begin) * (end - begin - 1) / 2;
        for (size_t i = begin; i < end; i++) {
            uint32_t index = sorted[i].index;
            ranking->order[i] = index;
            ranking->place[index] = (uint32_t)i;
            ranking->first[index] = (uint32_t)begin;
            ranking->end[index] = (uint32_t)end;
        }
    }
}

void cv_ranking_relabel(const cv_ranking *ranking, const uint32_t *to, cv_ranking *result)
{
    assert(result->n == ranking->n);
    result->tied = ranking->tied;
    for (size_t i = 0; i < ranking->n; i++) {
        result->order[i] = to[ranking->order[i]];
        result->place[to[i]] = ranking->place[i];
        result->first[to[i]] = ranking->first[i];
        result->end[to[i]] = ranking->end[i];
    }
}

/* ---- Kendall's tau ---- */

/* Counters are as many as a vector register holds, times a whole number. */
enum { LANES = 16 };

cv_concordance cv_concordance_make(size_t n)
{
    size_t words = (n / 64 + LANES) / LANES * LANES;
    cv_concordance scratch = {.words = words,
                              .bits = cv_alloc(words, sizeof *scratch.bits),
                              .before = cv_alloc(words, sizeof *scratch.before),
                              .steps = cv_alloc(words * words, sizeof *scratch.steps)};
    for (size_t word = 0; word < words; word++)
        for (size_t w = 0; w < words; w++) scratch.steps[word * words + w] = w > word;
    return scratch;
}

void cv_concordance_free(cv_concordance *scratch)
{
    free(scratch->bits);
    free(scratch->before);
    free(scratch->steps);
    *scratch = (cv_concordance){0};
}

static inline int64_t count_before(const cv_concordance *in, uint32_t place)
{
    uint64_t below = in->bits[place / 64] & (((uint64_t)1 << place % 64) - 1);
    return in->before[place / 64] + (int64_t)__builtin_popcountll(below);
}

/* All counters behind the place's word, in whole vectors. */
static inline void put_in(const cv_concordance *in, uint32_t place, size_t words)
{
    const uint16_t *step = in->steps + place / 64 * in->words;
    in->bits[place / 64] |= (uint64_t)1 << place % 64;
    for (size_t begin = 0; begin < words; begin += LANES)
        for (size_t w = begin; w < begin + LANES; w++) in->before[w] = (uint16_t)(in->before[w] + step[w]);
}

/* Without ties: those that are in and not above are below. */
CV_SIMD static int64_t count_untied(const cv_ranking *a, const cv_ranking *b, const cv_concordance *in, size_t words)
{
    int64_t sum = 0;
    for (size_t i = 0; i < a->n; i++) {
        uint32_t place = b->place[a->order[i]];
        sum += 2 * count_before(in, place) - (int64_t)i;
        put_in(in, place, words);
    }
    return sum;
}

CV_SIMD static int64_t count_tied(const cv_ranking *a, const cv_ranking *b, const cv_concordance *in, size_t words)
{
    int64_t sum = 0;
    for (size_t begin = 0, end; begin < a->n; begin = end) {
        end = a->end[a->order[begin]];
        for (size_t i = begin; i < end; i++) {
            uint32_t head = a->order[i];
            sum += count_before(in, b->first[head]) - ((int64_t)begin - count_before(in, b->end[head]));
        }
        for (size_t i = begin; i < end; i++) put_in(in, b->place[a->order[i]], words);
    }
    return sum;
}

/* Items go in by falling score of a, one group of ties after the other; a set of the places in b of those that
 * are in already (a bit each, and for each word of bits the number of bits before it) tells how many of them
 * stand above or below in b. */
int64_t cv_ranking_concordance(const cv_ranking *a, const cv_ranking *b, cv_concordance *scratch)
{
    size_t n = a->n, words = (n / 64 + LANES) / LANES * LANES;
    assert(b->n == n && words <= scratch->words);
    memset(scratch->bits, 0, words * sizeof *scratch->bits);
    memset(scratch->before, 0, words * sizeof *scratch->before);
    if (a->tied > 0 || b->tied > 0) return count_tied(a, b, scratch, words);
    return count_untied(a, b, scratch, (n + 63) / 64 == words - LANES ? words - LANES : words);
}

double cv_ranking_tau(const cv_ranking *a, const cv_ranking *b, cv_concordance *scratch)
{
    uint64_t all = (uint64_t)a->n * (a->n - 1) / 2;
    if (a->n < 2 || a->tied == all || b->tied == all) return NAN;
    double pairs = sqrt((double)(all - a->tied) * (double)(all - b->tied));
    double tau = (double)cv_ranking_concordance(a, b, scratch) / pairs;
    return fmax(-1, fmin(1, tau)); /* rounding alone can go beyond */
}

/* ---- the top ---- */

/* Depths past this one weigh less in sum than the rounding of the result. */
static size_t last_depth(double p, size_t n)
{
    double depth = ceil(log(0x1p-60) / log(p));
    return depth < (double)n ? (size_t)depth : n;
}

double cv_ranking_rbo(const cv_ranking *a, const cv_ranking *b, double p, uint32_t *counts)
{
    size_t n = a->n, depth = last_depth(p, n), overlap = 0;
    assert(b->n == n && p > 0 && p < 1);
    if (n == 0) return NAN;
    memset(counts, 0, (depth + 1) * sizeof *counts);
    /* An item is in both sets from the depth on at which it has come into both. */
    for (size_t i = 0; i < n && a->first[a->order[i]] < depth; i++) {
        uint32_t in_a = a->first[a->order[i]], in_b = b->first[a->order[i]], both = in_a > in_b ? in_a : in_b;
        if (both < depth) counts[both]++;
    }
    double sum = 0, weight = 1, agreement = 0;
    for (size_t d = 0; d < depth; d++) {
        overlap += counts[d];
        agreement = 2 * (double)overlap / (double)(a->end[a->order[d]] + b->end[b->order[d]]);
        sum += weight * agreement;
        weight *= p;
    }
    return fmin(1, (1 - p) * sum + agreement * weight);
}

void cv_ranking_shared(const cv_ranking *a, const cv_ranking *b, const size_t *k, size_t num, uint32_t *shared)
{
    for (size_t i = 0; i < num; i++) shared[i] = 0;
    for (size_t j = 0; num > 0 && j < k[num - 1]; j++) {
        size_t in_b = b->place[a->order[j]], both = in_b > j ? in_b : j, i = 0;
        while (i < num && k[i] <= both) i++;
        if (i < num) shared[i]++;
    }
    for (size_t i = 1; i < num; i++) shared[i] += shared[i - 1];
}
