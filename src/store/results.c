#include "store/results.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "store/h5.h"

#include <caravan/version.h>

#include <stdio.h>
#include <stdlib.h>

const char cv_score_definition[] = "Ships: KL(p_clean || p_ablated) of the next-token distributions after the last "
                                   "token of the prompt, over the whole vocabulary, in nats, from log-softmax in "
                                   "double precision";

const char cv_angle_definition[] =
    "generalized Ships: the sum of the principal angles between the first r left singular "
    "vectors of the clean and the ablated states of all prompts' last tokens, not centred, "
    "in degrees, in double precision";

bool cv_sources_read(const cv_inputs *inputs, cv_sources *sources, cv_error *err)
{
    const cv_job *job = &inputs->job;
    *sources = (cv_sources){.models = cv_calloc((size_t)job->num_models, sizeof *sources->models),
                            .attention = cv_calloc((size_t)job->num_models, sizeof *sources->attention),
                            .num_models = job->num_models,
                            .utility = cv_calloc((size_t)job->evaluate.num_utility, sizeof *sources->utility),
                            .num_utility = job->evaluate.num_utility};
    bool ok = true;
    for (int m = 0; ok && m < job->num_models; m++)
        ok = cv_fingerprint_model(job->models[m].path, &sources->models[m], err) &&
             (!job->models[m].attention_from ||
              cv_fingerprint_weights(job->models[m].attention_from, &sources->attention[m], err));
    for (int set = 0; ok && set < CV_NUM_PROMPT_SETS; set++)
        if (job->prompts[set].file) ok = cv_fingerprint_file(NULL, job->prompts[set].file, &sources->prompts[set], err);
    for (int t = 0; ok && t < job->evaluate.num_utility; t++)
        ok = cv_fingerprint_file(NULL, job->evaluate.utility[t].file, &sources->utility[t], err);
    if (!ok) cv_sources_free(sources);
    return ok;
}

void cv_sources_free(cv_sources *sources)
{
    for (int m = 0; m < sources->num_models; m++) {
        cv_fingerprints_free(&sources->models[m]);
        cv_fingerprints_free(&sources->attention[m]);
    }
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) cv_fingerprints_free(&sources->prompts[set]);
    for (int t = 0; t < sources->num_utility; t++) cv_fingerprints_free(&sources->utility[t]);
    free(sources->models);
    free(sources->attention);
    free(sources->utility);
    *sources = (cv_sources){0};
}

char *cv_results_name(const cv_job *job, int model, int ablation, const char *file)
{
    cv_buffer name = {0};
    cv_buffer_printf(&name, "%s/%s", job->models[model].name, job->ablation_names[ablation]);
    if (file) cv_buffer_printf(&name, "/%s", file);
    return cv_buffer_steal(&name);
}

static void write_ablation(cv_h5 *file, const cv_ablation *ablation, const char *name)
{
    cv_h5_text_attribute(file, "/", "ablation", name);
    cv_h5_text_attribute(file, "/", "ablation_kind", cv_ablation_kind_name(ablation->kind));
    cv_h5_text_attribute(file, "/", "ablation_granularity", cv_granularity_name(ablation->granularity));
    if (ablation->kind == CV_MEAN_OVER_HEADS)
        cv_h5_text_attribute(file, "/", "ablation_mean_of", cv_mean_of_name(ablation->mean_of));
    else
        cv_h5_double_attribute(file, "/", "ablation_epsilon", ablation->epsilon);
}

static void write_fingerprints(cv_h5 *file, const char *names_name, const char *hashes_name,
                               const cv_fingerprints *fingerprints)
{
    char **names = cv_alloc(fingerprints->count, sizeof *names),
         **hashes = cv_alloc(fingerprints->count, sizeof *hashes);
    for (size_t i = 0; i < fingerprints->count; i++) {
        names[i] = fingerprints->files[i].name;
        hashes[i] = fingerprints->files[i].sha256;
    }
    cv_h5_texts_attribute(file, "/", names_name, fingerprints->count, names);
    cv_h5_texts_attribute(file, "/", hashes_name, fingerprints->count, hashes);
    free(names);
    free(hashes);
}

static void write_definitions(cv_h5 *file, const cv_inputs *inputs, const cv_sources *sources, int model, int ablation)
{
    const cv_job *job = &inputs->job;
    cv_h5_text_attribute(file, "/", "caravan_version", CARAVAN_VERSION);
    cv_h5_text_attribute(file, "/", "caravan_git", CARAVAN_GIT);
    if (job->ships) cv_h5_text_attribute(file, "/", "score", cv_score_definition);
    cv_h5_text_attribute(file, "/", "model", job->models[model].name);
    cv_h5_text_attribute(file, "/", "model_path", job->models[model].path);
    write_fingerprints(file, "model_files", "model_sha256", &sources->models[model]);
    if (job->models[model].attention_from) {
        cv_h5_text_attribute(file, "/", "attention_from", job->models[model].attention_from);
        write_fingerprints(file, "attention_files", "attention_sha256", &sources->attention[model]);
    }
    write_ablation(file, &job->ablations[ablation], job->ablation_names[ablation]);
    cv_h5_text_attribute(file, "/", "format_kind", cv_format_kind_name(job->format.kind));
    cv_h5_text_attribute(file, "/", "format_text", inputs->format_texts[model]);
    if (job->format.system) cv_h5_text_attribute(file, "/", "format_system", job->format.system);
    cv_h5_text_attribute(file, "/", "engine", cv_engine_choice_name(job->engine));
    cv_h5_text_attribute(file, "/", "precision", "f32");
}

/* Below group: the angles, and what they are. */
static void write_angles(cv_h5 *file, const cv_job *job, const char *group, const cv_score_grid *grid)
{
    char name[64];
    snprintf(name, sizeof name, "%s/angles_deg", group);
    cv_h5_doubles(file, name, 3, (size_t[]){grid->layers, grid->heads, CV_SUBSPACE_RANKS}, grid->angles);
    cv_h5_text_attribute(file, name, "dimensions", "layer, head, r - 1: the sum of r principal angles");
    cv_h5_text_attribute(file, name, "unit", "degrees");
    cv_h5_text_attribute(file, name, "definition", cv_angle_definition);
    cv_h5_text_attribute(file, name, "state", cv_subspace_state_name(job->subspace.state));
}

/* /sahara: the boards of all steps, and the heads that were chosen. */
static void write_sahara(cv_h5 *file, const cv_inputs *inputs, const cv_sahara *sahara, int model, int ablation)
{
    cv_head_group group = cv_sahara_group(sahara, model, ablation);
    const cv_config *config = &inputs->models[model]->config;
    size_t steps = group.count, layers = (size_t)config->num_hidden_layers;
    size_t heads = (size_t)cv_ablation_heads(&inputs->job.ablations[ablation], config);
    int32_t *layer = cv_alloc(steps, sizeof *layer), *head = cv_alloc(steps, sizeof *head);
    for (size_t s = 0; s < steps; s++) {
        layer[s] = group.heads[s].layer;
        head[s] = group.heads[s].head;
    }
    cv_h5_group(file, "/sahara");
    cv_h5_ints(file, "/sahara/layer", steps, layer);
    cv_h5_ints(file, "/sahara/head", steps, head);
    cv_h5_doubles(file, "/sahara/angles_deg", 3, (size_t[]){steps, layers, heads},
                  cv_sahara_board(sahara, model, ablation, 0));
    cv_h5_text_attribute(file, "/sahara/angles_deg", "dimensions",
                         "step, layer, head; NaN for heads that are off already");
    cv_h5_text_attribute(file, "/sahara/angles_deg", "unit", "degrees");
    cv_h5_double_attribute(file, "/sahara/angles_deg", "rank", inputs->job.subspace.rank);
    cv_h5_text_attribute(file, "/sahara/angles_deg", "state", cv_subspace_state_name(inputs->job.subspace.state));
    free(layer);
    free(head);
}

static void write_set(cv_h5 *file, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores,
                      int model, int ablation, cv_prompt_set set)
{
    cv_score_grid grid = cv_scores_grid(scores, model, ablation, set);
    if (grid.prompts == 0) return;
    char group[32], name[64];
    snprintf(group, sizeof group, "/%s", cv_prompt_set_name(set));
    cv_h5_group(file, group);
    cv_h5_text_attribute(file, group, "file", inputs->job.prompts[set].file);
    cv_h5_text_attribute(file, group, "sha256", sources->prompts[set].files[0].sha256);
    if (grid.ships) {
        snprintf(name, sizeof name, "%s/ships", group);
        cv_h5_doubles(file, name, 3, (size_t[]){grid.layers, grid.heads, grid.prompts}, grid.ships);
        cv_h5_text_attribute(file, name, "dimensions", "layer, head, prompt");
        cv_h5_text_attribute(file, name, "unit", "nats");
    }
    if (grid.angles) write_angles(file, &inputs->job, group, &grid);
    snprintf(name, sizeof name, "%s/prompt", group);
    cv_h5_texts(file, name, grid.prompts, inputs->prompts[set]);
    snprintf(name, sizeof name, "%s/tokens", group);
    cv_h5_token_rows(file, name, grid.prompts, inputs->tokens[model][set]);
}

static bool write_file(cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores,
                       const cv_sahara *sahara, int model, int ablation, cv_error *err)
{
    char *name = cv_results_name(&inputs->job, model, ablation, NULL);
    bool ok = cv_folder_make(folder, name, err);
    free(name);
    if (!ok) return false;
    name = cv_results_name(&inputs->job, model, ablation, "scores.h5");
    char *path = cv_folder_path(folder, name);
    cv_h5 *file = cv_h5_create(path);
    write_definitions(file, inputs, sources, model, ablation);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        write_set(file, inputs, sources, scores, model, ablation, (cv_prompt_set)set);
    if (sahara) write_sahara(file, inputs, sahara, model, ablation);
    ok = cv_h5_commit(file, err);
    free(path);
    free(name);
    return ok;
}

bool cv_results_write(cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores,
                      const cv_sahara *sahara, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_file(folder, inputs, sources, scores, sahara, m, a, err)) return false;
    return true;
}
