/* caravan definitions: what each choice that a definition leaves open does to the ranking of heads. */
#include "cli/verb.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/blas.h"
#include "engine/engine.h"
#include "engine/lapack.h"
#include "report/table.h"
#include "score/released.h"
#include "score/subspace.h"
#include "sweep/block.h"
#include "sweep/inputs.h"
#include "sweep/plan.h"
#include "sweep/worker.h"

#include <caravan/score.h>
#include <caravan/stats.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: caravan definitions JOB.json [--limit N] [--output FILE.csv]\n"
    "\n"
    "The paper, the code released with it, and Caravan differ in places. For each model of the job, over its\n"
    "harmful prompts, computes both scores of every head by Caravan's definition (the job's format, its first\n"
    "ablation), and again with one choice at a time made another way: as the released code sums and adds 1e-12,\n"
    "the divergence the other way round, an arc cosine in single precision, a column of the states in the place\n"
    "of their singular vector, other states and ranks, another epsilon, the template's other spellings, and\n"
    "keys' heads numbered by queries. Prints for each what it does to the ranking: how many of the ten top heads\n"
    "stay, which leave and come, Spearman's rank correlation over all heads, and how many heads score 0.\n"
    "\n"
    "  --limit N        the first N prompts, in place of the job's limit\n"
    "  --output FILE    the same as CSV\n"
    "\n"
    "Logits of every head and prompt are computed one by one, so this is for models and sets of prompts for\n"
    "which that is a matter of minutes. docs/reproduction.md has what comes of it.\n";

enum { TOP = 10, MOST = 24 };

/* One way to score all heads. */
typedef struct ranking {
    const char *score; /* "ships", "angle" */
    char name[96];     /* what is done another way; "" for the definition itself */
    double *values;    /* [heads], by layer, then head; owned */
} ranking;

typedef struct comparison {
    size_t layers, heads, count;
    ranking all[MOST]; /* [count] the definitions come first */
} comparison;

/* The values of a further ranking, zero. */
static double *add_ranking(comparison *c, const char *score, const char *name)
{
    if (c->count == MOST) cv_fatal("more ways to score than there is room for");
    ranking *r = &c->all[c->count++];
    r->score = score;
    snprintf(r->name, sizeof r->name, "%s", name);
    return r->values = cv_calloc(c->layers * c->heads, sizeof *r->values);
}

/* ---- one way at a time, by the sweep's own units ---- */

/* The job that is run: read anew, then changed, as inputs take a job over. */
typedef struct request {
    const char *path, *output;
    int64_t limit;
} request;

/* A change of the job; NULL and negative leave what it says. */
typedef struct change {
    const cv_format *format;
    double epsilon;
    bool kv_group;
} change;

static const change nothing = {.epsilon = -1};

static bool load(const request *r, const change *what, cv_inputs *inputs, cv_error *err)
{
    cv_job job;
    if (!cv_job_load(r->path, NULL, &job, err)) return false;
    job.ships = job.subspace.enabled = true;
    job.sahara_steps = 0;
    job.evaluate.enabled = false;
    job.evaluate.num_decode = 0;
    for (int t = 0; t < job.evaluate.num_utility; t++) {
        free(job.evaluate.utility[t].name);
        free(job.evaluate.utility[t].file);
    }
    job.evaluate.num_utility = 0;
    free(job.prompts[CV_HARMLESS].file);
    job.prompts[CV_HARMLESS].file = NULL;
    if (r->limit > 0) job.prompts[CV_HARMFUL].limit = (size_t)r->limit;
    if (what->epsilon >= 0) job.ablations[0].epsilon = what->epsilon;
    if (what->kv_group) job.ablations[0].granularity = CV_GRANULARITY_KV_GROUP;
    for (int a = 1; a < job.num_ablations; a++) free(job.ablation_names[a]);
    job.num_ablations = 1;
    if (what->format) {
        job.format.kind = what->format->kind;
        free(job.format_text);
        free(job.format_system); /* a part of the job's own format */
        job.format_system = NULL;
        job.format_text = what->format->text ? cv_strdup(what->format->text) : NULL;
    }
    return cv_inputs_load(&job, inputs, err);
}

/* The mean of the prompts' Ships and the angle at the job's rank, of a unit that has all prompts. */
static void put_unit(const cv_inputs *inputs, const cv_unit *unit, size_t heads, const double *values, double *ships,
                     double *angles)
{
    size_t prompts = (size_t)(unit->prompt_end - unit->prompt_begin), states = cv_unit_states(unit);
    const double *sums = values + states * prompts;
    for (int l = unit->layer_begin; l < unit->layer_end; l++)
        for (int h = unit->head_begin; h < unit->head_end; h++) {
            size_t row = (size_t)l * heads + (size_t)h;
            for (size_t p = 0; p < prompts; p++) ships[row] += *values++ / (double)prompts;
            angles[row] = sums[inputs->job.subspace.rank - 1];
            sums += CV_SUBSPACE_RANKS;
        }
}

/* Both scores of one model's heads (or groups of heads) by the definitions, [layers * heads]. */
static bool sweep(const cv_inputs *inputs, int model, double *ships, double *angles, cv_error *err)
{
    cv_plan plan = {0};
    cv_worker *worker = cv_worker_open(inputs);
    size_t heads = (size_t)cv_ablation_heads(&inputs->job.ablations[0], &inputs->models[model]->config);
    bool ok = cv_plan_make(inputs, &plan, err);
    for (size_t u = 0; ok && u < plan.count; u++) {
        const cv_unit *unit = &plan.units[u];
        if (unit->model != model) continue;
        double *values = cv_alloc(cv_unit_values(unit, &inputs->job), sizeof *values);
        ok = cv_worker_run(worker, unit, NULL, values, err);
        if (ok) put_unit(inputs, unit, heads, values, ships, angles);
        free(values);
    }
    cv_plan_free(&plan);
    cv_worker_close(worker);
    return ok;
}

/* Another job's scores of the same model, as two further rankings. */
static bool add_sweep(comparison *c, const request *r, const change *what, int model, const char *name, cv_error *err)
{
    cv_inputs inputs;
    if (!load(r, what, &inputs, err)) return false;
    double *ships = add_ranking(c, "ships", name), *angles = add_ranking(c, "angle", name);
    bool ok = sweep(&inputs, model, ships, angles, err);
    cv_inputs_free(&inputs);
    return ok;
}

/* The released code's option k takes a query head's number for a key head's: heads up to the number of key heads get
 * the ablation of a whole group, and the rest nothing. */
static bool add_keys(comparison *c, const request *r, int model, int keys, cv_error *err)
{
    cv_inputs inputs;
    if (!load(r, &(change){.epsilon = -1, .kv_group = true}, &inputs, err)) return false;
    size_t rows = c->layers * (size_t)keys;
    double *group_ships = cv_calloc(rows, sizeof *group_ships), *group_angles = cv_calloc(rows, sizeof *group_angles);
    static const char name[] = "key heads numbered by query heads (released, k)";
    double *ships = add_ranking(c, "ships", name), *angles = add_ranking(c, "angle", name);
    bool ok = sweep(&inputs, model, group_ships, group_angles, err);
    for (size_t row = 0; ok && row < rows; row++) {
        size_t to = row / (size_t)keys * c->heads + row % (size_t)keys;
        ships[to] = group_ships[row];
        angles[to] = group_angles[row];
    }
    free(group_ships);
    free(group_angles);
    cv_inputs_free(&inputs);
    return ok;
}

/* ---- ways that need the states themselves ---- */

enum { RELEASED_KL, REVERSE_KL, RELEASED_ANGLE, COLUMN, RESID_POST, RANK_2, RANK_4, RANK_8, NUM_DIRECT };

/* One model's states under way. */
typedef struct states {
    cv_engine *engine;
    size_t prompts, d, V;
    double *clean;              /* [prompts, d] after the final norm */
    double *direction;          /* [prompts] its first left singular vector */
    double *values[NUM_DIRECT]; /* of the rankings, borrowed */
    float *p, *q;               /* [V] logits */
} states;

/* The first left singular vector of matrix [prompts, d], which stays as it is. */
static bool first_vector(const states *s, const double *matrix, double *direction)
{
    size_t n = s->prompts;
    double *copy = cv_alloc(n * s->d, sizeof *copy), *vectors = cv_alloc(n * CV_SUBSPACE_RANKS, sizeof *vectors);
    memcpy(copy, matrix, n * s->d * sizeof *copy);
    cv_basis basis = {.rows = n, .vectors = vectors};
    bool ok = cv_left_singular_vectors(s->d, copy, &basis) && basis.determined[0];
    for (size_t p = 0; p < n; p++) direction[p] = ok ? vectors[p * CV_SUBSPACE_RANKS] : (double)NAN;
    free(copy);
    free(vectors);
    return ok;
}

/* The divergences of one head's states [prompts, d], from logits one by one. */
static bool divergences(const states *s, const float *trunk, const float *ablated, size_t row, cv_error *err)
{
    for (size_t p = 0; p < s->prompts; p++) {
        if (!cv_plain_project(s->engine, trunk + p * s->d, s->p, err) ||
            !cv_plain_project(s->engine, ablated + p * s->d, s->q, err))
            return false;
        s->values[RELEASED_KL][row] += cv_released_kl(s->p, s->q, s->V) / (double)s->prompts;
        s->values[REVERSE_KL][row] += cv_kl_divergence(s->q, s->p, s->V) / (double)s->prompts;
    }
    return true;
}

static bool turn(const states *s, const float *trunk, const float *ablated, size_t row, cv_error *err)
{
    double *matrix = cv_alloc(s->prompts * s->d, sizeof *matrix), *direction = cv_alloc(s->prompts, sizeof *direction);
    double sums[CV_SUBSPACE_RANKS], raw[CV_SUBSPACE_RANKS];
    cv_subspace_matrix(s->engine, s->prompts, CV_FINAL_NORM, ablated, matrix);
    first_vector(s, matrix, direction);
    s->values[RELEASED_ANGLE][row] = cv_released_angle(s->direction, direction, s->prompts);
    s->values[COLUMN][row] = cv_released_column_angle(s->clean, matrix, s->prompts, s->d);
    free(matrix);
    free(direction);
    if (!cv_subspace_angles(s->engine, s->prompts, 1, CV_RESID_POST, trunk, ablated, raw, err) ||
        !cv_subspace_angles(s->engine, s->prompts, 1, CV_FINAL_NORM, trunk, ablated, sums, err))
        return false;
    s->values[RESID_POST][row] = raw[0];
    s->values[RANK_2][row] = sums[1];
    s->values[RANK_4][row] = sums[3];
    s->values[RANK_8][row] = sums[7];
    return true;
}

static bool unit_states(states *s, const cv_inputs *inputs, const cv_unit *unit, size_t heads, cv_error *err)
{
    cv_prompt_block block = cv_block_open(inputs->tokens[unit->model][CV_HARMFUL], s->prompts);
    cv_head_range range = cv_unit_range(unit, &inputs->job.ablations[0]);
    size_t count = cv_unit_states(unit), each = s->prompts * s->d, width = (size_t)(unit->head_end - unit->head_begin);
    float *trunk = cv_alloc_floats(each), *ablated = cv_alloc_floats(count * each);
    bool ok = cv_wavefront(s->engine, &block, NULL, &range, trunk, ablated, err);
    if (ok) {
        cv_subspace_matrix(s->engine, s->prompts, CV_FINAL_NORM, trunk, s->clean);
        ok = first_vector(s, s->clean, s->direction) || cv_bad_input(err, "the states have no first singular vector");
    }
    for (size_t i = 0; ok && i < count; i++) {
        size_t row = ((size_t)unit->layer_begin + i / width) * heads + (size_t)unit->head_begin + i % width;
        ok = divergences(s, trunk, ablated + i * each, row, err) && turn(s, trunk, ablated + i * each, row, err);
    }
    cv_block_close(&block);
    free(trunk);
    free(ablated);
    return ok;
}

static bool add_direct(comparison *c, const cv_inputs *inputs, int model, cv_error *err)
{
    static const struct {
        const char *score, *name;
    } ways[NUM_DIRECT] = {{"ships", "1e-12 added, single precision (released)"},
                          {"ships", "KL(ablated || clean)"},
                          {"angle", "arc cosine in single precision (released)"},
                          {"angle", "first column of the states (released before June 2025)"},
                          {"angle", "states before the final norm"},
                          {"angle", "sum of 2 angles"},
                          {"angle", "sum of 4 angles"},
                          {"angle", "sum of 8 angles"}};
    const cv_config *config = &inputs->models[model]->config;
    cv_plan plan = {0};
    cv_worker *worker = cv_worker_open(inputs);
    states s = {.engine = cv_worker_engine(worker, model), .prompts = inputs->num_prompts[CV_HARMFUL]};
    s.d = (size_t)config->hidden_size;
    s.V = (size_t)config->vocab_size;
    s.clean = cv_alloc(s.prompts * s.d, sizeof *s.clean);
    s.direction = cv_alloc(s.prompts, sizeof *s.direction);
    s.p = cv_alloc_floats(s.V);
    s.q = cv_alloc_floats(s.V);
    for (int i = 0; i < NUM_DIRECT; i++) s.values[i] = add_ranking(c, ways[i].score, ways[i].name);
    bool ok = cv_plan_make(inputs, &plan, err);
    for (size_t u = 0; ok && u < plan.count; u++)
        if (plan.units[u].model == model) ok = unit_states(&s, inputs, &plan.units[u], c->heads, err);
    cv_plan_free(&plan);
    cv_worker_close(worker);
    free(s.clean);
    free(s.direction);
    free(s.p);
    free(s.q);
    return ok;
}

/* ---- comparing ---- */

/* Heads by falling value; equal ones, and NaN behind all, by number. */
static void sort_heads(const double *values, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && (values[order[at - 1]] < values[i] || (isnan(values[order[at - 1]]) && !isnan(values[i])));
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static bool is_among(size_t head, const size_t *order, size_t top)
{
    for (size_t i = 0; i < top; i++)
        if (order[i] == head) return true;
    return false;
}

/* Those of the first top of one order that are not of another's. */
static void list_others(cv_buffer *out, const comparison *c, const size_t *order, const size_t *other, size_t top)
{
    const char *space = "";
    for (size_t i = 0; i < top; i++) {
        if (is_among(order[i], other, top)) continue;
        cv_buffer_printf(out, "%sL%zuH%zu", space, order[i] / c->heads, order[i] % c->heads);
        space = " ";
    }
}

/* One way's line, as CSV; those of the definitions themselves list their top heads as what came. */
static void put_line(cv_buffer *out, const char *model, size_t prompts, const comparison *c, size_t which)
{
    const ranking *r = &c->all[which], *base = &c->all[strcmp(r->score, "angle") == 0];
    size_t count = c->layers * c->heads, top = count < TOP ? count : TOP, shared = 0, zeros = 0;
    size_t *order = cv_alloc(2 * count, sizeof *order), *other = order + count;
    cv_buffer left = {0}, came = {0};
    sort_heads(r->values, count, order);
    sort_heads(base->values, count, other);
    for (size_t i = 0; i < top; i++) shared += is_among(order[i], other, top);
    for (size_t i = 0; i < count; i++) zeros += r->values[i] == 0;
    list_others(&left, c, other, order, top);
    list_others(&came, c, order, other, r == base ? 0 : top);
    cv_buffer_printf(out, "%s,%zu,%s,", model, prompts, r->score);
    cv_put_field(out, r == base ? "as defined" : r->name);
    cv_buffer_printf(out, ",L%zuH%zu,%zu,%s,%s,", order[0] / c->heads, order[0] % c->heads, shared,
                     left.data ? left.data : "", came.data ? came.data : "");
    cv_put_number(out, cv_spearman(base->values, r->values, count));
    cv_buffer_printf(out, ",%zu\n", zeros);
    cv_buffer_free(&left);
    cv_buffer_free(&came);
    free(order);
}

static const char columns[] = "model,prompts,score,choice,first,top10_shared,left,came,spearman,zeros\n";

/* ---- the whole ---- */

/* The template's spellings; the first is that of the format query_answer. */
static const struct {
    const char *name;
    cv_format format;
} spellings[] = {
    {"template of Ships: \"## Query:{prompt} \\n## Answer:\"", {.kind = CV_FORMAT_QUERY_ANSWER}},
    {"template of Sahara: \"## Query:{prompt}\\n## Answer:\"",
     {.kind = CV_FORMAT_CUSTOM, .text = "## Query:{prompt}\n## Answer:"}},
    {"template of generation: \"## Query: {prompt}\\n## Answer:\"",
     {.kind = CV_FORMAT_CUSTOM, .text = "## Query: {prompt}\n## Answer:"}},
    {"no template", {.kind = CV_FORMAT_DIRECT}},
};
enum { NUM_SPELLINGS = sizeof spellings / sizeof spellings[0] };

static bool compare_model(const request *r, const cv_inputs *inputs, int model, comparison *c, cv_error *err)
{
    const cv_job *job = &inputs->job;
    const cv_config *config = &inputs->models[model]->config;
    c->layers = (size_t)config->num_hidden_layers;
    c->heads = (size_t)cv_ablation_heads(&job->ablations[0], config);
    double *ships = add_ranking(c, "ships", ""), *angles = add_ranking(c, "angle", "");
    if (!sweep(inputs, model, ships, angles, err) || !add_direct(c, inputs, model, err)) return false;
    bool uniform = job->ablations[0].kind == CV_UNIFORM_ATTENTION && job->ablations[0].epsilon == 0;
    if (uniform && (!add_sweep(c, r, &(change){.epsilon = 1e-5}, model, "epsilon 1e-5 (released, Sahara)", err) ||
                    !add_sweep(c, r, &(change){.epsilon = 1e-4}, model, "epsilon 1e-4 (released, Ships)", err)))
        return false;
    for (int i = 0; i < NUM_SPELLINGS; i++) {
        change what = nothing;
        what.format = &spellings[i].format;
        if (job->format.kind == spellings[i].format.kind && job->format.kind != CV_FORMAT_CUSTOM) continue;
        if (!add_sweep(c, r, &what, model, spellings[i].name, err)) return false;
    }
    bool grouped = uniform && job->ablations[0].granularity == CV_GRANULARITY_HEAD &&
                   config->num_key_value_heads < config->num_attention_heads;
    return !grouped || add_keys(c, r, model, config->num_key_value_heads, err);
}

static bool compare_models(const request *r, cv_buffer *out, cv_error *err)
{
    cv_inputs inputs;
    if (!load(r, &nothing, &inputs, err)) return false;
    bool ok = true;
    if (inputs.num_prompts[CV_HARMFUL] <= CV_SUBSPACE_RANKS)
        ok = cv_bad_input(err, "%s: %d harmful prompts and more are needed", r->path, CV_SUBSPACE_RANKS + 1);
    for (int m = 0; ok && m < inputs.job.num_models; m++) {
        comparison c = {0};
        ok = compare_model(r, &inputs, m, &c, err);
        for (size_t i = 0; ok && i < c.count; i++)
            put_line(out, inputs.job.models[m].name, inputs.num_prompts[CV_HARMFUL], &c, i);
        for (size_t i = 0; i < c.count; i++) free(c.all[i].values);
    }
    cv_inputs_free(&inputs);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {0};
    const char *limit = NULL;
    cv_buffer table = {0};
    const cv_option known[] = {{.name = "--limit", .text = &limit}, {.name = "--output", .text = &r.output}, {0}};
    const cv_argument arguments[] = {{"JOB.json", &r.path}, {0}};
    bool ok = cv_options_read("definitions", argc, argv, known, arguments, err) &&
              (!limit || cv_option_int("--limit", limit, 1, INT32_MAX, &r.limit, err)) &&
              (!r.output || cv_output_check(r.output, err)) && cv_blas_check(err);
    cv_buffer_puts(&table, columns);
    ok = ok && compare_models(&r, &table, err) && (!r.output || cv_write_file(r.output, table.data, table.length, err));
    if (ok) {
        fputs(table.data, stdout);
        ok = cv_stdout_check(err);
    }
    cv_buffer_free(&table);
    return ok;
}

const cv_verb cv_definitions_verb = {"definitions", help, run};
