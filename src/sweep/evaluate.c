#include "sweep/evaluate.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <caravan/decode.h>
#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* A batch wants MOST_ANSWERS, as each weight then meets that many tokens at once; fewer where the
 * memory is short. The automatic budget is what the weights take, and at least LEAST_MEMORY. */
enum { MOST_ANSWERS = 96 };
static const uint64_t LEAST_MEMORY = (uint64_t)1 << 30;

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
    if (job->groups[group].kind == CV_GROUP_NONE && ablation > 0) return;
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

/* ---- units ---- */

static uint64_t budget_of(const cv_evaluation *e, int model)
{
    if (e->inputs->job.memory_bytes) return e->inputs->job.memory_bytes;
    uint64_t weights = e->inputs->models[model]->weight_bytes;
    return weights > LEAST_MEMORY ? weights : LEAST_MEMORY;
}

/* What the answers' log-likelihoods take is what reading them takes once more: at most as many rows as
 * generating them has. */
static cv_answer_unit price(const cv_evaluation *e, int model, size_t begin, size_t end)
{
    cv_sequence *sequences = sequences_of(e, begin, end);
    cv_wavefront_cost cost = cv_generate_estimate(e->inputs->models[model], sequences, end - begin,
                                                  (size_t)e->inputs->job.evaluate.max_new_tokens);
    free(sequences);
    return (cv_answer_unit){begin, end, 2 * cost.work.operations, cost.memory_bytes, cost.thread_bytes};
}

/* The first unit from answer begin on, of at most most answers, within the budget. */
static bool next_unit(const cv_evaluation *e, size_t begin, size_t most, cv_answer_unit *unit, cv_error *err)
{
    const cv_job *job = &e->inputs->job;
    int model = row_of(e, begin)->model;
    size_t end = begin;
    while (end < e->total && end - begin < most && row_of(e, end)->model == model) end++;
    *unit = price(e, model, begin, end);
    while (unit->memory_bytes > budget_of(e, model) && end - begin > 1) {
        end = begin + (end - begin + 1) / 2;
        *unit = price(e, model, begin, end);
    }
    if (unit->memory_bytes <= budget_of(e, model) || job->memory_bytes == 0) return true;
    return cv_bad_input(err, "%s: engine.memory_gib is %.3g, but one answer of model %s needs %.3g", job->file,
                        (double)job->memory_bytes / (1 << 30), job->models[model].name,
                        (double)unit->memory_bytes / (1 << 30));
}

cv_answer_unit *cv_evaluation_plan(const cv_evaluation *e, size_t *count, cv_error *err)
{
    cv_answer_unit *units = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t begin = 0; begin < e->total; begin = (size_t)units[*count - 1].end) {
        cv_reserve(&units, &capacity, *count + 1, sizeof *units);
        if (next_unit(e, begin, MOST_ANSWERS, &units[*count], err)) {
            (*count)++;
            continue;
        }
        free(units);
        return NULL;
    }
    return units ? units : cv_alloc(1, sizeof *units);
}

int cv_evaluation_model(const cv_evaluation *e, const cv_answer_unit *unit)
{
    return row_of(e, (size_t)unit->begin)->model;
}

void cv_evaluation_describe(const cv_evaluation *e, const cv_answer_unit *unit, cv_buffer *out)
{
    for (size_t i = (size_t)unit->begin; i < unit->end; i++) {
        const cv_answer_row *row = row_of(e, i);
        const int64_t parts[] = {row->model,  row->ablation, row->group,
                                 row->decode, row->set,      (int64_t)(i - row->first)};
        cv_put_array(out, parts, sizeof parts / sizeof parts[0], sizeof parts[0]);
        cv_head_group group = sequence_of(e, i).group;
        for (size_t h = 0; h < group.count; h++) {
            cv_put_i64(out, group.heads[h].layer);
            cv_put_i64(out, group.heads[h].head);
        }
    }
}

/* ---- a unit's answers ---- */

/* Each answer's mean log-likelihood under the clean model; NaN where it has no token. */
static bool measure(cv_engine *engine, const cv_sequence *sequences, const cv_tokens *answers, size_t count,
                    double *means, cv_error *err)
{
    cv_continuations texts = {0};
    const int32_t **ids = cv_alloc(count, sizeof *ids);
    size_t *lengths = cv_alloc(count, sizeof *lengths), *contexts = cv_alloc(count, sizeof *contexts);
    for (size_t i = 0; i < count; i++) {
        means[i] = NAN;
        if (answers[i].count == 0) continue;
        int32_t *text = cv_alloc(sequences[i].count + answers[i].count, sizeof *text);
        for (size_t t = 0; t < sequences[i].count; t++) text[t] = sequences[i].ids[t];
        for (size_t t = 0; t < answers[i].count; t++) text[sequences[i].count + t] = answers[i].ids[t];
        ids[texts.num] = text;
        contexts[texts.num] = sequences[i].count;
        lengths[texts.num++] = sequences[i].count + answers[i].count;
    }
    texts = (cv_continuations){texts.num, ids, lengths, contexts};
    double *values = cv_alloc(cv_continuations_tokens(&texts), sizeof *values);
    double *sums = cv_alloc(texts.num, sizeof *sums);
    bool ok = texts.num == 0 || cv_loglikelihood(engine, &texts, NULL, CV_LOGLIKELIHOOD_ROWS, values, err);
    if (ok) cv_loglikelihood_sums(&texts, values, sums);
    for (size_t i = 0, t = 0; ok && i < count; i++)
        if (answers[i].count > 0) means[i] = sums[t++] / (double)answers[i].count;
    for (size_t t = 0; t < texts.num; t++) free((void *)ids[t]);
    free(ids);
    free(lengths);
    free(contexts);
    free(values);
    free(sums);
    return ok;
}

bool cv_evaluation_run(const cv_evaluation *e, cv_engine *engine, const cv_answer_unit *unit, cv_buffer *out,
                       cv_error *err)
{
    size_t count = (size_t)(unit->end - unit->begin);
    cv_sequence *sequences = sequences_of(e, (size_t)unit->begin, (size_t)unit->end);
    cv_tokens *answers = cv_calloc(count, sizeof *answers);
    bool *stopped = cv_calloc(count, sizeof *stopped);
    double *means = cv_alloc(count, sizeof *means);
    bool plain = e->inputs->job.engine == CV_ENGINE_PLAIN;
    bool ok = (plain ? cv_plain_generate : cv_generate)(engine, sequences, count,
                                                        (size_t)e->inputs->job.evaluate.max_new_tokens, answers,
                                                        stopped, err) &&
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

bool cv_evaluation_put(cv_evaluation *e, const cv_answer_unit *unit, const char *bytes, size_t length, cv_error *err)
{
    assert(unit->begin < unit->end && unit->end <= e->total);
    cv_cursor in = cv_cursor_at(bytes, length);
    for (size_t i = (size_t)unit->begin; i < unit->end; i++) {
        cv_answer answer = {0};
        answer.tokens.ids = cv_get_array(&in, &answer.tokens.count, sizeof *answer.tokens.ids);
        answer.tokens.capacity = answer.tokens.count;
        answer.stopped = cv_get_u64(&in) == 1;
        answer.mean_loglikelihood = cv_get_double(&in);
        cv_tokens_free(&e->answers[i].tokens);
        e->answers[i] = answer;
        e->put += !e->there[i];
        e->there[i] = true;
    }
    return cv_cursor_done(&in) || cv_failed(err, "answers %llu to %llu arrived damaged",
                                            (unsigned long long)unit->begin + 1, (unsigned long long)unit->end);
}

const cv_answer *cv_evaluation_answers(const cv_evaluation *e)
{
    return e->put == e->total ? e->answers : NULL;
}
