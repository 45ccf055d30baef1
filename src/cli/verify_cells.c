/* Scores computed anew by the plain engine, one forward pass each: the oracle for what the wavefront did. */
#include "cli/verify.h"

#include "base/memory.h"
#include "base/random.h"
#include "engine/lapack.h"
#include "score/subspace.h"
#include "sweep/worker.h"

#include <caravan/engine.h>
#include <caravan/score.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* docs/verify.md says where these come from. */
static const double SHIPS_FLOOR = 1e-7, SHIPS_RELATIVE = 1e-4;
static const double ANGLE_RELATIVE = 1e-3, NOISE_OF_A_LAYER = 1.4e-8 /* radians */;
static const double DEGREES = 57.295779513082320876798; /* of one radian */

/* Angles of a model are computed anew if that takes no more operations. */
static const uint64_t CHEAP = 1000000000000u;

typedef struct cell {
    int model, ablation, set;
    size_t layer, head, prompt;
} cell;

/* Where the value lies; NULL where the job has no such score. */
static const double *stored(const cv_verify *v, const cell *c)
{
    cv_score_grid grid = cv_scores_grid(v->scores, c->model, c->ablation, (cv_prompt_set)c->set);
    return grid.ships ? &grid.ships[(c->layer * grid.heads + c->head) * grid.prompts + c->prompt] : NULL;
}

/* Row i of n rows that each lie in another nth of [0, size): the strata of one dimension, in order of strata [n]. */
static size_t stratum(cv_random *random, const uint32_t *strata, size_t i, size_t n, size_t size)
{
    size_t at = (size_t)(((double)strata[i] + cv_random_uniform(random)) / (double)n * (double)size);
    return at < size ? at : size - 1;
}

/* count cells, each dimension spread evenly over its whole length: a Latin hypercube. */
static cell *draw(const cv_verify *v, size_t count, uint64_t seed)
{
    const cv_job *job = &v->inputs.job;
    enum { GRID, LAYER, HEAD, PROMPT, DIMENSIONS };
    size_t sets = v->inputs.num_prompts[CV_HARMLESS] > 0 ? 2 : 1;
    size_t grids = (size_t)job->num_models * (size_t)job->num_ablations * sets;
    cell *cells = cv_alloc(count, sizeof *cells);
    uint32_t *strata[DIMENSIONS];
    cv_random random = cv_random_open(seed, CV_RANDOM_CELLS, 0);
    for (int d = 0; d < DIMENSIONS; d++) {
        strata[d] = cv_alloc(count, sizeof *strata[d]);
        for (size_t i = 0; i < count; i++) strata[d][i] = (uint32_t)i;
        cv_random_shuffle(&random, strata[d], (uint32_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        size_t g = stratum(&random, strata[GRID], i, count, grids);
        int pair = (int)(g / sets), set = (int)(g % sets);
        cell *c = &cells[i];
        *c = (cell){.model = pair / job->num_ablations, .ablation = pair % job->num_ablations, .set = set};
        cv_score_grid grid = cv_scores_grid(v->scores, c->model, c->ablation, (cv_prompt_set)set);
        c->layer = stratum(&random, strata[LAYER], i, count, grid.layers);
        c->head = stratum(&random, strata[HEAD], i, count, grid.heads);
        c->prompt = stratum(&random, strata[PROMPT], i, count, grid.prompts);
    }
    for (int d = 0; d < DIMENSIONS; d++) free(strata[d]);
    return cells;
}

/* Two passes: the clean model's, and that with the head off. */
static bool compute(const cv_verify *v, cv_worker *worker, const cell *c, double *value, cv_error *err)
{
    cv_engine *engine = cv_worker_engine(worker, c->model);
    const cv_tokens *tokens = &v->inputs.tokens[c->model][c->set][c->prompt];
    size_t V = (size_t)v->inputs.models[c->model]->config.vocab_size;
    cv_ablated_head head = {(int)c->layer, (int)c->head, v->inputs.job.ablations[c->ablation]};
    cv_head_group group = {&head, 1};
    float *clean = cv_alloc_floats(V), *ablated = cv_alloc_floats(V);
    bool ok = cv_plain_logits(engine, tokens->ids, tokens->count, NULL, clean, err) &&
              cv_plain_logits(engine, tokens->ids, tokens->count, &group, ablated, err);
    if (ok) *value = cv_kl_divergence(clean, ablated, V);
    free(clean);
    free(ablated);
    return ok;
}

static void tell_cell(cv_verify *v, const cell *c, double found, double anew)
{
    const cv_job *job = &v->inputs.job;
    char name[256];
    snprintf(name, sizeof name, "cell %s/%s L%zuH%zu, %s prompt %zu", job->models[c->model].name,
             job->ablation_names[c->ablation], c->layer, c->head, cv_prompt_set_name((cv_prompt_set)c->set),
             c->prompt + 1);
    double allowed = SHIPS_FLOOR + SHIPS_RELATIVE * anew, difference = fabs(found - anew);
    if (difference <= allowed)
        cv_verify_fine(v, name, "%.9g, anew %.9g: %.2g of what is allowed", found, anew, difference / allowed);
    else
        cv_verify_differs(v, name, "%.9g, anew %.9g: the difference is %.3g, and %.3g is allowed", found, anew,
                          difference, allowed);
}

bool cv_verify_cells(cv_verify *v, size_t cells, uint64_t seed, cv_error *err)
{
    bool ok = true;
    if (cells == 0) return true;
    if (!v->scores || !v->inputs.job.ships) {
        cv_verify_skipped(v, "cells", "%s", v->scores ? "the job has no Ships" : "there are no scores to compare");
        return true;
    }
    cv_worker *worker = cv_worker_open(&v->inputs);
    cell *drawn = draw(v, cells, seed);
    size_t missing = 0;
    for (size_t i = 0; ok && i < cells; i++) {
        double found = *stored(v, &drawn[i]), anew;
        if (isnan(found)) { /* not done yet */
            missing++;
            continue;
        }
        ok = compute(v, worker, &drawn[i], &anew, err);
        if (ok) tell_cell(v, &drawn[i], found, anew);
    }
    if (ok && missing) cv_verify_skipped(v, "cells", "%zu of %zu lie in units that are not done yet", missing, cells);
    free(drawn);
    cv_worker_close(worker);
    return ok;
}

/* ---- angles ---- */

/* 1 over the gap behind singular value r of the states rows [prompts, d], times the largest: how far noise of the
 * size of the largest turns the span of the first r. Infinite without a gap, NaN where LAPACK fails. */
static double sensitivity(const cv_engine *engine, size_t prompts, cv_subspace_state state, const float *rows, size_t r)
{
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size, k = prompts < d ? prompts : d;
    double *matrix = cv_alloc(prompts * d, sizeof *matrix), *sigma = cv_alloc(k, sizeof *sigma);
    cv_subspace_matrix(engine, prompts, state, rows, matrix);
    bool ok = cv_svd(prompts, d, matrix, sigma, NULL) && r <= k;
    double gap = ok ? sigma[r - 1] - (r < k ? sigma[r] : 0) : 0, result = ok ? sigma[0] / gap : (double)NAN;
    free(matrix);
    free(sigma);
    return result;
}

/* The last states [prompts, d] of the harmful prompts, with one head off or none. */
static bool plain_states(const cv_verify *v, cv_engine *engine, int model, const cv_head_group *group, float *states,
                         cv_error *err)
{
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size;
    for (size_t p = 0; p < v->inputs.num_prompts[CV_HARMFUL]; p++) {
        const cv_tokens *tokens = &v->inputs.tokens[model][CV_HARMFUL][p];
        if (!cv_plain_state(engine, tokens->ids, tokens->count, group, states + p * d, err)) return false;
    }
    return true;
}

/* The head of the largest angle. */
static size_t largest(const cv_score_grid *grid, size_t r)
{
    size_t best = 0;
    for (size_t row = 1; row < grid->layers * grid->heads; row++)
        if (grid->angles[row * CV_SUBSPACE_RANKS + r - 1] > grid->angles[best * CV_SUBSPACE_RANKS + r - 1]) best = row;
    return best;
}

static bool check_angle(cv_verify *v, cv_engine *engine, int model, int ablation, cv_error *err)
{
    const cv_job *job = &v->inputs.job;
    cv_score_grid grid = cv_scores_grid(v->scores, model, ablation, CV_HARMFUL);
    size_t r = (size_t)job->subspace.rank, row = largest(&grid, r), prompts = grid.prompts;
    size_t d = (size_t)cv_engine_model(engine)->config.hidden_size;
    cv_ablated_head head = {(int)(row / grid.heads), (int)(row % grid.heads), job->ablations[ablation]};
    cv_head_group group = {&head, 1};
    float *clean = cv_alloc_floats(prompts * d), *ablated = cv_alloc_floats(prompts * d);
    double angles[CV_SUBSPACE_RANKS], found = grid.angles[row * CV_SUBSPACE_RANKS + r - 1];
    bool ok = plain_states(v, engine, model, NULL, clean, err) &&
              plain_states(v, engine, model, &group, ablated, err) &&
              cv_subspace_angles(engine, prompts, 1, job->subspace.state, clean, ablated, angles, err);
    if (ok) {
        char name[256];
        double noise = sensitivity(engine, prompts, job->subspace.state, clean, r) +
                       sensitivity(engine, prompts, job->subspace.state, ablated, r);
        double floor = DEGREES * NOISE_OF_A_LAYER * (double)grid.layers * noise;
        double allowed = floor + ANGLE_RELATIVE * angles[r - 1], difference = fabs(found - angles[r - 1]);
        snprintf(name, sizeof name, "angle %s/%s L%dH%d, r = %zu", job->models[model].name,
                 job->ablation_names[ablation], head.layer, head.head, r);
        if (difference <= allowed && isfinite(allowed))
            cv_verify_fine(v, name, "%.9g degrees, anew %.9g: %.2g of what is allowed", found, angles[r - 1],
                           difference / allowed);
        else
            cv_verify_differs(v, name, "%.9g degrees, anew %.9g: the difference is %.3g, and %.3g is allowed", found,
                              angles[r - 1], difference, allowed);
    }
    free(clean);
    free(ablated);
    return ok;
}

static uint64_t angle_operations(const cv_verify *v, int model)
{
    uint64_t sum = 0;
    for (size_t p = 0; p < v->inputs.num_prompts[CV_HARMFUL]; p++)
        sum += 2 * cv_plain_estimate(v->inputs.models[model], v->inputs.tokens[model][CV_HARMFUL][p].count).operations;
    return sum * (uint64_t)v->inputs.job.num_ablations;
}

bool cv_verify_angles(cv_verify *v, cv_error *err)
{
    const cv_job *job = &v->inputs.job;
    cv_error unused;
    bool ok = true;
    if (!job->subspace.enabled || !v->scores || !cv_scores_complete(v->scores, &unused)) return true;
    cv_worker *worker = cv_worker_open(&v->inputs);
    for (int m = 0; ok && m < job->num_models; m++) {
        if (angle_operations(v, m) > CHEAP) {
            cv_verify_skipped(v, job->models[m].name, "its angles would take two passes of each of %zu prompts",
                              v->inputs.num_prompts[CV_HARMFUL]);
            continue;
        }
        for (int a = 0; ok && a < job->num_ablations; a++) ok = check_angle(v, cv_worker_engine(worker, m), m, a, err);
    }
    cv_worker_close(worker);
    return ok;
}
