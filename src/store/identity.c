#include "store/identity.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/blas.h"

#include <caravan/version.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[CV_NUM_IDENTITY_KINDS] = {"program", "job", "files", "machine"};

void cv_identity_add(cv_identity *identity, cv_identity_kind kind, const char *name, const char *value,
                     const char *shown)
{
    cv_reserve(&identity->entries, &identity->capacity, identity->count + 1, sizeof *identity->entries);
    identity->entries[identity->count++] =
        (cv_identity_entry){kind, cv_strdup(name), cv_strdup(value), cv_strdup(shown ? shown : name)};
}

void cv_identity_free(cv_identity *identity)
{
    for (size_t i = 0; i < identity->count; i++) {
        free(identity->entries[i].name);
        free(identity->entries[i].value);
        free(identity->entries[i].shown);
    }
    free(identity->entries);
    *identity = (cv_identity){0};
}

/* ---- the job's keys ---- */

/* Keys that tell where files are, or how the results are called; those of what is made of the scores at the end,
 * which may be asked for later; and the engine's, which options may replace: those are added as they are
 * used. '*' stands for the characters up to the next "]" or ".". */
static const char *const left_out[] = {
    "name",           "output",         "engine",  "models[*].path",           "models[*].attention_from",
    "models[*].base", "prompts.*.file", "overlap", "evaluate.utility[*].file",
};

static bool matches(const char *pattern, const char *name)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*')
            name += strcspn(name, "].");
        else if (*pattern != *name++)
            return false;
    }
    return !*name;
}

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
        if (matches(left_out[i], name)) return true;
    return false;
}

/* Adds a value of the job under its path, an object or array by its members. An absent key and null are
 * one. The names of keys are known ones: the job was read strictly. */
static void add_value(cv_identity *identity, const char *name, const json_t *value)
{
    if (json_is_null(value) || is_left_out(name)) return;
    cv_buffer inner = {0};
    const char *key;
    json_t *member;
    size_t i;
    if (json_object_size(value) > 0) {
        json_object_foreach ((json_t *)value, key, member) {
            inner.length = 0;
            cv_buffer_printf(&inner, "%s%s%s", name, name[0] ? "." : "", key);
            add_value(identity, inner.data, member);
        }
    } else if (json_array_size(value) > 0) {
        json_array_foreach (value, i, member) {
            inner.length = 0;
            cv_buffer_printf(&inner, "%s[%zu]", name, i);
            add_value(identity, inner.data, member);
        }
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        cv_identity_add(identity, CV_IDENTITY_JOB, name, text ? text : "?", NULL);
        free(text);
    }
    cv_buffer_free(&inner);
}

static bool add_job(cv_identity *identity, const cv_job *job, cv_error *err)
{
    char memory[64], ranks[32];
    json_t *top = cv_json_parse(job->text, job->text_length, job->file, 0, err);
    if (!top) return false;
    add_value(identity, "", top);
    json_decref(top);
    snprintf(memory, sizeof memory, "%.12g", (double)job->memory_bytes / 1073741824.0);
    snprintf(ranks, sizeof ranks, "%d", job->ranks);
    cv_identity_add(identity, CV_IDENTITY_JOB, "engine.precision", "f32", NULL);
    cv_identity_add(identity, CV_IDENTITY_JOB, "engine.memory_gib", memory, NULL);
    cv_identity_add(identity, CV_IDENTITY_JOB, "engine.ranks", ranks, NULL);
    cv_identity_add(identity, CV_IDENTITY_JOB, "--engine", cv_engine_choice_name(job->engine), NULL);
    return true;
}

/* ---- files ---- */

static void add_file(cv_identity *identity, const char *role, const char *name, const char *sha256, const char *path)
{
    cv_buffer full = {0};
    cv_buffer_printf(&full, "%s%s%s", role, name[0] ? ": " : "", name);
    cv_identity_add(identity, CV_IDENTITY_FILES, full.data, sha256, path);
    cv_buffer_free(&full);
}

/* The files of a directory, as those of a role of the model. */
static void add_files(cv_identity *identity, const char *role, const char *model, const char *directory,
                      const cv_fingerprints *prints)
{
    cv_buffer full = {0};
    cv_buffer_printf(&full, "%s %s", role, model);
    for (size_t i = 0; i < prints->count; i++) {
        char *path = cv_path_join(directory, prints->files[i].name);
        add_file(identity, full.data, prints->files[i].name, prints->files[i].sha256, path);
        free(path);
    }
    cv_buffer_free(&full);
}

/* Those of the attention begin with "model NAME: " too, as parts of a job are told apart by that. */
static void add_model(cv_identity *identity, const cv_job_model *model, const cv_fingerprints *prints,
                      const cv_fingerprints *attention)
{
    add_files(identity, "model", model->name, model->path, prints);
    if (!model->attention_from) return;
    cv_buffer name = {0};
    cv_buffer_printf(&name, "%s: attention", model->name);
    add_files(identity, "model", name.data, model->attention_from, attention);
    cv_buffer_free(&name);
}

static bool add_utility(cv_identity *identity, const cv_job_utility *task, cv_error *err)
{
    cv_fingerprints prints = {0};
    cv_buffer role = {0};
    cv_buffer_printf(&role, "utility %s", task->name);
    bool ok = cv_fingerprint_file(NULL, task->file, &prints, err);
    if (ok) add_file(identity, role.data, "", prints.files[0].sha256, task->file);
    cv_fingerprints_free(&prints);
    cv_buffer_free(&role);
    return ok;
}

bool cv_identity_of_run(const cv_inputs *inputs, const cv_sources *sources, cv_identity *identity, cv_error *err)
{
    const cv_job *job = &inputs->job;
    cv_identity_add(identity, CV_IDENTITY_PROGRAM, "caravan",
                    CARAVAN_VERSION " (" CARAVAN_GIT ", " CARAVAN_BUILD_TYPE ")", NULL);
    cv_identity_add(identity, CV_IDENTITY_MACHINE, "OpenBLAS", cv_blas_version(), NULL);
    cv_identity_add(identity, CV_IDENTITY_MACHINE, "OpenBLAS's kernels", cv_blas_core(), NULL);
    if (!add_job(identity, job, err)) return false;
    for (int m = 0; m < job->num_models; m++)
        add_model(identity, &job->models[m], &sources->models[m],
                  job->models[m].attention_from ? &sources->attention[m] : NULL);
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        if (!job->prompts[set].file) continue;
        cv_buffer role = {0};
        cv_buffer_printf(&role, "%s prompts", cv_prompt_set_name((cv_prompt_set)set));
        add_file(identity, role.data, "", sources->prompts[set].files[0].sha256, job->prompts[set].file);
        cv_buffer_free(&role);
    }
    for (int i = 0; i < job->evaluate.num_utility; i++)
        if (!add_utility(identity, &job->evaluate.utility[i], err)) return false;
    return true;
}

/* ---- keeping and comparing ---- */

char *cv_identity_text(const cv_identity *identity, size_t *length)
{
    json_t *top = json_object();
    for (int kind = 0; kind < CV_NUM_IDENTITY_KINDS; kind++) json_object_set_new(top, kind_names[kind], json_object());
    for (size_t i = 0; i < identity->count; i++) {
        const cv_identity_entry *entry = &identity->entries[i];
        json_t *value = json_string(entry->value), *kind = json_object_get(top, kind_names[entry->kind]);
        if (!value || json_object_set_new(kind, entry->name, value) != 0)
            cv_fatal("the run's identity cannot be written as JSON: %s", entry->name);
    }
    char *text = json_dumps(top, JSON_INDENT(1));
    if (!text) cv_fatal("the run's identity cannot be written as JSON");
    json_decref(top);
    *length = strlen(text);
    return text;
}

/* One difference; was or is NULL where it is on one side only. */
typedef struct difference {
    cv_identity_kind kind;
    const char *shown, *was, *is;
} difference;

enum { SHOWN_VALUE = 80 };

static bool refuse(const difference *d, const char *journal, cv_error *err)
{
    static const char remedy[] = "or choose another output";
    const char *was = d->was ? d->was : "not given", *is = d->is ? d->is : "not given";
    switch (d->kind) {
    case CV_IDENTITY_PROGRAM:
        return cv_bad_input(err, "%s: was begun by %s %.*s, and this is %.*s; go on with that one, %s", journal,
                            d->shown, SHOWN_VALUE, was, SHOWN_VALUE, is, remedy);
    case CV_IDENTITY_FILES:
        return cv_bad_input(err, "%s: %s since %s was begun; restore it, %s", d->shown,
                            !d->was  ? "has come"
                            : !d->is ? "is gone"
                                     : "has changed",
                            journal, remedy);
    default:
        return cv_bad_input(err, "%s: was begun by another job: %s was %.*s and is %.*s; restore it, %s", journal,
                            d->shown, SHOWN_VALUE, was, SHOWN_VALUE, is, remedy);
    }
}

/* False with the message, or true after a warning. */
static bool judge(const difference *d, const char *journal, cv_error *err)
{
    if (d->kind != CV_IDENTITY_MACHINE) return refuse(d, journal, err);
    cv_warn("%s: was begun where %s was %s, and here it is %s: the last bits of scores may not be those of a run on "
            "one kind of machine",
            journal, d->shown, d->was ? d->was : "not known", d->is ? d->is : "not known");
    return true;
}

/* The length of "model NAME: " in an entry's name; 0 for an entry that is of no model. */
static size_t model_of(const char *name)
{
    const char *colon = strncmp(name, "model ", 6) == 0 ? strstr(name, ": ") : NULL;
    return colon ? (size_t)(colon - name) + 2 : 0;
}

/* Sees whether neither side lacks the model that the entry called name is of. */
static bool both_have(const cv_identity *identity, json_t *theirs, const char *name)
{
    size_t length = model_of(name);
    const char *key;
    json_t *value;
    bool mine = false, other = false;
    for (size_t i = 0; i < identity->count; i++) mine = mine || strncmp(identity->entries[i].name, name, length) == 0;
    json_object_foreach (theirs, key, value) other = other || strncmp(key, name, length) == 0;
    return mine && other;
}

/* With partly, entries of models that one side lacks are not compared. */
static bool is_compared(const cv_identity *identity, json_t *theirs, const char *name, bool partly)
{
    return !partly || model_of(name) == 0 || both_have(identity, theirs, name);
}

/* Compares one kind, first by what we have, then for what only the journal has. */
static bool check_kind(const cv_identity *identity, cv_identity_kind kind, json_t *theirs, bool partly,
                       const char *journal, cv_error *err)
{
    json_t *left = json_copy(theirs); /* what only the journal has */
    bool ok = true;
    for (size_t i = 0; ok && i < identity->count; i++) {
        const cv_identity_entry *mine = &identity->entries[i];
        if (mine->kind != kind || !is_compared(identity, theirs, mine->name, partly)) continue;
        const char *was = json_string_value(json_object_get(theirs, mine->name));
        difference d = {kind, mine->shown, was, mine->value};
        ok = (was && strcmp(was, mine->value) == 0) || judge(&d, journal, err);
        json_object_del(left, mine->name);
    }
    const char *name;
    json_t *value;
    json_object_foreach (left, name, value) {
        difference d = {kind, name, json_is_string(value) ? json_string_value(value) : "unreadable", NULL};
        ok = ok && (!is_compared(identity, theirs, name, partly) || judge(&d, journal, err));
    }
    json_decref(left);
    return ok;
}

bool cv_identity_check(const cv_identity *identity, const char *text, size_t length, bool partly, const char *journal,
                       cv_error *err)
{
    json_t *top = cv_json_parse(text, length, journal, 0, err);
    if (!top) return false;
    bool ok = true;
    for (int kind = 0; ok && kind < CV_NUM_IDENTITY_KINDS; kind++)
        ok = check_kind(identity, (cv_identity_kind)kind, json_object_get(top, kind_names[kind]), partly, journal, err);
    json_decref(top);
    return ok;
}
