#include "sweep/chosen.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <assert.h>
#include <stdlib.h>

struct cv_chosen {
    const cv_inputs *inputs;
    cv_groups *groups; /* [models, ablations, words, CV_NUM_PROMPT_SETS] */
};

static size_t num_groups(const cv_inputs *inputs)
{
    const cv_job *job = &inputs->job;
    return (size_t)job->num_models * (size_t)job->num_ablations * (size_t)job->evaluate.num_groups * CV_NUM_PROMPT_SETS;
}

static cv_groups *groups_at(const cv_chosen *chosen, int model, int ablation, int word, int set)
{
    const cv_job *job = &chosen->inputs->job;
    assert(model >= 0 && model < job->num_models && ablation >= 0 && ablation < job->num_ablations);
    assert(word >= 0 && word < job->evaluate.num_groups);
    size_t row = (size_t)model * (size_t)job->num_ablations + (size_t)ablation;
    return &chosen->groups[(row * (size_t)job->evaluate.num_groups + (size_t)word) * CV_NUM_PROMPT_SETS + (size_t)set];
}

static cv_chosen *allocate(const cv_inputs *inputs)
{
    cv_chosen *chosen = cv_calloc(1, sizeof *chosen);
    *chosen = (cv_chosen){inputs, cv_calloc(num_groups(inputs), sizeof *chosen->groups)};
    return chosen;
}

/* All words of one model under one ablation, for the prompts of a set. */
static void choose(cv_chosen *chosen, const cv_scores *scores, const cv_sahara *sahara, int model, int ablation,
                   cv_prompt_set set)
{
    const cv_inputs *inputs = chosen->inputs;
    if (inputs->num_prompts[set] == 0) return;
    cv_score_grid grid = cv_scores_grid(scores, model, ablation, set);
    size_t count;
    cv_head_score *ranking = cv_scores_heads(scores, model, ablation, &count);
    cv_findings findings = {.ablation = inputs->job.ablations[ablation],
                            .layers = (int)grid.layers,
                            .heads = (int)grid.heads,
                            .ranking = ranking,
                            .ships = grid.ships,
                            .prompts = grid.prompts,
                            .seed = inputs->job.evaluate.seed};
    if (sahara) findings.sahara = cv_sahara_group(sahara, model, ablation);
    for (int w = 0; w < inputs->job.evaluate.num_groups; w++)
        *groups_at(chosen, model, ablation, w, (int)set) = cv_groups_make(&findings, &inputs->job.evaluate.groups[w]);
    free(ranking);
}

cv_chosen *cv_chosen_make(const cv_inputs *inputs, const cv_scores *scores, const cv_sahara *sahara)
{
    cv_chosen *chosen = allocate(inputs);
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) choose(chosen, scores, sahara, m, a, (cv_prompt_set)set);
    return chosen;
}

void cv_chosen_free(cv_chosen *chosen)
{
    if (!chosen) return;
    for (size_t i = 0; i < num_groups(chosen->inputs); i++) cv_groups_free(&chosen->groups[i]);
    free(chosen->groups);
    free(chosen);
}

const cv_groups *cv_chosen_at(const cv_chosen *chosen, int model, int ablation, int word, cv_prompt_set set)
{
    return groups_at(chosen, model, ablation, word, (int)set);
}

/* ---- bytes ---- */

void cv_chosen_pack(const cv_chosen *chosen, cv_buffer *out)
{
    for (size_t i = 0; i < num_groups(chosen->inputs); i++)
        cv_put_heads(out, chosen->groups[i].heads, chosen->groups[i].num_heads);
}

/* How many groups of how many heads there are follows from the job; their heads alone were sent. */
static void unpack_groups(cv_cursor *in, cv_chosen *chosen, int model, int ablation, int word)
{
    const cv_inputs *inputs = chosen->inputs;
    const cv_config *config = &inputs->models[model]->config;
    const cv_ablation *how = &inputs->job.ablations[ablation];
    size_t heads = (size_t)config->num_hidden_layers * (size_t)cv_ablation_heads(how, config);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_groups *groups = groups_at(chosen, model, ablation, word, set);
        if (inputs->num_prompts[set] > 0)
            *groups = cv_groups_allocate(&inputs->job.evaluate.groups[word], heads, inputs->num_prompts[set]);
        cv_get_heads(in, how, config, groups->heads, groups->num_heads);
    }
}

cv_chosen *cv_chosen_unpack(const cv_inputs *inputs, const char *data, size_t length, cv_error *err)
{
    cv_chosen *chosen = allocate(inputs);
    cv_cursor in = cv_cursor_at(data, length);
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            for (int w = 0; w < inputs->job.evaluate.num_groups; w++) unpack_groups(&in, chosen, m, a, w);
    if (cv_cursor_done(&in)) return chosen;
    cv_chosen_free(chosen);
    cv_failed(err, "the chosen heads arrived damaged");
    return NULL;
}
