/* caravan verify: whether a results folder agrees with itself, with its inputs, and with the definitions. */
#include "cli/verify.h"

#include "cli/verb.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/blas.h"
#include "store/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "usage: caravan verify RESULT_DIR [--sample N] [--seed S] [--job JOB.json]\n"
    "\n"
    "Checks the results of a run: against its inputs (is every model, tokenizer and prompt file what the\n"
    "manifest says), against themselves (the journal's checksums, its units against scores.h5, every table\n"
    "written anew), and against the definitions: cells of scores.h5, drawn over models, layers, heads and\n"
    "prompts, are computed anew by the plain engine, one forward pass each. docs/verify.md has the bounds.\n"
    "\n"
    "  --sample N       so many cells, 8 if not given\n"
    "  --seed S         of what is drawn; 0 if not given\n"
    "  --job JOB.json   the job, where the run is not finished, or where its files lie elsewhere now\n"
    "\n"
    "Run it where the run was started: paths of the job are looked for from there. Prints a line a check,\n"
    "and a last one that counts. Exit code 0: nothing differs; 1: something does, which is named; 2: bad\n"
    "usage, or results or inputs that cannot be read. The results are not changed.\n";

enum { DEFAULT_SAMPLE = 8, MOST_SAMPLE = 1000000 };

/* ---- lines ---- */

static void print_line(const char *verdict, const char *what, const char *format, va_list values)
{
    printf("%-8s %s: ", verdict, what);
    vprintf(format, values);
    putchar('\n');
    fflush(stdout);
}

void cv_verify_fine(cv_verify *v, const char *what, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line("fine", what, format, values);
    va_end(values);
    v->fine++;
}

void cv_verify_differs(cv_verify *v, const char *what, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line("DIFFERS", what, format, values);
    va_end(values);
    v->differ++;
}

void cv_verify_skipped(cv_verify *v, const char *what, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line("skipped", what, format, values);
    va_end(values);
    v->skipped++;
}

char *cv_verify_path(const cv_verify *v, const char *name)
{
    return cv_path_join(v->directory, name);
}

/* ---- the job ---- */

/* Which job, in text of its own: the manifest's, or the file that --job names. */
typedef struct request {
    const char *job_file;  /* NULL: the manifest's */
    char *engine, *models; /* as cv_job_options takes them; NULL: not known */
    int64_t sample, seed;
} request;

static bool read_manifest(cv_verify *v, cv_error *err)
{
    struct stat info;
    if (stat(v->directory, &info) != 0 || !S_ISDIR(info.st_mode))
        return cv_bad_input(err, "%s: is no folder; name the results folder of a run", v->directory);
    char *path = cv_verify_path(v, "manifest.json");
    bool ok = true;
    if (cv_file_exists(path)) ok = (v->manifest = cv_json_load(path, 0, err)) != NULL;
    free(path);
    return ok;
}

static bool read_journal(cv_verify *v, cv_error *err)
{
    uint64_t damaged = 0;
    char *path = cv_verify_path(v, "journal");
    bool exists = cv_file_exists(path);
    if (exists && !cv_journal_file_open_to_check(&v->journal, path, &damaged, err)) {
        cv_verify_differs(v, "journal", "%s", err->text);
    } else if (exists) {
        v->has_journal = true;
        if (damaged)
            cv_verify_differs(v, "journal", "its last %llu bytes are torn or damaged, behind %zu good units",
                              (unsigned long long)damaged, v->journal.count);
        else
            cv_verify_fine(v, "journal", "checksums of its header and its %zu units are right", v->journal.count);
    }
    free(path);
    if (v->has_journal || v->manifest) return true;
    return cv_bad_input(err, "%s: has neither manifest.json nor a readable journal; name the results folder of a run",
                        v->directory);
}

/* Adds a name to a list with commas between. */
static void add_name(cv_buffer *list, const char *name, size_t length)
{
    if (list->length) cv_buffer_puts(list, ",");
    cv_buffer_append(list, name, length);
}

/* Which engine and which of the job's models it was, as the journal's header says. */
static bool ask_journal(const cv_verify *v, request *r, cv_error *err)
{
    static const char first[] = "model ", last[] = ": config.json";
    json_t *top = cv_json_parse(v->journal.identity, strlen(v->journal.identity), v->journal.path, 0, err);
    if (!top) return false;
    const char *engine = json_string_value(json_object_get(json_object_get(top, "job"), "--engine")), *name;
    if (engine) r->engine = cv_strdup(engine);
    cv_buffer list = {0};
    json_t *value;
    json_object_foreach (json_object_get(top, "files"), name, value) {
        size_t length = strlen(name), ends = sizeof first + sizeof last - 2;
        if (strncmp(name, first, sizeof first - 1) == 0 && length > ends &&
            strstr(name, last) == name + length - (sizeof last - 1) && !strstr(name, ": attention: "))
            add_name(&list, name + sizeof first - 1, length - ends);
    }
    r->models = cv_buffer_steal(&list);
    json_decref(top);
    return true;
}

/* The same from the manifest, which has all that the journal's header has. */
static bool ask_manifest(const cv_verify *v, request *r, cv_error *err)
{
    char *path = cv_verify_path(v, "manifest.json");
    json_t *definitions = NULL, *models = NULL, *model;
    const char *engine = NULL, *name = NULL;
    cv_buffer list = {0};
    size_t i;
    bool ok = cv_json_object(v->manifest, (cv_json_place){path, ""}, "definitions", CV_REQUIRED, &definitions, err) &&
              cv_json_string(definitions, (cv_json_place){path, "definitions"}, "engine", CV_REQUIRED, &engine, err) &&
              cv_json_array(v->manifest, (cv_json_place){path, ""}, "models", CV_REQUIRED, &models, err);
    json_array_foreach (models, i, model) {
        ok = ok && cv_json_string(model, (cv_json_place){path, "models[]"}, "name", CV_REQUIRED, &name, err);
        if (ok) add_name(&list, name, strlen(name));
    }
    if (ok) r->engine = cv_strdup(engine);
    r->models = cv_buffer_steal(&list);
    free(path);
    return ok;
}

static bool parse_manifests_job(const cv_verify *v, const cv_job_options *options, cv_job *job, cv_error *err)
{
    char *path = cv_verify_path(v, "manifest.json");
    const char *file = NULL;
    json_t *object = NULL;
    bool ok = cv_json_string(v->manifest, (cv_json_place){path, ""}, "job_file", CV_REQUIRED, &file, err) &&
              cv_json_object(v->manifest, (cv_json_place){path, ""}, "job", CV_REQUIRED, &object, err);
    free(path);
    if (!ok) return false;
    char *text = json_dumps(object, JSON_INDENT(2));
    ok = text && cv_job_parse(text, strlen(text), file, options, job, err);
    free(text);
    return ok;
}

static bool read_job(cv_verify *v, request *r, cv_job *job, cv_error *err)
{
    if (!v->manifest && !r->job_file)
        return cv_bad_input(err, "%s: has no manifest.json, as the run is not finished; give its job with --job",
                            v->directory);
    if (!(v->manifest ? ask_manifest(v, r, err) : ask_journal(v, r, err))) return false;
    cv_job_options options = {.output = v->directory, .engine = r->engine, .models = r->models};
    return r->job_file ? cv_job_load(r->job_file, &options, job, err) : parse_manifests_job(v, &options, job, err);
}

/* ---- the files of the inputs ---- */

static const char *recorded_sha256(const json_t *files, const char *name)
{
    size_t i;
    json_t *file;
    json_array_foreach ((json_t *)files, i, file) {
        const char *other = json_string_value(json_object_get(file, "name"));
        if (other && strcmp(other, name) == 0) return json_string_value(json_object_get(file, "sha256"));
    }
    return NULL;
}

/* One file against what was recorded of them; *count is raised by those that are the same. */
static bool compare_file(cv_verify *v, const char *role, const cv_fingerprint *file, const char *recorded,
                         size_t *count)
{
    bool same = recorded && strcmp(recorded, file->sha256) == 0;
    if (!same)
        cv_verify_differs(v, role, "%s is not the file of the run: its SHA-256 was %.16s... and is %.16s...",
                          file->name, recorded ? recorded : "not recorded", file->sha256);
    *count += same;
    return same;
}

/* All files of a folder against a list of the manifest's. */
static bool compare_folder(cv_verify *v, const char *role, const cv_fingerprints *prints, const json_t *files,
                           size_t *count)
{
    bool same = true;
    for (size_t i = 0; i < prints->count; i++)
        same &= compare_file(v, role, &prints->files[i], recorded_sha256(files, prints->files[i].name), count);
    if (json_array_size(files) <= prints->count) return same;
    cv_verify_differs(v, role, "%zu files were read, and there are %zu now", json_array_size(files), prints->count);
    return false;
}

static bool compare_models(cv_verify *v, const cv_job *job)
{
    const json_t *models = json_object_get(v->manifest, "models");
    bool same = true;
    size_t count = 0;
    for (int m = 0; m < job->num_models; m++) {
        const json_t *model = json_array_get(models, (size_t)m);
        const char *name = job->models[m].name;
        same &= compare_folder(v, name, &v->sources.models[m], json_object_get(model, "files"), &count);
        same &= compare_folder(v, name, &v->sources.attention[m], json_object_get(model, "attention_files"), &count);
    }
    if (same) cv_verify_fine(v, "models", "%zu files have the SHA-256 that the manifest gives", count);
    return same;
}

static bool compare_texts(cv_verify *v, const cv_job *job)
{
    bool same = true;
    size_t count = 0;
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        const char *name = cv_prompt_set_name((cv_prompt_set)set);
        if (!job->prompts[set].file) continue;
        const json_t *one = json_object_get(json_object_get(v->manifest, "prompts"), name);
        same &= compare_file(v, name, v->sources.prompts[set].files, json_string_value(json_object_get(one, "sha256")),
                             &count);
    }
    for (int t = 0; t < job->evaluate.num_utility; t++) {
        const json_t *one = json_array_get(json_object_get(v->manifest, "utility"), (size_t)t);
        same &= compare_file(v, job->evaluate.utility[t].name, v->sources.utility[t].files,
                             json_string_value(json_object_get(one, "sha256")), &count);
    }
    if (same) cv_verify_fine(v, "prompts", "%zu files of prompts and tasks have the manifest's SHA-256", count);
    return same;
}

/* Against the journal's header: the job's keys and the files. The program and the machine may be others. */
static bool compare_identity(cv_verify *v, cv_error *err)
{
    static const char *const kinds[] = {[CV_IDENTITY_PROGRAM] = "program", [CV_IDENTITY_MACHINE] = "machine"};
    cv_identity identity = {0};
    json_t *top = cv_json_parse(v->journal.identity, strlen(v->journal.identity), v->journal.path, 0, err);
    bool ok = top && cv_identity_of_run(&v->inputs, &v->sources, &identity, err);
    for (size_t i = 0; ok && i < identity.count; i++) {
        cv_identity_entry *entry = &identity.entries[i];
        if (entry->kind != CV_IDENTITY_PROGRAM && entry->kind != CV_IDENTITY_MACHINE) continue;
        const char *theirs = json_string_value(json_object_get(json_object_get(top, kinds[entry->kind]), entry->name));
        free(entry->value);
        entry->value = cv_strdup(theirs ? theirs : "");
    }
    ok = ok &&
         cv_identity_check(&identity, v->journal.identity, strlen(v->journal.identity), true, v->journal.path, err);
    json_decref(top);
    cv_identity_free(&identity);
    return ok;
}

/* False with status CV_OK in *err where files differ, so that nothing more can be said. */
static bool read_inputs(cv_verify *v, request *r, cv_error *err)
{
    cv_job job;
    if (!read_job(v, r, &job, err)) return false;
    cv_inputs paths = {.job = job}; /* for the files' places alone */
    bool ok = cv_sources_read(&paths, &v->sources, err), same = true;
    if (ok && v->manifest) same = compare_models(v, &job) & compare_texts(v, &job);
    if (!ok || !same) {
        cv_job_free(&job);
        if (ok) cv_verify_skipped(v, "the rest", "the inputs are not those that the results come from; restore them");
        return false;
    }
    if (!cv_inputs_load(&job, &v->inputs, err)) return false;
    if (!v->has_journal) return true;
    if (compare_identity(v, err)) {
        cv_verify_fine(v, "journal", "belongs to this job and these files");
        return true;
    }
    cv_verify_differs(v, "journal", "%s", err->text);
    if (!v->manifest) cv_verify_skipped(v, "the rest", "the journal is another job's");
    err->status = CV_OK;
    return v->manifest != NULL;
}

/* ---- the whole ---- */

static bool run_checks(cv_verify *v, request *r, cv_error *err)
{
    if (!read_manifest(v, err) || !read_journal(v, err) || !cv_blas_check(err)) return false;
    *err = (cv_error){CV_OK, ""};
    if (!read_inputs(v, r, err)) return err->status == CV_OK;
    if (v->manifest) cv_verify_scores(v);
    cv_verify_units(v);
    return (!v->manifest || cv_verify_tables(v, err)) &&
           cv_verify_cells(v, (size_t)r->sample, (uint64_t)r->seed, err) && cv_verify_angles(v, err);
}

static void close_all(cv_verify *v)
{
    free(v->verdicts);
    cv_utility_free(v->utility);
    cv_evaluation_free(v->evaluation);
    cv_chosen_free(v->chosen);
    cv_sahara_free(v->sahara);
    cv_scores_free(v->scores);
    cv_inputs_free(&v->inputs);
    cv_sources_free(&v->sources);
    cv_journal_file_close(&v->journal);
    json_decref(v->manifest);
}

static bool run(int argc, char **argv, cv_error *err)
{
    cv_verify v = {.journal = {.fd = -1}};
    request r = {.sample = DEFAULT_SAMPLE};
    const char *sample = NULL, *seed = NULL;
    const cv_option known[] = {{.name = "--sample", .text = &sample},
                               {.name = "--seed", .text = &seed},
                               {.name = "--job", .text = &r.job_file},
                               {0}};
    const cv_argument arguments[] = {{"RESULT_DIR", &v.directory}, {0}};
    bool ok = cv_options_read("verify", argc, argv, known, arguments, err) &&
              (!sample || cv_option_int("--sample", sample, 0, MOST_SAMPLE, &r.sample, err)) &&
              (!seed || cv_option_int("--seed", seed, 0, INT64_MAX, &r.seed, err)) && run_checks(&v, &r, err);
    if (ok) {
        printf("%s: %zu checks: %zu fine, %zu differ, %zu skipped\n", v.directory, v.fine + v.differ + v.skipped,
               v.fine, v.differ, v.skipped);
        ok = cv_stdout_check(err) &&
             (v.differ == 0 || cv_failed(err, "%s: %zu checks found a difference", v.directory, v.differ));
    }
    close_all(&v);
    free(r.engine);
    free(r.models);
    return ok;
}

const cv_verb cv_verify_verb = {"verify", help, run};
