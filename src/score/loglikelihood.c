#include "score/loglikelihood.h"

#include "base/memory.h"
#include "engine/engine.h"
#include "score/slices.h"

#include <assert.h>
#include <stdlib.h>

/* ---- blocks and prefixes ---- */

/* Tokens that the inputs of two continuations (all but their last tokens) have in common. */
static size_t shared_start(const cv_continuations *c, size_t i, size_t j)
{
    size_t most = (c->count[i] < c->count[j] ? c->count[i] : c->count[j]) - 1, n = 0;
    while (n < most && c->ids[i][n] == c->ids[j][n]) n++;
    return n;
}

size_t cv_loglikelihood_block(const cv_continuations *c, size_t begin, size_t max_rows)
{
    size_t end = begin;
    for (size_t rows = 0; end < c->num; end++) {
        rows += c->count[end] - 1 - (end > begin ? shared_start(c, end - 1, end) : 0);
        if (end > begin && rows > max_rows) break;
    }
    return end;
}

size_t cv_continuations_tokens(const cv_continuations *c)
{
    size_t tokens = 0;
    for (size_t i = 0; i < c->num; i++) {
        assert(c->context[i] >= 1 && c->context[i] < c->count[i]);
        tokens += c->count[i] - c->context[i];
    }
    return tokens;
}

static size_t tokens_of(const cv_continuations *c, size_t begin, size_t end)
{
    size_t tokens = 0;
    for (size_t i = begin; i < end; i++) tokens += c->count[i] - c->context[i];
    return tokens;
}

/* Adds continuation i. Where the one before has a prefix already, its number is taken: it stands at
 * before, the place of that one's first token (unused for the first of the block). */
static void add_prefixes(cv_prefixes *p, const cv_continuations *c, size_t i, bool first, size_t before)
{
    size_t shared = first ? 0 : shared_start(c, i - 1, i);
    for (size_t length = c->context[i]; length < c->count[i]; length++) {
        bool known = length <= shared && length >= c->context[i - 1];
        if (!known) {
            p->ids[p->num] = c->ids[i];
            p->count[p->num] = length;
        }
        p->prefix[p->num_tokens] = known ? p->prefix[before + length - c->context[i - 1]] : p->num++;
        p->token[p->num_tokens++] = c->ids[i][length];
    }
}

cv_prefixes cv_prefixes_make(const cv_continuations *c, size_t begin, size_t end)
{
    size_t tokens = tokens_of(c, begin, end), before = 0;
    cv_prefixes p = {0};
    p.ids = cv_alloc(tokens, sizeof *p.ids);
    p.count = cv_alloc(tokens, sizeof *p.count);
    p.prefix = cv_alloc(tokens, sizeof *p.prefix);
    p.token = cv_alloc(tokens, sizeof *p.token);
    for (size_t i = begin; i < end; i++) {
        size_t at = p.num_tokens;
        add_prefixes(&p, c, i, i == begin, before);
        before = at;
    }
    return p;
}

void cv_prefixes_free(cv_prefixes *p)
{
    free(p->ids);
    free(p->count);
    free(p->prefix);
    free(p->token);
}

/* ---- the vocabulary ---- */

/* The rows after the final norm, one for each prefix, and what is kept of their logits. */
typedef struct scored {
    cv_slices slices;
    const cv_prefixes *prefixes;
    float *rows;   /* [prefixes, d] */
    cv_lse *lse;   /* [prefixes] */
    size_t *first; /* [prefixes] a prefix's first token, as an index; the next ones hang on next */
    size_t *next;  /* [tokens], SIZE_MAX at the end */
    double *logit; /* [tokens] of the scored tokens */
} scored;

static scored scored_open(cv_engine *engine, const cv_prefixes *p, double *logit)
{
    scored s = {.slices = cv_slices_open(engine), .prefixes = p, .logit = logit};
    s.rows = cv_alloc_floats(p->num * engine->shape.d);
    s.lse = cv_alloc(p->num, sizeof *s.lse);
    s.first = cv_alloc(p->num, sizeof *s.first);
    s.next = cv_alloc(p->num_tokens, sizeof *s.next);
    for (size_t i = 0; i < p->num; i++) {
        s.lse[i] = cv_lse_start();
        s.first[i] = SIZE_MAX;
    }
    for (size_t t = 0; t < p->num_tokens; t++) {
        s.next[t] = s.first[p->prefix[t]];
        s.first[p->prefix[t]] = t;
    }
    return s;
}

static void scored_close(scored *s)
{
    cv_slices_close(&s->slices);
    free(s->rows);
    free(s->lse);
    free(s->first);
    free(s->next);
}

/* One prefix meets a slice: logits [count] of tokens from first on. */
static void take(scored *s, size_t prefix, const double *logits, size_t first, size_t count)
{
    cv_lse_grow(&s->lse[prefix], logits, count);
    for (size_t t = s->first[prefix]; t != SIZE_MAX; t = s->next[t]) {
        size_t token = (size_t)s->prefixes->token[t];
        if (token >= first && token - first < count) s->logit[t] = logits[token - first];
    }
}

static void take_slice(void *context, size_t first, size_t count)
{
    scored *s = context;
    size_t num = s->prefixes->num, d = s->slices.d;
#pragma omp parallel for schedule(dynamic)
    for (size_t begin = 0; begin < num; begin += CV_SLICE_ROWS) {
        size_t rows = num - begin < CV_SLICE_ROWS ? num - begin : CV_SLICE_ROWS;
        const double *logits = cv_slices_logits(&s->slices, rows, d, s->rows + begin * d, count);
        for (size_t i = 0; i < rows; i++) take(s, begin + i, logits + i * count, first, count);
    }
}

/* values [tokens] from the last states of the prefixes [prefixes, d]. */
static bool score_rows(cv_engine *engine, const cv_prefixes *p, const float *states, double *values, cv_error *err)
{
    scored s = scored_open(engine, p, values);
    bool ok =
        cv_engine_final_norm(engine, p->num, states, s.rows, err) && cv_slices_each(&s.slices, take_slice, &s, err);
    cv_engine_count(engine, p->num, s.slices.V, s.slices.d);
    for (size_t t = 0; ok && t < p->num_tokens; t++) values[t] -= cv_lse_value(&s.lse[p->prefix[t]]);
    scored_close(&s);
    return ok;
}

/* ---- the whole ---- */

static bool check_tokens(const cv_engine *engine, const cv_prefixes *p, cv_error *err)
{
    for (size_t t = 0; t < p->num_tokens; t++)
        if (p->token[t] < 0 || (size_t)p->token[t] >= engine->shape.V)
            return cv_bad_input(err, "%s: token %d is outside the model's vocabulary of %zu", engine->model->path,
                                (int)p->token[t], engine->shape.V);
    return true;
}

static bool score_block(cv_engine *engine, const cv_prefixes *p, const cv_head_group *group, double *values,
                        cv_error *err)
{
    if (!check_tokens(engine, p, err)) return false;
    cv_prompt_block prompts = {p->num, p->ids, p->count};
    float *states = cv_alloc_floats(p->num * engine->shape.d);
    bool ok =
        cv_wavefront(engine, &prompts, group, NULL, states, NULL, err) && score_rows(engine, p, states, values, err);
    free(states);
    return ok;
}

bool cv_loglikelihood(cv_engine *engine, const cv_continuations *c, const cv_head_group *group, size_t max_rows,
                      double *values, cv_error *err)
{
    bool ok = true;
    for (size_t begin = 0, end; ok && begin < c->num; begin = end) {
        end = cv_loglikelihood_block(c, begin, max_rows);
        cv_prefixes p = cv_prefixes_make(c, begin, end);
        ok = score_block(engine, &p, group, values, err);
        values += p.num_tokens;
        cv_prefixes_free(&p);
    }
    return ok;
}

void cv_loglikelihood_sums(const cv_continuations *c, const double *values, double *sums)
{
    for (size_t i = 0; i < c->num; i++) {
        sums[i] = 0;
        for (size_t t = c->context[i]; t < c->count[i]; t++) sums[i] += *values++;
    }
}

static cv_wavefront_cost block_cost(const cv_model *model, const cv_prefixes *p, const cv_head_group *group)
{
    static const cv_head_range no_heads = {0};
    cv_prompt_block prompts = {p->num, p->ids, p->count};
    cv_wavefront_cost wave, slices = cv_slices_estimate(model, p->num, 1);
    cv_wavefront_estimate(model, &prompts, group, &no_heads, 1, &wave);
    uint64_t d = (uint64_t)model->config.hidden_size;
    uint64_t kept = p->num * (d * sizeof(float) + sizeof(cv_lse) + sizeof(size_t)) + p->num_tokens * sizeof(size_t);
    slices.memory_bytes += kept;
    /* The wavefront is gone when the vocabulary begins; what both share are states and prefixes. */
    uint64_t shared =
        p->num * d * sizeof(float) + p->num_tokens * (sizeof *p->ids + 2 * sizeof(size_t) + sizeof(int32_t));
    return (cv_wavefront_cost){
        .work = {wave.work.operations + slices.work.operations, wave.work.weight_bytes + slices.work.weight_bytes},
        .memory_bytes = shared + (wave.memory_bytes > slices.memory_bytes ? wave.memory_bytes : slices.memory_bytes),
        .thread_bytes = wave.thread_bytes > slices.thread_bytes ? wave.thread_bytes : slices.thread_bytes,
    };
}

cv_wavefront_cost cv_loglikelihood_estimate(const cv_model *model, const cv_continuations *c,
                                            const cv_head_group *group, size_t max_rows)
{
    cv_wavefront_cost cost = {0};
    for (size_t begin = 0, end; begin < c->num; begin = end) {
        end = cv_loglikelihood_block(c, begin, max_rows);
        cv_prefixes p = cv_prefixes_make(c, begin, end);
        cv_wavefront_cost block = block_cost(model, &p, group);
        cost.work.operations += block.work.operations;
        cost.work.weight_bytes += block.work.weight_bytes;
        if (block.memory_bytes > cost.memory_bytes) cost.memory_bytes = block.memory_bytes;
        if (block.thread_bytes > cost.thread_bytes) cost.thread_bytes = block.thread_bytes;
        cv_prefixes_free(&p);
    }
    return cost;
}
