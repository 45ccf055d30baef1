#include "sweep/job_reader.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#include <caravan/version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_LIMIT = 10000,             /* entries of any list in a job */
    NAME_LIMIT = 100,               /* bytes of a name, as file systems allow 255 */
    MEMORY_LIMIT_GIB = 1024 * 1024, /* a budget past a petabyte is a typing error */
    RANKS_LIMIT = 1000000,          /* units are cut for so many */
    MOST_STEPS = 64                 /* of Sahara; the paper takes 5 at most */
};

const char *cv_prompt_set_name(cv_prompt_set set)
{
    return set == CV_HARMFUL ? "harmful" : "harmless";
}

const char *cv_engine_choice_name(cv_engine_choice engine)
{
    return engine == CV_ENGINE_WAVEFRONT ? "wavefront" : "plain";
}

/* ---- what the parts share ---- */

cv_json_place cv_job_at(const cv_job_reader *r, const char *field)
{
    return (cv_json_place){r->file, field};
}

bool cv_job_not_yet(const cv_job_reader *r, const char *what)
{
    return cv_bad_input(r->err, "%s: %s is not implemented yet in caravan %d.%d; remove it", r->file, what,
                        CARAVAN_VERSION_MAJOR, CARAVAN_VERSION_MINOR);
}

char *cv_job_resolve(const cv_job_reader *r, const char *path)
{
    return strcmp(r->directory, ".") == 0 ? cv_strdup(path) : cv_path_join(r->directory, path);
}

char *cv_job_copy(const char *text)
{
    return text ? cv_strdup(text) : NULL;
}

const char *cv_job_name_fault(const char *name)
{
    static const char *const taken[] = {
        "manifest.json",       "status.json",       "journal",      "overlap.csv", "overlap_nulls.csv",
        "overlap_control.csv", "overlap_heads.csv", "overlap.json", "depth.csv",   "depth_distance.csv",
        "concentration.csv",   "report.html",       "figures",      "tables"};
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    if (!name[0]) return "it is empty";
    if (name[0] == '.' || name[0] == '-') return "it begins with a dot or a dash";
    if (strlen(name) > NAME_LIMIT) return "it is longer than 100 characters";
    if (name[strspn(name, allowed)]) return "it may hold letters, digits and . _ + - only";
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0) return "the results have a file of that name";
    return NULL;
}

bool cv_job_list(const cv_job_reader *r, const json_t *object, const char *at, const char *key, cv_json_need need,
                 json_t **list)
{
    const char *dot = at[0] ? "." : "";
    if (!cv_json_array(object, cv_job_at(r, at), key, need, list, r->err)) return false;
    if (!*list) return true;
    if (json_array_size(*list) == 0)
        return cv_bad_input(r->err, "%s: %s%s%s is empty; name at least one", r->file, at, dot, key);
    if (json_array_size(*list) > LIST_LIMIT)
        return cv_bad_input(r->err, "%s: %s%s%s has more than %d entries", r->file, at, dot, key, LIST_LIMIT);
    return true;
}

/* ---- scores ---- */

static bool read_ships(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"enabled", NULL};
    json_t *object = NULL;
    r->job->ships = true;
    if (!cv_json_object(top, cv_job_at(r, ""), "ships", CV_OPTIONAL, &object, r->err)) return false;
    return !object || (cv_json_only_keys(object, cv_job_at(r, "ships"), keys, r->err) &&
                       cv_json_bool(object, cv_job_at(r, "ships"), "enabled", CV_OPTIONAL, &r->job->ships, r->err));
}

static bool read_subspace(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"rank", "state", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "subspace", CV_OPTIONAL, &object, r->err)) return false;
    cv_json_place place = cv_job_at(r, "subspace");
    int64_t rank = 1;
    const char *state = cv_subspace_state_name(CV_FINAL_NORM);
    if (object && (!cv_json_only_keys(object, place, keys, r->err) ||
                   !cv_json_int(object, place, "rank", CV_OPTIONAL, 1, CV_SUBSPACE_RANKS, &rank, r->err) ||
                   !cv_json_string(object, place, "state", CV_OPTIONAL, &state, r->err)))
        return false;
    int index = cv_subspace_state_of(state);
    if (index < 0)
        return cv_bad_input(r->err, "%s: subspace.state \"%s\" is unknown; use final_norm or resid_post", r->file,
                            state);
    r->job->subspace = (cv_job_subspace){object != NULL, (int)rank, (cv_subspace_state)index};
    return true;
}

/* Sahara ranks groups by angles: it turns them on. */
static bool read_sahara(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"steps", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "sahara", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    int64_t steps = 3;
    if (!cv_json_only_keys(object, cv_job_at(r, "sahara"), keys, r->err) ||
        !cv_json_int(object, cv_job_at(r, "sahara"), "steps", CV_OPTIONAL, 1, MOST_STEPS, &steps, r->err))
        return false;
    r->job->sahara_steps = (int)steps;
    r->job->subspace.enabled = true;
    return true;
}

static bool read_scores(const cv_job_reader *r, const json_t *top)
{
    return read_ships(r, top) && read_subspace(r, top) && read_sahara(r, top);
}

/* Answers of the clean model, or of random heads, need no score; a job of nothing is a mistake. */
static bool check_scores(const cv_job_reader *r)
{
    if (cv_job_has_scores(r->job) || r->job->evaluate.enabled) return true;
    return cv_bad_input(r->err,
                        "%s: ships.enabled is false, and the job computes nothing else; remove it, or add subspace, "
                        "sahara or evaluate",
                        r->file);
}

/* ---- the rest ---- */

/* what names the source of the value: a field of the job file, or an option. */
static bool check_precision(const char *precision, const char *what, cv_error *err)
{
    if (strcmp(precision, "f32") == 0) return true;
    if (strcmp(precision, "bf16") == 0)
        return cv_bad_input(err, "%s bf16 is not implemented yet in caravan %d.%d; use f32", what,
                            CARAVAN_VERSION_MAJOR, CARAVAN_VERSION_MINOR);
    return cv_bad_input(err, "%s \"%s\" is unknown; use f32", what, precision);
}

static bool read_engine(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"precision", "memory_gib", "ranks", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "engine", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    const char *precision = "f32";
    double gib = 0;
    int64_t ranks = 0;
    if (!cv_json_only_keys(object, cv_job_at(r, "engine"), keys, r->err) ||
        !cv_json_string(object, cv_job_at(r, "engine"), "precision", CV_OPTIONAL, &precision, r->err) ||
        !cv_json_real(object, cv_job_at(r, "engine"), "memory_gib", CV_OPTIONAL, 0, MEMORY_LIMIT_GIB, &gib, r->err) ||
        !cv_json_int(object, cv_job_at(r, "engine"), "ranks", CV_OPTIONAL, 0, RANKS_LIMIT, &ranks, r->err))
        return false;
    r->job->ranks = (int)ranks;
    if (!check_precision(precision, "engine.precision", r->err)) return cv_error_prefix(r->err, "%s", r->file);
    r->job->memory_bytes = (uint64_t)(gib * 1073741824.0);
    if (gib > 0 && r->job->memory_bytes == 0) r->job->memory_bytes = 1; /* 0 would mean automatic */
    return true;
}

/* The job's own name, or the file's without its folder and ".json". */
static bool read_name(const cv_job_reader *r, const json_t *top)
{
    const char *name = NULL;
    if (!cv_json_string(top, cv_job_at(r, ""), "name", CV_OPTIONAL, &name, r->err)) return false;
    if (name) {
        r->job->name = cv_strdup(name);
        return true;
    }
    const char *slash = strrchr(r->file, '/');
    const char *start = slash ? slash + 1 : r->file;
    size_t length = strlen(start);
    if (length > 5 && strcmp(start + length - 5, ".json") == 0) length -= 5;
    r->job->name = cv_strndup(start, length);
    return true;
}

static bool read_output(const cv_job_reader *r, const json_t *top)
{
    const char *output = NULL;
    if (!cv_json_string(top, cv_job_at(r, ""), "output", CV_REQUIRED, &output, r->err)) return false;
    if (!output[0]) return cv_bad_input(r->err, "%s: output is empty; name a folder", r->file);
    r->job->output = cv_job_resolve(r, output);
    return true;
}

static bool read_top(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"name",   "models",   "prompts", "format", "ablations", "ships", "subspace",
                                       "sahara", "evaluate", "overlap", "engine", "output",    NULL};
    return cv_json_only_keys(top, cv_job_at(r, ""), keys, r->err) && read_name(r, top) && cv_job_read_models(r, top) &&
           cv_job_read_prompts(r, top) && cv_job_read_format(r, top) && cv_job_read_ablations(r, top) &&
           read_scores(r, top) && cv_job_read_evaluate(r, top) && check_scores(r) && cv_job_read_overlap(r, top) &&
           read_engine(r, top) && read_output(r, top);
}

bool cv_job_has_scores(const cv_job *job)
{
    return job->ships || job->subspace.enabled;
}

const char *cv_job_model_folder(const cv_job_model *model)
{
    return model->copy ? model->copy : model->path;
}

const char *cv_job_model_attention(const cv_job_model *model)
{
    return model->attention_copy ? model->attention_copy : model->attention_from;
}

static void free_model(cv_job_model *model)
{
    free(model->name);
    free(model->path);
    free(model->base);
    free(model->attention_from);
    free(model->copy);
    free(model->attention_copy);
}

/* Sees whether name is one of those in list, which has commas between. */
static bool is_listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        if (*at == ',') at++;
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length])) return true;
        if (!*at) break;
    }
    return false;
}

/* The first name of the list that no model has, to be freed with free(); NULL if there is none. */
static char *unknown_model(const cv_job *job, const char *list)
{
    while (list) {
        size_t length = strcspn(list, ",");
        bool found = false;
        for (int m = 0; m < job->num_models; m++)
            found = found || (strlen(job->models[m].name) == length && strncmp(job->models[m].name, list, length) == 0);
        if (!found) return cv_strndup(list, length);
        list = list[length] ? list + length + 1 : NULL;
    }
    return NULL;
}

static bool keep_models(cv_job *job, const char *list, cv_error *err)
{
    char *unknown = unknown_model(job, list);
    int kept = 0;
    if (unknown) {
        cv_bad_input(err, "--models names \"%s\", which %s has not; give names of its models, with commas between",
                     unknown, job->file);
        free(unknown);
        return false;
    }
    for (int m = 0; m < job->num_models; m++) {
        if (is_listed(list, job->models[m].name))
            job->models[kept++] = job->models[m];
        else
            free_model(&job->models[m]);
    }
    job->num_models = kept;
    return true;
}

static bool apply_options(cv_job *job, const cv_job_options *options, cv_error *err)
{
    if (options->output) {
        if (!options->output[0]) return cv_bad_input(err, "--output is empty; name a folder");
        free(job->output);
        job->output = cv_strdup(options->output);
    }
    if (options->engine) {
        if (strcmp(options->engine, "plain") != 0 && strcmp(options->engine, "wavefront") != 0)
            return cv_bad_input(err, "--engine \"%s\" is unknown; use wavefront or plain", options->engine);
        job->engine = strcmp(options->engine, "plain") == 0 ? CV_ENGINE_PLAIN : CV_ENGINE_WAVEFRONT;
    }
    if (options->models && !keep_models(job, options->models, err)) return false;
    return !options->precision || check_precision(options->precision, "--precision", err);
}

bool cv_job_parse(const char *data, size_t length, const char *path, const cv_job_options *options, cv_job *job,
                  cv_error *err)
{
    *job = (cv_job){.file = cv_strdup(path), .text = cv_strndup(data, length), .text_length = length};
    char *directory = cv_path_directory(path);
    cv_job_reader r = {job, path, directory, err};
    json_t *top = cv_json_parse(data, length, path, 0, err);
    bool ok = top && read_top(&r, top) && (!options || apply_options(job, options, err));
    json_decref(top);
    free(directory);
    if (!ok) cv_job_free(job);
    return ok;
}

bool cv_job_load(const char *path, const cv_job_options *options, cv_job *job, cv_error *err)
{
    *job = (cv_job){0};
    size_t length;
    char *data = cv_read_file(path, &length, err);
    if (!data) return false;
    bool ok = cv_job_parse(data, length, path, options, job, err);
    free(data);
    return ok;
}

void cv_job_free(cv_job *job)
{
    for (int i = 0; job->models && i < job->num_models; i++) free_model(&job->models[i]);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        free(job->prompts[set].file);
        free(job->prompts[set].column);
    }
    for (int i = 0; job->ablation_names && i < job->num_ablations; i++) free(job->ablation_names[i]);
    free(job->ablation_names);
    free(job->ablations);
    cv_job_evaluate_free(&job->evaluate);
    free(job->overlap.top_k);
    free(job->models);
    free(job->format_system);
    free(job->format_text);
    free(job->file);
    free(job->text);
    free(job->name);
    free(job->output);
    *job = (cv_job){0};
}
