/* Random numbers that depend on what they are for, and on nothing else.
 *
 * A generator with a hidden state gives numbers that depend on who drew before: on the batch, the
 * rank, the thread. Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC
 * 2011) has none: it is a function of a key and a counter. Here the key is the job's seed, and the
 * counter says which use, which item of that use, and which block of numbers of that item. */
#ifndef CV_RANDOM_H
#define CV_RANDOM_H

#include <stdint.h>

/* Four random words. Word 0 of key and counter is the one with the low bits. */
void cv_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t words[4]);

/* Uses of one seed, listed once, so that no two of them share numbers. Numbers are recorded results:
 * append only. */
typedef enum cv_random_use {
    CV_RANDOM_TOKENS = 1,  /* sampling of answers; item: the sequence */
    CV_RANDOM_HEADS,       /* random groups of heads; item: the group */
    CV_RANDOM_BOOTSTRAP,   /* item: the resample */
    CV_RANDOM_CONTROL,     /* the same, for a second set that is not paired with the first */
    CV_RANDOM_HALVES,      /* item: the split */
    CV_RANDOM_PERMUTATION, /* item: the permutation */
    CV_RANDOM_SPEEDS,      /* of ranks, in a forecast; item: the rank */
    CV_RANDOM_CELLS,       /* that verify computes anew; item: what is drawn of them */
    CV_RANDOM_RESIDUALS,   /* what rankings by harmless prompts leave over; item: the permutation */
} cv_random_use;

/* The numbers of one item, in order. A value: copy it to draw the same again. */
typedef struct cv_random {
    uint32_t key[2];
    uint32_t counter[4]; /* block, use, item (low, high) */
    uint32_t words[4];   /* of the block before counter */
    int used;            /* words taken of them; 4: none left */
} cv_random;

cv_random cv_random_open(uint64_t seed, cv_random_use use, uint64_t item);

/* 32 random bits. An item has 2^34 of these words, after which they come again. */
uint32_t cv_random_word(cv_random *random);

/* A double in [0, 1): a multiple of 2^-53, from two words (the first gives the high bits). */
double cv_random_uniform(cv_random *random);

/* An integer in [0, n), each with the same probability; n > 0. Lemire's method ("Fast Random Integer
 * Generation in an Interval", 2019): the high half of word * n, and a word that would make some
 * integers likelier is passed over. */
uint32_t cv_random_below(cv_random *random, uint32_t n);

/* Puts items[n] into an order drawn with equal probability from all orders. */
void cv_random_shuffle(cv_random *random, uint32_t *items, uint32_t n);

/* The uniform double that an item has at a position, without drawing those before: made of the first
 * two words of block position. */
double cv_random_uniform_at(uint64_t seed, cv_random_use use, uint64_t item, uint32_t position);

#endif
