#include "sweep/evaluate.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <caravan/decode.h>
#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a batch: beyond that many a product gains little, and the memory of their keys and values grows. */
enum { MOST_ANSWERS = 96 };

struct cv_evaluation {
    const cv_inputs *inputs;
    const cv_chosen *chosen;
    cv_answer_row *rows;
    size_t num_rows, capacity;
    cv_answer *answers; /* [total] */
    bool *there;        /* [total] */
    size_t total, put;
};

/* ---- the grid ---- */

static void add_rows(cv_evaluation *e, int model, int ablation, int decode, int group)
{
    const cv_job_evaluate *job = &e->inputs->job.evaluate;
    if (!cv_group_has_rows(&e->inputs->job, group, ablation)) return;
    size_t variants = cv_chosen_at(e->chosen, model, ablation, group, CV_HARMFUL)->variants;
    for (size_t v = 0; v < variants; v++)
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
            size_t count = e->inputs->num_prompts[set] * (size_t)job->decode[decode].samples;
            if (count == 0) continue;
            cv_reserve(&e->rows, &e->capacity, e->num_rows + 1, sizeof *e->rows);
            e->rows[e->num_rows++] =
                (cv_answer_row){model, ablation, group, v, decode, (cv_prompt_set)set, e->total, count};
            e->total += count;
        }
}

cv_evaluation *cv_evaluation_make(const cv_inputs *inputs, const cv_chosen *chosen)
{
    cv_evaluation *e = cv_calloc(1, sizeof *e);
    e->inputs = inputs;
    e->chosen = chosen;
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            for (int d = 0; d < job->evaluate.num_decode; d++)
                for (int g = 0; g < job->evaluate.num_groups; g++) add_rows(e, m, a, d, g);
    e->answers = cv_calloc(e->total, sizeof *e->answers);
    e->there = cv_calloc(e->total, sizeof *e->there);
    return e;
}

void cv_evaluation_free(cv_evaluation *e)
{
    if (!e) return;
    for (size_t i = 0; i < e->total; i++) cv_tokens_free(&e->answers[i].tokens);
    free(e->answers);
    free(e->there);
    free(e->rows);
    free(e);
}

const cv_answer_row *cv_evaluation_rows(const cv_evaluation *e, size_t *count)
{
    *count = e->num_rows;
    return e->rows;
}

char *cv_evaluation_label(const cv_evaluation *e, const cv_answer_row *row)
{
    return cv_groups_label(cv_chosen_at(e->chosen, row->model, row->ablation, row->group, row->set), row->variant);
}

static const cv_answer_row *row_of(const cv_evaluation *e, size_t answer)
{
    size_t low = 0, high = e->num_rows;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (e->rows[middle].first <= answer)
            low = middle;
        else
            high = middle;
    }
    return &e->rows[low];
}

/* What is to be generated for an answer. */
static cv_sequence sequence_of(const cv_evaluation *e, size_t answer)
{
    const cv_answer_row *row = row_of(e, answer);
    const cv_job_decode *decode = &e->inputs->job.evaluate.decode[row->decode];
    size_t prompt = (answer - row->first) / (size_t)decode->samples;
    size_t sample = (answer - row->first) % (size_t)decode->samples;
    const cv_groups *groups = cv_chosen_at(e->chosen, row->model, row->ablation, row->group, row->set);
    const cv_tokens *tokens = &e->inputs->tokens[row->model][row->set][prompt];
    return (cv_sequence){.ids = tokens->ids,
                         .count = tokens->count,
                         .group = cv_groups_at(groups, row->variant, prompt),
                         .sampling = decode->sampling,
                         .stream = (uint64_t)row->set << 63 | (uint64_t)prompt << 32 | sample};
}

static cv_sequence *sequences_of(const cv_evaluation *e, size_t begin, size_t end)
{
    cv_sequence *sequences = cv_alloc(end - begin, sizeof *sequences);
    for (size_t i = begin; i < end; i++) sequences[i - begin] = sequence_of(e, i);
    return sequences;
}

/* ---- texts of prompts and answers ---- */

/* Texts whose answers are to be scored; answers without a token are left out. */
typedef struct texts {
    cv_continuations all;
    const int32_t **ids; /* [all.num], and so the next two; owned, as storage behind them is */
    size_t *count, *context;
    int32_t *storage;
} texts;

static texts texts_open(const cv_sequence *sequences, const cv_tokens *answers, size_t count)
{
    texts t = {.ids = cv_alloc(count, sizeof *t.ids),
               .count = cv_alloc(count, sizeof *t.count),
               .context = cv_alloc(count, sizeof *t.context)};
    size_t tokens = 0, num = 0;
    for (size_t i = 0; i < count; i++) tokens += answers[i].count ? sequences[i].count + answers[i].count : 0;
    int32_t *next = t.storage = cv_alloc(tokens, sizeof *next);
    for (size_t i = 0; i < count; i++) {
        if (answers[i].count == 0) continue;
        memcpy(next, sequences[i].ids, sequences[i].count * sizeof *next);
        memcpy(next + sequences[i].count, answers[i].ids, answers[i].count * sizeof *next);
        t.ids[num] = next;
        t.context[num] = sequences[i].count;
        t.count[num] = sequences[i].count + answers[i].count;
        next += t.count[num++];
    }
    t.all = (cv_continuations){num, t.ids, t.count, t.context};
    return t;
}

static void texts_close(texts *t)
{
    free(t->ids);
    free(t->count);
    free(t->context);
    free(t->storage);
}

/* ---- batches ---- */

/* Of answers as long as they may be. No two begin alike: each has a token of its own, which no model
 * has, so that nothing is taken for shared. */
static cv_wavefront_cost reading_cost(const cv_model *model, const cv_sequence *sequences, size_t count, size_t longest)
{
    int32_t *ids = cv_alloc(count * longest, sizeof *ids);
    cv_tokens *answers = cv_alloc(count, sizeof *answers);
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < longest; t++) ids[i * longest + t] = -1 - (int32_t)i;
        answers[i] = (cv_tokens){ids + i * longest, longest, longest};
    }
    texts t = texts_open(sequences, answers, count);
    cv_wavefront_cost cost = cv_loglikelihood_estimate(model, &t.all, NULL, CV_LOGLIKELIHOOD_ROWS);
    texts_close(&t);
    free(answers);
    free(ids);
    return cost;
}

/* The plain engine reads the whole text anew for each token. */
static uint64_t plain_operations(const cv_model *model, const cv_sequence *sequences, size_t count, size_t longest)
{
    uint64_t operations = count * longest * cv_plain_project_estimate(model).operations;
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < longest; t++) operations += cv_plain_estimate(model, sequences[i].count + t).operations;
    return operations;
}

/* Answers are generated, then read by the clean model: the memory is that of the hungrier. */
static cv_wavefront_cost price(const void *context, size_t begin, size_t end)
{
    const cv_evaluation *e = context;
    int m = row_of(e, begin)->model;
    const cv_model *model = e->inputs->models[m];
    size_t count = end - begin, longest = (size_t)e->inputs->job.evaluate.max_new_tokens;
    cv_sequence *sequences = sequences_of(e, begin, end);
    cv_wavefront_cost cost = cv_generate_estimate(model, sequences, count, longest);
    cv_wavefront_cost reading = reading_cost(model, sequences, count, longest);
    if (e->inputs->job.engine == CV_ENGINE_PLAIN)
        cost.work.operations = plain_operations(model, sequences, count, longest);
    free(sequences);
    reading.memory_bytes += cv_kept_layers_bytes(e->inputs, m);
    cost.work.operations += reading.work.operations;
    cost.work.weight_bytes += reading.work.weight_bytes;
    if (reading.memory_bytes > cost.memory_bytes) cost.memory_bytes = reading.memory_bytes;
    if (reading.thread_bytes > cost.thread_bytes) cost.thread_bytes = reading.thread_bytes;
    return cost;
}

static int model_of(const void *context, size_t answer)
{
    return row_of(context, answer)->model;
}

/* Answers of several rows go together, as long as they are of one model. */
static size_t reach(const void *context, size_t begin)
{
    const cv_evaluation *e = context;
    size_t end = begin;
    int model = model_of(e, begin);
    while (end < e->total && end - begin < MOST_ANSWERS && model_of(e, end) == model) end++;
    return end;
}

cv_batch *cv_evaluation_plan(const cv_evaluation *e, size_t *count, cv_error *err)
{
    cv_batching batching = {e->inputs, "answer", e->total, e, model_of, reach, price};
    return cv_batches_cut(&batching, count, err);
}

int cv_evaluation_model(const cv_evaluation *e, const cv_batch *batch)
{
    return model_of(e, (size_t)batch->begin);
}

void cv_evaluation_describe(const cv_evaluation *e, const cv_batch *batch, cv_buffer *out)
{
    for (size_t i = (size_t)batch->begin; i < batch->end; i++) {
        const cv_answer_row *row = row_of(e, i);
        const int64_t parts[] = {row->ablation, row->group, row->decode, row->set, (int64_t)(i - row->first)};
        cv_put_text(out, e->inputs->job.models[row->model].name);
        cv_put_array(out, parts, sizeof parts / sizeof parts[0], sizeof parts[0]);
        cv_head_group group = sequence_of(e, i).group;
        cv_put_heads(out, group.heads, group.count);
    }
}

/* ---- a batch's answers ---- */

/* Each answer's mean log-likelihood under the clean model; NaN where it has no token. */
static bool measure(cv_engine *engine, const cv_sequence *sequences, const cv_tokens *answers, size_t count,
                    double *means, cv_error *err)
{
    texts t = texts_open(sequences, answers, count);
    double *values = cv_alloc(cv_continuations_tokens(&t.all), sizeof *values);
    double *sums = cv_alloc(t.all.num, sizeof *sums);
    bool ok = cv_loglikelihood(engine, &t.all, NULL, CV_LOGLIKELIHOOD_ROWS, values, err);
    if (ok) {
        const double *next = sums;
        cv_loglikelihood_sums(&t.all, values, sums);
        for (size_t i = 0; i < count; i++)
            means[i] = answers[i].count > 0 ? *next++ / (double)answers[i].count : (double)NAN;
    }
    texts_close(&t);
    free(values);
    free(sums);
    return ok;
}

bool cv_evaluation_run(const cv_evaluation *e, cv_engine *engine, const cv_batch *batch, cv_buffer *out, cv_error *err)
{
    size_t count = (size_t)(batch->end - batch->begin), longest = (size_t)e->inputs->job.evaluate.max_new_tokens;
    cv_sequence *sequences = sequences_of(e, (size_t)batch->begin, (size_t)batch->end);
    cv_tokens *answers = cv_calloc(count, sizeof *answers);
    bool *stopped = cv_calloc(count, sizeof *stopped);
    double *means = cv_alloc(count, sizeof *means);
    bool plain = e->inputs->job.engine == CV_ENGINE_PLAIN;
    bool ok = (plain ? cv_plain_generate : cv_generate)(engine, sequences, count, longest, answers, stopped, err) &&
              measure(engine, sequences, answers, count, means, err);
    for (size_t i = 0; ok && i < count; i++) {
        cv_put_array(out, answers[i].ids, answers[i].count, sizeof *answers[i].ids);
        cv_put_u64(out, stopped[i]);
        cv_put_double(out, means[i]);
    }
    for (size_t i = 0; i < count; i++) cv_tokens_free(&answers[i]);
    free(sequences);
    free(answers);
    free(stopped);
    free(means);
    return ok;
}

/* An answer from bytes; clears in->ok for one that no model gives. */
static cv_answer get_answer(const cv_evaluation *e, int model, cv_cursor *in)
{
    cv_answer answer = {0};
    int32_t vocab_size = e->inputs->models[model]->config.vocab_size;
    answer.tokens.ids = cv_get_array(in, &answer.tokens.count, sizeof *answer.tokens.ids);
    answer.tokens.capacity = answer.tokens.count;
    uint64_t stopped = cv_get_u64(in);
    answer.stopped = stopped == 1;
    answer.mean_loglikelihood = cv_get_double(in);
    if (answer.tokens.count > (size_t)e->inputs->job.evaluate.max_new_tokens || stopped > 1) in->ok = false;
    if (answer.tokens.count ? !isfinite(answer.mean_loglikelihood) : !isnan(answer.mean_loglikelihood)) in->ok = false;
    for (size_t t = 0; t < answer.tokens.count; t++)
        if (answer.tokens.ids[t] < 0 || answer.tokens.ids[t] >= vocab_size) in->ok = false;
    return answer;
}

bool cv_evaluation_put(cv_evaluation *e, const cv_batch *batch, const char *bytes, size_t length, cv_error *err)
{
    assert(batch->begin < batch->end && batch->end <= e->total);
    size_t begin = (size_t)batch->begin, count = (size_t)(batch->end - batch->begin);
    int model = model_of(e, begin);
    cv_answer *answers = cv_calloc(count, sizeof *answers);
    cv_cursor in = cv_cursor_at(bytes, length);
    for (size_t i = 0; in.ok && i < count; i++) answers[i] = get_answer(e, model, &in);
    bool ok =
        cv_cursor_done(&in) || cv_failed(err, "answers %zu to %zu arrived damaged, or their measures are not numbers",
                                         begin + 1, begin + count);
    for (size_t i = 0; i < count; i++) {
        cv_answer *mine = &e->answers[begin + i];
        cv_tokens_free(ok ? &mine->tokens : &answers[i].tokens);
        if (!ok) continue;
        *mine = answers[i];
        e->put += !e->there[begin + i];
        e->there[begin + i] = true;
    }
    free(answers);
    return ok;
}

const cv_answer *cv_evaluation_answers(const cv_evaluation *e)
{
    return e->put == e->total ? e->answers : NULL;
}
