#include "report/report.h"

#include "base/buffer.h"
#include "base/file.h"
#include "report/escape.h"
#include "report/page.h"
#include "report/sections.h"
#include "report/source.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows of heads on the whole page: it stays readable for many models, and each has at least some. */
enum { MOST_HEAD_ROWS = 8192, LEAST_ROWS_A_RUN = 50 };

/* Of a run's section: "run-3". */
static const char *anchor_of(size_t run, char text[32])
{
    snprintf(text, 32, "run-%zu", run + 1);
    return text;
}

static void put_link(cv_buffer *out, const char *anchor, const char *text)
{
    cv_buffer_printf(out, "<li><a href=\"#%s\">", anchor);
    cv_put_html(out, text);
    cv_buffer_puts(out, "</a></li>\n");
}

static char *contents_of(const cv_source *source)
{
    cv_buffer out = {0};
    char anchor[32];
    cv_buffer_puts(&out, "<ul>\n");
    if (source->num_runs > 0) put_link(&out, "summary", "Summary");
    for (size_t i = 0; i < source->num_runs; i++) {
        char *label = cv_run_label(source, &source->runs[i]);
        put_link(&out, anchor_of(i, anchor), label);
        free(label);
    }
    if (source->num_runs > 1 || source->comparison) put_link(&out, "models", "Across models");
    put_link(&out, "definitions", "Definitions");
    put_link(&out, "provenance", "Provenance");
    cv_buffer_puts(&out, "</ul>");
    return cv_buffer_steal(&out);
}

static void add_run(cv_page *page, const cv_source *source, size_t i, const char *judge)
{
    const cv_source_run *run = &source->runs[i];
    cv_buffer title = {0};
    char anchor[32];
    size_t rows = MOST_HEAD_ROWS / source->num_runs;
    cv_buffer_printf(&title, "%s, %s", run->model, run->ablation);
    cv_page_heading(page, 2, anchor_of(i, anchor), title.data);
    cv_section_heads(page, run, rows > LEAST_ROWS_A_RUN ? rows : LEAST_ROWS_A_RUN);
    cv_section_sahara(page, run);
    cv_section_answers(page, run, judge);
    cv_section_utility(page, run);
    cv_buffer_free(&title);
}

static void fill(cv_page *page, const cv_source *source)
{
    const json_t *definitions = json_object_get(source->manifest, "definitions");
    const char *judge = json_string_value(json_object_get(json_object_get(definitions, "evaluate"), "asr_judge"));
    if (source->num_runs > 0) cv_section_summary(page, source);
    for (size_t i = 0; i < source->num_runs; i++) add_run(page, source, i, judge);
    cv_section_models(page, source);
    cv_section_definitions(page, source);
    cv_section_provenance(page, source);
}

static bool write_page(const cv_page *page, const cv_source *source, const char *path, cv_error *err)
{
    cv_buffer out = {0}, title = {0};
    const char *name = json_string_value(json_object_get(source->manifest, "name"));
    if (!source->manifest) name = "comparison of models";
    char *contents = contents_of(source);
    cv_buffer_printf(&title, "Caravan: %s", name ? name : "results");
    cv_page_compose(&out, page, title.data, contents);
    bool ok = cv_write_file(path, out.data, out.length, err);
    free(contents);
    cv_buffer_free(&title);
    cv_buffer_free(&out);
    return ok;
}

/* Pictures and tables, in folders of their own. */
static bool write_files(const cv_page *page, const char *folder, cv_error *err)
{
    static const char *const parts[] = {"figures", "tables"};
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        char *path = cv_path_join(folder, parts[i]);
        ok = cv_make_directories(path, err);
        free(path);
    }
    for (size_t i = 0; ok && i < page->num_files; i++) {
        char *path = cv_path_join(folder, page->files[i].name);
        ok = cv_write_file(path, page->files[i].text.data, page->files[i].text.length, err);
        free(path);
    }
    return ok;
}

bool cv_report_write(const char *folder, const char *page_path, cv_error *err)
{
    cv_source source;
    cv_page page = {0};
    if (!cv_source_read(folder, &source, err)) return false;
    fill(&page, &source);
    char *path = page_path ? NULL : cv_path_join(folder, "report.html");
    bool ok =
        (page_path || write_files(&page, folder, err)) && write_page(&page, &source, page_path ? page_path : path, err);
    free(path);
    cv_page_free(&page);
    cv_source_free(&source);
    return ok;
}
