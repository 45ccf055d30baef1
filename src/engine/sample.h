/* From logits to a token.
 *
 * The vocabulary is seen in slices, by several threads, so what is kept of it is a list of the largest
 * logits so far. Their order is total (of equal logits the lowest id comes first), so the list does not
 * depend on how the vocabulary was cut. */
#ifndef CV_SAMPLE_H
#define CV_SAMPLE_H

#include <caravan/decode.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_candidate {
    float logit;
    int32_t id;
} cv_candidate;

/* The k largest logits so far, as a heap: the first item is the one that would go next. */
typedef struct cv_best {
    cv_candidate *items; /* [k], the caller's */
    size_t k, count;
} cv_best;

/* Candidates that a sampling wants to see: 1, or k within the vocabulary. */
size_t cv_sampling_candidates(const cv_sampling *sampling, size_t vocabulary);

void cv_best_add(cv_best *best, cv_candidate candidate);
/* logits [count] of tokens first, first + 1, ...; none may be NaN. */
void cv_best_add_slice(cv_best *best, const float *logits, size_t count, size_t first);

/* Largest first, once all are in. */
void cv_best_sort(cv_best *best);

/* The token for one number in [0, 1): softmax over the sorted candidates at the sampling's temperature, in
 * double precision; the first candidate whose share of probabilities added up exceeds uniform. */
int32_t cv_sample(const cv_sampling *sampling, const cv_best *best, double uniform);

/* The same for the sequence's token at a position of its text, with the random number that it has there. */
int32_t cv_sample_at(const cv_sequence *sequence, const cv_best *best, size_t position);

#endif
