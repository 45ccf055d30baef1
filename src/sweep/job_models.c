#include "sweep/job_reader.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static const char *const format_kinds[] = {"direct", "query_answer", "chat", "custom"};

const char *cv_format_kind_name(cv_format_kind kind)
{
    return format_kinds[kind];
}

/* ---- models ---- */

static bool check_name(const cv_job_reader *r, int index)
{
    const char *name = r->job->models[index].name;
    const char *fault = cv_job_name_fault(name);
    if (fault)
        return cv_bad_input(r->err, "%s: models[%d].name \"%s\" names a folder of the results, but %s", r->file, index,
                            name, fault);
    for (int i = 0; i < index; i++)
        if (strcmp(r->job->models[i].name, name) == 0)
            return cv_bad_input(r->err, "%s: models[%d].name \"%s\" is that of models[%d] too; give each its own",
                                r->file, index, name, i);
    return true;
}

static bool read_model(const cv_job_reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"name", "path", "base", "attention_from", NULL};
    char field[64];
    snprintf(field, sizeof field, "models[%d]", index);
    cv_json_place place = cv_job_at(r, field);
    const char *name = NULL, *path = NULL, *base = NULL, *attention = NULL;
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "name", CV_REQUIRED, &name, r->err) ||
        !cv_json_string(object, place, "path", CV_REQUIRED, &path, r->err) ||
        !cv_json_string(object, place, "base", CV_OPTIONAL, &base, r->err) ||
        !cv_json_string(object, place, "attention_from", CV_OPTIONAL, &attention, r->err))
        return false;
    if (!path[0]) return cv_bad_input(r->err, "%s: %s.path is empty", r->file, field);
    if (attention && !attention[0])
        return cv_bad_input(r->err, "%s: %s.attention_from is empty; name a model directory", r->file, field);
    r->job->models[index] = (cv_job_model){.name = cv_strdup(name),
                                           .path = cv_job_resolve(r, path),
                                           .base = cv_job_copy(base),
                                           .attention_from = attention ? cv_job_resolve(r, attention) : NULL};
    return check_name(r, index);
}

bool cv_job_read_models(const cv_job_reader *r, const json_t *top)
{
    json_t *list = NULL;
    if (!cv_job_list(r, top, "", "models", CV_REQUIRED, &list)) return false;
    cv_job *job = r->job;
    job->num_models = (int)json_array_size(list);
    job->models = cv_calloc((size_t)job->num_models, sizeof *job->models);
    for (int i = 0; i < job->num_models; i++)
        if (!read_model(r, json_array_get(list, (size_t)i), i)) return false;
    return true;
}

/* ---- prompts and their format ---- */

static bool read_prompt_set(const cv_job_reader *r, const json_t *sets, cv_prompt_set set)
{
    static const char *const keys[] = {"file", "column", "limit", NULL};
    cv_json_need need = set == CV_HARMFUL ? CV_REQUIRED : CV_OPTIONAL;
    json_t *object = NULL;
    if (!cv_json_object(sets, cv_job_at(r, "prompts"), cv_prompt_set_name(set), need, &object, r->err)) return false;
    if (!object) return true;
    char field[64];
    snprintf(field, sizeof field, "prompts.%s", cv_prompt_set_name(set));
    cv_json_place place = cv_job_at(r, field);
    const char *file = NULL, *column = NULL;
    int64_t limit = 0;
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "file", CV_REQUIRED, &file, r->err) ||
        !cv_json_string(object, place, "column", CV_OPTIONAL, &column, r->err) ||
        !cv_json_int(object, place, "limit", CV_OPTIONAL, 0, INT32_MAX, &limit, r->err))
        return false;
    if (!file[0]) return cv_bad_input(r->err, "%s: %s.file is empty", r->file, field);
    r->job->prompts[set] = (cv_job_prompts){cv_job_resolve(r, file), cv_job_copy(column), (size_t)limit};
    return true;
}

bool cv_job_read_prompts(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"harmful", "harmless", NULL};
    json_t *sets = NULL;
    return cv_json_object(top, cv_job_at(r, ""), "prompts", CV_REQUIRED, &sets, r->err) &&
           cv_json_only_keys(sets, cv_job_at(r, "prompts"), keys, r->err) && read_prompt_set(r, sets, CV_HARMFUL) &&
           read_prompt_set(r, sets, CV_HARMLESS);
}

static int count_of(const char *text, const char *word)
{
    int count = 0;
    for (; (text = strstr(text, word)); text += strlen(word)) count++;
    return count;
}

/* A part of the format that would be ignored is a mistake of the job's author. */
static bool check_format(const cv_job_reader *r)
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

bool cv_job_read_format(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"kind", "system", "text", NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "format", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    cv_job *job = r->job;
    cv_json_place place = cv_job_at(r, "format");
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
    job->format_system = cv_job_copy(system);
    job->format_text = cv_job_copy(text);
    job->format = (cv_format){(cv_format_kind)index, job->format_system, job->format_text};
    return check_format(r);
}
