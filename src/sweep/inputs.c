#include "sweep/inputs.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool load_prompts(cv_inputs *inputs, cv_error *err)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        const cv_job_prompts *source = &inputs->job.prompts[set];
        if (!source->file) continue;
        cv_prompts prompts = {0};
        if (!cv_prompts_load(source->file, source->column, source->limit, &prompts, err)) return false;
        inputs->prompts[set] = prompts.text;
        inputs->num_prompts[set] = prompts.count;
        if (prompts.count == 0) return cv_bad_input(err, "%s: the file has no prompts", source->file);
        if (prompts.count > INT32_MAX)
            return cv_bad_input(err, "%s: too many prompts; use prompts.%s.limit", source->file,
                                cv_prompt_set_name((cv_prompt_set)set));
    }
    return true;
}

static bool open_models(cv_inputs *inputs, cv_error *err)
{
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++) {
        inputs->models[m] = cv_model_open_grafted(job->models[m].path, job->models[m].attention_from, err);
        if (!inputs->models[m]) return false;
        for (int a = 0; a < job->num_ablations; a++)
            if (!cv_ablation_check(&job->ablations[a], &inputs->models[m]->config, err))
                return cv_error_prefix(err, "%s: ablations[%d] with model %s", job->file, a, job->models[m].name);
        if (!cv_job_check(job, m, &inputs->models[m]->config, inputs->num_prompts, err)) return false;
    }
    return true;
}

/* A prompt's ids against what the model can take. number counts from 1. */
static bool check_tokens(const cv_model *model, const cv_tokens *tokens, const char *file, size_t number, cv_error *err)
{
    const cv_config *config = &model->config;
    if (tokens->count == 0)
        return cv_bad_input(err, "%s: prompt %zu gives no tokens with %s; remove it or choose another format", file,
                            number, model->path);
    if (tokens->count > (size_t)config->max_position_embeddings)
        return cv_bad_input(err,
                            "%s: prompt %zu has %zu tokens, but %s has %d positions (max_position_embeddings); "
                            "shorten or remove it",
                            file, number, tokens->count, model->path, config->max_position_embeddings);
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->ids[i] < 0 || tokens->ids[i] >= config->vocab_size)
            return cv_bad_input(err,
                                "%s: prompt %zu has token %d, but %s/config.json has vocab_size %d; "
                                "tokenizer.json is another model's",
                                file, number, (int)tokens->ids[i], model->path, config->vocab_size);
    return true;
}

/* Answers need positions too. */
static bool check_answers(const cv_inputs *inputs, int model, const char *file, size_t number, size_t tokens,
                          cv_error *err)
{
    const cv_job_evaluate *evaluate = &inputs->job.evaluate;
    int positions = inputs->models[model]->config.max_position_embeddings;
    if (!evaluate->enabled || evaluate->num_decode == 0 ||
        tokens + (size_t)evaluate->max_new_tokens <= (size_t)positions)
        return true;
    return cv_bad_input(err,
                        "%s: prompt %zu has %zu tokens, and with %d more of an answer it leaves the %d positions of %s "
                        "(max_position_embeddings); lower evaluate.max_new_tokens or remove the prompt",
                        file, number, tokens, evaluate->max_new_tokens, positions, inputs->models[model]->path);
}

static bool encode_set(cv_inputs *inputs, int model, int set, const cv_tokenizer *tokenizer, cv_error *err)
{
    const char *file = inputs->job.prompts[set].file;
    cv_tokens *tokens = inputs->tokens[model][set] = cv_calloc(inputs->num_prompts[set], sizeof *tokens);
    for (size_t p = 0; p < inputs->num_prompts[set]; p++) {
        if (!cv_format_prompt(tokenizer, &inputs->job.format, inputs->prompts[set][p], &tokens[p], NULL, err))
            return cv_error_prefix(err, "%s: prompt %zu", file, p + 1);
        if (!check_tokens(inputs->models[model], &tokens[p], file, p + 1, err) ||
            !check_answers(inputs, model, file, p + 1, tokens[p].count, err))
            return false;
    }
    return true;
}

/* What the format makes of a prompt, spelled out, as results are to record it. */
static bool describe_format(cv_inputs *inputs, int model, const cv_tokenizer *tokenizer, cv_error *err)
{
    cv_tokens unused = {0};
    bool ok = cv_format_prompt(tokenizer, &inputs->job.format, "{prompt}", &unused, &inputs->format_texts[model], err);
    cv_tokens_free(&unused);
    return ok;
}

static bool load_tasks(cv_inputs *inputs, cv_error *err)
{
    const cv_job_evaluate *evaluate = &inputs->job.evaluate;
    inputs->tasks = cv_calloc((size_t)evaluate->num_utility, sizeof *inputs->tasks);
    for (int t = 0; t < evaluate->num_utility; t++)
        if (!cv_task_load(evaluate->utility[t].file, evaluate->utility[t].limit, &inputs->tasks[t], err)) return false;
    return true;
}

static bool encode_tasks(cv_inputs *inputs, int model, const cv_tokenizer *tokenizer, cv_error *err)
{
    for (int t = 0; t < inputs->job.evaluate.num_utility; t++)
        if (!cv_task_encode(&inputs->tasks[t], tokenizer, inputs->models[model], &inputs->pairs[model][t], err))
            return false;
    return true;
}

static bool encode_texts(cv_inputs *inputs, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++) {
        cv_tokenizer *tokenizer = cv_tokenizer_open(inputs->job.models[m].path, err);
        if (!tokenizer) return false;
        bool ok = describe_format(inputs, m, tokenizer, err);
        for (int set = 0; ok && set < CV_NUM_PROMPT_SETS; set++) ok = encode_set(inputs, m, set, tokenizer, err);
        ok = ok && encode_tasks(inputs, m, tokenizer, err);
        cv_tokenizer_close(tokenizer);
        if (!ok) return false;
    }
    return true;
}

void cv_inputs_allocate(cv_inputs *inputs)
{
    size_t count = (size_t)inputs->job.num_models;
    inputs->models = cv_calloc(count, sizeof *inputs->models);
    inputs->format_texts = cv_calloc(count, sizeof *inputs->format_texts);
    inputs->tokens = cv_calloc(count, sizeof *inputs->tokens);
    inputs->pairs = cv_calloc(count, sizeof *inputs->pairs);
    for (size_t m = 0; m < count; m++)
        inputs->pairs[m] = cv_calloc((size_t)inputs->job.evaluate.num_utility, sizeof *inputs->pairs[m]);
}

bool cv_inputs_load(cv_job *job, cv_inputs *inputs, cv_error *err)
{
    *inputs = (cv_inputs){.job = *job};
    inputs->job.format.system = inputs->job.format_system;
    inputs->job.format.text = inputs->job.format_text;
    *job = (cv_job){0};
    cv_inputs_allocate(inputs);
    bool ok =
        load_prompts(inputs, err) && load_tasks(inputs, err) && open_models(inputs, err) && encode_texts(inputs, err);
    if (!ok) cv_inputs_free(inputs);
    return ok;
}

void cv_inputs_free(cv_inputs *inputs)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        for (int m = 0; inputs->tokens && m < inputs->job.num_models; m++) {
            cv_tokens *tokens = inputs->tokens[m][set];
            for (size_t p = 0; tokens && p < inputs->num_prompts[set]; p++) cv_tokens_free(&tokens[p]);
            free(tokens);
        }
        for (size_t p = 0; inputs->prompts[set] && p < inputs->num_prompts[set]; p++) free(inputs->prompts[set][p]);
        free(inputs->prompts[set]);
    }
    for (int t = 0; inputs->tasks && t < inputs->job.evaluate.num_utility; t++) cv_task_free(&inputs->tasks[t]);
    for (int m = 0; inputs->models && m < inputs->job.num_models; m++) {
        for (int t = 0; t < inputs->job.evaluate.num_utility; t++) cv_task_pairs_free(&inputs->pairs[m][t]);
        free(inputs->pairs[m]);
        cv_model_close(inputs->models[m]);
        free(inputs->format_texts[m]);
    }
    free(inputs->models);
    free(inputs->format_texts);
    free(inputs->tokens);
    free(inputs->tasks);
    free(inputs->pairs);
    cv_job_free(&inputs->job);
    *inputs = (cv_inputs){0};
}

int cv_inputs_positions(const cv_inputs *inputs, int model)
{
    const cv_job_evaluate *evaluate = &inputs->job.evaluate;
    size_t longest = 0, answer = evaluate->num_decode > 0 ? (size_t)evaluate->max_new_tokens - 1 : 0;
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        for (size_t p = 0; p < inputs->num_prompts[set]; p++)
            if (inputs->tokens[model][set][p].count + answer > longest)
                longest = inputs->tokens[model][set][p].count + answer;
    for (int t = 0; t < evaluate->num_utility; t++)
        for (size_t i = 0; i < inputs->pairs[model][t].num; i++)
            if (inputs->pairs[model][t].count[i] - 1 > longest) longest = inputs->pairs[model][t].count[i] - 1;
    return (int)longest;
}

bool cv_inputs_relocate(cv_inputs *inputs, int model, const char *folder, const char *attention, cv_error *err)
{
    cv_model *copy = cv_model_open_grafted(folder, attention, err);
    if (!copy) return false;
    cv_model_close(inputs->models[model]);
    inputs->models[model] = copy;
    inputs->job.models[model].copy = cv_strdup(folder);
    inputs->job.models[model].attention_copy = attention ? cv_strdup(attention) : NULL;
    return true;
}
