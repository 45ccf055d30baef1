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

#ifdef __cplusplus
}
#endif
#endif
