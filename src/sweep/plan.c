/* How the grid is cut.
 *
 * A unit is a block of prompts times a range of layers and heads. Wide units are cheap: prompts
 * share prefixes, heads share the clean pass. Small units fit the memory and keep many ranks busy.
 * For each (model, ablation, set) the shapes of a unit are priced exactly, by the tries that they
 * would have, and the one with which a number of ranks would be done first is taken. How many ranks
 * is the job's to say (engine.ranks); else AUTOMATIC_RANKS, with shapes that cost at most SLACK times
 * the cheapest. The number of ranks that run it has no say, as bits may not depend on it. */
#include "sweep/plan.h"

#include "base/memory.h"
#include "sweep/block.h"
#include "sweep/sahara.h"
#include "sweep/simulate.h"

#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Units are not cut below SMALLEST operations (a tenth of a second and up on a few cores), nor into more than
 * MOST_UNITS for each rank. MINIMUM_MEMORY and WEIGHT_PART are the automatic budget: a rank's states take
 * no more than a part of what the model's weights take, which ranks share. */
enum { AUTOMATIC_RANKS = 64, MOST_UNITS = 64 };
static const double SLACK = 1.05, SPREAD = 0.1;
static const uint64_t SMALLEST = 20000000000u;
static const uint64_t MINIMUM_MEMORY = (uint64_t)64 << 20, WEIGHT_PART = 8;

/* Prompts, layers and heads of a unit; the last of each dimension may have fewer. */
typedef struct shape {
    int prompts, layers, heads;
} shape;

typedef struct price {
    uint64_t total, largest; /* operations of all units, of the largest unit */
    uint64_t memory;         /* of the hungriest unit */
    double time;             /* until the last rank is done, in operations of an average rank */
} price;

/* One (model, ablation, set) of the grid. */
typedef struct board {
    const cv_inputs *inputs;
    const cv_sahara *sahara; /* NULL: the sweep */
    cv_unit whole;           /* all its prompts, layers and heads, priced */
    int ranks;               /* that it is cut for: its share of the job's */
    double *speeds;          /* [ranks] around 1, owned */
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

/* The plain engine holds the unit's states until they are scored, the clean one's and one state's logits,
 * and a pass of one prompt, which is small beside them. */
static void price_plain(const cv_inputs *inputs, cv_unit *unit)
{
    const cv_config *config = &inputs->models[unit->model]->config;
    uint64_t states = (cv_unit_states(unit) + 1) * unit_prompts(unit) * (uint64_t)config->hidden_size;
    uint64_t logits = cv_unit_has_ships(unit, &inputs->job) ? 2 * (uint64_t)config->vocab_size : 0;
    unit->operations = unit->memory_bytes = unit->thread_bytes = 0;
    if (inputs->job.subspace.enabled)
        add_cost(unit, cv_subspace_estimate(inputs->models[unit->model], unit_prompts(unit), cv_unit_states(unit)));
    unit->operations = plain_operations(inputs, unit);
    unit->memory_bytes += (states + logits) * sizeof(float);
}

/* The same with the job's engine. */
static void price_units(const board *b, cv_unit *units, size_t count)
{
    if (b->inputs->job.engine == CV_ENGINE_WAVEFRONT) {
        price_wavefront(b, units, count);
        return;
    }
    for (size_t u = 0; u < count; u++) price_plain(b->inputs, &units[u]);
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

/* The costs of all units of a cut. */
typedef struct costs {
    price price;
    uint64_t *operations; /* [count] */
    size_t count, capacity;
} costs;

static void add_price(const cv_unit *unit, void *context)
{
    costs *sum = context;
    cv_reserve(&sum->operations, &sum->capacity, sum->count + 1, sizeof *sum->operations);
    sum->operations[sum->count++] = unit->operations;
    sum->price.total += unit->operations;
    if (unit->operations > sum->price.largest) sum->price.largest = unit->operations;
    if (unit->memory_bytes > sum->price.memory) sum->price.memory = unit->memory_bytes;
}

/* *count is how many units the cut has. */
static price price_cut(const board *b, shape cut, size_t *count)
{
    costs sum = {0};
    for_each_unit(b, cut, add_price, &sum);
    sum.price.time = cv_simulate(sum.operations, sum.count, b->ranks, b->speeds, 0);
    *count = sum.count;
    free(sum.operations);
    return sum.price;
}

static int halved(int n)
{
    return n / 2 + n % 2;
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

/* Shapes that fit the budget, priced, into choices (owned by the caller). Heads are not narrowed further
 * once the units are small or many enough; prompts are not where a subspace needs all of them. */
static choice *price_shapes(const board *b, uint64_t budget, size_t *count, uint64_t *least_memory)
{
    choice *choices = NULL;
    size_t capacity = 0;
    *count = 0;
    *least_memory = UINT64_MAX;
    for (int prompts = b->whole.prompt_end;; prompts = halved(prompts)) {
        shape cut = {prompts, b->whole.layer_end, b->whole.head_end};
        size_t units;
        do {
            price p = price_cut(b, cut, &units);
            if (p.memory < *least_memory) *least_memory = p.memory;
            if (p.memory > budget) continue;
            cv_reserve(&choices, &capacity, *count + 1, sizeof *choices);
            choices[(*count)++] = (choice){cut, p};
            if (p.largest <= SMALLEST || units >= (size_t)MOST_UNITS * (size_t)b->ranks) break;
        } while (narrow(&cut));
        if (prompts == 1 || b->inputs->job.subspace.enabled) return choices;
    }
}

/* Of shapes that are done equally soon the cheapest. */
static bool better(const price *a, const price *b)
{
    return a->time != b->time ? a->time < b->time : a->total < b->total;
}

static uint64_t cheapest_of(const choice *choices, size_t count)
{
    uint64_t cheapest = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (choices[i].price.total < cheapest) cheapest = choices[i].price.total;
    return cheapest;
}

static choice best_choice(const board *b, const choice *choices, size_t count)
{
    uint64_t cheapest = cheapest_of(choices, count);
    const choice *best = NULL;
    for (size_t i = 0; i < count; i++) {
        bool too_dear = b->inputs->job.ranks == 0 && (double)choices[i].price.total > SLACK * (double)cheapest;
        if (!too_dear && (!best || better(&choices[i].price, &best->price))) best = &choices[i];
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

static bool plan_board(const board *b, cv_plan *plan, cv_error *err)
{
    const cv_model *model = b->inputs->models[b->whole.model];
    uint64_t budget = budget_of(b->inputs, model), least;
    size_t count;
    choice *choices = price_shapes(b, budget, &count, &least);
    if (count == 0 && b->inputs->job.memory_bytes == 0) choices = price_shapes(b, least, &count, &least);
    if (count == 0)
        return cv_bad_input(err, "%s: engine.memory_gib is %.3g, but the smallest unit of model %s needs %.3g",
                            b->inputs->job.file, (double)budget / (1 << 30), b->inputs->job.models[b->whole.model].name,
                            (double)least / (1 << 30));
    for_each_unit(b, best_choice(b, choices, count).cut, append, plan);
    plan->least_operations += cheapest_of(choices, count);
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
    if (!cv_job_has_scores(&inputs->job)) return boards;
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
                                              .step = sahara ? cv_sahara_steps_done(sahara) : 0},
                                             0,
                                             NULL};
            }
    return boards;
}

static double operations_of_model(const board *boards, size_t count, int model)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        if (boards[i].whole.model == model) sum += (double)boards[i].whole.operations;
    return sum;
}

/* Boards of a model are done side by side, so each is cut for its share of the ranks. Other models have no
 * say: parts of a job that are run apart must have the same units. The ranks' speeds differ, or a cut into
 * one equal unit for each would seem best. */
static void share_ranks(board *boards, size_t count)
{
    for (size_t i = 0; i < count; i++) price_units(&boards[i], &boards[i].whole, 1);
    for (size_t i = 0; i < count; i++) {
        board *b = &boards[i];
        int ranks = b->inputs->job.ranks ? b->inputs->job.ranks : AUTOMATIC_RANKS;
        b->ranks = (int)ceil(ranks * (double)b->whole.operations / operations_of_model(boards, count, b->whole.model));
        b->speeds = cv_alloc((size_t)b->ranks, sizeof *b->speeds);
        cv_simulate_speeds(b->speeds, b->ranks, 1, SPREAD, 0);
    }
}

static bool make_plan(const cv_inputs *inputs, const cv_sahara *sahara, cv_plan *plan, cv_error *err)
{
    *plan = (cv_plan){0};
    size_t count;
    board *boards = list_boards(inputs, sahara, &count);
    share_ranks(boards, count);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) ok = plan_board(&boards[i], plan, err);
    for (size_t i = 0; i < count; i++) free(boards[i].speeds);
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
