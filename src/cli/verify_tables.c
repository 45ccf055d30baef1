/* Tables written anew, in a folder of their own, and compared with those of the results. */
#include "cli/verify.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "report/heads.h"
#include "report/sahara_table.h"
#include "report/utility_table.h"
#include "store/h5.h"

#include <caravan/version.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One kind of table, for each model and ablation. */
typedef struct table {
    const char *file;
    bool wanted;         /* by the job */
    const char *missing; /* why it cannot be written anew; NULL: it can */
} table;

enum { NUM_TABLES = 9, SHOWN = 60 };

/* ---- comparing ---- */

/* The line that holds byte number at of a text: its number from 1, and where it begins. */
static size_t line_of(const char *text, size_t at, size_t *begin)
{
    size_t line = 1;
    *begin = 0;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            line++;
            *begin = i + 1;
        }
    return line;
}

static int shown_length(const char *text, size_t begin)
{
    size_t length = strcspn(text + begin, "\r\n");
    return length < SHOWN ? (int)length : SHOWN;
}

static void tell_difference(cv_verify *v, const char *name, const char *found, size_t found_length, const char *wanted,
                            size_t wanted_length)
{
    size_t at = 0, begin, other;
    while (at < found_length && at < wanted_length && found[at] == wanted[at]) at++;
    size_t line = line_of(wanted, at, &begin);
    line_of(found, at, &other);
    if (strstr(name, ".h5"))
        cv_verify_differs(v, name,
                          "its arrays are right, but byte %zu is not that of the file written anew: an "
                          "attribute or a prompt was changed",
                          at);
    else
        cv_verify_differs(v, name, "line %zu is \"%.*s\" and written anew it is \"%.*s\"", line,
                          shown_length(found, other), found + other, shown_length(wanted, begin), wanted + begin);
}

/* RESULTS/name against scratch/name. */
static bool compare(cv_verify *v, const cv_folder *scratch, const char *name, cv_error *err)
{
    char *mine = cv_folder_path(scratch, name), *theirs = cv_verify_path(v, name);
    size_t found_length = 0, wanted_length = 0;
    char *wanted = cv_read_file(mine, &wanted_length, err), *found = NULL;
    if (wanted) found = cv_read_file(theirs, &found_length, err);
    if (wanted && !found)
        cv_verify_differs(v, name, "%s", err->text);
    else if (wanted && found_length == wanted_length && memcmp(found, wanted, found_length) == 0)
        cv_verify_fine(v, name, "written anew it is the same, byte by byte");
    else if (wanted)
        tell_difference(v, name, found, found_length, wanted, wanted_length);
    free(wanted);
    free(found);
    free(mine);
    free(theirs);
    return wanted != NULL;
}

/* ---- which, and whether they can be written ---- */

static bool manifest_says(const cv_verify *v, const char *key, const char *value)
{
    const char *other = json_string_value(json_object_get(json_object_get(v->manifest, "versions"), key));
    return other && strcmp(other, value) == 0;
}

static bool same_text(const json_t *object, const char *key, const char *text)
{
    const char *other = json_string_value(json_object_get(object, key));
    return other && text && strcmp(other, text) == 0;
}

/* scores.h5 names the program and the places of its inputs. */
static const char *why_no_bytes(const cv_verify *v)
{
    const cv_job *job = &v->inputs.job;
    if (!manifest_says(v, "caravan", CARAVAN_VERSION) || !manifest_says(v, "caravan_git", CARAVAN_GIT) ||
        !manifest_says(v, "hdf5", cv_h5_version()))
        return "it names the versions of Caravan and HDF5, which are others";
    for (int m = 0; m < job->num_models; m++)
        if (!same_text(json_array_get(json_object_get(v->manifest, "models"), (size_t)m), "path", job->models[m].path))
            return "it names the places of models and prompts, which are others";
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        if (job->prompts[set].file &&
            !same_text(json_object_get(json_object_get(v->manifest, "prompts"), cv_prompt_set_name((cv_prompt_set)set)),
                       "file", job->prompts[set].file))
            return "it names the places of models and prompts, which are others";
    return NULL;
}

static void list_tables(const cv_verify *v, table tables[NUM_TABLES])
{
    const cv_job *job = &v->inputs.job;
    bool answers = job->evaluate.num_decode > 0, search = job->sahara_steps > 0;
    const char *no_answers = v->verdicts ? NULL : "the answers are not known without the journal's units";
    const char *no_search = v->sahara ? NULL : "the search could not be read";
    const table all[NUM_TABLES] = {
        {"scores.h5", true, search && no_search ? no_search : why_no_bytes(v)},
        {"heads.csv", cv_job_has_scores(job), NULL},
        {"intervals.csv", job->ships, NULL},
        {"stability.csv", job->ships, NULL},
        {"sahara.csv", search, no_search},
        {"asr.csv", answers, no_answers},
        {"judges.csv", answers, no_answers},
        {"answers.csv", answers, no_answers},
        {"utility.csv", job->evaluate.num_utility > 0,
         v->utility ? NULL : "the log-likelihoods are not known without the journal's units"},
    };
    memcpy(tables, all, sizeof all);
}

static bool write_all(cv_verify *v, cv_folder *scratch, cv_error *err)
{
    const cv_job *job = &v->inputs.job;
    if (job->sahara_steps > 0 && !v->sahara) return true;
    return cv_results_write(scratch, &v->inputs, &v->sources, v->scores, v->sahara, err) &&
           cv_heads_write(scratch, &v->inputs, v->scores, err) &&
           (!v->sahara || cv_sahara_write(scratch, &v->inputs, v->sahara, err)) &&
           (!v->verdicts || cv_answers_write(scratch, &v->inputs, v->evaluation, v->verdicts, err)) &&
           (!v->utility || cv_utility_write(scratch, &v->inputs, v->utility, err));
}

/* All tables of one model under one ablation; each is removed from scratch. */
static bool compare_folder(cv_verify *v, cv_folder *scratch, int model, int ablation, const table *tables,
                           cv_error *err)
{
    bool ok = true;
    for (int t = 0; t < NUM_TABLES; t++) {
        if (!tables[t].wanted) continue;
        char *name = cv_results_name(&v->inputs.job, model, ablation, tables[t].file);
        if (ok && tables[t].missing)
            cv_verify_skipped(v, name, "not compared byte by byte: %s", tables[t].missing);
        else if (ok)
            ok = compare(v, scratch, name, err);
        cv_folder_remove(scratch, name);
        free(name);
    }
    return ok;
}

bool cv_verify_tables(cv_verify *v, cv_error *err)
{
    if (!v->scores || (v->inputs.job.sahara_steps > 0 && !v->sahara)) {
        cv_verify_skipped(v, "tables", "they follow from scores.h5, which could not be read");
        return true;
    }
    const char *parent = getenv("TMPDIR");
    cv_buffer path = {0};
    cv_buffer_printf(&path, "%s/caravan-verify-XXXXXX", parent && *parent ? parent : "/tmp");
    bool ok = mkdtemp(path.data) || cv_failed(err, "%s: cannot be made: %s", path.data, strerror(errno));
    cv_folder *scratch = ok ? cv_folder_open(path.data, err) : NULL;
    table tables[NUM_TABLES];
    list_tables(v, tables);
    ok = scratch && write_all(v, scratch, err);
    for (int m = 0; ok && m < v->inputs.job.num_models; m++)
        for (int a = 0; a < v->inputs.job.num_ablations; a++) ok = compare_folder(v, scratch, m, a, tables, err) && ok;
    if (scratch) cv_folder_undo(scratch);
    cv_folder_close(scratch);
    if (path.data) rmdir(path.data);
    cv_buffer_free(&path);
    return ok;
}
