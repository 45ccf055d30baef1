#include "sweep/sahara.h"

#include "base/memory.h"
#include "sweep/bytes.h"
#include "sweep/groups.h"

#include <caravan/score.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* One model under one ablation. */
typedef struct search {
    size_t layers, heads;
    cv_ablated_head *chosen; /* [steps] */
    double *boards;          /* [steps, layers, heads] */
} search;

struct cv_sahara {
    const cv_inputs *inputs;
    int steps, done;
    search *searches; /* [models, ablations] */
};

static size_t num_searches(const cv_inputs *inputs)
{
    return (size_t)inputs->job.num_models * (size_t)inputs->job.num_ablations;
}

static search *search_of(const cv_sahara *sahara, int model, int ablation)
{
    const cv_job *job = &sahara->inputs->job;
    assert(model >= 0 && model < job->num_models && ablation >= 0 && ablation < job->num_ablations);
    return &sahara->searches[(size_t)model * (size_t)job->num_ablations + (size_t)ablation];
}

cv_sahara *cv_sahara_make(const cv_inputs *inputs)
{
    const cv_job *job = &inputs->job;
    assert(job->sahara_steps > 0);
    cv_sahara *sahara = cv_calloc(1, sizeof *sahara);
    *sahara = (cv_sahara){inputs, job->sahara_steps, 0, cv_calloc(num_searches(inputs), sizeof *sahara->searches)};
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            const cv_config *config = &inputs->models[m]->config;
            search *s = search_of(sahara, m, a);
            s->layers = (size_t)config->num_hidden_layers;
            s->heads = (size_t)cv_ablation_heads(&job->ablations[a], config);
            s->chosen = cv_calloc((size_t)sahara->steps, sizeof *s->chosen);
            size_t cells = (size_t)sahara->steps * s->layers * s->heads;
            s->boards = cv_alloc(cells, sizeof *s->boards);
            for (size_t i = 0; i < cells; i++) s->boards[i] = NAN;
        }
    return sahara;
}

void cv_sahara_free(cv_sahara *sahara)
{
    if (!sahara) return;
    for (size_t i = 0; i < num_searches(sahara->inputs); i++) {
        free(sahara->searches[i].chosen);
        free(sahara->searches[i].boards);
    }
    free(sahara->searches);
    free(sahara);
}

int cv_sahara_steps_done(const cv_sahara *sahara)
{
    return sahara->done;
}

cv_head_group cv_sahara_group(const cv_sahara *sahara, int model, int ablation)
{
    return (cv_head_group){search_of(sahara, model, ablation)->chosen, (size_t)sahara->done};
}

static double *board_of(const search *s, int step)
{
    return s->boards + (size_t)step * s->layers * s->heads;
}

const double *cv_sahara_board(const cv_sahara *sahara, int model, int ablation, int step)
{
    assert(step >= 0 && step < sahara->steps);
    return board_of(search_of(sahara, model, ablation), step);
}

static bool is_chosen(const cv_sahara *sahara, const search *s, int layer, int head)
{
    for (int i = 0; i < sahara->done; i++)
        if (s->chosen[i].layer == layer && s->chosen[i].head == head) return true;
    return false;
}

void cv_sahara_put(cv_sahara *sahara, int model, int ablation, int layer, int head, double angle)
{
    search *s = search_of(sahara, model, ablation);
    assert(sahara->done < sahara->steps);
    assert(layer >= 0 && (size_t)layer < s->layers && head >= 0 && (size_t)head < s->heads);
    if (is_chosen(sahara, s, layer, head)) angle = NAN; /* the group's own angle, which is no candidate's */
    board_of(s, sahara->done)[(size_t)layer * s->heads + (size_t)head] = angle;
}

void cv_sahara_put_sweep(cv_sahara *sahara, const cv_scores *scores)
{
    const cv_job *job = &sahara->inputs->job;
    assert(sahara->done == 0);
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            cv_score_grid grid = cv_scores_grid(scores, m, a, CV_HARMFUL);
            const double *angles = grid.angles + job->subspace.rank - 1;
            for (size_t row = 0; row < grid.layers * grid.heads; row++, angles += CV_SUBSPACE_RANKS)
                cv_sahara_put(sahara, m, a, (int)(row / grid.heads), (int)(row % grid.heads), *angles);
        }
}

void cv_sahara_put_unit(cv_sahara *sahara, const cv_unit *unit, const double *values)
{
    assert(unit->step == sahara->done && unit->set == CV_HARMFUL);
    values += sahara->inputs->job.subspace.rank - 1;
    for (int l = unit->layer_begin; l < unit->layer_end; l++)
        for (int h = unit->head_begin; h < unit->head_end; h++, values += CV_SUBSPACE_RANKS)
            cv_sahara_put(sahara, unit->model, unit->ablation, l, h, *values);
}

static bool choose(const cv_sahara *sahara, int model, int ablation, cv_ablated_head *best, cv_error *err)
{
    const cv_job *job = &sahara->inputs->job;
    const search *s = search_of(sahara, model, ablation);
    const double *board = board_of(s, sahara->done);
    double largest = -INFINITY;
    for (size_t cell = 0; cell < s->layers * s->heads; cell++) {
        int layer = (int)(cell / s->heads), head = (int)(cell % s->heads);
        if (is_chosen(sahara, s, layer, head)) continue;
        if (isnan(board[cell]))
            return cv_bad_input(err,
                                "%s: model %s, %s: the states with L%dH%d off have no subspace of rank %d, or are not "
                                "numbers; lower subspace.rank or give other prompts",
                                job->file, job->models[model].name, job->ablation_names[ablation], layer, head,
                                job->subspace.rank);
        if (board[cell] <= largest) continue;
        largest = board[cell];
        *best = (cv_ablated_head){layer, head, job->ablations[ablation]};
    }
    return isfinite(largest) || cv_bad_input(err, "%s: sahara.steps is %d, but model %s has %zu heads to choose from",
                                             job->file, sahara->steps, job->models[model].name, s->layers * s->heads);
}

bool cv_sahara_choose(cv_sahara *sahara, cv_error *err)
{
    assert(sahara->done < sahara->steps);
    const cv_job *job = &sahara->inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            if (!choose(sahara, m, a, &search_of(sahara, m, a)->chosen[sahara->done], err)) return false;
    sahara->done++;
    return true;
}

void cv_sahara_pack(const cv_sahara *sahara, cv_buffer *out)
{
    cv_put_i64(out, sahara->done);
    for (size_t i = 0; i < num_searches(sahara->inputs); i++)
        cv_put_heads(out, sahara->searches[i].chosen, (size_t)sahara->done);
}

bool cv_sahara_unpack(cv_sahara *sahara, const char *data, size_t length, cv_error *err)
{
    const cv_inputs *inputs = sahara->inputs;
    cv_cursor in = cv_cursor_at(data, length);
    int64_t done = cv_get_i64(&in);
    if (done < 0 || done > sahara->steps) in.ok = false;
    for (int m = 0; in.ok && m < inputs->job.num_models; m++)
        for (int a = 0; in.ok && a < inputs->job.num_ablations; a++)
            cv_get_heads(&in, &inputs->job.ablations[a], &inputs->models[m]->config, search_of(sahara, m, a)->chosen,
                         (size_t)done);
    if (!cv_cursor_done(&in)) return cv_failed(err, "the heads of Sahara's search arrived damaged");
    sahara->done = (int)done;
    return true;
}
