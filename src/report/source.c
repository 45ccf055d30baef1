#include "report/source.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "sweep/job_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 4096, MOST_HEADS = 4096, MOST_RUNS = 4096 };

double cv_source_score(const cv_source_run *run, const cv_source_head *head)
{
    return run->has_ships ? head->ships : head->angle;
}

const char *cv_head_name(const cv_source_head *head, char text[32])
{
    snprintf(text, 32, "L%dH%d", head->layer, head->head);
    return text;
}

static void free_run(cv_source_run *run)
{
    free(run->model);
    free(run->base);
    free(run->ablation);
    free(run->heads);
    cv_csv_table_free(&run->stability);
    cv_csv_table_free(&run->sahara);
    cv_csv_table_free(&run->asr);
    cv_csv_table_free(&run->judges);
    cv_csv_table_free(&run->utility);
}

void cv_source_free(cv_source *source)
{
    for (size_t i = 0; i < source->num_runs; i++) free_run(&source->runs[i]);
    free(source->runs);
    free(source->folder);
    json_decref(source->manifest);
    json_decref(source->comparison);
    cv_csv_table_free(&source->overlap);
    cv_csv_table_free(&source->nulls);
    cv_csv_table_free(&source->shared);
    cv_csv_table_free(&source->depth);
    cv_csv_table_free(&source->depth_distance);
    cv_csv_table_free(&source->concentration);
    *source = (cv_source){0};
}

/* ---- heads ---- */

static bool read_head(const cv_csv_table *table, size_t row, cv_source_head *out, cv_error *err)
{
    int rank = 0;
    if (!cv_csv_table_index(table, row, "layer", MOST_LAYERS - 1, &out->layer, err) ||
        !cv_csv_table_index(table, row, "head", MOST_HEADS - 1, &out->head, err) ||
        !cv_csv_table_index(table, row, "rank", MOST_LAYERS * MOST_HEADS, &rank, err))
        return false;
    if ((size_t)rank != row + 1)
        return cv_bad_input(err, "%s: row %zu has rank %d; rows must be sorted by rank", table->path, row + 1, rank);
    out->ships = cv_csv_table_number(table, row, "ships_mean");
    out->ships_low = cv_csv_table_number(table, row, "ships_low");
    out->ships_high = cv_csv_table_number(table, row, "ships_high");
    out->harmless = cv_csv_table_number(table, row, "harmless_mean");
    out->specificity = cv_csv_table_number(table, row, "specificity");
    out->angle = cv_csv_table_number(table, row, "angle_deg");
    out->top10_probability = cv_csv_table_number(table, row, "top10_probability");
    out->parameter_share = cv_csv_table_number(table, row, "parameter_share");
    out->specificity_low = out->specificity_high = out->rank_low = out->rank_high = NAN;
    return true;
}

/* Each head of the grid once. */
static bool check_grid(const cv_source_run *run, size_t rows, const char *path, cv_error *err)
{
    size_t cells = (size_t)run->layers * (size_t)run->heads_a_layer;
    if (cells != rows)
        return cv_bad_input(err, "%s: %zu rows are not the %zu heads of %d layers with %d each", path, rows, cells,
                            run->layers, run->heads_a_layer);
    bool ok = true, *seen = cv_calloc(cells, sizeof *seen);
    for (size_t i = 0; ok && i < rows; i++) {
        bool *cell = &seen[run->heads[i].layer * run->heads_a_layer + run->heads[i].head];
        if (*cell) ok = cv_bad_input(err, "%s: L%dH%d has two rows", path, run->heads[i].layer, run->heads[i].head);
        *cell = true;
    }
    free(seen);
    return ok;
}

static bool take_heads(cv_source_run *run, const cv_csv_table *table, cv_error *err)
{
    if (table->rows == 0) return cv_bad_input(err, "%s: has no heads", table->path);
    run->heads = cv_alloc(table->rows, sizeof *run->heads);
    for (size_t i = 0; i < table->rows; i++) {
        cv_source_head *head = &run->heads[i];
        if (!read_head(table, i, head, err)) return false;
        if (head->layer >= run->layers) run->layers = head->layer + 1;
        if (head->head >= run->heads_a_layer) run->heads_a_layer = head->head + 1;
        run->has_ships |= isfinite(head->ships);
        run->has_harmless |= isfinite(head->harmless);
        run->has_angles |= isfinite(head->angle);
    }
    return check_grid(run, table->rows, table->path, err);
}

/* intervals.csv has the same heads in the same order. */
static bool take_intervals(cv_source_run *run, const cv_csv_table *table, cv_error *err)
{
    if (table->columns == 0) return true;
    if (table->rows != (size_t)run->layers * (size_t)run->heads_a_layer)
        return cv_bad_input(err, "%s: %zu rows are not those of heads.csv", table->path, table->rows);
    for (size_t i = 0; i < table->rows; i++) {
        cv_source_head *head = &run->heads[i];
        int layer, number;
        if (!cv_csv_table_index(table, i, "layer", MOST_LAYERS - 1, &layer, err) ||
            !cv_csv_table_index(table, i, "head", MOST_HEADS - 1, &number, err))
            return false;
        if (layer != head->layer || number != head->head)
            return cv_bad_input(err, "%s: row %zu is L%dH%d, and in heads.csv L%dH%d", table->path, i + 1, layer,
                                number, head->layer, head->head);
        head->rank_low = cv_csv_table_number(table, i, "rank_low");
        head->rank_high = cv_csv_table_number(table, i, "rank_high");
        head->specificity_low = cv_csv_table_number(table, i, "specificity_low");
        head->specificity_high = cv_csv_table_number(table, i, "specificity_high");
    }
    return true;
}

/* ---- a run ---- */

/* FOLDER/MODEL/ABLATION/FILE. Free with free(). */
static char *path_of(const cv_source *source, const cv_source_run *run, const char *file)
{
    cv_buffer path = {0};
    cv_buffer_printf(&path, "%s/%s/%s/%s", source->folder, run->model, run->ablation, file);
    return cv_buffer_steal(&path);
}

/* Leaves the table empty where the file is not there, and not needed. */
static bool read_table(const cv_source *source, const cv_source_run *run, const char *file, bool needed,
                       cv_csv_table *table, cv_error *err)
{
    char *path = path_of(source, run, file);
    bool ok = needed ? cv_csv_table_read(path, table, err) : cv_csv_table_read_if_there(path, table, err);
    free(path);
    return ok;
}

static bool read_run(const cv_source *source, cv_source_run *run, cv_error *err)
{
    cv_csv_table heads = {0}, intervals = {0};
    /* A job may ask for answers alone; its runs have no heads. */
    const json_t *definitions = json_object_get(source->manifest, "definitions");
    bool scores = json_object_get(definitions, "score") || json_object_get(definitions, "subspace");
    bool ok = read_table(source, run, "asr.csv", false, &run->asr, err) &&
              read_table(source, run, "utility.csv", false, &run->utility, err);
    bool needed = scores || (run->asr.columns == 0 && run->utility.columns == 0);
    ok = ok && read_table(source, run, "heads.csv", needed, &heads, err) &&
         (heads.columns == 0 || (read_table(source, run, "intervals.csv", false, &intervals, err) &&
                                 take_heads(run, &heads, err) && take_intervals(run, &intervals, err))) &&
         read_table(source, run, "stability.csv", false, &run->stability, err) &&
         read_table(source, run, "sahara.csv", false, &run->sahara, err) &&
         read_table(source, run, "judges.csv", false, &run->judges, err);
    cv_csv_table_free(&heads);
    cv_csv_table_free(&intervals);
    return ok;
}

/* ---- the manifest ---- */

/* The name of an entry of the manifest, which is part of a path. */
static bool name_of(const json_t *entry, const char *file, const char *list, size_t i, const char **name, cv_error *err)
{
    char field[64];
    snprintf(field, sizeof field, "%s[%zu]", list, i);
    if (!json_is_object(entry)) return cv_bad_input(err, "%s: %s must be an object", file, field);
    if (!cv_json_string(entry, (cv_json_place){file, field}, "name", CV_REQUIRED, name, err)) return false;
    const char *fault = cv_job_name_fault(*name);
    return !fault || cv_bad_input(err, "%s: %s.name \"%s\" names a folder, but %s", file, field, *name, fault);
}

static bool add_run(cv_source *source, const json_t *model, const char *ablation, const char *name, cv_error *err)
{
    if (source->num_runs == MOST_RUNS)
        return cv_bad_input(err, "%s: more than %d models and ablations", source->folder, MOST_RUNS);
    source->runs = cv_realloc(source->runs, source->num_runs + 1, sizeof *source->runs);
    cv_source_run *run = &source->runs[source->num_runs++];
    const char *base = json_string_value(json_object_get(model, "base"));
    *run = (cv_source_run){.model = cv_strdup(name),
                           .base = base ? cv_strdup(base) : NULL,
                           .ablation = cv_strdup(ablation)};
    return read_run(source, run, err);
}

static bool read_runs(cv_source *source, const char *file, cv_error *err)
{
    const json_t *models = json_object_get(source->manifest, "models");
    const json_t *definitions = json_object_get(source->manifest, "definitions");
    const json_t *ablations = json_object_get(definitions, "ablations");
    if (json_array_size(models) == 0 || json_array_size(ablations) == 0)
        return cv_bad_input(err, "%s: names no models, or no definitions.ablations", file);
    for (size_t m = 0; m < json_array_size(models); m++)
        for (size_t a = 0; a < json_array_size(ablations); a++) {
            const json_t *model = json_array_get(models, m);
            const char *name = NULL, *ablation = NULL;
            if (!name_of(model, file, "models", m, &name, err) ||
                !name_of(json_array_get(ablations, a), file, "definitions.ablations", a, &ablation, err) ||
                !add_run(source, model, ablation, name, err))
                return false;
        }
    return true;
}

static bool read_common(cv_source *source, const char *file, cv_csv_table *table, cv_error *err)
{
    char *path = cv_path_join(source->folder, file);
    bool ok = cv_csv_table_read_if_there(path, table, err);
    free(path);
    return ok;
}

/* overlap.json comes after the tables: without it they are a leftover, or half of a comparison. */
static bool read_comparison(cv_source *source, cv_error *err)
{
    char *file = cv_path_join(source->folder, "overlap.json");
    bool is_there = cv_file_exists(file);
    if (is_there) source->comparison = cv_json_load(file, 0, err);
    free(file);
    return !is_there || (source->comparison && read_common(source, "overlap.csv", &source->overlap, err) &&
                         read_common(source, "overlap_nulls.csv", &source->nulls, err) &&
                         read_common(source, "overlap_heads.csv", &source->shared, err) &&
                         read_common(source, "depth.csv", &source->depth, err) &&
                         read_common(source, "depth_distance.csv", &source->depth_distance, err) &&
                         read_common(source, "concentration.csv", &source->concentration, err));
}

bool cv_source_read(const char *folder, cv_source *source, cv_error *err)
{
    *source = (cv_source){.folder = cv_strdup(folder)};
    char *file = cv_path_join(folder, "manifest.json");
    bool ok = read_comparison(source, err);
    if (ok && cv_file_exists(file)) {
        source->manifest = cv_json_load(file, 0, err);
        ok = source->manifest && read_runs(source, file, err);
    } else if (ok && !source->comparison) {
        ok = cv_bad_input(err, "%s: is not there; name the results folder of a run that is done", file);
    }
    free(file);
    if (!ok) cv_source_free(source);
    return ok;
}
