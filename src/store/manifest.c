#include "store/manifest.h"

#include "engine/blas.h"
#include "store/h5.h"

#include <caravan/version.h>

#include <jansson.h>

#include <math.h>
#include <string.h>

/* null for NULL, and for a path that is not UTF-8. */
static void put_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    json_object_set_new(object, key, value ? value : json_null());
}

static void put_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void put_real(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

/* ---- the parts ---- */

static json_t *versions(const cv_run_report *run)
{
    json_t *object = json_object();
    put_text(object, "caravan", CARAVAN_VERSION);
    put_text(object, "caravan_git", CARAVAN_GIT);
    put_text(object, "build_type", CARAVAN_BUILD_TYPE);
    put_text(object, "openblas", cv_blas_version());
    put_text(object, "hdf5", cv_h5_version());
    put_text(object, "mpi", run->mpi_version);
    put_text(object, "jansson", jansson_version_str());
    return object;
}

static json_t *files(const cv_fingerprints *fingerprints)
{
    json_t *list = json_array();
    for (size_t i = 0; i < fingerprints->count; i++) {
        json_t *file = json_object();
        put_text(file, "name", fingerprints->files[i].name);
        put_integer(file, "bytes", fingerprints->files[i].bytes);
        put_text(file, "sha256", fingerprints->files[i].sha256);
        json_array_append_new(list, file);
    }
    return list;
}

static json_t *models(const cv_inputs *inputs, const cv_sources *sources)
{
    json_t *list = json_array();
    for (int m = 0; m < inputs->job.num_models; m++) {
        const cv_model *model = inputs->models[m];
        json_t *object = json_object();
        put_text(object, "name", inputs->job.models[m].name);
        put_text(object, "path", inputs->job.models[m].path);
        put_text(object, "base", inputs->job.models[m].base);
        put_text(object, "architecture", model->config.architecture);
        put_integer(object, "parameters", model->parameters);
        put_text(object, "dtype", cv_dtype_name(model->embed_tokens.dtype));
        put_text(object, "format_text", inputs->format_texts[m]);
        json_object_set_new(object, "files", files(&sources->models[m]));
        if (inputs->job.models[m].attention_from) {
            put_text(object, "attention_from", inputs->job.models[m].attention_from);
            json_object_set_new(object, "attention_files", files(&sources->attention[m]));
        }
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *prompt_sets(const cv_inputs *inputs, const cv_sources *sources)
{
    json_t *object = json_object();
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        if (!inputs->job.prompts[set].file) continue;
        json_t *one = json_object();
        put_text(one, "file", inputs->job.prompts[set].file);
        put_text(one, "sha256", sources->prompts[set].files[0].sha256);
        put_integer(one, "prompts", inputs->num_prompts[set]);
        json_object_set_new(object, cv_prompt_set_name((cv_prompt_set)set), one);
    }
    return object;
}

static json_t *tasks(const cv_inputs *inputs, const cv_sources *sources)
{
    json_t *list = json_array();
    for (int t = 0; t < inputs->job.evaluate.num_utility; t++) {
        json_t *one = json_object();
        put_text(one, "name", inputs->job.evaluate.utility[t].name);
        put_text(one, "file", inputs->job.evaluate.utility[t].file);
        put_text(one, "sha256", sources->utility[t].files[0].sha256);
        put_integer(one, "questions", inputs->tasks[t].count);
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *ablation(const cv_ablation *ablation, const char *name)
{
    json_t *object = json_object();
    put_text(object, "name", name);
    put_text(object, "kind", cv_ablation_kind_name(ablation->kind));
    if (ablation->kind == CV_MEAN_OVER_HEADS)
        put_text(object, "of", cv_mean_of_name(ablation->mean_of));
    else
        put_real(object, "epsilon", ablation->epsilon);
    put_text(object, "granularity", cv_granularity_name(ablation->granularity));
    return object;
}

static json_t *subspace(const cv_job *job)
{
    json_t *object = json_object();
    put_text(object, "score", cv_angle_definition);
    put_text(object, "state", cv_subspace_state_name(job->subspace.state));
    put_integer(object, "rank", (uint64_t)job->subspace.rank);
    put_integer(object, "sahara_steps", (uint64_t)job->sahara_steps);
    return object;
}

static json_t *coherence(const cv_coherence_limits *limits)
{
    json_t *object = json_object();
    put_real(object, "max_repetition", limits->max_repetition);
    put_real(object, "max_compression", limits->max_compression);
    put_integer(object, "min_characters", limits->min_characters);
    put_real(object, "min_loglikelihood", limits->min_loglikelihood);
    return object;
}

/* How answers are made and judged; only where there are any. */
static void put_answers(json_t *object, const cv_job_evaluate *job)
{
    json_t *decode = json_array(), *judges = json_object();
    for (int d = 0; d < job->num_decode; d++) json_array_append_new(decode, json_string(job->decode[d].name));
    for (int judge = 0; judge < CV_NUM_JUDGES; judge++)
        if (job->judges[judge]) put_text(judges, cv_judge_name((cv_judge)judge), cv_judge_definition((cv_judge)judge));
    json_object_set_new(object, "decode", decode);
    json_object_set_new(object, "judges", judges);
    put_text(object, "asr_judge", cv_judge_name(job->first_judge));
    json_object_set_new(object, "coherence", coherence(&job->coherence));
    put_integer(object, "max_new_tokens", (uint64_t)job->max_new_tokens);
    put_text(object, "random_numbers",
             "Philox4x32-10 by seed, prompt set, prompt, sample and token; groups share them");
}

static json_t *evaluate(const cv_job_evaluate *job)
{
    json_t *object = json_object(), *groups = json_array();
    for (int g = 0; g < job->num_groups; g++) json_array_append_new(groups, json_string(job->groups[g].name));
    json_object_set_new(object, "groups", groups);
    put_integer(object, "random_seed", job->seed);
    if (job->num_decode > 0) put_answers(object, job);
    return object;
}

/* Of the intervals in heads.csv and stability.csv. */
static json_t *bootstrap(const cv_run_report *run)
{
    json_t *object = json_object();
    put_integer(object, "resamples", run->resamples);
    put_integer(object, "seed", run->resampling_seed);
    put_text(object, "intervals", "95 %, percentiles of resamples over prompts");
    return object;
}

/* What was chosen where the field knows more than one way, defaults included. */
static json_t *definitions(const cv_job *job, const cv_run_report *run)
{
    json_t *object = json_object(), *list = json_array();
    if (job->ships) put_text(object, "score", cv_score_definition);
    if (job->subspace.enabled) json_object_set_new(object, "subspace", subspace(job));
    if (job->evaluate.enabled) json_object_set_new(object, "evaluate", evaluate(&job->evaluate));
    json_object_set_new(object, "bootstrap", bootstrap(run));
    put_text(object, "format", cv_format_kind_name(job->format.kind));
    put_text(object, "system", job->format.system);
    for (int a = 0; a < job->num_ablations; a++)
        json_array_append_new(list, ablation(&job->ablations[a], job->ablation_names[a]));
    json_object_set_new(object, "ablations", list);
    put_text(object, "head_numbers", "0-based; query heads, or groups of query heads that share a key head");
    put_text(object, "engine", cv_engine_choice_name(job->engine));
    put_text(object, "precision", "f32");
    return object;
}

static json_t *ranks(const cv_run_report *run)
{
    json_t *list = json_array();
    for (int r = 0; r < run->num_ranks; r++) {
        const cv_rank_report *rank = &run->ranks[r];
        json_t *object = json_object();
        put_integer(object, "rank", (uint64_t)r);
        put_text(object, "host", rank->host);
        put_integer(object, "threads", (uint64_t)rank->threads);
        put_text(object, "cores", rank->binding);
        put_text(object, "processor", rank->cpu);
        put_text(object, "isa", rank->isa);
        put_text(object, "openblas_core", rank->blas_core);
        put_integer(object, "operations", rank->work.operations);
        put_real(object, "busy_seconds", rank->busy_seconds);
        put_real(object, "gemm_peak_flops", rank->peak);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *stage(const cv_stage_report *report)
{
    json_t *object = json_object();
    put_text(object, "name", report->name);
    put_integer(object, "units", report->units);
    put_integer(object, "units_from_journal", report->units_from_journal);
    put_integer(object, "units_handed_out_again", report->copies);
    put_integer(object, "operations_planned", report->operations_planned);
    put_real(object, "wall_seconds", report->seconds);
    return object;
}

/* Equal kernels give equal bits. */
static bool same_kernels(const cv_run_report *run)
{
    for (int r = 1; r < run->num_ranks; r++)
        if (strcmp(run->ranks[r].blas_core, run->ranks[0].blas_core) != 0) return false;
    return true;
}

/* The share of the peak is the whole run's: waiting ranks count as reaching nothing. */
static json_t *performance(const cv_run_report *run)
{
    double peak = 0;
    cv_work work = {0};
    for (int r = 0; r < run->num_ranks; r++) {
        peak += run->ranks[r].peak;
        work.operations += run->ranks[r].work.operations;
        work.weight_bytes += run->ranks[r].work.weight_bytes;
    }
    json_t *object = json_object();
    size_t units = 0, from_journal = 0;
    uint64_t planned = 0;
    json_t *list = json_array();
    for (size_t p = 0; p < run->num_stages; p++) {
        units += run->stages[p].units;
        from_journal += run->stages[p].units_from_journal;
        planned += run->stages[p].operations_planned;
        json_array_append_new(list, stage(&run->stages[p]));
    }
    put_integer(object, "units", units);
    put_integer(object, "units_from_journal", from_journal);
    put_integer(object, "operations", work.operations);
    put_integer(object, "operations_planned", planned);
    put_integer(object, "operations_plain", run->plain_operations);
    put_integer(object, "weight_bytes_read", work.weight_bytes);
    put_real(object, "load_seconds", run->load_seconds);
    put_real(object, "wall_seconds", run->stage_seconds);
    put_real(object, "gemm_peak_flops", peak);
    put_real(object, "gemm_peak_fraction", (double)work.operations / (run->stage_seconds * peak));
    json_object_set_new(object, "stages", list);
    return object;
}

bool cv_manifest_write(const cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources,
                       const cv_run_report *run, cv_error *err)
{
    const cv_job *job = &inputs->job;
    json_t *top = json_object();
    put_text(top, "name", job->name);
    put_text(top, "job_file", job->file);
    put_text(top, "output", job->output);
    json_object_set_new(top, "job", json_loadb(job->text, job->text_length, JSON_ALLOW_NUL, NULL));
    json_object_set_new(top, "definitions", definitions(job, run));
    json_object_set_new(top, "models", models(inputs, sources));
    json_object_set_new(top, "prompts", prompt_sets(inputs, sources));
    if (job->evaluate.num_utility > 0) json_object_set_new(top, "utility", tasks(inputs, sources));
    json_object_set_new(top, "versions", versions(run));
    json_object_set_new(top, "ranks", ranks(run));
    json_object_set_new(top, "ranks_have_same_kernels", json_boolean(same_kernels(run)));
    json_object_set_new(top, "performance", performance(run));
    return cv_folder_write_json(folder, "manifest.json", top, err);
}
