/* How the grid is cut.
 *
 * A unit is a block of prompts times a range of layers and heads. Wide units are cheap: prompts
 * share prefixes, heads share the clean pass. Small units fit the memory and keep many ranks busy.
 * For each (model, ablation, set) all shapes of a unit are priced exactly, by the tries that they
 * would have; of those that cost at most SLACK times the cheapest, the one whose largest unit comes
 * nearest to the size wanted is taken. */
#include "sweep/plan.h"

#include "base/memory.h"
#include "sweep/block.h"

#include <caravan/score.h>

#include <assert.h>
#include <stdlib.h>

/* A unit wants at least SMALLEST operations (a tenth of a second and up on a few cores), or, in a
 * large job, the job's SHARE. MINIMUM_MEMORY and WEIGHT_PART are the automatic budget: a rank's
 * states take no more than a part of what the model's weights take, which ranks share. */
static const double SLACK = 1.05;
static const uint64_t SMALLEST = 20000000000u, SHARE = 256;
static const uint64_t MINIMUM_MEMORY = (uint64_t)64 << 20, WEIGHT_PART = 8;

/* Prompts, layers and heads of a unit; the last of each dimension may have fewer. */
typedef struct shape {
    int prompts, layers, heads;
} shape;

typedef struct price {
    uint64_t total, largest; /* operations of all units, of the largest unit */
    uint64_t memory;         /* of the hungriest unit */
} price;

/* One (model, ablation, set) of the grid. */
typedef struct board {
    const cv_inputs *inputs;
    const cv_sahara *sahara; /* NULL: the sweep */
    cv_unit whole;           /* all its prompts, layers and heads */
} board;

cv_head_range cv_unit_range(const cv_unit *unit, const cv_ablation *ablation)
{
    return (cv_head_range){*ablation, unit->layer_begin, unit->layer_end, unit->head_begin, unit->head_end};
}

size_t cv_unit_states(const cv_unit *unit)
{
    cv_head_range range = cv_unit_range(unit, &(cv_ablation){0});
    return cv_head_range_states(&range);
}

static size_t unit_prompts(const cv_unit *unit)
{
    return (size_t)(unit->prompt_end - unit->prompt_begin);
}

bool cv_unit_has_ships(const cv_unit *unit, const cv_job *job)
{
    return job->ships && unit->step == 0;
}

size_t cv_unit_values(const cv_unit *unit, const cv_job *job)
{
    size_t each = (cv_unit_has_ships(unit, job) ? unit_prompts(unit) : 0) +
                  (job->subspace.enabled ? (size_t)CV_SUBSPACE_RANKS : 0);
    return cv_unit_states(unit) * each;
}

static uint64_t plain_operations(const cv_inputs *inputs, const cv_unit *unit)
{
    const cv_model *model = inputs->models[unit->model];
    const cv_tokens *tokens = inputs->tokens[unit->model][unit->set];
    uint64_t operations = 0, project = 0;
    if (cv_unit_has_ships(unit, &inputs->job)) project = cv_plain_project_estimate(model).operations;
    for (int p = unit->prompt_begin; p < unit->prompt_end; p++)
        operations += (cv_plain_estimate(model, tokens[p].count).operations + project) * (cv_unit_states(unit) + 1);
    if (inputs->job.subspace.enabled)
        operations += cv_subspace_estimate(model, unit_prompts(unit), cv_unit_states(unit)).work.operations;
    return operations;
}

static void add_cost(cv_unit *unit, cv_wavefront_cost cost)
{
    unit->operations += cost.work.operations;
    unit->memory_bytes += cost.memory_bytes;
    unit->thread_bytes += cost.thread_bytes;
}

/* What the scores take beside the wavefront. */
static void add_scores(const cv_inputs *inputs, cv_unit *unit)
{
    const cv_model *model = inputs->models[unit->model];
    size_t prompts = unit_prompts(unit), states = cv_unit_states(unit);
    if (cv_unit_has_ships(unit, &inputs->job)) add_cost(unit, cv_ships_estimate(model, prompts, states));
    if (inputs->job.subspace.enabled) add_cost(unit, cv_subspace_estimate(model, prompts, states));
}

/* Fills in what units [count] of one block of prompts take with the wavefront. */
static void price_wavefront(const board *b, cv_unit *units, size_t count)
{
    const cv_inputs *inputs = b->inputs;
    const cv_unit *first = &units[0];
    cv_prompt_block block =
        cv_block_open(inputs->tokens[first->model][first->set] + first->prompt_begin, unit_prompts(first));
    cv_head_range *ranges = cv_alloc(count, sizeof *ranges);
    cv_wavefront_cost *costs = cv_alloc(count, sizeof *costs);
    cv_head_group group = {0};
    if (b->sahara) group = cv_sahara_group(b->sahara, first->model, first->ablation);
    for (size_t u = 0; u < count; u++) ranges[u] = cv_unit_range(&units[u], &inputs->job.ablations[first->ablation]);
    cv_wavefront_estimate(inputs->models[first->model], &block, &group, ranges, count, costs);
    for (size_t u = 0; u < count; u++) {
        units[u].operations = units[u].memory_bytes = units[u].thread_bytes = 0;
        add_cost(&units[u], costs[u]);
        add_scores(inputs, &units[u]);
    }
    free(ranges);
    free(costs);
    cv_block_close(&block);
}

/* The same with the job's engine. */
static void price_units(const board *b, cv_unit *units, size_t count)
{
    if (b->inputs->job.engine == CV_ENGINE_WAVEFRONT) {
        price_wavefront(b, units, count);
        return;
    }
    for (size_t u = 0; u < count; u++) {
        units[u].operations = plain_operations(b->inputs, &units[u]);
        units[u].memory_bytes = units[u].thread_bytes = 0;
    }
}

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

/* Calls visit with every unit of the board in grid order, priced. */
typedef void (*unit_visitor)(const cv_unit *unit, void *context);

static void for_each_unit(const board *b, shape cut, unit_visitor visit, void *context)
{
    const cv_unit *whole = &b->whole;
    cv_unit *units = NULL; /* those of one block of prompts, priced together */
    size_t count, capacity = 0;
    for (int p = 0; p < whole->prompt_end; p += cut.prompts) {
        count = 0;
        for (int l = 0; l < whole->layer_end; l += cut.layers)
            for (int h = 0; h < whole->head_end; h += cut.heads) {
                cv_reserve(&units, &capacity, count + 1, sizeof *units);
                cv_unit *unit = &units[count++];
                *unit = *whole;
                unit->prompt_begin = p, unit->prompt_end = lesser(p + cut.prompts, whole->prompt_end);
                unit->layer_begin = l, unit->layer_end = lesser(l + cut.layers, whole->layer_end);
                unit->head_begin = h, unit->head_end = lesser(h + cut.heads, whole->head_end);
            }
        price_units(b, units, count);
        for (size_t u = 0; u < count; u++) visit(&units[u], context);
    }
    free(units);
}

static void add_price(const cv_unit *unit, void *context)
{
    price *sum = context;
    sum->total += unit->operations;
    if (unit->operations > sum->largest) sum->largest = unit->operations;
    if (unit->memory_bytes > sum->memory) sum->memory = unit->memory_bytes;
}

static int halved(int n)
{
    return (n + 1) / 2;
}

/* The next narrower range of heads: fewer layers, and within one layer fewer heads. False at the end. */
static bool narrow(shape *cut)
{
    if (cut->layers > 1)
        cut->layers = halved(cut->layers);
    else if (cut->heads > 1)
        cut->heads = halved(cut->heads);
    else
        return false;
    return true;
}

typedef struct choice {
    shape cut;
    price price;
} choice;

/* Shapes that fit the budget, priced, into choices (owned by the caller). Heads are not narrowed
 * further once the units are as small as wanted; prompts are not where a subspace needs all of them. */
static choice *price_shapes(const board *b, uint64_t budget, uint64_t wanted, size_t *count, uint64_t *least_memory)
{
    choice *choices = NULL;
    size_t capacity = 0;
    *count = 0;
    *least_memory = UINT64_MAX;
    for (int prompts = b->whole.prompt_end;; prompts = halved(prompts)) {
        shape cut = {prompts, b->whole.layer_end, b->whole.head_end};
        do {
            price sum = {0};
            for_each_unit(b, cut, add_price, &sum);
            if (sum.memory < *least_memory) *least_memory = sum.memory;
            if (sum.memory > budget) continue;
            cv_reserve(&choices, &capacity, *count + 1, sizeof *choices);
            choices[(*count)++] = (choice){cut, sum};
            if (sum.largest <= wanted) break;
        } while (narrow(&cut));
        if (prompts == 1 || b->inputs->job.subspace.enabled) return choices;
    }
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static choice best_choice(const choice *choices, size_t count, uint64_t wanted)
{
    uint64_t cheapest = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (choices[i].price.total < cheapest) cheapest = choices[i].price.total;
    const choice *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if ((double)choices[i].price.total > SLACK * (double)cheapest) continue;
        if (!best || distance(choices[i].price.largest, wanted) < distance(best->price.largest, wanted))
            best = &choices[i];
    }
    return *best;
}

static uint64_t budget_of(const cv_inputs *inputs, const cv_model *model)
{
    if (inputs->job.memory_bytes) return inputs->job.memory_bytes;
    uint64_t part = model->weight_bytes / WEIGHT_PART;
    return part > MINIMUM_MEMORY ? part : MINIMUM_MEMORY;
}

static void append(const cv_unit *unit, void *context)
{
    cv_plan *plan = context;
    plan->units = cv_realloc(plan->units, plan->count + 1, sizeof *plan->units);
    plan->units[plan->count++] = *unit;
    plan->operations += unit->operations;
    if (unit->memory_bytes > plan->memory_bytes) plan->memory_bytes = unit->memory_bytes;
    if (unit->thread_bytes > plan->thread_bytes) plan->thread_bytes = unit->thread_bytes;
}

static bool plan_board(const board *b, uint64_t wanted, cv_plan *plan, cv_error *err)
{
    const cv_model *model = b->inputs->models[b->whole.model];
    uint64_t budget = budget_of(b->inputs, model), least;
    size_t count;
    choice *choices = price_shapes(b, budget, wanted, &count, &least);
    if (count == 0 && b->inputs->job.memory_bytes == 0) choices = price_shapes(b, least, wanted, &count, &least);
    if (count == 0)
        return cv_bad_input(err, "%s: engine.memory_gib is %.3g, but the smallest unit of model %s needs %.3g",
                            b->inputs->job.file, (double)budget / (1 << 30), b->inputs->job.models[b->whole.model].name,
                            (double)least / (1 << 30));
    for_each_unit(b, best_choice(choices, count, wanted).cut, append, plan);
    free(choices);
    plan->plain_operations += plain_operations(b->inputs, &b->whole);
    return true;
}

/* The boards of the job in grid order: the sweep's, or those of Sahara's next step. */
static board *list_boards(const cv_inputs *inputs, const cv_sahara *sahara, size_t *count)
{
    board *boards = cv_alloc((size_t)inputs->job.num_models * (size_t)inputs->job.num_ablations * CV_NUM_PROMPT_SETS,
                             sizeof *boards);
    *count = 0;
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
                if (inputs->num_prompts[set] == 0 || (sahara && set != CV_HARMFUL)) continue;
                const cv_config *config = &inputs->models[m]->config;
                boards[(*count)++] = (board){inputs,
                                             sahara,
                                             {.model = m,
                                              .ablation = a,
                                              .set = set,
                                              .prompt_end = (int)inputs->num_prompts[set],
                                              .layer_end = config->num_hidden_layers,
                                              .head_end = cv_ablation_heads(&inputs->job.ablations[a], config),
                                              .step = sahara ? cv_sahara_steps_done(sahara) : 0}};
            }
    return boards;
}

static bool make_plan(const cv_inputs *inputs, const cv_sahara *sahara, cv_plan *plan, cv_error *err)
{
    *plan = (cv_plan){0};
    size_t count;
    board *boards = list_boards(inputs, sahara, &count);
    uint64_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        cv_unit unit = boards[i].whole;
        price_units(&boards[i], &unit, 1);
        whole += unit.operations;
    }
    uint64_t wanted = whole / SHARE > SMALLEST ? whole / SHARE : SMALLEST;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) ok = plan_board(&boards[i], wanted, plan, err);
    free(boards);
    if (!ok) cv_plan_free(plan);
    return ok;
}

bool cv_plan_make(const cv_inputs *inputs, cv_plan *plan, cv_error *err)
{
    return make_plan(inputs, NULL, plan, err);
}

bool cv_plan_sahara(const cv_inputs *inputs, const cv_sahara *sahara, cv_plan *plan, cv_error *err)
{
    assert(cv_sahara_steps_done(sahara) > 0);
    return make_plan(inputs, sahara, plan, err);
}

void cv_plan_free(cv_plan *plan)
{
    free(plan->units);
    *plan = (cv_plan){0};
}
