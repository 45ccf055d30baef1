#include "sweep/utility.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { MOST_ITEMS = 64 }; /* of a batch: some seconds of a small model */

struct cv_utility {
    const cv_inputs *inputs;
    const cv_chosen *chosen;
    cv_utility_row *rows;
    size_t num_rows, capacity;
    size_t num_items, num_pairs; /* of the grid */
    double *values;              /* [num_pairs], NaN where missing */
};

/* ---- the grid ---- */

static const cv_task_pairs *pairs_of(const cv_utility *u, const cv_utility_row *row)
{
    return &u->inputs->pairs[row->model][row->task];
}

static void add_row(cv_utility *u, int model, int ablation, int task, int group)
{
    cv_job_group_kind kind = u->inputs->job.evaluate.groups[group].kind;
    if (kind == CV_GROUP_PER_PROMPT || kind == CV_GROUP_EACH_HEAD) return;
    if (!cv_group_has_rows(&u->inputs->job, group, ablation)) return;
    cv_utility_row row = {.model = model, .ablation = ablation, .group = group, .task = task};
    row.first = u->num_items;
    row.first_pair = u->num_pairs;
    row.count = pairs_of(u, &row)->num_items;
    cv_reserve(&u->rows, &u->capacity, u->num_rows + 1, sizeof *u->rows);
    u->rows[u->num_rows++] = row;
    u->num_items += row.count;
    u->num_pairs += pairs_of(u, &row)->num;
}

cv_utility *cv_utility_make(const cv_inputs *inputs, const cv_chosen *chosen)
{
    cv_utility *u = cv_calloc(1, sizeof *u);
    u->inputs = inputs;
    u->chosen = chosen;
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            for (int t = 0; t < job->evaluate.num_utility; t++)
                for (int g = 0; g < job->evaluate.num_groups; g++) add_row(u, m, a, t, g);
    u->values = cv_alloc(u->num_pairs, sizeof *u->values);
    for (size_t i = 0; i < u->num_pairs; i++) u->values[i] = NAN;
    return u;
}

void cv_utility_free(cv_utility *u)
{
    if (!u) return;
    free(u->rows);
    free(u->values);
    free(u);
}

const cv_utility_row *cv_utility_rows(const cv_utility *u, size_t *count)
{
    *count = u->num_rows;
    return u->rows;
}

char *cv_utility_label(const cv_utility *u, const cv_utility_row *row)
{
    return cv_groups_label(cv_chosen_at(u->chosen, row->model, row->ablation, row->group, CV_HARMFUL), 0);
}

static const cv_utility_row *row_of(const cv_utility *u, size_t item)
{
    size_t r = 0;
    while (item >= u->rows[r].first + u->rows[r].count) r++;
    return &u->rows[r];
}

/* ---- batches ---- */

/* A batch's choices: pairs [begin, begin + texts.num) of its row's task. */
typedef struct choices {
    const cv_utility_row *row;
    cv_head_group group;
    size_t begin;
    cv_continuations texts;
} choices;

static choices choices_of(const cv_utility *u, size_t begin, size_t end)
{
    const cv_utility_row *row = row_of(u, begin);
    const cv_task_pairs *pairs = pairs_of(u, row);
    assert(begin < end && end <= row->first + row->count);
    size_t first = pairs->begin[begin - row->first], last = pairs->begin[end - row->first];
    const cv_groups *groups = cv_chosen_at(u->chosen, row->model, row->ablation, row->group, CV_HARMFUL);
    return (choices){row,
                     cv_groups_at(groups, 0, 0),
                     first,
                     {last - first, pairs->ids + first, pairs->count + first, pairs->context + first}};
}

static choices choices_in(const cv_utility *u, const cv_batch *batch)
{
    return choices_of(u, (size_t)batch->begin, (size_t)batch->end);
}

static int model_of(const void *context, size_t item)
{
    return row_of(context, item)->model;
}

static size_t reach(const void *context, size_t begin)
{
    const cv_utility_row *row = row_of(context, begin);
    size_t end = row->first + row->count;
    return end - begin < MOST_ITEMS ? end : begin + MOST_ITEMS;
}

static cv_wavefront_cost price(const void *context, size_t begin, size_t end)
{
    const cv_utility *u = context;
    choices c = choices_of(u, begin, end);
    const cv_model *model = u->inputs->models[c.row->model];
    cv_wavefront_cost cost = cv_loglikelihood_estimate(model, &c.texts, &c.group, CV_LOGLIKELIHOOD_ROWS);
    cost.memory_bytes += cv_kept_layers_bytes(u->inputs, c.row->model);
    return cost;
}

cv_batch *cv_utility_plan(const cv_utility *u, size_t *count, cv_error *err)
{
    cv_batching batching = {u->inputs, "question", u->num_items, u, model_of, reach, price};
    return cv_batches_cut(&batching, count, err);
}

int cv_utility_model(const cv_utility *u, const cv_batch *batch)
{
    return model_of(u, (size_t)batch->begin);
}

void cv_utility_describe(const cv_utility *u, const cv_batch *batch, cv_buffer *out)
{
    choices c = choices_in(u, batch);
    const int64_t parts[] = {c.row->ablation, c.row->group, c.row->task, (int64_t)(batch->begin - c.row->first),
                             (int64_t)(batch->end - c.row->first)};
    cv_put_text(out, u->inputs->job.models[c.row->model].name);
    cv_put_array(out, parts, sizeof parts / sizeof parts[0], sizeof parts[0]);
    cv_put_heads(out, c.group.heads, c.group.count);
}

bool cv_utility_run(const cv_utility *u, cv_engine *engine, const cv_batch *batch, cv_buffer *out, cv_error *err)
{
    choices c = choices_in(u, batch);
    double *values = cv_alloc(cv_continuations_tokens(&c.texts), sizeof *values);
    double *sums = cv_alloc(c.texts.num, sizeof *sums);
    bool ok = cv_loglikelihood(engine, &c.texts, &c.group, CV_LOGLIKELIHOOD_ROWS, values, err);
    if (ok) {
        cv_loglikelihood_sums(&c.texts, values, sums);
        cv_put_array(out, sums, c.texts.num, sizeof *sums);
    }
    free(values);
    free(sums);
    return ok;
}

bool cv_utility_put(cv_utility *u, const cv_batch *batch, const char *bytes, size_t length, cv_error *err)
{
    choices c = choices_in(u, batch);
    cv_cursor in = cv_cursor_at(bytes, length);
    size_t count;
    double *sums = cv_get_array(&in, &count, sizeof *sums);
    bool ok = cv_cursor_done(&in) && count == c.texts.num;
    for (size_t i = 0; ok && i < count; i++) ok = isfinite(sums[i]);
    for (size_t i = 0; ok && i < count; i++) u->values[c.row->first_pair + c.begin + i] = sums[i];
    free(sums);
    return ok || cv_failed(err, "the log-likelihoods of items %llu to %llu arrived damaged or are not numbers",
                           (unsigned long long)batch->begin + 1, (unsigned long long)batch->end);
}

const double *cv_utility_values(const cv_utility *u, const cv_utility_row *row)
{
    size_t pairs = pairs_of(u, row)->num;
    for (size_t i = 0; i < pairs; i++)
        if (isnan(u->values[row->first_pair + i])) return NULL;
    return u->values + row->first_pair;
}
