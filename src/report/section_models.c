#include "report/sections.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/matrix.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHARED_ROWS = 60, MOST_RUNS = 40, MOST_PAIRS = 500, PRINTED = 60 };

char *cv_run_label(const cv_source *source, const cv_source_run *run)
{
    cv_buffer label = {0};
    bool many = false;
    for (size_t i = 0; i < source->num_runs; i++) many |= strcmp(source->runs[i].ablation, run->ablation) != 0;
    cv_buffer_printf(&label, many ? "%s, %s" : "%s", run->model, run->ablation);
    return cv_buffer_steal(&label);
}

/* ---- the heads that are among the first ten of several runs ---- */

/* Runs of one shape. */
typedef struct group {
    const cv_source_run *runs[MOST_RUNS];
    char *labels[MOST_RUNS]; /* owned */
    size_t count;
} group;

/* Of a head: in how many of the group's runs it is among the first. */
typedef struct shared_head {
    int layer, head;
    size_t runs;
} shared_head;

static bool is_alike(const cv_source_run *a, const cv_source_run *b)
{
    return a->layers == b->layers && a->heads_a_layer == b->heads_a_layer;
}

static group group_of(const cv_source *source, const cv_source_run *first)
{
    group g = {.count = 0};
    for (size_t i = 0; i < source->num_runs && g.count < MOST_RUNS; i++)
        if (is_alike(&source->runs[i], first)) {
            g.labels[g.count] = cv_run_label(source, &source->runs[i]);
            g.runs[g.count++] = &source->runs[i];
        }
    return g;
}

static size_t rows_of(const cv_source_run *run)
{
    size_t count = (size_t)run->layers * (size_t)run->heads_a_layer;
    return count < CV_REPORT_TOP ? count : CV_REPORT_TOP;
}

/* Shared by most runs first, then in the order of layers. */
static int by_runs(const void *a, const void *b)
{
    const shared_head *x = a, *y = b;
    if (x->runs != y->runs) return x->runs < y->runs ? 1 : -1;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

static shared_head *shared_heads(const group *g, size_t *count)
{
    shared_head *heads = cv_alloc(g->count * CV_REPORT_TOP, sizeof *heads);
    *count = 0;
    for (size_t r = 0; r < g->count; r++)
        for (size_t i = 0; i < rows_of(g->runs[r]); i++) {
            const cv_source_head *head = &g->runs[r]->heads[i];
            size_t k = 0;
            while (k < *count && (heads[k].layer != head->layer || heads[k].head != head->head)) k++;
            if (k == *count) heads[(*count)++] = (shared_head){head->layer, head->head, 0};
            heads[k].runs++;
        }
    qsort(heads, *count, sizeof *heads, by_runs);
    return heads;
}

/* The rank of a head in a run, from 1; 0 if it is not among the first. */
static size_t rank_in(const cv_source_run *run, const shared_head *head)
{
    for (size_t i = 0; i < rows_of(run); i++)
        if (run->heads[i].layer == head->layer && run->heads[i].head == head->head) return i + 1;
    return 0;
}

/* Cells of a matrix: values, and texts and tips that are owned. */
typedef struct cells {
    double *values;
    char **texts, **tips;
    size_t count;
} cells;

static cells cells_make(size_t count)
{
    cells c = {cv_alloc(count, sizeof *c.values), cv_calloc(count, sizeof *c.texts), cv_calloc(count, sizeof *c.tips),
               count};
    for (size_t i = 0; i < count; i++) c.values[i] = NAN;
    return c;
}

static void cells_free(cells *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->texts[i]);
        free(c->tips[i]);
    }
    free(c->values);
    free(c->texts);
    free(c->tips);
}

static void fill_shared(cells *c, const group *g, const shared_head *heads, char *const *names, size_t rows)
{
    for (size_t h = 0; h < rows; h++)
        for (size_t r = 0; r < g->count; r++) {
            size_t rank = rank_in(g->runs[r], &heads[h]), i = h * g->count + r;
            cv_buffer text = {0}, tip = {0};
            char value[32];
            if (rank == 0) continue;
            double score = cv_source_score(g->runs[r], &g->runs[r]->heads[rank - 1]);
            cv_buffer_printf(&text, "%zu", rank);
            cv_buffer_printf(&tip, "%s in %s: rank %zu, %s", names[h], g->labels[r], rank,
                             cv_number_text(score, value));
            c->values[i] = CV_REPORT_TOP + 1 - (double)rank;
            c->texts[i] = cv_buffer_steal(&text);
            c->tips[i] = cv_buffer_steal(&tip);
        }
}

/* The same as a table. */
static void add_shared_table(cv_page *page, const group *g, const shared_head *heads, char *const *names, size_t count)
{
    cv_sheet sheet = cv_sheet_make("Heads among the first ten: ranks in each.");
    cv_sheet_add_column(&sheet, "head", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "in how many", CV_CELL_NUMBER, "of the columns that follow");
    for (size_t r = 0; r < g->count; r++) cv_sheet_add_column(&sheet, g->labels[r], CV_CELL_NUMBER, NULL);
    for (size_t h = 0; h < count; h++) {
        cv_sheet_add_text(&sheet, names[h]);
        cv_sheet_add_number(&sheet, (double)heads[h].runs);
        for (size_t r = 0; r < g->count; r++) {
            size_t rank = rank_in(g->runs[r], &heads[h]);
            cv_sheet_add_number(&sheet, rank ? (double)rank : NAN);
        }
    }
    cv_page_table(page, cv_page_name(page, "shared-table", NULL), &sheet, PRINTED);
}

static void add_shared(cv_page *page, const group *g)
{
    size_t count;
    shared_head *heads = shared_heads(g, &count);
    size_t rows = count < MOST_SHARED_ROWS ? count : MOST_SHARED_ROWS;
    char **names = cv_alloc(count, sizeof *names), label[160];
    for (size_t h = 0; h < count; h++) {
        char name[32];
        const cv_source_head head = {.layer = heads[h].layer, .head = heads[h].head};
        names[h] = cv_strdup(cv_head_name(&head, name));
    }
    cells c = cells_make(rows * g->count);
    fill_shared(&c, g, heads, names, rows);
    snprintf(label, sizeof label, "ranks of all heads that are among the first ten somewhere; those of most first%s",
             rows < count ? " (the first sixty)" : "");
    cv_buffer svg = {0};
    cv_matrix matrix = {.id = cv_page_name(page, "shared", NULL),
                        .title = "Heads among the first ten",
                        .label = label,
                        .rows = (const char *const *)names,
                        .columns = (const char *const *)g->labels,
                        .num_rows = rows,
                        .num_columns = g->count,
                        .values = c.values,
                        .texts = (const char *const *)c.texts,
                        .tips = c.tips,
                        .high = CV_REPORT_TOP};
    cv_matrix_draw(&svg, &matrix);
    cv_page_figure(page, matrix.id, &svg);
    add_shared_table(page, g, heads, names, count);
    cells_free(&c);
    for (size_t h = 0; h < count; h++) free(names[h]);
    free(names);
    free(heads);
}

/* For each shape that more than one run has. */
static void add_all_shared(cv_page *page, const cv_source *source)
{
    for (size_t i = 0; i < source->num_runs; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i; j++) is_first &= !is_alike(&source->runs[j], &source->runs[i]);
        if (!is_first) continue;
        group g = group_of(source, &source->runs[i]);
        if (g.count > 1) add_shared(page, &g);
        for (size_t r = 0; r < g.count; r++) free(g.labels[r]);
    }
}

/* ---- overlap.csv ---- */

static void add_overlap_table(cv_page *page, const cv_csv_table *table)
{
    size_t rows = table->rows < MOST_PAIRS ? table->rows : MOST_PAIRS;
    char caption[128];
    snprintf(caption, sizeof caption,
             rows < table->rows ? "Overlap of rankings; the first %zu of %zu rows." : "Overlap of rankings.", rows,
             table->rows);
    cv_sheet sheet = cv_sheet_make(caption);
    cv_sheet_add_column(&sheet, "one", CV_CELL_TEXT, "model and ablation");
    cv_sheet_add_column(&sheet, "other", CV_CELL_TEXT, "model and ablation");
    cv_sheet_add_column(&sheet, "score", CV_CELL_TEXT, "that both are ranked by");
    cv_sheet_add_column(&sheet, "k", CV_CELL_NUMBER, "heads that are compared");
    cv_sheet_add_column(&sheet, "shared", CV_CELL_NUMBER, "heads among the first k of both");
    cv_sheet_add_column(&sheet, "expected", CV_CELL_NUMBER, "by chance");
    cv_sheet_add_column(&sheet, "p", CV_CELL_NUMBER, "of so many or more by chance, exact");
    cv_sheet_add_column(&sheet, "Jaccard", CV_CELL_NUMBER, NULL);
    cv_sheet_add_column(&sheet, "RBO", CV_CELL_NUMBER, "rank-biased overlap of the whole rankings");
    cv_sheet_add_column(&sheet, "Kendall's tau", CV_CELL_NUMBER, "with 95 % interval");
    for (size_t r = 0; r < rows; r++) {
        for (int side = 0; side < 2; side++) {
            cv_buffer name = {0};
            cv_buffer_printf(&name, "%s, %s", cv_csv_table_text(table, r, side ? "model_b" : "model_a"),
                             cv_csv_table_text(table, r, side ? "ablation_b" : "ablation_a"));
            cv_sheet_add_text(&sheet, name.data);
            cv_buffer_free(&name);
        }
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, r, "score"));
        static const char *const numbers[] = {"k", "shared", "expected", "p_value", "jaccard", "rbo"};
        for (size_t c = 0; c < sizeof numbers / sizeof numbers[0]; c++)
            cv_sheet_add_number(&sheet, cv_csv_table_number(table, r, numbers[c]));
        cv_sheet_add_interval(&sheet, cv_csv_table_number(table, r, "kendall_tau"),
                              cv_csv_table_number(table, r, "tau_low"), cv_csv_table_number(table, r, "tau_high"));
    }
    cv_page_table(page, cv_page_name(page, "overlap-table", NULL), &sheet, PRINTED);
}

/* The number of the run that a row of overlap.csv names on one side; num_runs for none of ours. */
static size_t run_named(const cv_source *source, size_t row, bool second)
{
    const char *model = cv_csv_table_text(&source->overlap, row, second ? "model_b" : "model_a");
    const char *ablation = cv_csv_table_text(&source->overlap, row, second ? "ablation_b" : "ablation_a");
    size_t i = 0;
    while (i < source->num_runs &&
           (strcmp(source->runs[i].model, model) != 0 || strcmp(source->runs[i].ablation, ablation) != 0))
        i++;
    return i;
}

static char *tip_of_pair(const cv_csv_table *table, size_t row)
{
    cv_buffer tip = {0};
    char expected[32], p[32];
    cv_buffer_printf(&tip, "%s and %s: %s shared", cv_csv_table_text(table, row, "model_a"),
                     cv_csv_table_text(table, row, "model_b"), cv_csv_table_text(table, row, "shared"));
    cv_buffer_printf(&tip, ", %s expected, p %s", cv_number_text(cv_csv_table_number(table, row, "expected"), expected),
                     cv_number_text(cv_csv_table_number(table, row, "p_value"), p));
    return cv_buffer_steal(&tip);
}

/* Pairs of one score at one k, below and above the diagonal alike. */
static void fill_overlap(cells *c, const cv_source *source, const char *score, double k, size_t runs)
{
    const cv_csv_table *table = &source->overlap;
    for (size_t r = 0; r < table->rows; r++) {
        size_t pair[2] = {run_named(source, r, false), run_named(source, r, true)};
        double shared = cv_csv_table_number(table, r, "shared");
        if (strcmp(cv_csv_table_text(table, r, "score"), score) != 0 || cv_csv_table_number(table, r, "k") != k ||
            isnan(shared) || pair[0] >= runs || pair[1] >= runs)
            continue;
        for (int side = 0; side < 2; side++) {
            size_t i = pair[side] * runs + pair[1 - side];
            char text[32];
            free(c->texts[i]);
            free(c->tips[i]);
            c->values[i] = shared;
            c->texts[i] = cv_strdup(cv_number_text(shared, text));
            c->tips[i] = tip_of_pair(table, r);
        }
    }
}

static void add_matrix(cv_page *page, const cv_source *source, const char *score, double k)
{
    size_t runs = source->num_runs < MOST_RUNS ? source->num_runs : MOST_RUNS;
    char *labels[MOST_RUNS];
    cells c = cells_make(runs * runs);
    for (size_t i = 0; i < runs; i++) labels[i] = cv_run_label(source, &source->runs[i]);
    fill_overlap(&c, source, score, k, runs);
    cv_buffer svg = {0}, title = {0}, label = {0};
    cv_buffer_printf(&title, "Overlap by %s", score);
    cv_buffer_printf(&label, "heads among the first %g of both", k);
    cv_matrix matrix = {.id = cv_page_name(page, "overlap", NULL),
                        .title = title.data,
                        .label = label.data,
                        .rows = (const char *const *)labels,
                        .columns = (const char *const *)labels,
                        .num_rows = runs,
                        .num_columns = runs,
                        .values = c.values,
                        .texts = (const char *const *)c.texts,
                        .tips = c.tips,
                        .high = k};
    cv_matrix_draw(&svg, &matrix);
    cv_page_figure(page, matrix.id, &svg);
    for (size_t i = 0; i < runs; i++) free(labels[i]);
    cells_free(&c);
    cv_buffer_free(&title);
    cv_buffer_free(&label);
}

/* Ten where there is such a k, else the first that there is. */
static double k_of(const cv_csv_table *table)
{
    for (size_t r = 0; r < table->rows; r++)
        if (cv_csv_table_number(table, r, "k") == CV_REPORT_TOP) return CV_REPORT_TOP;
    return cv_csv_table_number(table, 0, "k");
}

/* A matrix for each score, at most four: they stand in the table too. */
static void add_matrices(cv_page *page, const cv_source *source)
{
    const cv_csv_table *table = &source->overlap;
    const char *scores[4];
    size_t count = 0;
    double k = k_of(table);
    if (!(k > 0)) return;
    cv_buffer_puts(&page->html, "<div class=\"figures\">\n");
    for (size_t r = 0; r < table->rows && count < 4; r++) {
        const char *score = cv_csv_table_text(table, r, "score");
        size_t s = 0;
        while (s < count && strcmp(scores[s], score) != 0) s++;
        if (s < count) continue;
        scores[count++] = score;
        add_matrix(page, source, score, k);
    }
    cv_buffer_puts(&page->html, "</div>\n");
}

void cv_section_models(cv_page *page, const cv_source *source)
{
    if (source->num_runs < 2 && source->overlap.rows == 0) return;
    cv_page_heading(page, 2, "models", "Across models and ablations");
    add_all_shared(page, source);
    if (source->overlap.rows == 0) return;
    add_matrices(page, source);
    add_overlap_table(page, &source->overlap);
}
