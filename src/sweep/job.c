#include "sweep/job.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

#include <caravan/version.h>

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_LIMIT = 10000,            /* models or ablations in one job */
    NAME_LIMIT = 100,              /* bytes of a model's name, as file systems allow 255 */
    MEMORY_LIMIT_GIB = 1024 * 1024 /* a budget past a petabyte is a typing error */
};

/* What is being read: the job so far, and where it comes from. */
typedef struct reader {
    cv_job *job;
    const char *file;
    char *directory; /* of the job file */
    cv_error *err;
} reader;

const char *cv_prompt_set_name(cv_prompt_set set)
{
    return set == CV_HARMFUL ? "harmful" : "harmless";
}

const char *cv_engine_choice_name(cv_engine_choice engine)
{
    return engine == CV_ENGINE_WAVEFRONT ? "wavefront" : "plain";
}

static const char *const format_kinds[] = {"direct", "query_answer", "chat", "custom"};

const char *cv_format_kind_name(cv_format_kind kind)
{
    return format_kinds[kind];
}

static cv_json_place at(const reader *r, const char *field)
{
    return (cv_json_place){r->file, field};
}

static bool not_yet(const reader *r, const char *what)
{
    return cv_bad_input(r->err, "%s: %s is not implemented yet in caravan %d.%d; remove it", r->file, what,
                        CARAVAN_VERSION_MAJOR, CARAVAN_VERSION_MINOR);
}

/* path as seen from the working directory. */
static char *resolve(const reader *r, const char *path)
{
    return strcmp(r->directory, ".") == 0 ? cv_strdup(path) : cv_path_join(r->directory, path);
}

static char *copy_or_null(const char *text)
{
    return text ? cv_strdup(text) : NULL;
}

/* ---- models ---- */

/* Why name cannot be a folder in the results, or NULL. */
static const char *name_fault(const char *name)
{
    static const char *const taken[] = {"manifest.json", "status.json", "journal", "overlap.csv", "report.html"};
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
    if (!name[0]) return "it is empty";
    if (name[0] == '.' || name[0] == '-') return "it begins with a dot or a dash";
    if (strlen(name) > NAME_LIMIT) return "it is longer than 100 characters";
    if (name[strspn(name, allowed)]) return "it may hold letters, digits and . _ + - only";
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0) return "the results have a file of that name";
    return NULL;
}

static bool check_name(const reader *r, int index)
{
    const char *name = r->job->models[index].name;
    const char *fault = name_fault(name);
    if (fault)
        return cv_bad_input(r->err, "%s: models[%d].name \"%s\" names a folder of the results, but %s", r->file, index,
                            name, fault);
    for (int i = 0; i < index; i++)
        if (strcmp(r->job->models[i].name, name) == 0)
            return cv_bad_input(r->err, "%s: models[%d].name \"%s\" is that of models[%d] too; give each its own",
                                r->file, index, name, i);
    return true;
}

static bool read_model(const reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"name", "path", "base", "attention_from", NULL};
    char field[64];
    snprintf(field, sizeof field, "models[%d]", index);
    cv_json_place place = at(r, field);
    const char *name = NULL, *path = NULL, *base = NULL;
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "name", CV_REQUIRED, &name, r->err) ||
        !cv_json_string(object, place, "path", CV_REQUIRED, &path, r->err) ||
        !cv_json_string(object, place, "base", CV_OPTIONAL, &base, r->err))
        return false;
    const json_t *from = json_object_get(object, "attention_from");
    if (from && !json_is_null(from)) {
        snprintf(field, sizeof field, "models[%d].attention_from", index);
        return not_yet(r, field);
    }
    if (!path[0]) return cv_bad_input(r->err, "%s: %s.path is empty", r->file, field);
    r->job->models[index] = (cv_job_model){cv_strdup(name), resolve(r, path), copy_or_null(base)};
    return check_name(r, index);
}

/* top[key], an array of 1 to LIST_LIMIT elements. */
static bool read_list(const reader *r, const json_t *top, const char *key, cv_json_need need, json_t **list)
{
    if (!cv_json_array(top, at(r, ""), key, need, list, r->err)) return false;
    if (!*list) return true;
    if (json_array_size(*list) == 0) return cv_bad_input(r->err, "%s: %s is empty; name at least one", r->file, key);
    if (json_array_size(*list) > LIST_LIMIT)
        return cv_bad_input(r->err, "%s: %s has more than %d entries", r->file, key, LIST_LIMIT);
    return true;
}

static bool read_models(const reader *r, const json_t *top)
{
    json_t *list = NULL;
    if (!read_list(r, top, "models", CV_REQUIRED, &list)) return false;
    cv_job *job = r->job;
    job->num_models = (int)json_array_size(list);
    job->models = cv_calloc((size_t)job->num_models, sizeof *job->models);
    for (int i = 0; i < job->num_models; i++)
        if (!read_model(r, json_array_get(list, (size_t)i), i)) return false;
    return true;
}

/* ---- prompts and their format ---- */

static bool read_prompt_set(const reader *r, const json_t *sets, cv_prompt_set set)
{
    static const char *const keys[] = {"file", "column", "limit", NULL};
    cv_json_need need = set == CV_HARMFUL ? CV_REQUIRED : CV_OPTIONAL;
    json_t *object = NULL;
    if (!cv_json_object(sets, at(r, "prompts"), cv_prompt_set_name(set), need, &object, r->err)) return false;
    if (!object) return true;
    char field[64];
    snprintf(field, sizeof field, "prompts.%s", cv_prompt_set_name(set));
    cv_json_place place = at(r, field);
    const char *file = NULL, *column = NULL;
    int64_t limit = 0;
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "file", CV_REQUIRED, &file, r->err) ||
        !cv_json_string(object, place, "column", CV_OPTIONAL, &column, r->err) ||
        !cv_json_int(object, place, "limit", CV_OPTIONAL, 0, INT32_MAX, &limit, r->err))
        return false;
    if (!file[0]) return cv_bad_input(r->err, "%s: %s.file is empty", r->file, field);
    r->job->prompts[set] = (cv_job_prompts){resolve(r, file), copy_or_null(column), (size_t)limit};
    return true;
}

static bool read_prompts(const reader *r, const json_t *top)
{
    static const char *const keys[] = {"harmful", "harmless", NULL};
    json_t *sets = NULL;
    return cv_json_object(top, at(r, ""), "prompts", CV_REQUIRED, &sets, r->err) &&
           cv_json_only_keys(sets, at(r, "prompts"), keys, r->err) && read_prompt_set(r, sets, CV_HARMFUL) &&
           read_prompt_set(r, sets, CV_HARMLESS);
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text += strlen(word)) count++;
    return count;
}

/* A part of the format that would be ignored is a mistake of the job's author. */
static bool check_format(const reader *r)
{
    const cv_format *format = &r->job->format;
    if (format->kind == CV_FORMAT_CUSTOM) {
        if (!format->text) return cv_bad_input(r->err, "%s: format.text is missing, which kind custom needs", r->file);
        if (count_of(format->text, "{prompt}") != 1)
            return cv_bad_input(r->err, "%s: format.text must hold {prompt} exactly once", r->file);
        bool takes_system = count_of(format->text, "{system}") > 0;
        if (takes_system && !format->system)
            return cv_bad_input(r->err, "%s: format.text holds {system}, but format.system is missing", r->file);
        if (!takes_system && format->system)
            return cv_bad_input(r->err, "%s: format.system has no place in format.text; write {system} there", r->file);
        return true;
    }
    if (format->text)
        return cv_bad_input(r->err, "%s: format.text belongs to kind custom; change the kind or remove it", r->file);
    if (format->system && format->kind != CV_FORMAT_CHAT)
        return cv_bad_input(r->err, "%s: format.system belongs to kinds chat and custom; remove it", r->file);
    return true;
}

static bool read_format(const reader *r, const json_t *top)
{
    static const char *const keys[] = {"kind", "system", "text", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, at(r, ""), "format", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    cv_job *job = r->job;
    cv_json_place place = at(r, "format");
    const char *kind = NULL, *system = NULL, *text = NULL;
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "kind", CV_REQUIRED, &kind, r->err) ||
        !cv_json_string(object, place, "system", CV_OPTIONAL, &system, r->err) ||
        !cv_json_string(object, place, "text", CV_OPTIONAL, &text, r->err))
        return false;
    int index = 0;
    while (index < 4 && strcmp(format_kinds[index], kind) != 0) index++;
    if (index == 4)
        return cv_bad_input(r->err, "%s: format.kind \"%s\" is unknown; use direct, query_answer, chat or custom",
                            r->file, kind);
    job->format_system = copy_or_null(system);
    job->format_text = copy_or_null(text);
    job->format = (cv_format){(cv_format_kind)index, job->format_system, job->format_text};
    return check_format(r);
}

/* ---- ablations ---- */

static bool read_ablation_kind(const reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *kind = NULL;
    if (!cv_json_string(object, at(r, field), "kind", CV_REQUIRED, &kind, r->err)) return false;
    int index = cv_ablation_kind_of(kind);
    if (index < 0 && strcmp(kind, "dataset_mean") == 0) {
        char what[96];
        snprintf(what, sizeof what, "%s.kind dataset_mean", field);
        return not_yet(r, what);
    }
    if (index < 0)
        return cv_bad_input(r->err,
                            "%s: %s.kind \"%s\" is unknown; use uniform_attention, value_scale or mean_over_heads",
                            r->file, field, kind);
    ablation->kind = (cv_ablation_kind)index;
    return true;
}

static bool read_mean_of(const reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *of = cv_mean_of_name(CV_MEAN_OF_Q);
    if (!cv_json_string(object, at(r, field), "of", CV_OPTIONAL, &of, r->err)) return false;
    int index = cv_mean_of_of(of);
    if (index < 0) return cv_bad_input(r->err, "%s: %s.of \"%s\" is unknown; use q, k or z", r->file, field, of);
    ablation->mean_of = (cv_mean_of)index;
    return true;
}

static bool read_granularity(const reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *granularity = cv_granularity_name(CV_GRANULARITY_HEAD);
    if (!cv_json_string(object, at(r, field), "granularity", CV_OPTIONAL, &granularity, r->err)) return false;
    int index = cv_granularity_of(granularity);
    if (index < 0)
        return cv_bad_input(r->err, "%s: %s.granularity \"%s\" is unknown; use head or kv_group", r->file, field,
                            granularity);
    ablation->granularity = (cv_granularity)index;
    return true;
}

static bool add_ablation(const reader *r, int index, const cv_ablation *ablation)
{
    cv_job *job = r->job;
    job->ablations[index] = *ablation;
    char *name = job->ablation_names[index] = cv_ablation_name(ablation);
    for (int i = 0; i < index; i++)
        if (strcmp(job->ablation_names[i], name) == 0)
            return cv_bad_input(r->err, "%s: ablations[%d] and ablations[%d] are both %s; remove one", r->file, i,
                                index, name);
    return true;
}

static bool read_ablation(const reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"kind", "epsilon", "of", "granularity", NULL};
    char field[64];
    snprintf(field, sizeof field, "ablations[%d]", index);
    cv_ablation ablation = {0};
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, at(r, field), keys, r->err) || !read_ablation_kind(r, object, field, &ablation))
        return false;
    bool is_mean = ablation.kind == CV_MEAN_OVER_HEADS;
    const char *foreign = is_mean ? "epsilon" : "of";
    if (json_object_get(object, foreign))
        return cv_bad_input(r->err, "%s: %s.%s does not belong to %s; remove it", r->file, field, foreign,
                            cv_ablation_kind_name(ablation.kind));
    if (is_mean) {
        if (!read_mean_of(r, object, field, &ablation)) return false;
    } else if (!cv_json_real(object, at(r, field), "epsilon", CV_OPTIONAL, 0, DBL_MAX, &ablation.epsilon, r->err)) {
        return false;
    }
    return read_granularity(r, object, field, &ablation) && add_ablation(r, index, &ablation);
}

static bool read_ablations(const reader *r, const json_t *top)
{
    json_t *list = NULL;
    if (!read_list(r, top, "ablations", CV_OPTIONAL, &list)) return false;
    cv_job *job = r->job;
    job->num_ablations = list ? (int)json_array_size(list) : 1;
    job->ablations = cv_calloc((size_t)job->num_ablations, sizeof *job->ablations);
    job->ablation_names = cv_calloc((size_t)job->num_ablations, sizeof *job->ablation_names);
    if (!list) return add_ablation(r, 0, &(cv_ablation){.kind = CV_UNIFORM_ATTENTION});
    for (int i = 0; i < job->num_ablations; i++)
        if (!read_ablation(r, json_array_get(list, (size_t)i), i)) return false;
    return true;
}

/* ---- the rest ---- */

static bool read_stages(const reader *r, const json_t *top)
{
    static const char *const later[] = {"subspace", "sahara", "evaluate", "overlap"};
    static const char *const keys[] = {"enabled", NULL};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        const json_t *stage = json_object_get(top, later[i]);
        if (stage && !json_is_null(stage)) return not_yet(r, later[i]);
    }
    json_t *ships = NULL;
    bool enabled = true;
    if (!cv_json_object(top, at(r, ""), "ships", CV_OPTIONAL, &ships, r->err)) return false;
    if (ships && (!cv_json_only_keys(ships, at(r, "ships"), keys, r->err) ||
                  !cv_json_bool(ships, at(r, "ships"), "enabled", CV_OPTIONAL, &enabled, r->err)))
        return false;
    if (!enabled)
        return cv_bad_input(r->err, "%s: ships.enabled is false, and caravan %d.%d computes nothing else; remove it",
                            r->file, CARAVAN_VERSION_MAJOR, CARAVAN_VERSION_MINOR);
    return true;
}

/* what names the source of the value: a field of the job file, or an option. */
static bool check_precision(const char *precision, const char *what, cv_error *err)
{
    if (strcmp(precision, "f32") == 0) return true;
    if (strcmp(precision, "bf16") == 0)
        return cv_bad_input(err, "%s bf16 is not implemented yet in caravan %d.%d; use f32", what,
                            CARAVAN_VERSION_MAJOR, CARAVAN_VERSION_MINOR);
    return cv_bad_input(err, "%s \"%s\" is unknown; use f32", what, precision);
}

static bool read_engine(const reader *r, const json_t *top)
{
    static const char *const keys[] = {"precision", "memory_gib", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, at(r, ""), "engine", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    const char *precision = "f32";
    double gib = 0;
    if (!cv_json_only_keys(object, at(r, "engine"), keys, r->err) ||
        !cv_json_string(object, at(r, "engine"), "precision", CV_OPTIONAL, &precision, r->err) ||
        !cv_json_real(object, at(r, "engine"), "memory_gib", CV_OPTIONAL, 0, MEMORY_LIMIT_GIB, &gib, r->err))
        return false;
    if (!check_precision(precision, "engine.precision", r->err)) return cv_error_prefix(r->err, "%s", r->file);
    r->job->memory_bytes = (uint64_t)(gib * 1073741824.0);
    if (gib > 0 && r->job->memory_bytes == 0) r->job->memory_bytes = 1; /* 0 would mean automatic */
    return true;
}

/* The job's own name, or the file's without its folder and ".json". */
static bool read_name(const reader *r, const json_t *top)
{
    const char *name = NULL;
    if (!cv_json_string(top, at(r, ""), "name", CV_OPTIONAL, &name, r->err)) return false;
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

static bool read_output(const reader *r, const json_t *top)
{
    const char *output = NULL;
    if (!cv_json_string(top, at(r, ""), "output", CV_REQUIRED, &output, r->err)) return false;
    if (!output[0]) return cv_bad_input(r->err, "%s: output is empty; name a folder", r->file);
    r->job->output = resolve(r, output);
    return true;
}

static bool read_top(const reader *r, const json_t *top)
{
    static const char *const keys[] = {"name",   "models",   "prompts", "format", "ablations", "ships", "subspace",
                                       "sahara", "evaluate", "overlap", "engine", "output",    NULL};
    return cv_json_only_keys(top, at(r, ""), keys, r->err) && read_name(r, top) && read_stages(r, top) &&
           read_models(r, top) && read_prompts(r, top) && read_format(r, top) && read_ablations(r, top) &&
           read_engine(r, top) && read_output(r, top);
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
    return !options->precision || check_precision(options->precision, "--precision", err);
}

bool cv_job_parse(const char *data, size_t length, const char *path, const cv_job_options *options, cv_job *job,
                  cv_error *err)
{
    *job = (cv_job){.file = cv_strdup(path), .text = cv_strndup(data, length), .text_length = length};
    reader r = {job, path, cv_path_directory(path), err};
    json_t *top = cv_json_parse(data, length, path, 0, err);
    bool ok = top && read_top(&r, top) && (!options || apply_options(job, options, err));
    json_decref(top);
    free(r.directory);
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
    for (int i = 0; job->models && i < job->num_models; i++) {
        free(job->models[i].name);
        free(job->models[i].path);
        free(job->models[i].base);
    }
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        free(job->prompts[set].file);
        free(job->prompts[set].column);
    }
    for (int i = 0; job->ablation_names && i < job->num_ablations; i++) free(job->ablation_names[i]);
    free(job->ablation_names);
    free(job->ablations);
    free(job->models);
    free(job->format_system);
    free(job->format_text);
    free(job->file);
    free(job->text);
    free(job->name);
    free(job->output);
    *job = (cv_job){0};
}
