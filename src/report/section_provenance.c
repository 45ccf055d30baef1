#include "report/sections.h"

#include "base/buffer.h"
#include "report/escape.h"

#include <jansson.h>

#include <stdlib.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* A value that has no parts, as one would write it; nothing for NULL. */
static void put_value(cv_buffer *out, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    const char *string = json_string_value(value);
    cv_buffer_puts(out, string ? string : text ? text : "");
    free(text);
}

static void add_value(cv_sheet *sheet, const json_t *value)
{
    cv_buffer text = {0};
    put_value(&text, value);
    cv_sheet_add_text(sheet, text.data);
    cv_buffer_free(&text);
}

/* Whether a value is a list of values that have no parts, to be written on one line. */
static bool is_list(const json_t *value)
{
    size_t i;
    json_t *part;
    if (!json_is_array(value)) return false;
    json_array_foreach (value, i, part) {
        if (json_is_object(part) || json_is_array(part)) return false;
    }
    return true;
}

static void add_list(cv_sheet *sheet, const json_t *list)
{
    cv_buffer text = {0};
    size_t i;
    json_t *part;
    cv_buffer_puts(&text, "");
    json_array_foreach (list, i, part) {
        cv_buffer_puts(&text, i ? ", " : "");
        put_value(&text, part);
    }
    cv_sheet_add_text(sheet, text.data);
    cv_buffer_free(&text);
}

/* Every value below an object or array, under its path: "evaluate.coherence.max_repetition". */
static void add_values(cv_sheet *sheet, const char *path, const json_t *value)
{
    const char *key;
    json_t *part;
    size_t i;
    cv_buffer below = {0};
    if (is_list(value)) {
        cv_sheet_add_text(sheet, path);
        add_list(sheet, value);
    } else if (json_is_object(value)) {
        json_object_foreach ((json_t *)value, key, part) {
            cv_buffer_printf(&below, "%s%s%s", path, path[0] ? "." : "", key);
            add_values(sheet, below.data, part);
            cv_buffer_free(&below);
        }
    } else if (json_is_array(value)) {
        json_array_foreach (value, i, part) {
            cv_buffer_printf(&below, "%s[%zu]", path, i);
            add_values(sheet, below.data, part);
            cv_buffer_free(&below);
        }
    } else {
        cv_sheet_add_text(sheet, path);
        add_value(sheet, value);
    }
}

static void add_tree(cv_page *page, const char *name, const char *caption, const char *path, const json_t *value)
{
    if (!value) return;
    cv_sheet sheet = cv_sheet_make(caption);
    cv_sheet_add_column(&sheet, "what", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "value", CV_CELL_WIDE, NULL);
    add_values(&sheet, path, value);
    cv_page_table_alone(page, cv_page_name(page, name, NULL), &sheet);
}

static void add_models(cv_page *page, const json_t *models)
{
    if (!models) return;
    cv_sheet sheet = cv_sheet_make("Models.");
    cv_sheet_add_column(&sheet, "model", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "architecture", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "parameters", CV_CELL_NUMBER, NULL);
    cv_sheet_add_column(&sheet, "type", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "path", CV_CELL_WIDE, NULL);
    for (size_t i = 0; i < json_array_size(models); i++) {
        const json_t *model = json_array_get(models, i);
        cv_sheet_add_text(&sheet, text_of(model, "name"));
        cv_sheet_add_text(&sheet, text_of(model, "architecture"));
        add_value(&sheet, json_object_get(model, "parameters"));
        cv_sheet_add_text(&sheet, text_of(model, "dtype"));
        cv_sheet_add_text(&sheet, text_of(model, "path"));
    }
    cv_page_table_alone(page, cv_page_name(page, "provenance-models", NULL), &sheet);
}

static void add_file(cv_sheet *sheet, const char *of, const char *name, const char *sha256)
{
    cv_sheet_add_text(sheet, of);
    cv_sheet_add_text(sheet, name);
    cv_sheet_add_text(sheet, sha256);
}

static void add_files(cv_page *page, const json_t *manifest)
{
    cv_sheet sheet = cv_sheet_make("Files that were read, with their SHA-256.");
    const json_t *models = json_object_get(manifest, "models"), *tasks = json_object_get(manifest, "utility");
    const char *set;
    json_t *value;
    if (!manifest) {
        cv_sheet_free(&sheet);
        return;
    }
    cv_sheet_add_column(&sheet, "of", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "file", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "SHA-256", CV_CELL_TEXT, NULL);
    for (size_t m = 0; m < json_array_size(models); m++) {
        const json_t *model = json_array_get(models, m), *files = json_object_get(model, "files");
        for (size_t f = 0; f < json_array_size(files); f++)
            add_file(&sheet, text_of(model, "name"), text_of(json_array_get(files, f), "name"),
                     text_of(json_array_get(files, f), "sha256"));
    }
    json_object_foreach (json_object_get(manifest, "prompts"), set, value) {
        add_file(&sheet, set, text_of(value, "file"), text_of(value, "sha256"));
    }
    for (size_t t = 0; t < json_array_size(tasks); t++) {
        const json_t *task = json_array_get(tasks, t);
        add_file(&sheet, text_of(task, "name"), text_of(task, "file"), text_of(task, "sha256"));
    }
    cv_page_table_alone(page, cv_page_name(page, "provenance-files", NULL), &sheet);
}

static void add_ranks(cv_page *page, const json_t *ranks)
{
    static const char *const columns[] = {"rank",       "host",         "threads",        "openblas_core",
                                          "operations", "busy_seconds", "gemm_peak_flops"};
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    if (!ranks) return;
    cv_sheet sheet = cv_sheet_make("Ranks.");
    for (size_t c = 0; c < COLUMNS; c++)
        cv_sheet_add_column(&sheet, columns[c], c == 1 || c == 3 ? CV_CELL_TEXT : CV_CELL_NUMBER, NULL);
    for (size_t r = 0; r < json_array_size(ranks); r++)
        for (size_t c = 0; c < COLUMNS; c++) {
            const json_t *value = json_object_get(json_array_get(ranks, r), columns[c]);
            if (json_is_real(value))
                cv_sheet_add_number(&sheet, json_real_value(value));
            else
                add_value(&sheet, value);
        }
    cv_page_table_alone(page, cv_page_name(page, "provenance-ranks", NULL), &sheet);
}

static void add_job(cv_page *page, const json_t *job)
{
    char *text = job ? json_dumps(job, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    if (!text) return;
    cv_buffer_puts(&page->html, "<details><summary>The job as given</summary>\n<pre>");
    cv_put_html(&page->html, text);
    cv_buffer_puts(&page->html, "</pre></details>\n");
    free(text);
}

void cv_section_provenance(cv_page *page, const cv_source *source)
{
    const json_t *manifest = source->manifest;
    cv_page_heading(page, 2, "provenance", "Provenance");
    cv_page_paragraph(page, "From the results' manifest. Neither prompts' texts nor answers are on this page.");
    add_tree(page, "provenance-versions", "Versions.", "", json_object_get(manifest, "versions"));
    add_models(page, json_object_get(manifest, "models"));
    add_tree(page, "provenance-choices", "Choices, defaults included.", "", json_object_get(manifest, "definitions"));
    add_files(page, manifest);
    add_ranks(page, json_object_get(manifest, "ranks"));
    add_tree(page, "provenance-performance", "Work and time.", "", json_object_get(manifest, "performance"));
    add_tree(page, "provenance-comparison", "The comparison of models.", "", source->comparison);
    add_job(page, json_object_get(manifest, "job"));
}
