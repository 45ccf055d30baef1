#include "sweep/inputs.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <caravan/version.h>

#include <stdlib.h>
#include <string.h>

/* Ranks of different builds would read each other's bytes wrongly. */
static const char build[] = "caravan inputs 2, " CARAVAN_VERSION " " CARAVAN_GIT;

/* ---- loading ---- */

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
        inputs->models[m] = cv_model_open(job->models[m].path, err);
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

static bool encode_set(cv_inputs *inputs, int model, int set, const cv_tokenizer *tokenizer, cv_error *err)
{
    const char *file = inputs->job.prompts[set].file;
    cv_tokens *tokens = inputs->tokens[model][set] = cv_calloc(inputs->num_prompts[set], sizeof *tokens);
    for (size_t p = 0; p < inputs->num_prompts[set]; p++) {
        if (!cv_format_prompt(tokenizer, &inputs->job.format, inputs->prompts[set][p], &tokens[p], NULL, err))
            return cv_error_prefix(err, "%s: prompt %zu", file, p + 1);
        if (!check_tokens(inputs->models[model], &tokens[p], file, p + 1, err)) return false;
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

static bool encode_prompts(cv_inputs *inputs, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++) {
        cv_tokenizer *tokenizer = cv_tokenizer_open(inputs->job.models[m].path, err);
        if (!tokenizer) return false;
        bool ok = describe_format(inputs, m, tokenizer, err);
        for (int set = 0; ok && set < CV_NUM_PROMPT_SETS; set++) ok = encode_set(inputs, m, set, tokenizer, err);
        cv_tokenizer_close(tokenizer);
        if (!ok) return false;
    }
    return true;
}

static void allocate_models(cv_inputs *inputs)
{
    size_t count = (size_t)inputs->job.num_models;
    inputs->models = cv_calloc(count, sizeof *inputs->models);
    inputs->format_texts = cv_calloc(count, sizeof *inputs->format_texts);
    inputs->tokens = cv_calloc(count, sizeof *inputs->tokens);
}

bool cv_inputs_load(cv_job *job, cv_inputs *inputs, cv_error *err)
{
    *inputs = (cv_inputs){.job = *job};
    inputs->job.format.system = inputs->job.format_system;
    inputs->job.format.text = inputs->job.format_text;
    *job = (cv_job){0};
    allocate_models(inputs);
    bool ok = load_prompts(inputs, err) && open_models(inputs, err) && encode_prompts(inputs, err);
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
    for (int m = 0; inputs->models && m < inputs->job.num_models; m++) {
        cv_model_close(inputs->models[m]);
        free(inputs->format_texts[m]);
    }
    free(inputs->models);
    free(inputs->format_texts);
    free(inputs->tokens);
    cv_job_free(&inputs->job);
    *inputs = (cv_inputs){0};
}

size_t cv_inputs_longest(const cv_inputs *inputs, int model)
{
    size_t longest = 0;
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        for (size_t p = 0; p < inputs->num_prompts[set]; p++)
            if (inputs->tokens[model][set][p].count > longest) longest = inputs->tokens[model][set][p].count;
    return longest;
}

/* ---- packing ---- */

/* The job travels as its text, and is read again: the reader is exact, and only what the command line
 * may override is not in the text. */
static void pack_job(const cv_job *job, cv_buffer *out)
{
    cv_put_text(out, job->file);
    cv_put_array(out, job->text, job->text_length, 1);
    cv_put_text(out, cv_engine_choice_name(job->engine));
    cv_put_text(out, job->output);
}

/* What tells one checkpoint from another without reading its weights. */
static void pack_model(const cv_model *model, cv_buffer *out)
{
    const cv_config *config = &model->config;
    const int64_t shape[] = {config->vocab_size,
                             config->hidden_size,
                             config->intermediate_size,
                             config->num_hidden_layers,
                             config->num_attention_heads,
                             config->num_key_value_heads,
                             config->head_dim,
                             config->max_position_embeddings,
                             (int64_t)model->weight_bytes};
    cv_put_array(out, shape, sizeof shape / sizeof shape[0], sizeof shape[0]);
}

void cv_inputs_pack(const cv_inputs *inputs, cv_buffer *out)
{
    cv_put_text(out, build);
    pack_job(&inputs->job, out);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_put_u64(out, inputs->num_prompts[set]);
        for (size_t p = 0; p < inputs->num_prompts[set]; p++) cv_put_text(out, inputs->prompts[set][p]);
    }
    for (int m = 0; m < inputs->job.num_models; m++) {
        cv_buffer shape = {0};
        pack_model(inputs->models[m], &shape);
        cv_put_array(out, shape.data, shape.length, 1);
        cv_buffer_free(&shape);
        cv_put_text(out, inputs->format_texts[m]);
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
            for (size_t p = 0; p < inputs->num_prompts[set]; p++) {
                const cv_tokens *tokens = &inputs->tokens[m][set][p];
                cv_put_array(out, tokens->ids, tokens->count, sizeof *tokens->ids);
            }
    }
}

static bool unpack_job(cv_cursor *in, cv_job *job, cv_error *err)
{
    char *file = cv_get_text(in);
    size_t length;
    char *text = cv_get_array(in, &length, 1);
    char *engine = cv_get_text(in), *output = cv_get_text(in);
    cv_job_options options = {.engine = engine, .output = output};
    bool ok = (file && text && in->ok) || cv_failed(err, "the inputs arrived damaged");
    ok = ok && cv_job_parse(text, length, file, &options, job, err);
    free(file);
    free(text);
    free(engine);
    free(output);
    return ok;
}

static void unpack_prompts(cv_cursor *in, cv_inputs *inputs)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        size_t count = inputs->num_prompts[set] = cv_get_count(in, sizeof(uint64_t));
        inputs->prompts[set] = count ? cv_calloc(count, sizeof *inputs->prompts[set]) : NULL;
        for (size_t p = 0; p < count; p++) {
            inputs->prompts[set][p] = cv_get_text(in);
            in->ok = in->ok && inputs->prompts[set][p];
        }
    }
}

static void unpack_tokens(cv_cursor *in, cv_inputs *inputs, int model)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_tokens *tokens = inputs->tokens[model][set] = cv_calloc(inputs->num_prompts[set], sizeof *tokens);
        for (size_t p = 0; p < inputs->num_prompts[set]; p++) {
            tokens[p].ids = cv_get_array(in, &tokens[p].count, sizeof *tokens[p].ids);
            tokens[p].capacity = tokens[p].count;
        }
    }
}

static bool unpack_model(cv_cursor *in, cv_inputs *inputs, int m, cv_error *err)
{
    cv_buffer here = {0};
    size_t length;
    char *there = cv_get_array(in, &length, 1);
    inputs->format_texts[m] = cv_get_text(in);
    unpack_tokens(in, inputs, m);
    bool ok = in->ok || cv_failed(err, "the inputs arrived damaged");
    if (ok) {
        inputs->models[m] = cv_model_open(inputs->job.models[m].path, err);
        ok = inputs->models[m] != NULL;
    }
    if (ok) {
        pack_model(inputs->models[m], &here);
        if (length != here.length || memcmp(there, here.data, length) != 0)
            ok =
                cv_bad_input(err, "%s: is another model than the one that rank 0 opened; give all nodes the same files",
                             inputs->job.models[m].path);
    }
    cv_buffer_free(&here);
    free(there);
    return ok;
}

bool cv_inputs_unpack(const char *data, size_t length, cv_inputs *inputs, cv_error *err)
{
    *inputs = (cv_inputs){0};
    cv_cursor in = cv_cursor_at(data, length);
    char *sender = cv_get_text(&in);
    bool same = sender && strcmp(sender, build) == 0;
    free(sender);
    if (!same) return cv_bad_input(err, "the ranks run different builds of caravan; start all of them from one file");
    if (!unpack_job(&in, &inputs->job, err)) return false;
    unpack_prompts(&in, inputs);
    allocate_models(inputs);
    bool ok = in.ok || cv_failed(err, "the inputs arrived damaged");
    for (int m = 0; ok && m < inputs->job.num_models; m++) ok = unpack_model(&in, inputs, m, err);
    if (ok && !cv_cursor_done(&in)) ok = cv_failed(err, "the inputs arrived damaged");
    if (!ok) cv_inputs_free(inputs);
    return ok;
}
