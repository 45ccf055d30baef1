#include "report/sections.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/dots.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GROUPS = 40, MOST_ROWS = 500, MOST_TASKS = 8, PRINTED = 60 };

static const double shares[] = {0, 1};

/* The rows of a plot: groups of heads, each with its ways of decoding. */
typedef struct groups {
    char **labels;                /* [count], owned */
    const char **group, **decode; /* [count], borrowed from the table */
    size_t count, left_out;
} groups;

static void groups_free(groups *g)
{
    for (size_t i = 0; i < g->count; i++) free(g->labels[i]);
    free(g->labels);
    free(g->group);
    free(g->decode);
}

static bool is_known(const groups *g, const char *group, const char *decode)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->group[i], group) == 0 && strcmp(g->decode[i], decode) == 0) return true;
    return false;
}

static bool has_many_ways(const cv_csv_table *table)
{
    for (size_t i = 1; i < table->rows; i++)
        if (strcmp(cv_csv_table_text(table, i, "decode"), cv_csv_table_text(table, 0, "decode")) != 0) return true;
    return false;
}

/* In the table's order, MOST_GROUPS at most. */
static groups groups_of(const cv_csv_table *table)
{
    groups g = {.labels = cv_alloc(MOST_GROUPS, sizeof *g.labels),
                .group = cv_alloc(MOST_GROUPS, sizeof *g.group),
                .decode = cv_alloc(MOST_GROUPS, sizeof *g.decode)};
    bool ways = has_many_ways(table);
    for (size_t i = 0; i < table->rows; i++) {
        const char *group = cv_csv_table_text(table, i, "group"), *decode = cv_csv_table_text(table, i, "decode");
        if (is_known(&g, group, decode)) continue;
        if (g.count == MOST_GROUPS) {
            g.left_out++;
            continue;
        }
        cv_buffer label = {0};
        cv_buffer_printf(&label, ways ? "%s, %s" : "%s", group, decode);
        g.group[g.count] = group;
        g.decode[g.count] = decode;
        g.labels[g.count++] = cv_buffer_steal(&label);
    }
    return g;
}

static void tell_left_out(cv_page *page, const groups *g)
{
    if (g->left_out == 0) return;
    cv_page_paragraph(page, "The picture has the first forty groups; the table goes on.");
}

/* The row of a group's answers to a set of prompts, by a judge where the table has several; rows where there is
 * none. */
static size_t find_row(const cv_csv_table *table, const char *group, const char *decode, const char *prompts,
                       const char *judge)
{
    size_t i = 0;
    for (; i < table->rows; i++)
        if (strcmp(cv_csv_table_text(table, i, "group"), group) == 0 &&
            strcmp(cv_csv_table_text(table, i, "decode"), decode) == 0 &&
            (!prompts || strcmp(cv_csv_table_text(table, i, "prompts"), prompts) == 0) &&
            (!judge || strcmp(cv_csv_table_text(table, i, "judge"), judge) == 0))
            break;
    return i;
}

static cv_estimate estimate_at(const cv_csv_table *table, size_t row, const char *name)
{
    char low[64], high[64];
    snprintf(low, sizeof low, "%s_low", name);
    snprintf(high, sizeof high, "%s_high", name);
    return (cv_estimate){cv_csv_table_number(table, row, name), cv_csv_table_number(table, row, low),
                         cv_csv_table_number(table, row, high)};
}

/* The picture of shares by group; plot has the axis, the series and the dots. */
static void draw_groups(cv_page *page, const cv_source_run *run, const groups *g, const char *id, const char *heading,
                        cv_dots *plot)
{
    cv_buffer svg = {0}, title = {0};
    cv_buffer_printf(&title, "%s: %s, %s", heading, run->model, run->ablation);
    plot->id = cv_page_name(page, id, run);
    plot->title = title.data;
    plot->labels = (const char *const *)g->labels;
    plot->rows = g->count;
    plot->range = shares;
    plot->kind = CV_SCALE_LINEAR;
    cv_dots_draw(&svg, plot);
    cv_page_figure(page, plot->id, &svg);
    tell_left_out(page, g);
    cv_buffer_free(&title);
}

static void draw_asr(cv_page *page, const cv_source_run *run, const char *judge)
{
    static const char *const series[] = {"harmful, no refusal", "harmful, no refusal and coherent",
                                         "harmless, no refusal"};
    groups g = groups_of(&run->asr);
    bool harmless = false;
    for (size_t i = 0; i < run->asr.rows; i++)
        harmless |= strcmp(cv_csv_table_text(&run->asr, i, "prompts"), "harmless") == 0;
    size_t columns = harmless ? 3 : 2;
    cv_estimate *dots = cv_alloc(columns * g.count, sizeof *dots);
    for (size_t i = 0; i < g.count; i++) {
        size_t row = find_row(&run->asr, g.group[i], g.decode[i], "harmful", NULL);
        size_t judged = judge ? find_row(&run->judges, g.group[i], g.decode[i], "harmful", judge) : run->judges.rows;
        size_t other = find_row(&run->asr, g.group[i], g.decode[i], "harmless", NULL);
        dots[i * columns] = estimate_at(&run->asr, row, "asr");
        dots[i * columns + 1] = judged < run->judges.rows ? estimate_at(&run->judges, judged, "coherent_asr")
                                                          : estimate_at(&run->asr, row, "coherent_asr");
        if (harmless) dots[i * columns + 2] = estimate_at(&run->asr, other, "asr");
    }
    cv_dots plot = {.axis = "share of answers, with 95 % intervals",
                    .series = series,
                    .num_series = columns,
                    .dots = dots};
    draw_groups(page, run, &g, "asr", "Answers", &plot);
    free(dots);
    groups_free(&g);
}

/* The table's rows that a sheet takes, and a caption that says so. */
static size_t begin_sheet(cv_sheet *sheet, const cv_source_run *run, const cv_csv_table *table, const char *what,
                          const char *file)
{
    size_t rows = table->rows < MOST_ROWS ? table->rows : MOST_ROWS;
    cv_buffer caption = {0};
    cv_buffer_printf(&caption, "%s of %s under %s", what, run->model, run->ablation);
    if (rows < table->rows)
        cv_buffer_printf(&caption, "; the first %zu of %zu rows, %s has all", rows, table->rows, file);
    cv_buffer_puts(&caption, ".");
    *sheet = cv_sheet_make(caption.data);
    cv_buffer_free(&caption);
    return rows;
}

static void add_estimate(cv_sheet *sheet, cv_estimate e)
{
    cv_sheet_add_interval(sheet, e.value, e.low, e.high);
}

/* asr.csv, or judges.csv, which has a judge in each row. */
static void add_asr_table(cv_page *page, const cv_source_run *run, const cv_csv_table *table, const char *kind,
                          const char *what, const char *file)
{
    cv_sheet sheet;
    static const char *const texts[] = {"group", "heads", "prompts", "decode"}, *const numbers[] = {"n", "refused",
                                                                                                    "incoherent"};
    size_t rows = begin_sheet(&sheet, run, table, what, file);
    bool judges = cv_csv_table_has(table, "judge");
    for (size_t c = 0; c < 4; c++) cv_sheet_add_column(&sheet, texts[c], CV_CELL_TEXT, NULL);
    if (judges) cv_sheet_add_column(&sheet, "judge", CV_CELL_TEXT, NULL);
    for (size_t c = 0; c < 3; c++) cv_sheet_add_column(&sheet, numbers[c], CV_CELL_NUMBER, NULL);
    cv_sheet_add_column(&sheet, "ASR", CV_CELL_NUMBER, "share that is no refusal, with 95 % interval");
    cv_sheet_add_column(&sheet, "coherent ASR", CV_CELL_NUMBER, "share that is neither a refusal nor incoherent");
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < 4; c++) cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, texts[c]));
        if (judges) cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "judge"));
        for (size_t c = 0; c < 3; c++) cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, numbers[c]));
        add_estimate(&sheet, estimate_at(table, r, "asr"));
        add_estimate(&sheet, estimate_at(table, r, "coherent_asr"));
    }
    cv_page_table(page, cv_page_name(page, kind, run), &sheet, PRINTED);
}

/* Whether the table has rows of more than one judge. */
static bool has_many_judges(const cv_csv_table *table)
{
    for (size_t i = 1; i < table->rows; i++)
        if (strcmp(cv_csv_table_text(table, i, "judge"), cv_csv_table_text(table, 0, "judge")) != 0) return true;
    return false;
}

void cv_section_answers(cv_page *page, const cv_source_run *run, const char *judge)
{
    if (run->asr.rows == 0) return;
    cv_page_heading(page, 3, NULL, "Answers with groups of heads switched off");
    draw_asr(page, run, judge);
    add_asr_table(page, run, &run->asr, "asr-table", "Answers", "asr.csv");
    if (!has_many_judges(&run->judges)) return;
    cv_buffer_puts(&page->html, "<details><summary>The same by every judge</summary>\n");
    add_asr_table(page, run, &run->judges, "judges", "Answers, by every judge,", "judges.csv");
    cv_buffer_puts(&page->html, "</details>\n");
}

/* ---- utility ---- */

static size_t tasks_of(const cv_csv_table *table, const char *tasks[MOST_TASKS])
{
    size_t count = 0;
    for (size_t i = 0; i < table->rows; i++) {
        const char *task = cv_csv_table_text(table, i, "task");
        size_t t = 0;
        while (t < count && strcmp(tasks[t], task) != 0) t++;
        if (t == count && count < MOST_TASKS) tasks[count++] = task;
    }
    return count;
}

static void draw_utility(cv_page *page, const cv_source_run *run)
{
    const char *tasks[MOST_TASKS];
    size_t columns = tasks_of(&run->utility, tasks);
    groups g = groups_of(&run->utility);
    cv_estimate *dots = cv_alloc(columns * g.count, sizeof *dots);
    for (size_t i = 0; i < columns * g.count; i++) dots[i] = (cv_estimate){NAN, NAN, NAN};
    for (size_t r = 0; r < run->utility.rows; r++)
        for (size_t i = 0; i < g.count; i++)
            for (size_t t = 0; t < columns; t++)
                if (strcmp(cv_csv_table_text(&run->utility, r, "group"), g.group[i]) == 0 &&
                    strcmp(cv_csv_table_text(&run->utility, r, "task"), tasks[t]) == 0)
                    dots[i * columns + t] = estimate_at(&run->utility, r, "acc");
    cv_dots plot = {.axis = "accuracy, with 95 % intervals", .series = tasks, .num_series = columns, .dots = dots};
    draw_groups(page, run, &g, "utility", "Accuracy", &plot);
    free(dots);
    groups_free(&g);
}

void cv_section_utility(cv_page *page, const cv_source_run *run)
{
    const cv_csv_table *table = &run->utility;
    cv_sheet sheet;
    if (table->rows == 0) return;
    cv_page_heading(page, 3, NULL, "What the model can still do");
    draw_utility(page, run);
    size_t rows = begin_sheet(&sheet, run, table, "Accuracy", "utility.csv");
    cv_sheet_add_column(&sheet, "group", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "heads", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "task", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "n", CV_CELL_NUMBER, "questions");
    cv_sheet_add_column(&sheet, "accuracy", CV_CELL_NUMBER, "by the choices' log-likelihoods, with 95 % interval");
    cv_sheet_add_column(&sheet, "minus the clean model's", CV_CELL_NUMBER, "on the same questions");
    cv_sheet_add_column(&sheet, "by length", CV_CELL_NUMBER, "by log-likelihoods over the choices' lengths");
    for (size_t r = 0; r < rows; r++) {
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "group"));
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "heads"));
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "task"));
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "n"));
        add_estimate(&sheet, estimate_at(table, r, "acc"));
        add_estimate(&sheet, estimate_at(table, r, "acc_difference"));
        add_estimate(&sheet, estimate_at(table, r, "acc_norm"));
    }
    cv_page_table(page, cv_page_name(page, "utility-table", run), &sheet, PRINTED);
}
