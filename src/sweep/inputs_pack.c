/* Inputs as bytes, from rank 0 to the others. */
#include "sweep/inputs.h"

#include "base/memory.h"
#include "sweep/bytes.h"

#include <caravan/version.h>

#include <stdlib.h>
#include <string.h>

/* Ranks of different builds would read each other's bytes wrongly. */
static const char build[] = "caravan inputs 6, " CARAVAN_VERSION " " CARAVAN_GIT;

/* ---- packing ---- */

/* The job travels as its text, and is read again: the reader is exact, and only what the command line
 * may override is not in the text. */
static void pack_job(const cv_job *job, cv_buffer *out)
{
    cv_put_text(out, job->file);
    cv_put_array(out, job->text, job->text_length, 1);
    cv_put_text(out, cv_engine_choice_name(job->engine));
    cv_put_text(out, job->output);
    cv_buffer names = {0};
    for (int m = 0; m < job->num_models; m++) cv_buffer_printf(&names, "%s%s", m ? "," : "", job->models[m].name);
    cv_put_text(out, names.data);
    cv_buffer_free(&names);
    for (int m = 0; m < job->num_models; m++) {
        cv_put_text(out, job->models[m].copy);
        cv_put_text(out, job->models[m].attention_copy);
    }
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

static void pack_pairs(const cv_task_pairs *pairs, cv_buffer *out)
{
    size_t ids = 0;
    for (size_t i = 0; i < pairs->num; i++) ids += pairs->count[i];
    cv_put_array(out, pairs->begin, pairs->num_items + 1, sizeof *pairs->begin);
    cv_put_array(out, pairs->context, pairs->num, sizeof *pairs->context);
    cv_put_array(out, pairs->count, pairs->num, sizeof *pairs->count);
    cv_put_array(out, pairs->storage, ids, sizeof *pairs->storage);
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
        for (int t = 0; t < inputs->job.evaluate.num_utility; t++) pack_pairs(&inputs->pairs[m][t], out);
    }
}

/* ---- unpacking ---- */

static bool unpack_job(cv_cursor *in, cv_job *job, cv_error *err)
{
    char *file = cv_get_text(in);
    size_t length;
    char *text = cv_get_array(in, &length, 1);
    char *engine = cv_get_text(in), *output = cv_get_text(in), *models = cv_get_text(in);
    cv_job_options options = {.engine = engine, .output = output, .models = models};
    bool ok = (file && text && in->ok) || cv_failed(err, "the inputs arrived damaged");
    ok = ok && cv_job_parse(text, length, file, &options, job, err);
    for (int m = 0; ok && m < job->num_models; m++) {
        job->models[m].copy = cv_get_text(in);
        job->models[m].attention_copy = cv_get_text(in);
    }
    free(file);
    free(text);
    free(engine);
    free(output);
    free(models);
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

/* Every prompt has a token: the engine's tries rely on it. */
static void unpack_tokens(cv_cursor *in, cv_inputs *inputs, int model)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_tokens *tokens = inputs->tokens[model][set] = cv_calloc(inputs->num_prompts[set], sizeof *tokens);
        for (size_t p = 0; p < inputs->num_prompts[set]; p++) {
            tokens[p].ids = cv_get_array(in, &tokens[p].count, sizeof *tokens[p].ids);
            tokens[p].capacity = tokens[p].count;
            in->ok = in->ok && tokens[p].count > 0;
        }
    }
}

/* Items follow each other and cover all pairs, and pairs cover all ids; each pair has a context and a
 * choice. What the engine computes is addressed by these numbers. */
static bool pairs_fit(const cv_task_pairs *pairs, size_t ids)
{
    if (pairs->begin[0] != 0 || pairs->begin[pairs->num_items] != pairs->num) return false;
    for (size_t i = 0; i < pairs->num_items; i++)
        if (pairs->begin[i + 1] <= pairs->begin[i]) return false;
    for (size_t i = 0; i < pairs->num; i++) {
        if (pairs->context[i] == 0 || pairs->context[i] >= pairs->count[i] || pairs->count[i] > ids) return false;
        ids -= pairs->count[i];
    }
    return ids == 0;
}

static void unpack_pairs(cv_cursor *in, cv_task_pairs *pairs)
{
    size_t begins, counts, ids;
    pairs->begin = cv_get_array(in, &begins, sizeof *pairs->begin);
    pairs->context = cv_get_array(in, &pairs->num, sizeof *pairs->context);
    pairs->count = cv_get_array(in, &counts, sizeof *pairs->count);
    pairs->storage = cv_get_array(in, &ids, sizeof *pairs->storage);
    pairs->num_items = begins > 0 ? begins - 1 : 0;
    in->ok = in->ok && begins > 1 && counts == pairs->num && pairs_fit(pairs, ids);
    pairs->ids = cv_alloc(pairs->num, sizeof *pairs->ids);
    const int32_t *next = pairs->storage;
    for (size_t i = 0; in->ok && i < pairs->num; next += pairs->count[i++]) pairs->ids[i] = next;
}

static bool unpack_model(cv_cursor *in, cv_inputs *inputs, int m, cv_error *err)
{
    cv_buffer here = {0};
    size_t length;
    char *there = cv_get_array(in, &length, 1);
    inputs->format_texts[m] = cv_get_text(in);
    unpack_tokens(in, inputs, m);
    for (int t = 0; t < inputs->job.evaluate.num_utility; t++) unpack_pairs(in, &inputs->pairs[m][t]);
    bool ok = in->ok || cv_failed(err, "the inputs arrived damaged");
    if (ok) {
        const cv_job_model *model = &inputs->job.models[m];
        inputs->models[m] = cv_model_open_grafted(cv_job_model_folder(model), cv_job_model_attention(model), err);
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
    cv_inputs_allocate(inputs);
    bool ok = in.ok || cv_failed(err, "the inputs arrived damaged");
    for (int m = 0; ok && m < inputs->job.num_models; m++) ok = unpack_model(&in, inputs, m, err);
    if (ok && !cv_cursor_done(&in)) ok = cv_failed(err, "the inputs arrived damaged");
    if (!ok) cv_inputs_free(inputs);
    return ok;
}
