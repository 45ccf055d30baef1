#include "store/finished.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "store/h5_foreign.h"
#include "sweep/job_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ENTRIES = 10000 }; /* as in a job */

/* ---- manifest.json ---- */

typedef struct manifest {
    char *path;
    json_t *top;
    json_t *models, *ablations; /* borrowed */
} manifest;

static cv_json_place at(const manifest *m, const char *field)
{
    return (cv_json_place){m->path, field};
}

static bool check_list(const manifest *m, const char *field, const json_t *list, cv_error *err)
{
    size_t count = json_array_size(list);
    return (count > 0 && count <= MOST_ENTRIES) ||
           cv_bad_input(err, "%s: %s must have 1 to %d entries", m->path, field, MOST_ENTRIES);
}

static bool load_manifest(const char *folder, manifest *m, cv_finished *out, cv_error *err)
{
    json_t *definitions = NULL, *subspace = NULL;
    const char *name = NULL;
    int64_t rank = 0;
    m->path = cv_path_join(folder, "manifest.json");
    if (!cv_file_exists(m->path))
        return cv_bad_input(err,
                            "%s: has no manifest.json: it is no results folder, or its run is not done; run it to "
                            "its end first",
                            folder);
    m->top = cv_json_load(m->path, 0, err);
    if (!m->top || !cv_json_string(m->top, at(m, ""), "name", CV_REQUIRED, &name, err) ||
        !cv_json_array(m->top, at(m, ""), "models", CV_REQUIRED, &m->models, err) ||
        !check_list(m, "models", m->models, err) ||
        !cv_json_object(m->top, at(m, ""), "definitions", CV_REQUIRED, &definitions, err) ||
        !cv_json_array(definitions, at(m, "definitions"), "ablations", CV_REQUIRED, &m->ablations, err) ||
        !check_list(m, "definitions.ablations", m->ablations, err) ||
        !cv_json_object(definitions, at(m, "definitions"), "subspace", CV_OPTIONAL, &subspace, err) ||
        (subspace &&
         !cv_json_int(subspace, at(m, "definitions.subspace"), "rank", CV_REQUIRED, 1, CV_SUBSPACE_RANKS, &rank, err)))
        return false;
    out->name = cv_strdup(name);
    out->angle_rank = (int)rank;
    return true;
}

/* One entry's text; where it names a folder of the results, one that can. */
static bool entry_text(const manifest *m, const char *list, const json_t *entries, size_t i, const char *key,
                       bool folder, cv_json_need need, char **text, cv_error *err)
{
    char field[64];
    const char *found = NULL;
    const json_t *entry = json_array_get(entries, i);
    snprintf(field, sizeof field, "%s[%zu]", list, i);
    if (!json_is_object(entry)) return cv_bad_input(err, "%s: %s must be an object {...}", m->path, field);
    if (!cv_json_string(entry, at(m, field), key, need, &found, err)) return false;
    const char *fault = folder ? cv_job_name_fault(found) : NULL;
    if (fault) return cv_bad_input(err, "%s: %s.%s \"%s\" names a folder, but %s", m->path, field, key, found, fault);
    *text = cv_job_copy(found);
    return true;
}

static bool name_item(const manifest *m, size_t model, size_t ablation, cv_finished_scores *item, cv_error *err)
{
    static const char list[] = "definitions.ablations";
    return entry_text(m, "models", m->models, model, "name", true, CV_REQUIRED, &item->model, err) &&
           entry_text(m, "models", m->models, model, "base", false, CV_OPTIONAL, &item->base, err) &&
           entry_text(m, list, m->ablations, ablation, "name", true, CV_REQUIRED, &item->ablation, err) &&
           entry_text(m, list, m->ablations, ablation, "granularity", false, CV_REQUIRED, &item->granularity, err);
}

/* ---- scores.h5 ---- */

/* A file that was put into another's place is noticed by what it says of itself. */
static bool check_identity(const cv_h5_foreign *file, const char *path, const char *attribute, const char *expected,
                           cv_error *err)
{
    char *text;
    if (!cv_h5_foreign_text_attribute(file, "/", attribute, &text, err)) return false;
    bool ok = strcmp(text, expected) == 0 ||
              cv_bad_input(err, "%s: holds the scores of the %s \"%s\", not \"%s\"", path, attribute, text, expected);
    free(text);
    return ok;
}

/* The first array of a file says how many layers and heads there are; the others must agree. */
static bool check_shape(cv_finished_scores *item, const char *path, const char *name, const size_t *dimensions,
                        cv_error *err)
{
    if (item->layers == 0) {
        item->layers = dimensions[0];
        item->heads = dimensions[1];
    }
    if (dimensions[0] != item->layers || dimensions[1] != item->heads)
        return cv_bad_input(err, "%s: %s is of %zu layers of %zu heads, other arrays of %zu of %zu", path, name,
                            dimensions[0], dimensions[1], item->layers, item->heads);
    return item->layers * item->heads <= INT32_MAX ||
           cv_bad_input(err, "%s: %s has more heads than can be compared", path, name);
}

static bool check_finite(const char *path, const char *name, const double *values, size_t count, cv_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return cv_bad_input(err, "%s: %s holds %g, which is no score", path, name, values[i]);
    return true;
}

static bool read_ships(const cv_h5_foreign *file, const char *path, const char *group, cv_finished_scores *item,
                       cv_finished_set *set, cv_error *err)
{
    char name[64];
    size_t dimensions[3];
    snprintf(name, sizeof name, "%s/ships", group);
    if (!cv_h5_foreign_has(file, name)) return true;
    if (!cv_h5_foreign_doubles(file, name, 3, dimensions, &set->ships, err) ||
        !check_shape(item, path, name, dimensions, err))
        return false;
    set->prompts = dimensions[2];
    if (set->prompts > UINT32_MAX) return cv_bad_input(err, "%s: %s has too many prompts", path, name);
    return check_finite(path, name, set->ships, dimensions[0] * dimensions[1] * dimensions[2], err);
}

static bool read_angles(const cv_h5_foreign *file, const char *path, const char *group, int rank,
                        cv_finished_scores *item, cv_finished_set *set, cv_error *err)
{
    char name[64];
    size_t dimensions[3];
    double *all;
    snprintf(name, sizeof name, "%s/angles_deg", group);
    if (rank == 0 || !cv_h5_foreign_has(file, name)) return true;
    if (!cv_h5_foreign_doubles(file, name, 3, dimensions, &all, err)) return false;
    bool ok = check_shape(item, path, name, dimensions, err) &&
              (dimensions[2] >= (size_t)rank || cv_bad_input(err, "%s: %s has angles of %zu ranks, but the run's is %d",
                                                             path, name, dimensions[2], rank));
    if (ok) {
        size_t heads = item->layers * item->heads;
        set->angles = cv_alloc(heads, sizeof *set->angles);
        for (size_t h = 0; h < heads; h++) set->angles[h] = all[h * dimensions[2] + (size_t)rank - 1];
        ok = check_finite(path, name, set->angles, heads, err);
    }
    free(all);
    return ok;
}

static bool read_set(const cv_h5_foreign *file, const char *path, int which, int rank, cv_finished_scores *item,
                     cv_error *err)
{
    char group[32];
    cv_finished_set *set = &item->sets[which];
    snprintf(group, sizeof group, "/%s", cv_prompt_set_name((cv_prompt_set)which));
    if (!cv_h5_foreign_has(file, group)) return true;
    return read_ships(file, path, group, item, set, err) && read_angles(file, path, group, rank, item, set, err) &&
           cv_h5_foreign_text_attribute(file, group, "sha256", &set->sha256, err);
}

static bool read_item(const char *path, int rank, cv_finished_scores *item, cv_error *err)
{
    cv_h5_foreign *file = cv_h5_foreign_open(path, err);
    if (!file) return false;
    bool ok = check_identity(file, path, "model", item->model, err) &&
              check_identity(file, path, "ablation", item->ablation, err);
    for (int set = 0; ok && set < CV_NUM_PROMPT_SETS; set++) ok = read_set(file, path, set, rank, item, err);
    if (ok && !item->sets[CV_HARMFUL].ships && !item->sets[CV_HARMFUL].angles)
        ok = cv_bad_input(err, "%s: has no scores of the harmful prompts", path);
    cv_h5_foreign_close(file);
    return ok;
}

/* ---- the whole ---- */

static bool read_items(const manifest *m, cv_finished *out, cv_error *err)
{
    size_t models = json_array_size(m->models), ablations = json_array_size(m->ablations);
    if (models * ablations > MOST_ENTRIES)
        return cv_bad_input(err, "%s: has more than %d models under ablations", m->path, MOST_ENTRIES);
    out->items = cv_calloc(models * ablations, sizeof *out->items);
    out->count = models * ablations;
    for (size_t i = 0; i < out->count; i++) {
        cv_finished_scores *item = &out->items[i];
        if (!name_item(m, i / ablations, i % ablations, item, err)) return false;
        char *folder = cv_path_join(out->folder, item->model), *inner = cv_path_join(folder, item->ablation);
        char *path = cv_path_join(inner, "scores.h5");
        bool ok = read_item(path, out->angle_rank, item, err);
        free(path);
        free(inner);
        free(folder);
        if (!ok) return false;
    }
    return true;
}

bool cv_finished_open(const char *folder, cv_finished *finished, cv_error *err)
{
    manifest m = {0};
    *finished = (cv_finished){.folder = cv_strdup(folder)};
    bool ok = load_manifest(folder, &m, finished, err) && read_items(&m, finished, err);
    json_decref(m.top);
    free(m.path);
    if (!ok) cv_finished_free(finished);
    return ok;
}

void cv_finished_free(cv_finished *finished)
{
    for (size_t i = 0; i < finished->count; i++) {
        cv_finished_scores *item = &finished->items[i];
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
            free(item->sets[set].ships);
            free(item->sets[set].angles);
            free(item->sets[set].sha256);
        }
        free(item->model);
        free(item->base);
        free(item->ablation);
        free(item->granularity);
    }
    free(finished->items);
    free(finished->folder);
    free(finished->name);
    *finished = (cv_finished){0};
}
