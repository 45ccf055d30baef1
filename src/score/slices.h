/* The product of states with lm_head, in slices of the vocabulary.
 *
 * All logits of many states would fill the memory, and scores need only sums over them. So each slice
 * of lm_head meets the rows of all states, tile by tile, and what a score keeps of a row grows with
 * every slice: often a log-sum-exp.
 *
 * The product is in double precision. Scores are small differences of large logits, and in single
 * precision the rounding of this one product was most of a score's error. */
#ifndef CV_SLICES_H
#define CV_SLICES_H

#include <caravan/engine.h>

#include <stddef.h>

enum { CV_SLICE = 1024, CV_SLICE_ROWS = 128 };

/* A log-sum-exp that grows slice by slice: log of sum times exp(largest). */
typedef struct cv_lse {
    double largest, sum;
} cv_lse;
cv_lse cv_lse_start(void);
void cv_lse_grow(cv_lse *lse, const double *logits, size_t n);
double cv_lse_value(const cv_lse *lse);

typedef struct cv_slices {
    cv_engine *engine;
    size_t d, V;
    float *narrow;  /* [CV_SLICE, d] of lm_head where it must be widened, else NULL */
    double *head;   /* [CV_SLICE, d] the slice at hand */
    double *rows;   /* [threads, CV_SLICE_ROWS, d] */
    double *logits; /* [threads, CV_SLICE_ROWS, CV_SLICE] */
} cv_slices;

cv_slices cv_slices_open(cv_engine *engine);
void cv_slices_close(cv_slices *slices);

/* Called with every slice of the vocabulary in turn, outside parallel regions: tokens
 * [first, first + count). */
typedef void (*cv_slice_user)(void *context, size_t first, size_t count);

/* Bad input: weights of lm_head that are not finite. */
bool cv_slices_each(cv_slices *slices, cv_slice_user use, void *context, cv_error *err);

/* The calling thread's logits [num_rows, count] for the slice at hand, valid until its next call.
 * Row i is rows + i * stride, [d]; num_rows is at most CV_SLICE_ROWS. */
const double *cv_slices_logits(cv_slices *slices, size_t num_rows, size_t stride, const float *rows, size_t count);

/* Operations for so many rows when lm_head is read passes times, and the bytes held. */
cv_wavefront_cost cv_slices_estimate(const cv_model *model, size_t rows, size_t passes);

#endif
