#include "engine/sample.h"

#include "base/random.h"
#include "base/simd.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

bool cv_sampling_check(const cv_sampling *sampling, const char *source, cv_error *err)
{
    if (sampling->kind == CV_GREEDY) return true;
    if (sampling->k < 1) return cv_bad_input(err, "%s: top_k with k %d; it must be at least 1", source, sampling->k);
    if (!(sampling->temperature > 0) || !isfinite(sampling->temperature))
        return cv_bad_input(err, "%s: top_k with temperature %g; it must be above 0", source, sampling->temperature);
    return true;
}

size_t cv_sampling_candidates(const cv_sampling *sampling, size_t vocabulary)
{
    if (sampling->kind == CV_GREEDY) return 1;
    return (size_t)sampling->k < vocabulary ? (size_t)sampling->k : vocabulary;
}

static bool comes_before(cv_candidate a, cv_candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void swap(cv_candidate *a, cv_candidate *b)
{
    cv_candidate kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(cv_candidate *items, size_t place)
{
    for (size_t above; place > 0 && comes_before(items[above = (place - 1) / 2], items[place]); place = above)
        swap(&items[above], &items[place]);
}

static void sift_down(cv_candidate *items, size_t count)
{
    for (size_t place = 0, below; (below = 2 * place + 1) < count; place = below) {
        if (below + 1 < count && comes_before(items[below], items[below + 1])) below++;
        if (!comes_before(items[place], items[below])) return;
        swap(&items[place], &items[below]);
    }
}

void cv_best_add(cv_best *best, cv_candidate candidate)
{
    if (best->count < best->k) {
        best->items[best->count++] = candidate;
        sift_up(best->items, best->count - 1);
    } else if (comes_before(candidate, best->items[0])) {
        best->items[0] = candidate;
        sift_down(best->items, best->count);
    }
}

static int by_order(const void *left, const void *right)
{
    const cv_candidate *a = left, *b = right;
    return comes_before(*b, *a) - comes_before(*a, *b);
}

void cv_best_sort(cv_best *best)
{
    qsort(best->items, best->count, sizeof *best->items, by_order);
}

CV_SIMD static float largest_of(const float *logits, size_t count)
{
    float largest = logits[0];
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < count; i++) largest = logits[i] > largest ? logits[i] : largest;
    return largest;
}

void cv_best_add_slice(cv_best *best, const float *logits, size_t count, size_t first)
{
    enum { STRETCH = 128 }; /* most stretches hold nothing large and are passed over at once */
    for (size_t begin = 0; begin < count; begin += STRETCH) {
        size_t length = count - begin < STRETCH ? count - begin : STRETCH;
        if (best->count == best->k && largest_of(logits + begin, length) < best->items[0].logit) continue;
        for (size_t i = begin; i < begin + length; i++)
            cv_best_add(best, (cv_candidate){logits[i], (int32_t)(first + i)});
    }
}

int32_t cv_sample(const cv_sampling *sampling, const cv_best *best, double uniform)
{
    assert(best->count > 0);
    if (sampling->kind == CV_GREEDY) return best->items[0].id;
    double largest = (double)best->items[0].logit, total = 0, sum = 0;
    for (size_t i = 0; i < best->count; i++)
        total += exp(((double)best->items[i].logit - largest) / sampling->temperature);
    for (size_t i = 0; i + 1 < best->count; i++) {
        sum += exp(((double)best->items[i].logit - largest) / sampling->temperature);
        if (uniform * total < sum) return best->items[i].id;
    }
    return best->items[best->count - 1].id;
}

int32_t cv_sample_at(const cv_sequence *sequence, const cv_best *best, size_t position)
{
    const cv_sampling *sampling = &sequence->sampling;
    double uniform = sampling->kind == CV_GREEDY
                         ? 0
                         : cv_random_uniform_at(sampling->seed, CV_RANDOM_TOKENS, sequence->stream, (uint32_t)position);
    return cv_sample(sampling, best, uniform);
}
