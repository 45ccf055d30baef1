/* Scores of ablated states. */
#ifndef CARAVAN_SCORE_H
#define CARAVAN_SCORE_H

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* KL(p || q) in nats of the softmax distributions of two rows of logits [n], from log-softmax in
 * double precision; never negative. NaN where a logit is not finite. */
double cv_kl_divergence(const float *p_logits, const float *q_logits, size_t n);

/* Ships (Zhou et al. 2025, Eq. 9) of many states at once: from the residual streams that
 * cv_wavefront gives, clean [num_prompts, d] and ablated [states, num_prompts, d], to
 * ships [states, num_prompts] = KL(p_clean || p_ablated), without storing the logits. */
bool cv_ships(cv_engine *engine, size_t num_prompts, size_t states, const float *clean, const float *ablated,
              double *ships, cv_error *err);

/* Operations and bytes of memory that cv_ships takes beside its arguments; each thread takes
 * thread_bytes more. */
cv_wavefront_cost cv_ships_estimate(const cv_model *model, size_t num_prompts, size_t states);

/* Which state generalized Ships looks at: after the model's final norm, or the residual stream before it. */
typedef enum cv_subspace_state { CV_FINAL_NORM, CV_RESID_POST } cv_subspace_state;

/* "final_norm", "resid_post": the job file's words. -1 for an unknown one. */
const char *cv_subspace_state_name(cv_subspace_state state);
int cv_subspace_state_of(const char *name);

/* Subspaces of 1 to so many dimensions are compared. */
enum { CV_SUBSPACE_RANKS = 8 };

/* Generalized Ships (Zhou et al. 2025, Eq. 11) of many states at once, from the residual streams that
 * cv_wavefront gives, clean [num_prompts, d] and ablated [states, num_prompts, d]. In angles
 * [states, CV_SUBSPACE_RANKS], column r - 1 is the sum in degrees of the r principal angles between the
 * spans of the first r left singular vectors of the two matrices of states, not centred, in double precision.
 * The same bits for any number of threads.
 *
 * NaN stands where a span is not determined: for r beyond min(num_prompts, d) or either matrix's numerical
 * rank, or between two equal singular values. All ranks are NaN for an ablated state that is not finite: the
 * caller knows which head that is and can name it. A clean state that is not finite is bad input. With
 * r = num_prompts the spans are all there is, and the angles 0; angles below some 1e-12 degrees are rounding. */
bool cv_subspace_angles(cv_engine *engine, size_t num_prompts, size_t states, cv_subspace_state state,
                        const float *clean, const float *ablated, double *angles, cv_error *err);

/* What cv_subspace_angles will do and need beside its arguments; each thread takes thread_bytes more.
 * LAPACK's operations are those of textbook formulas, and counted by the same. */
cv_wavefront_cost cv_subspace_estimate(const cv_model *model, size_t num_prompts, size_t states);

/* Judges: whether an answer refuses, by phrases and length; docs/judges.md has every phrase and what each
 * judge is known to get wrong. */
typedef enum cv_judge {
    CV_JUDGE_PAPER,    /* the paper's phrases as they were meant, anywhere; under 32 characters is a refusal */
    CV_JUDGE_RELEASED, /* the released code's list with its faults, for comparison */
    CV_JUDGE_PREFIX,   /* phrases that an answer begins with */
    CV_NUM_JUDGES
} cv_judge;

/* "paper", "released", "prefix". -1 for an unknown name. */
const char *cv_judge_name(cv_judge judge);
int cv_judge_of(const char *name);

/* What the judge goes by, in one line for results; and its phrases [count], which live for ever. */
const char *cv_judge_definition(cv_judge judge);
const char *const *cv_judge_phrases(cv_judge judge, size_t *count);

/* What every judge says about an answer [length], which may hold NUL and invalid UTF-8 (each maximal
 * invalid part is read as U+FFFD, as decoders print it). refused [CV_NUM_JUDGES] is the caller's. */
void cv_judge_answer(const char *answer, size_t length, bool *refused);

/* Whether an answer is language at all, beside what it says. */
typedef struct cv_coherence {
    double repetition;         /* share of the answer that says its most repeated n-gram once more, 0 to 1 */
    double compression;        /* bytes over bytes after deflate; 0 for an empty answer */
    size_t characters;         /* code points, without white space at either end */
    double mean_loglikelihood; /* nats a token under the clean model, given the prompt */
} cv_coherence;

/* Measures an answer [length], any bytes as above; mean_loglikelihood is passed through (NaN where the
 * answer has no token). */
cv_coherence cv_coherence_of(const char *answer, size_t length, double mean_loglikelihood);

typedef struct cv_coherence_limits {
    double max_repetition, max_compression;
    size_t min_characters;
    double min_loglikelihood; /* nats a token */
} cv_coherence_limits;

extern const cv_coherence_limits cv_coherence_defaults; /* why these: docs/judges.md */

/* Within all limits, each of them included. A NaN, and so an answer without a token, is not coherent. */
bool cv_is_coherent(const cv_coherence *coherence, const cv_coherence_limits *limits);

/* Texts whose last part is scored: an answer, or a choice of a question. ids[i] has count[i] tokens, of
 * which the first context[i] are given; 1 <= context[i] < count[i]. All borrowed during calls. */
typedef struct cv_continuations {
    size_t num;
    const int32_t *const *ids;
    const size_t *count;
    const size_t *context;
} cv_continuations;

/* Scored tokens of all of them: the sum of count - context. */
size_t cv_continuations_tokens(const cv_continuations *continuations);

enum { CV_LOGLIKELIHOOD_ROWS = 2048 }; /* a good max_rows where memory is no concern */

/* values [cv_continuations_tokens] = log p(token | all before) in nats, continuation after continuation,
 * with group switched off (NULL: the clean model); log-softmax in double precision. A text may have one
 * token more than the engine has positions, as its last token is not fed to the model.
 *
 * Works through blocks of neighbours that need at most max_rows tokens to be computed (a longer text is
 * a block of its own). Memory grows with max_rows; neighbours that begin alike are cheap. The blocks, and
 * with them the last bits, depend on the continuations and max_rows alone. Bad input: token ids outside
 * the vocabulary, weights that are not finite, a switch that changes nothing. */
bool cv_loglikelihood(cv_engine *engine, const cv_continuations *continuations, const cv_head_group *group,
                      size_t max_rows, double *values, cv_error *err);

/* sums [num] of each continuation's values. */
void cv_loglikelihood_sums(const cv_continuations *continuations, const double *values, double *sums);

/* The very operations that cv_loglikelihood counts, and the bytes that it takes beside its arguments;
 * each thread takes thread_bytes more. */
cv_wavefront_cost cv_loglikelihood_estimate(const cv_model *model, const cv_continuations *continuations,
                                            const cv_head_group *group, size_t max_rows);

#ifdef __cplusplus
}
#endif
#endif
