/* What lies in scores.h5 and in the journal, read back into the memory that a run would have. */
#include "cli/verify.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/h5_read.h"
#include "sweep/plan.h"
#include "sweep/unit_bytes.h"

#include <caravan/score.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scores.h5 ---- */

/* One file under way. */
typedef struct reading {
    cv_verify *v;
    cv_h5_input *file;
    const char *name; /* MODEL/ABLATION/scores.h5 */
    int model, ablation;
    size_t cells; /* Ships that were looked at */
} reading;

/* All of one set as if it were a single unit. */
static cv_unit whole_unit(int model, int ablation, int set, const cv_score_grid *grid)
{
    return (cv_unit){.model = model,
                     .ablation = ablation,
                     .set = set,
                     .prompt_end = (int32_t)grid->prompts,
                     .layer_end = (int32_t)grid->layers,
                     .head_end = (int32_t)grid->heads};
}

static bool check_ships(const double *ships, const cv_score_grid *grid, const char *name, cv_error *err)
{
    for (size_t i = 0; i < grid->layers * grid->heads * grid->prompts; i++) {
        if (isfinite(ships[i]) && ships[i] >= 0) continue;
        size_t row = i / grid->prompts;
        return cv_bad_input(err, "%s: L%zuH%zu, prompt %zu is %g, and no divergence is", name, row / grid->heads,
                            row % grid->heads, i % grid->prompts + 1, ships[i]);
    }
    return true;
}

/* A sum of r angles is between 0 and r right ones; NaN where there is no such subspace. */
static bool check_angles(const double *angles, const cv_score_grid *grid, const char *name, cv_error *err)
{
    for (size_t i = 0; i < grid->layers * grid->heads * CV_SUBSPACE_RANKS; i++) {
        size_t row = i / CV_SUBSPACE_RANKS, r = i % CV_SUBSPACE_RANKS + 1;
        if (isnan(angles[i]) || (angles[i] >= 0 && angles[i] <= 90.0 * (double)r * (1 + 1e-12))) continue;
        return cv_bad_input(err, "%s: L%zuH%zu, r = %zu is %g degrees", name, row / grid->heads, row % grid->heads, r,
                            angles[i]);
    }
    return true;
}

static bool check_tokens(const reading *r, int set, size_t prompts, cv_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "/%s/tokens", cv_prompt_set_name((cv_prompt_set)set));
    cv_tokens *stored = cv_calloc(prompts, sizeof *stored);
    bool ok = cv_h5_read_token_rows(r->file, name, prompts, stored, err);
    for (size_t p = 0; p < prompts; p++) {
        const cv_tokens *fed = &r->v->inputs.tokens[r->model][set][p];
        if (ok &&
            (stored[p].count != fed->count || memcmp(stored[p].ids, fed->ids, fed->count * sizeof *fed->ids) != 0))
            ok = cv_bad_input(err, "%s: the ids of prompt %zu are not those that the model is fed now", name, p + 1);
        cv_tokens_free(&stored[p]);
    }
    free(stored);
    return ok;
}

static bool read_set(reading *r, cv_scores *scores, int set, cv_error *err)
{
    cv_score_grid grid = cv_scores_grid(scores, r->model, r->ablation, (cv_prompt_set)set);
    if (grid.prompts == 0) return true;
    size_t rows = grid.layers * grid.heads, ships = grid.ships ? rows * grid.prompts : 0;
    char ships_name[64], angles_name[64];
    snprintf(ships_name, sizeof ships_name, "/%s/ships", cv_prompt_set_name((cv_prompt_set)set));
    snprintf(angles_name, sizeof angles_name, "/%s/angles_deg", cv_prompt_set_name((cv_prompt_set)set));
    double *values = cv_alloc(ships + (grid.angles ? rows * CV_SUBSPACE_RANKS : 0), sizeof *values);
    bool ok = true;
    if (grid.ships)
        ok = cv_h5_read_doubles(r->file, ships_name, 3, (size_t[]){grid.layers, grid.heads, grid.prompts}, values,
                                err) &&
             check_ships(values, &grid, ships_name, err);
    if (grid.angles)
        ok = ok &&
             cv_h5_read_doubles(r->file, angles_name, 3, (size_t[]){grid.layers, grid.heads, CV_SUBSPACE_RANKS},
                                values + ships, err) &&
             check_angles(values + ships, &grid, angles_name, err);
    cv_unit unit = whole_unit(r->model, r->ablation, set, &grid);
    ok = ok && cv_scores_put(scores, &unit, values, err) && check_tokens(r, set, grid.prompts, err);
    r->cells += ships;
    free(values);
    return ok;
}

/* board [steps, layers, heads] of one search; NULL where it cannot be read. */
static double *read_board(const reading *r, const cv_score_grid *grid, cv_error *err)
{
    size_t steps = (size_t)r->v->inputs.job.sahara_steps;
    double *board = cv_alloc(steps * grid->layers * grid->heads, sizeof *board);
    if (cv_h5_read_doubles(r->file, "/sahara/angles_deg", 3, (size_t[]){steps, grid->layers, grid->heads}, board, err))
        return board;
    free(board);
    return NULL;
}

static bool read_file(cv_verify *v, int model, int ablation, double **board, cv_error *err)
{
    char *name = cv_results_name(&v->inputs.job, model, ablation, "scores.h5"), *path = cv_verify_path(v, name);
    reading r = {v, cv_h5_input_open(path, err), name, model, ablation, 0};
    bool ok = r.file != NULL;
    for (int set = 0; ok && set < CV_NUM_PROMPT_SETS; set++) ok = read_set(&r, v->scores, set, err);
    cv_score_grid grid = cv_scores_grid(v->scores, model, ablation, CV_HARMFUL);
    if (ok && v->inputs.job.sahara_steps > 0) ok = (*board = read_board(&r, &grid, err)) != NULL;
    if (ok)
        cv_verify_fine(v, name, "%zu heads, %zu Ships, none negative; prompts as they are fed now",
                       grid.layers * grid.heads, r.cells);
    else
        cv_verify_differs(v, name, "%s", err->text);
    cv_h5_input_close(r.file);
    free(name);
    free(path);
    return ok;
}

/* ---- Sahara's search over the boards that are stored ---- */

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void put_board(cv_sahara *sahara, int model, int ablation, const double *board, const cv_score_grid *grid)
{
    for (size_t row = 0; row < grid->layers * grid->heads; row++)
        if (!isnan(board[row]))
            cv_sahara_put(sahara, model, ablation, (int)(row / grid->heads), (int)(row % grid->heads), board[row]);
}

/* Whether each step of a search has the numbers of board. */
static bool same_board(const cv_verify *v, const cv_sahara *sahara, int model, int ablation, const double *board)
{
    cv_score_grid grid = cv_scores_grid(v->scores, model, ablation, CV_HARMFUL);
    size_t cells = grid.layers * grid.heads;
    for (int s = 0; s < v->inputs.job.sahara_steps; s++)
        for (size_t row = 0; row < cells; row++)
            if (!same_number(cv_sahara_board(sahara, model, ablation, s)[row], board[(size_t)s * cells + row]))
                return false;
    return true;
}

/* The search that follows from the boards; NULL, said in a line, where it is none. */
static cv_sahara *search_boards(cv_verify *v, double *const *boards)
{
    cv_error err;
    const cv_job *job = &v->inputs.job;
    cv_sahara *sahara = cv_sahara_make(&v->inputs);
    cv_sahara_put_sweep(sahara, v->scores);
    bool ok = true;
    for (int s = 0; ok && s < job->sahara_steps; s++) {
        for (int i = 0; s > 0 && i < job->num_models * job->num_ablations; i++) {
            int m = i / job->num_ablations, a = i % job->num_ablations;
            cv_score_grid grid = cv_scores_grid(v->scores, m, a, CV_HARMFUL);
            put_board(sahara, m, a, boards[i] + (size_t)s * grid.layers * grid.heads, &grid);
        }
        ok = cv_sahara_choose(sahara, &err);
    }
    for (int i = 0; ok && i < job->num_models * job->num_ablations; i++)
        if (!same_board(v, sahara, i / job->num_ablations, i % job->num_ablations, boards[i]))
            ok = cv_bad_input(&err, "the boards of %s are not those that their own choices lead to",
                              job->models[i / job->num_ablations].name);
    if (ok) return sahara;
    cv_verify_differs(v, "Sahara", "%s", err.text);
    cv_sahara_free(sahara);
    return NULL;
}

void cv_verify_scores(cv_verify *v)
{
    cv_error err;
    const cv_job *job = &v->inputs.job;
    int count = job->num_models * job->num_ablations;
    double **boards = cv_calloc((size_t)count, sizeof *boards);
    bool ok = true;
    v->scores = cv_scores_make(&v->inputs);
    for (int i = 0; i < count; i++)
        ok &= read_file(v, i / job->num_ablations, i % job->num_ablations, &boards[i], &err);
    if (ok && job->sahara_steps > 0) v->sahara = search_boards(v, boards);
    for (int i = 0; i < count; i++) free(boards[i]);
    free(boards);
    if (ok) return;
    cv_scores_free(v->scores);
    v->scores = NULL;
}
