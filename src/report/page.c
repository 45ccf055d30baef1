#include "report/page.h"

#include "base/hash.h"
#include "base/memory.h"
#include "report/assets.h"
#include "report/escape.h"

#include <caravan/version.h>

#include <stdlib.h>
#include <string.h>

void cv_page_free(cv_page *page)
{
    for (size_t i = 0; i < page->num_files; i++) {
        free(page->files[i].name);
        cv_buffer_free(&page->files[i].text);
    }
    for (size_t i = 0; i < page->num_names; i++) free(page->names[i]);
    free(page->files);
    free(page->names);
    cv_buffer_free(&page->html);
    *page = (cv_page){0};
}

static bool is_taken(const cv_page *page, const char *name)
{
    for (size_t i = 0; i < page->num_names; i++)
        if (strcmp(page->names[i], name) == 0) return true;
    return false;
}

const char *cv_page_name(cv_page *page, const char *kind, const cv_source_run *run)
{
    cv_buffer name = {0};
    cv_buffer_puts(&name, kind);
    if (run) {
        cv_buffer_puts(&name, ".");
        cv_put_slug(&name, run->model);
        cv_buffer_puts(&name, ".");
        cv_put_slug(&name, run->ablation);
    }
    size_t length = name.length;
    for (int number = 2; is_taken(page, name.data); number++) {
        name.data[name.length = length] = 0;
        cv_buffer_printf(&name, "-%d", number);
    }
    cv_reserve(&page->names, &page->names_capacity, page->num_names + 1, sizeof *page->names);
    return page->names[page->num_names++] = cv_buffer_steal(&name);
}

void cv_page_heading(cv_page *page, int level, const char *id, const char *text)
{
    cv_buffer_printf(&page->html, "<h%d", level);
    if (id) {
        cv_buffer_puts(&page->html, " id=\"");
        cv_put_html(&page->html, id);
        cv_buffer_puts(&page->html, "\"");
    }
    cv_buffer_puts(&page->html, ">");
    cv_put_html(&page->html, text);
    cv_buffer_printf(&page->html, "</h%d>\n", level);
}

void cv_page_paragraph(cv_page *page, const char *text)
{
    cv_buffer_puts(&page->html, "<p>");
    cv_put_html(&page->html, text);
    cv_buffer_puts(&page->html, "</p>\n");
}

/* A new empty file FOLDER/NAME.EXTENSION. */
static cv_buffer *add_file(cv_page *page, const char *folder, const char *name, const char *extension)
{
    cv_buffer path = {0};
    cv_buffer_printf(&path, "%s/%s.%s", folder, name, extension);
    cv_reserve(&page->files, &page->files_capacity, page->num_files + 1, sizeof *page->files);
    page->files[page->num_files] = (cv_page_file){cv_buffer_steal(&path), {0}};
    return &page->files[page->num_files++].text;
}

void cv_page_figure(cv_page *page, const char *name, cv_buffer *svg)
{
    cv_buffer_puts(&page->html, "<figure>\n");
    cv_buffer_append(&page->html, svg->data, svg->length);
    cv_buffer_puts(&page->html, "</figure>\n");
    cv_buffer *file = add_file(page, "figures", name, "svg");
    cv_buffer_puts(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    cv_buffer_append(file, svg->data, svg->length);
    cv_buffer_free(svg);
}

void cv_page_table(cv_page *page, const char *name, cv_sheet *sheet, size_t printed)
{
    cv_sheet_put_html(&page->html, sheet, name, printed);
    cv_sheet_put_markdown(add_file(page, "tables", name, "md"), sheet, printed);
    cv_sheet_put_latex(add_file(page, "tables", name, "tex"), sheet, name, printed);
    cv_sheet_free(sheet);
}

void cv_page_table_alone(cv_page *page, const char *name, cv_sheet *sheet)
{
    cv_sheet_put_html(&page->html, sheet, name, cv_sheet_rows(sheet));
    cv_sheet_free(sheet);
}

/* ---- the whole ---- */

/* The hash by which a page's policy knows a script or a style: 'sha256-BASE64'. */
static void put_source_hash(cv_buffer *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char digest[CV_SHA256_BYTES + 1] = {0}; /* a zero behind it: 33 bytes are eleven groups of three */
    char base64[45];
    cv_sha256_digest(text, strlen(text), digest);
    for (size_t i = 0; i < 11; i++) {
        unsigned group = (unsigned)digest[3 * i] << 16 | (unsigned)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (size_t j = 0; j < 4; j++) base64[4 * i + j] = digits[group >> (18 - 6 * j) & 63];
    }
    base64[43] = '=';
    base64[44] = 0;
    cv_buffer_printf(out, "'sha256-%s'", base64);
}

/* Nothing is fetched, and no script runs but ours: a name that got past escaping would still be only text. */
static void put_policy(cv_buffer *out)
{
    cv_buffer_puts(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src ");
    put_source_hash(out, cv_report_css);
    cv_buffer_puts(out, "; script-src ");
    put_source_hash(out, cv_report_js);
    cv_buffer_puts(out, "; base-uri 'none'; form-action 'none'\">\n");
}

void cv_page_compose(cv_buffer *out, const cv_page *page, const char *title, const char *contents)
{
    cv_buffer_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put_policy(out);
    cv_buffer_puts(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                        "<meta name=\"generator\" content=\"caravan " CARAVAN_VERSION "\">\n"
                        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    cv_put_html(out, title);
    cv_buffer_puts(out, "</title>\n<style>");
    cv_buffer_puts(out, cv_report_css);
    cv_buffer_puts(out, "</style>\n</head>\n<body>\n<header><h1>");
    cv_put_html(out, title);
    cv_buffer_puts(out, "</h1></header>\n<nav aria-label=\"Contents\">");
    cv_buffer_puts(out, contents);
    cv_buffer_puts(out, "</nav>\n<main>\n");
    if (page->html.data) cv_buffer_append(out, page->html.data, page->html.length);
    cv_buffer_puts(out, "</main>\n<script>");
    cv_buffer_puts(out, cv_report_js);
    cv_buffer_puts(out, "</script>\n</body>\n</html>\n");
}
