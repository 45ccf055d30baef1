/* Answers: what a model writes after a prompt while heads are switched off.
 *
 * Prompts pass through the model as tries, one for each group of heads, and leave their keys and values
 * behind. Then all sequences are continued together, a token at a time, each under its own group: every
 * weight matrix meets the new tokens of all of them at once. */
#ifndef CARAVAN_DECODE_H
#define CARAVAN_DECODE_H

#include <caravan/engine.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cv_sampling_kind {
    CV_GREEDY, /* the likeliest token; of equal ones that with the lowest id */
    CV_TOP_K,  /* drawn from the k likeliest by their probabilities at a temperature */
} cv_sampling_kind;

typedef struct cv_sampling {
    cv_sampling_kind kind;
    int k;              /* top_k; above the vocabulary it is the whole */
    double temperature; /* top_k */
    uint64_t seed;      /* top_k */
} cv_sampling;

/* Bad input, naming source, for a k below 1 or a temperature that is not above 0. */
bool cv_sampling_check(const cv_sampling *sampling, const char *source, cv_error *err);

/* A prompt to be continued. */
typedef struct cv_sequence {
    const int32_t *ids; /* [count], count >= 1, borrowed */
    size_t count;
    cv_head_group group;
    cv_sampling sampling;
    uint64_t stream; /* tells its random numbers from those of others with the same seed */
} cv_sequence;

/* Appends to out [count], which begin as {0}, the new tokens of each sequence: at most max_new_tokens,
 * up to a token of the model's eos. That token itself is left out, and stopped [count] tells that it
 * came. Tokens of a sequence depend on what stands in it and not on the others, but for the last bits
 * of products: only between equally likely tokens could they decide. The same call gives the same tokens
 * for any number of threads.
 * The engine's positions must hold the prompts and all new tokens but the last.
 * Bad input: a group that the model cannot have, a switch that changes nothing, damaged weights. */
bool cv_generate(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens, cv_tokens *out,
                 bool *stopped, cv_error *err);

/* What cv_generate will do and need if no sequence stops early: an upper bound, and exact for the
 * operations of answers that are as long as they may be. memory_bytes holds the widened weights. */
cv_wavefront_cost cv_generate_estimate(const cv_model *model, const cv_sequence *sequences, size_t count,
                                       size_t max_new_tokens);

/* The same tokens by the plain engine, which reads the whole text anew for each: the oracle. */
bool cv_plain_generate(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                       cv_tokens *out, bool *stopped, cv_error *err);

#ifdef __cplusplus
}
#endif
#endif
