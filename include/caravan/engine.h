/* The transformer's forward pass, with heads switched off.
 *
 * Two engines compute the same numbers. The plain one makes one pass per (head, prompt) at batch
 * size one: the oracle, and what speed-ups are measured against. The wavefront computes all
 * ablated states of a block of prompts at once, layer by layer over a trie of their tokens.
 * Both are single precision. docs/architecture.md tells how the wavefront works. */
#ifndef CARAVAN_ENGINE_H
#define CARAVAN_ENGINE_H

#include <caravan/base.h>
#include <caravan/model.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cv_ablation_kind {
    CV_UNIFORM_ATTENTION, /* attention scores times epsilon before the softmax */
    CV_VALUE_SCALE,       /* z (the head's output before o_proj) times epsilon */
    CV_MEAN_OVER_HEADS,   /* q, k or z becomes the mean over the layer's heads */
} cv_ablation_kind;

typedef enum cv_mean_of { CV_MEAN_OF_Q, CV_MEAN_OF_K, CV_MEAN_OF_Z } cv_mean_of;

/* What one ablation switches off: a query head, or all query heads that share a key head. */
typedef enum cv_granularity { CV_GRANULARITY_HEAD, CV_GRANULARITY_KV_GROUP } cv_granularity;

typedef struct cv_ablation {
    cv_ablation_kind kind;
    cv_granularity granularity;
    double epsilon;     /* uniform_attention, value_scale; 0 else */
    cv_mean_of mean_of; /* mean_over_heads; CV_MEAN_OF_Q else */
} cv_ablation;

/* One head (or group) of one layer under an ablation; both numbers are 0-based. */
typedef struct cv_ablated_head {
    int layer, head;
    cv_ablation ablation;
} cv_ablated_head;

/* Heads that are switched off together: the one idea behind a sweep's single heads, Sahara's steps and
 * the groups that answers are generated under. Each is computed from the state's own attention before
 * any of its layer is put in place. No head twice. count 0 is the clean model, and so is NULL. */
typedef struct cv_head_group {
    const cv_ablated_head *heads; /* [count], borrowed */
    size_t count;
} cv_head_group;

/* Bad input, naming source, if a head does not exist in the model, stands in the group twice (a query
 * head may be there by itself and by its group of key heads), or its ablation cannot be done. */
bool cv_head_group_check(const cv_head_group *group, const cv_config *config, const char *source, cv_error *err);

/* "uniform_attention", and so on: the job file's words. -1 for an unknown one. */
const char *cv_ablation_kind_name(cv_ablation_kind kind);
int cv_ablation_kind_of(const char *name);
const char *cv_mean_of_name(cv_mean_of mean_of); /* "q", "k", "z" */
int cv_mean_of_of(const char *name);
const char *cv_granularity_name(cv_granularity granularity); /* "head", "kv_group" */
int cv_granularity_of(const char *name);

/* The kind with its parameters where they are not the default, as results are named:
 * "uniform_attention", "uniform_attention-eps1e-05", "value_scale-kv_group", "mean_over_heads-k".
 * Free with free(). */
char *cv_ablation_name(const cv_ablation *ablation);

/* Bad input for parameters that make no sense (epsilon 1 changes nothing, negative, not finite)
 * or that the model cannot have (one head has no other heads to be averaged with). */
bool cv_ablation_check(const cv_ablation *ablation, const cv_config *config, cv_error *err);

/* Heads a layer at this granularity: num_attention_heads, or num_key_value_heads. */
int cv_ablation_heads(const cv_ablation *ablation, const cv_config *config);
/* Query heads that one of them stands for: 1, or the size of a group. */
int cv_ablation_span(const cv_ablation *ablation, const cv_config *config);

/* Floating-point operations done in matrix products and attention (a multiply-add counts 2), and
 * bytes of weights read: a unit's count depends on the unit alone. */
typedef struct cv_work {
    uint64_t operations;
    uint64_t weight_bytes;
} cv_work;

/* A model made ready for forward passes: rotary tables, checked weights. Not for concurrent calls;
 * inside, calls use OpenMP threads. The model must outlive it. positions is the longest prompt. */
typedef struct cv_engine cv_engine;
cv_engine *cv_engine_open(const cv_model *model, int positions);
void cv_engine_close(cv_engine *engine);
const cv_model *cv_engine_model(const cv_engine *engine);
cv_work cv_engine_work(const cv_engine *engine); /* done since it was opened */

/* Plain: the logits [vocab_size] after the last of ids [count], with a group of heads switched off.
 * Bad input: weights that are not finite (named by tensor), a switch that changes nothing. */
bool cv_plain_logits(cv_engine *engine, const int32_t *ids, size_t count, const cv_head_group *group, float *logits,
                     cv_error *err);

/* Plain: the residual stream [hidden_size] after the last layer (resid_post) at the last of ids. */
bool cv_plain_state(cv_engine *engine, const int32_t *ids, size_t count, const cv_head_group *group, float *state,
                    cv_error *err);
/* The logits [vocab_size] that follow from such a state. */
bool cv_plain_project(cv_engine *engine, const float *state, float *logits, cv_error *err);

/* A block of prompts: ids[p] has count[p] >= 1 tokens, all borrowed during the call. */
typedef struct cv_prompt_block {
    size_t num_prompts;
    const int32_t *const *ids;
    const size_t *count;
} cv_prompt_block;

/* The states of a sweep: every head of [head_begin, head_end) in every layer of
 * [layer_begin, layer_end), one switched off in each. Numbered layer by layer, head by head. */
typedef struct cv_head_range {
    cv_ablation ablation;
    int layer_begin, layer_end, head_begin, head_end;
} cv_head_range;

/* How many. */
size_t cv_head_range_states(const cv_head_range *range);

/* Wavefront: the residual stream after the last layer (resid_post) at each prompt's last token.
 * trunk [num_prompts, d] is that of the model with group switched off (NULL: the clean model), and
 * ablated [states, num_prompts, d] that with one head of range more; a head that is in the group
 * already gives the trunk's. Both are the caller's. range NULL: no states, ablated is not used. */
bool cv_wavefront(cv_engine *engine, const cv_prompt_block *prompts, const cv_head_group *group,
                  const cv_head_range *range, float *trunk, float *ablated, cv_error *err);

/* What cv_wavefront will do and need for a block, without doing it: the very operations that it
 * counts, and bytes beside the mapped weights, in one part for the states and one for each thread. */
typedef struct cv_wavefront_cost {
    cv_work work;
    uint64_t memory_bytes;
    uint64_t thread_bytes;
} cv_wavefront_cost;

/* costs [count] of so many ranges of one ablation over one block, with a group switched off. */
void cv_wavefront_estimate(const cv_model *model, const cv_prompt_block *prompts, const cv_head_group *group,
                           const cv_head_range *ranges, size_t count, cv_wavefront_cost *costs);

/* The same for one pass of the plain engine over a prompt up to its state, and for what makes logits of it. */
cv_work cv_plain_estimate(const cv_model *model, size_t tokens);
cv_work cv_plain_project_estimate(const cv_model *model);

#ifdef __cplusplus
}
#endif
#endif
