#include "engine/decode.h"

#include "base/memory.h"
#include "engine/next_token.h"
#include "engine/sample.h"
#include "engine/step.h"

#include <stdlib.h>
#include <string.h>

/* ---- what both engines do alike ---- */

static bool check_one(const cv_engine *engine, const cv_sequence *sequence, size_t max_new_tokens, cv_error *err)
{
    const char *path = engine->model->path;
    size_t positions = engine->positions;
    if (sequence->count == 0) return cv_bad_input(err, "%s: a prompt without tokens cannot be continued", path);
    if (sequence->count > positions || max_new_tokens > positions - sequence->count + 1)
        return cv_bad_input(err, "%s: a prompt of %zu tokens and %zu new ones do not fit into %zu positions", path,
                            sequence->count, max_new_tokens, positions);
    return cv_head_group_check(&sequence->group, &engine->model->config, path, err) &&
           cv_sampling_check(&sequence->sampling, path, err);
}

bool cv_sequences_check(const cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                        cv_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!check_one(engine, &sequences[i], max_new_tokens, err)) return false;
    return true;
}

bool cv_is_eos(const cv_model *model, int32_t token)
{
    for (size_t i = 0; i < model->num_eos; i++)
        if (model->eos[i] == token) return true;
    return false;
}

void cv_append_token(cv_tokens *tokens, int32_t token)
{
    cv_reserve(&tokens->ids, &tokens->capacity, tokens->count + 1, sizeof *tokens->ids);
    tokens->ids[tokens->count++] = token;
}

bool cv_keeps_layers(const cv_model *model)
{
    uint64_t bytes;
    return cv_mul_u64(cv_layer_weights_bytes(model), (uint64_t)model->config.num_hidden_layers, &bytes) &&
           bytes <= CV_KEPT_LAYERS_BYTES;
}

/* ---- the batch ---- */

typedef struct batch {
    cv_engine *engine;
    const cv_sequence *sequences; /* [count] */
    size_t count, max_new_tokens;
    cv_weights_of weights_of;
    cv_prefill prefill;
    cv_past *pasts; /* [count] */
    size_t *live;   /* [num_live] sequences that are continued, ascending */
    size_t num_live;
    cv_wish *wishes; /* [num_live] */
    int32_t *tokens; /* [num_live] the newest */
    size_t *places;  /* [num_live] their positions */
    cv_tokens *out;  /* [count], the caller's */
    bool *stopped;   /* [count], the caller's */
} batch;

static void batch_open(batch *b)
{
    b->prefill = cv_prefill_make(b->sequences, b->count);
    b->pasts = cv_calloc(b->count, sizeof *b->pasts);
    b->live = cv_alloc(b->count, sizeof *b->live);
    b->wishes = cv_alloc(b->count, sizeof *b->wishes);
    b->tokens = cv_alloc(b->count, sizeof *b->tokens);
    b->places = cv_alloc(b->count, sizeof *b->places);
    for (size_t i = 0; i < b->count; i++) b->live[i] = i;
    b->num_live = b->count;
}

static void batch_close(batch *b)
{
    for (size_t i = 0; i < b->count; i++) cv_past_free(&b->pasts[i]);
    cv_prefill_free(&b->prefill);
    free(b->pasts);
    free(b->live);
    free(b->wishes);
    free(b->tokens);
    free(b->places);
}

/* The next token of every live sequence from its last state, x [num_live, d]. */
static bool choose(batch *b, float *x, cv_error *err)
{
    for (size_t i = 0; i < b->num_live; i++) {
        const cv_sequence *sequence = &b->sequences[b->live[i]];
        b->wishes[i] = (cv_wish){sequence, sequence->count + b->out[b->live[i]].count};
    }
    return cv_next_tokens(b->engine, b->num_live, x, b->wishes, b->tokens, err);
}

/* Tokens go to their answers; answers that end leave the batch, and the others close up. */
static void hand_out(batch *b)
{
    size_t staying = 0;
    for (size_t i = 0; i < b->num_live; i++) {
        size_t sequence = b->live[i];
        int32_t token = b->tokens[i];
        b->stopped[sequence] = cv_is_eos(b->engine->model, token);
        if (!b->stopped[sequence]) cv_append_token(&b->out[sequence], token);
        if (b->stopped[sequence] || b->out[sequence].count == b->max_new_tokens) {
            cv_past_free(&b->pasts[sequence]);
            continue;
        }
        b->live[staying] = sequence;
        b->tokens[staying++] = token;
    }
    b->num_live = staying;
}

/* The prompts, and the first token of each answer. */
static bool read_prompts(batch *b, cv_error *err)
{
    size_t d = b->engine->shape.d;
    if (!cv_prefill_run(&b->prefill, b->engine, b->weights_of, err)) return false;
    float *x = cv_alloc_floats(b->count * d);
    for (size_t i = 0; i < b->count; i++)
        memcpy(x + i * d, b->prefill.prefixes[b->prefill.prefix_of[i]].trunk.ends + b->prefill.end_of[i] * d,
               d * sizeof *x);
    cv_prefill_close_trunks(&b->prefill);
    bool ok = choose(b, x, err);
    free(x);
    if (ok) hand_out(b);
    return ok;
}

/* Sums over the prompts' values, and room for the answers. */
static void open_pasts(batch *b)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < b->num_live; i++) {
        size_t sequence = b->live[i];
        const cv_prefix *prefix = &b->prefill.prefixes[b->prefill.prefix_of[sequence]];
        size_t end_row = prefix->trie.end_row[b->prefill.end_of[sequence]];
        b->pasts[sequence] = cv_past_make(b->engine, &prefix->trie, end_row, prefix->kv, b->max_new_tokens - 1,
                                          &b->sequences[sequence].group);
    }
}

static cv_step make_step(const batch *b)
{
    size_t longest = 1, runs = 1;
    for (size_t i = 0; i < b->num_live; i++) {
        const cv_cache *cache = &b->pasts[b->live[i]].cache;
        if (cache->prompt_tokens + cache->capacity > longest) longest = cache->prompt_tokens + cache->capacity;
        if (cv_cache_runs(cache) > runs) runs = cv_cache_runs(cache);
    }
    return cv_step_make(b->engine, b->num_live, longest, runs);
}

/* The newest token of every live sequence passes through the model; the next is chosen. */
static bool advance(batch *b, cv_step *step, cv_error *err)
{
    const cv_shape *s = &b->engine->shape;
    step->B = b->num_live;
    for (size_t i = 0; i < b->num_live; i++) {
        step->past[i] = &b->pasts[b->live[i]];
        b->places[i] = step->past[i]->cache.prompt_tokens + step->past[i]->cache.count;
    }
    if (!cv_engine_embed(b->engine, b->tokens, b->places, b->num_live, step->x, err)) return false;
    for (size_t l = 0; l < s->L; l++) {
        const cv_layer_weights *weights = b->weights_of(b->engine, l, err);
        if (!weights) return false;
        cv_step_layer(step, l, weights);
        if (!cv_engine_check_stream(b->engine, l, step->x, step->B * s->d, err)) return false;
    }
    for (size_t i = 0; i < b->num_live; i++) step->past[i]->cache.count++;
    if (!choose(b, step->x, err)) return false;
    hand_out(b);
    return true;
}

bool cv_generate_by(cv_engine *engine, cv_weights_of weights_of, const cv_sequence *sequences, size_t count,
                    size_t max_new_tokens, cv_tokens *out, bool *stopped, cv_error *err)
{
    if (!cv_sequences_check(engine, sequences, count, max_new_tokens, err)) return false;
    for (size_t i = 0; i < count; i++) stopped[i] = false;
    if (count == 0 || max_new_tokens == 0) return true;
    batch b = {.engine = engine,
               .sequences = sequences,
               .count = count,
               .max_new_tokens = max_new_tokens,
               .weights_of = weights_of,
               .out = out,
               .stopped = stopped};
    batch_open(&b);
    bool ok = read_prompts(&b, err);
    if (ok && b.num_live > 0) {
        open_pasts(&b);
        cv_step step = make_step(&b);
        while (ok && b.num_live > 0) ok = advance(&b, &step, err);
        cv_step_free(&step);
    }
    batch_close(&b);
    return ok;
}

bool cv_generate(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens, cv_tokens *out,
                 bool *stopped, cv_error *err)
{
    cv_weights_of weights_of = cv_keeps_layers(engine->model) ? cv_engine_plain_layer : cv_engine_layer;
    return cv_generate_by(engine, weights_of, sequences, count, max_new_tokens, out, stopped, err);
}

/* ---- what it takes ---- */

/* About what OpenBLAS touches of its own memory on each thread. */
enum { BLAS_BYTES = 2 << 20 };

/* All steps of one sequence. */
static uint64_t step_operations(const cv_model *model, const cv_sequence *sequence, size_t max_new_tokens)
{
    uint64_t operations = 0;
    for (int l = 0; l < model->config.num_hidden_layers; l++)
        operations += cv_steps_operations(&model->config, &sequence->group, (size_t)l, sequence->count + 1,
                                          sequence->count + max_new_tokens - 1);
    return operations;
}

/* If all layers are taken anew for every token. */
static uint64_t bytes_read(const cv_model *model, size_t max_new_tokens)
{
    const cv_tensor *head = &model->lm_head;
    uint64_t bytes = (uint64_t)head->rows * (uint64_t)head->columns * cv_dtype_size(head->dtype);
    for (int l = 0; l < model->config.num_hidden_layers; l++) bytes += cv_layer_file_bytes(&model->layers[l]);
    return bytes * max_new_tokens;
}

static uint64_t layers_bytes(const cv_model *model)
{
    uint64_t layers = cv_keeps_layers(model) ? (uint64_t)model->config.num_hidden_layers : 1;
    return layers * cv_layer_weights_bytes(model);
}

cv_wavefront_cost cv_generate_estimate(const cv_model *model, const cv_sequence *sequences, size_t count,
                                       size_t max_new_tokens)
{
    cv_shape s = cv_shape_of(&model->config);
    if (count == 0 || max_new_tokens == 0) return (cv_wavefront_cost){0};
    cv_prefill prefill = cv_prefill_make(sequences, count);
    cv_prefill_cost prompts = cv_prefill_estimate(&prefill, model);
    cv_prefill_free(&prefill);
    cv_wavefront_cost cost = {.work = {prompts.operations, bytes_read(model, max_new_tokens)}};
    size_t longest = 0, k = 1, entries = 0, capacity = max_new_tokens - 1;
    for (size_t i = 0; i < count; i++) {
        size_t candidates = cv_sampling_candidates(&sequences[i].sampling, s.V);
        if (candidates > k) k = candidates;
        if (sequences[i].count + max_new_tokens > longest) longest = sequences[i].count + max_new_tokens;
        entries += sequences[i].group.count;
        cost.work.operations +=
            2 * (uint64_t)max_new_tokens * s.V * s.d + step_operations(model, &sequences[i], max_new_tokens);
    }
    uint64_t steps = count * (cv_cache_floats(&s, capacity) + cv_step_row_floats(&s)) * sizeof(float) +
                     entries * s.D * sizeof(double) + count * (sizeof(cv_past) + longest * sizeof(cv_stretch));
    uint64_t states = count * s.d * sizeof(float);
    cost.memory_bytes = layers_bytes(model) + prompts.kept_bytes +
                        (steps > prompts.passing_bytes ? steps : prompts.passing_bytes) + states;
    uint64_t thread = (cv_step_thread_floats(&s, longest) * sizeof(float)) + longest * sizeof(cv_run);
    thread += cv_next_token_bytes(model, count, k);
    cost.thread_bytes = (thread > prompts.thread_bytes ? thread : prompts.thread_bytes) + BLAS_BYTES;
    return cost;
}
