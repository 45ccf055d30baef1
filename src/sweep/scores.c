#include "sweep/scores.h"

#include "base/memory.h"

#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cv_scores {
    const cv_inputs *inputs;
    cv_score_grid *grids; /* [models, ablations, CV_NUM_PROMPT_SETS] */
    double **ships;       /* the same grids' arrays, to be written; NULL as there */
    double **angles;
};

static size_t num_grids(const cv_inputs *inputs)
{
    return (size_t)inputs->job.num_models * (size_t)inputs->job.num_ablations * CV_NUM_PROMPT_SETS;
}

static size_t grid_index(const cv_inputs *inputs, int model, int ablation, int set)
{
    assert(model >= 0 && model < inputs->job.num_models && ablation >= 0 && ablation < inputs->job.num_ablations);
    return ((size_t)model * (size_t)inputs->job.num_ablations + (size_t)ablation) * CV_NUM_PROMPT_SETS + (size_t)set;
}

/* [rows, columns], missing. */
static double *make_cells(size_t rows, size_t columns)
{
    uint64_t cells;
    if (!cv_mul_u64(rows, columns, &cells)) cv_fatal("more scores than memory can hold");
    double *values = cv_alloc((size_t)cells, sizeof *values);
    for (size_t i = 0; i < cells; i++) values[i] = NAN;
    return values;
}

static void make_grid(cv_scores *scores, int model, int ablation, int set)
{
    const cv_inputs *inputs = scores->inputs;
    const cv_config *config = &inputs->models[model]->config;
    cv_score_grid grid = {.layers = (size_t)config->num_hidden_layers,
                          .heads = (size_t)cv_ablation_heads(&inputs->job.ablations[ablation], config),
                          .prompts = inputs->num_prompts[set]};
    size_t index = grid_index(inputs, model, ablation, set);
    if (grid.prompts > 0 && inputs->job.ships)
        grid.ships = scores->ships[index] = make_cells(grid.layers * grid.heads, grid.prompts);
    if (grid.prompts > 0 && inputs->job.subspace.enabled)
        grid.angles = scores->angles[index] = make_cells(grid.layers * grid.heads, CV_SUBSPACE_RANKS);
    scores->grids[index] = grid;
}

cv_scores *cv_scores_make(const cv_inputs *inputs)
{
    cv_scores *scores = cv_calloc(1, sizeof *scores);
    scores->inputs = inputs;
    scores->grids = cv_calloc(num_grids(inputs), sizeof *scores->grids);
    scores->ships = cv_calloc(num_grids(inputs), sizeof *scores->ships);
    scores->angles = cv_calloc(num_grids(inputs), sizeof *scores->angles);
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) make_grid(scores, m, a, set);
    return scores;
}

void cv_scores_free(cv_scores *scores)
{
    if (!scores) return;
    for (size_t i = 0; i < num_grids(scores->inputs); i++) {
        free(scores->ships[i]);
        free(scores->angles[i]);
    }
    free(scores->ships);
    free(scores->angles);
    free(scores->grids);
    free(scores);
}

cv_score_grid cv_scores_grid(const cv_scores *scores, int model, int ablation, cv_prompt_set set)
{
    return scores->grids[grid_index(scores->inputs, model, ablation, (int)set)];
}

static void assert_inside(const cv_unit *unit, const cv_score_grid *grid)
{
    assert(0 <= unit->layer_begin && unit->layer_begin < unit->layer_end && (size_t)unit->layer_end <= grid->layers);
    assert(0 <= unit->head_begin && unit->head_begin < unit->head_end && (size_t)unit->head_end <= grid->heads);
    assert(0 <= unit->prompt_begin && unit->prompt_begin < unit->prompt_end &&
           (size_t)unit->prompt_end <= grid->prompts);
}

static bool not_a_number(const cv_scores *scores, const cv_unit *unit, int layer, int head, int prompt, cv_error *err)
{
    const cv_job *job = &scores->inputs->job;
    return cv_bad_input(err,
                        "%s: the score of L%dH%d under %s is not a number for prompt %d of %s: the activations leave "
                        "the range of single precision; remove the prompt or the model",
                        job->models[unit->model].path, layer, head, job->ablation_names[unit->ablation], prompt + 1,
                        job->prompts[unit->set].file);
}

static bool put_ships(cv_scores *scores, const cv_unit *unit, const double *values, cv_error *err)
{
    size_t index = grid_index(scores->inputs, unit->model, unit->ablation, unit->set);
    const cv_score_grid *grid = &scores->grids[index];
    for (int layer = unit->layer_begin; layer < unit->layer_end; layer++)
        for (int head = unit->head_begin; head < unit->head_end; head++)
            for (int prompt = unit->prompt_begin; prompt < unit->prompt_end; prompt++) {
                double value = *values++;
                if (!isfinite(value)) return not_a_number(scores, unit, layer, head, prompt, err);
                size_t row = (size_t)layer * grid->heads + (size_t)head;
                scores->ships[index][row * grid->prompts + (size_t)prompt] = value;
            }
    return true;
}

/* All ranks are missing where a state is not finite, else those that the states' subspaces lack. */
static bool no_angle(const cv_scores *scores, const cv_unit *unit, int layer, int head, const double *angles,
                     cv_error *err)
{
    const cv_job *job = &scores->inputs->job;
    const char *set = cv_prompt_set_name((cv_prompt_set)unit->set), *model = job->models[unit->model].path;
    const char *ablation = job->ablation_names[unit->ablation];
    for (int r = 0; r < CV_SUBSPACE_RANKS; r++)
        if (!isnan(angles[r]))
            return cv_bad_input(err,
                                "%s: the %s states of %s with L%dH%d off under %s have no subspace of rank %d; lower "
                                "subspace.rank or give more varied prompts",
                                job->file, set, model, layer, head, ablation, job->subspace.rank);
    return cv_bad_input(err,
                        "%s: the states of L%dH%d under %s are not numbers or all alike for the %s prompts: the "
                        "activations leave the range of single precision, or the prompts end alike",
                        model, layer, head, ablation, set);
}

static bool put_angles(cv_scores *scores, const cv_unit *unit, const double *values, cv_error *err)
{
    const cv_job *job = &scores->inputs->job;
    size_t index = grid_index(scores->inputs, unit->model, unit->ablation, unit->set);
    size_t heads = scores->grids[index].heads;
    for (int layer = unit->layer_begin; layer < unit->layer_end; layer++)
        for (int head = unit->head_begin; head < unit->head_end; head++, values += CV_SUBSPACE_RANKS) {
            if (isnan(values[job->subspace.rank - 1])) return no_angle(scores, unit, layer, head, values, err);
            size_t row = (size_t)layer * heads + (size_t)head;
            memcpy(scores->angles[index] + row * CV_SUBSPACE_RANKS, values, CV_SUBSPACE_RANKS * sizeof *values);
        }
    return true;
}

bool cv_scores_put(cv_scores *scores, const cv_unit *unit, const double *values, cv_error *err)
{
    const cv_job *job = &scores->inputs->job;
    assert(unit->step == 0);
    assert_inside(unit, &scores->grids[grid_index(scores->inputs, unit->model, unit->ablation, unit->set)]);
    if (job->ships && !put_ships(scores, unit, values, err)) return false;
    if (!job->subspace.enabled) return true;
    size_t prompts = (size_t)(unit->prompt_end - unit->prompt_begin);
    return put_angles(scores, unit, values + (job->ships ? cv_unit_states(unit) * prompts : 0), err);
}

/* Degrees at the job's rank, of one (layer, head). */
static double row_angle(const cv_scores *scores, const cv_score_grid *grid, size_t row)
{
    if (!grid->angles) return NAN;
    return grid->angles[row * CV_SUBSPACE_RANKS + (size_t)scores->inputs->job.subspace.rank - 1];
}

/* The first (layer, head) of which something is missing; *prompt tells what, -1 for an angle. */
static bool find_missing(const cv_scores *scores, const cv_score_grid *grid, size_t *row, ptrdiff_t *prompt)
{
    for (*row = 0; *row < grid->layers * grid->heads; (*row)++) {
        for (*prompt = 0; grid->ships && *prompt < (ptrdiff_t)grid->prompts; (*prompt)++)
            if (isnan(grid->ships[*row * grid->prompts + (size_t)*prompt])) return true;
        *prompt = -1;
        if (grid->angles && isnan(row_angle(scores, grid, *row))) return true;
    }
    return false;
}

static bool grid_complete(const cv_scores *scores, const cv_score_grid *grid, const char *model, const char *ablation,
                          const char *set, cv_error *err)
{
    size_t row;
    ptrdiff_t prompt;
    if (!find_missing(scores, grid, &row, &prompt)) return true;
    if (prompt < 0)
        return cv_failed(err, "%s, %s: no unit returned the %s angles of L%zuH%zu", model, ablation, set,
                         row / grid->heads, row % grid->heads);
    return cv_failed(err, "%s, %s: no unit returned the score of L%zuH%zu for %s prompt %td", model, ablation,
                     row / grid->heads, row % grid->heads, set, prompt + 1);
}

bool cv_scores_complete(const cv_scores *scores, cv_error *err)
{
    const cv_job *job = &scores->inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
                const cv_score_grid *grid = &scores->grids[grid_index(scores->inputs, m, a, set)];
                if (!grid_complete(scores, grid, job->models[m].name, job->ablation_names[a],
                                   cv_prompt_set_name((cv_prompt_set)set), err))
                    return false;
            }
    return true;
}

/* Over the prompts of one (layer, head), in their order; NaN where there are none. */
static double row_mean(const cv_score_grid *grid, size_t row)
{
    double sum = 0;
    for (size_t p = 0; p < grid->prompts; p++) sum += grid->ships[row * grid->prompts + p];
    return sum / (double)grid->prompts;
}

/* What heads are ranked by; never NaN. Without any score all are alike. */
static double merit(const cv_head_score *head)
{
    if (!isnan(head->ships_mean)) return head->ships_mean;
    return isnan(head->angle) ? 0 : head->angle;
}

static int by_rank(const void *left, const void *right)
{
    const cv_head_score *a = left, *b = right;
    if (merit(a) != merit(b)) return merit(a) > merit(b) ? -1 : 1;
    if (a->layer != b->layer) return a->layer < b->layer ? -1 : 1;
    return (a->head > b->head) - (a->head < b->head);
}

cv_head_score *cv_scores_heads(const cv_scores *scores, int model, int ablation, size_t *count)
{
    cv_score_grid harmful = cv_scores_grid(scores, model, ablation, CV_HARMFUL);
    cv_score_grid harmless = cv_scores_grid(scores, model, ablation, CV_HARMLESS);
    *count = harmful.layers * harmful.heads;
    cv_head_score *heads = cv_alloc(*count, sizeof *heads);
    for (size_t row = 0; row < *count; row++) {
        double mean = harmful.ships ? row_mean(&harmful, row) : NAN;
        double control = harmless.ships ? row_mean(&harmless, row) : NAN;
        heads[row] = (cv_head_score){.layer = (int)(row / harmful.heads),
                                     .head = (int)(row % harmful.heads),
                                     .ships_mean = mean,
                                     .harmless_mean = control,
                                     .specificity = mean - control,
                                     .angle = row_angle(scores, &harmful, row)};
        assert(!cv_job_has_scores(&scores->inputs->job) || !isnan(mean) || !isnan(heads[row].angle));
    }
    qsort(heads, *count, sizeof *heads, by_rank);
    for (size_t i = 0; i < *count; i++) heads[i].rank = (int)i + 1;
    return heads;
}
