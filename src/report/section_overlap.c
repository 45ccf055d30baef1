#include "report/sections.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/lines.h"
#include "report/matrix.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MEMBERS = 40, MOST_SCORES = 4, MOST_ROWS = 500, MOST_LAYERS = 4096, PRINTED = 60 };

/* ---- names in the tables ---- */

/* Different texts, in the order of their first appearance. */
typedef struct names {
    char *items[MOST_MEMBERS]; /* owned */
    size_t count;
} names;

/* The number of text; it is added if there is room. MOST_MEMBERS if not. */
static size_t number_of(names *n, const char *text)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->items[i], text) == 0) return i;
    if (n->count == MOST_MEMBERS) return MOST_MEMBERS;
    n->items[n->count] = cv_strdup(text);
    return n->count++;
}

static void names_free(names *n)
{
    for (size_t i = 0; i < n->count; i++) free(n->items[i]);
}

static bool has_many_ablations(const cv_csv_table *table, const char *column)
{
    for (size_t r = 1; r < table->rows; r++)
        if (strcmp(cv_csv_table_text(table, r, column), cv_csv_table_text(table, 0, column)) != 0) return true;
    return false;
}

/* "MODEL", or "MODEL, ABLATION" where there are many. Free with free(). */
static char *label_at(const cv_csv_table *table, size_t row, const char *model, const char *ablation, bool many)
{
    cv_buffer label = {0};
    cv_buffer_puts(&label, cv_csv_table_text(table, row, model));
    if (many) cv_buffer_printf(&label, ", %s", cv_csv_table_text(table, row, ablation));
    return cv_buffer_steal(&label);
}

/* ---- the matrices ---- */

static void put_number(cv_buffer *out, const char *before, double value)
{
    char text[32];
    if (!isnan(value)) cv_buffer_printf(out, "%s%s", before, cv_number_text(value, text));
}

static void put_pair(cv_matrix_cells *cells, size_t i, const cv_csv_table *table, size_t row)
{
    double shared = cv_csv_table_number(table, row, "shared");
    cv_buffer text = {0}, tip = {0};
    put_number(&text, "", shared);
    cv_buffer_printf(&tip, "%s and %s", cv_csv_table_text(table, row, "model_a"),
                     cv_csv_table_text(table, row, "model_b"));
    put_number(&tip, ": shared ", shared);
    put_number(&tip, "; by chance ", cv_csv_table_number(table, row, "expected"));
    put_number(&tip, ", p ", cv_csv_table_number(table, row, "p_value"));
    put_number(&tip, "; Kendall's tau ", cv_csv_table_number(table, row, "kendall_tau"));
    cv_matrix_cells_set(cells, i, shared, &text, &tip);
}

/* Pairs of one score at one k, on both sides of the diagonal. */
static void add_matrix(cv_page *page, const cv_csv_table *table, const char *score, double k)
{
    names members = {.count = 0};
    cv_matrix_cells cells = cv_matrix_cells_make((size_t)MOST_MEMBERS * MOST_MEMBERS);
    bool many = has_many_ablations(table, "ablation_a") || has_many_ablations(table, "ablation_b");
    for (size_t r = 0; r < table->rows; r++) {
        char *a = label_at(table, r, "model_a", "ablation_a", many);
        char *b = label_at(table, r, "model_b", "ablation_b", many);
        size_t one = number_of(&members, a), other = number_of(&members, b);
        free(a);
        free(b);
        if (strcmp(cv_csv_table_text(table, r, "score"), score) != 0 || cv_csv_table_number(table, r, "k") != k ||
            isnan(cv_csv_table_number(table, r, "shared")) || one == MOST_MEMBERS || other == MOST_MEMBERS)
            continue;
        put_pair(&cells, one * MOST_MEMBERS + other, table, r);
        put_pair(&cells, other * MOST_MEMBERS + one, table, r);
    }
    cv_matrix_cells_narrow(&cells, MOST_MEMBERS, members.count, members.count);
    cv_buffer svg = {0}, title = {0}, label = {0};
    cv_buffer_printf(&title, "Overlap by %s", score);
    cv_buffer_printf(&label, "heads among the first %g of both", k);
    cv_matrix matrix = {.id = cv_page_name(page, "overlap", NULL),
                        .title = title.data,
                        .label = label.data,
                        .rows = (const char *const *)members.items,
                        .columns = (const char *const *)members.items,
                        .num_rows = members.count,
                        .num_columns = members.count,
                        .cells = &cells,
                        .high = k};
    cv_matrix_draw(&svg, &matrix);
    cv_page_figure(page, matrix.id, &svg);
    names_free(&members);
    cv_matrix_cells_free(&cells);
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

/* The scores that a table tells of, MOST_SCORES at most; borrowed. */
static size_t scores_of(const cv_csv_table *table, const char *scores[MOST_SCORES])
{
    size_t count = 0;
    for (size_t r = 0; r < table->rows && count < MOST_SCORES; r++) {
        const char *score = cv_csv_table_text(table, r, "score");
        size_t s = 0;
        while (s < count && strcmp(scores[s], score) != 0) s++;
        if (s == count) scores[count++] = score;
    }
    return count;
}

static void add_matrices(cv_page *page, const cv_csv_table *table)
{
    const char *scores[MOST_SCORES];
    double k = k_of(table);
    size_t count = k > 0 ? scores_of(table, scores) : 0;
    for (size_t s = 0; s < count; s++) add_matrix(page, table, scores[s], k);
}

/* ---- depth ---- */

/* The curve of each member, by one score. Rows of a member lie together, by layer. */
static void add_depth(cv_page *page, const cv_csv_table *table)
{
    names members = {.count = 0};
    cv_line lines[CV_MOST_LINES];
    double(*points[CV_MOST_LINES])[2];
    size_t capacities[CV_MOST_LINES], count = 0, left_out = 0;
    bool many = has_many_ablations(table, "ablation");
    for (size_t r = 0; r < table->rows; r++) {
        double x = cv_csv_table_number(table, r, "relative_depth"), y = cv_csv_table_number(table, r, "share");
        if (strcmp(cv_csv_table_text(table, r, "score"), cv_csv_table_text(table, 0, "score")) != 0 || isnan(x + y))
            continue;
        char *label = label_at(table, r, "model", "ablation", many);
        size_t m = number_of(&members, label);
        free(label);
        left_out += m >= CV_MOST_LINES;
        if (m >= CV_MOST_LINES) continue;
        if (m == count) {
            points[count] = NULL;
            capacities[count] = 0;
            lines[count++] = (cv_line){members.items[m], NULL, 0};
        }
        cv_reserve(&points[m], &capacities[m], lines[m].count + 1, sizeof *points[m]);
        points[m][lines[m].count][0] = x;
        points[m][lines[m].count++][1] = y;
        lines[m].points = (const double(*)[2])points[m];
    }
    cv_buffer svg = {0}, title = {0};
    cv_buffer_printf(&title, "Where the scores lie: %s%s", cv_csv_table_text(table, 0, "score"),
                     left_out ? ", the first eight" : "");
    cv_lines plot = {.id = cv_page_name(page, "depth", NULL),
                     .title = title.data,
                     .across_label = "relative depth of the layer",
                     .up_label = "share of all scores",
                     .lines = lines,
                     .count = count};
    cv_lines_draw(&svg, &plot);
    cv_page_figure(page, plot.id, &svg);
    for (size_t i = 0; i < count; i++) free(points[i]);
    names_free(&members);
    cv_buffer_free(&title);
}

/* ---- tables ---- */

/* A column of a sheet, from a column of a table: text, or a number, with an interval where interval names one. */
typedef struct column {
    const char *from, *name, *hint, *interval;
    cv_cell_kind kind;
} column;

static const column overlap_columns[] = {
    {"model_a", "one", NULL, NULL, CV_CELL_TEXT},
    {"ablation_a", "under", NULL, NULL, CV_CELL_TEXT},
    {"model_b", "other", NULL, NULL, CV_CELL_TEXT},
    {"ablation_b", "under", NULL, NULL, CV_CELL_TEXT},
    {"bases", "bases", "whether both grew from one base", NULL, CV_CELL_TEXT},
    {"score", "score", "that both are ranked by", NULL, CV_CELL_TEXT},
    {"k", "k", "heads that are compared", NULL, CV_CELL_NUMBER},
    {"shared", "shared", "heads among the first k of both, with 95 % interval over prompts", "shared", CV_CELL_NUMBER},
    {"expected", "by chance", "shared heads of random rankings", NULL, CV_CELL_NUMBER},
    {"expected_uniform", "by chance", "shared heads of random rankings", NULL, CV_CELL_NUMBER},
    {"jaccard", "Jaccard", NULL, NULL, CV_CELL_NUMBER},
    {"p_value", "p", "of so many or more by chance, exact", NULL, CV_CELL_NUMBER},
    {"p_uniform", "p", "of so many or more by chance, exact", NULL, CV_CELL_NUMBER},
    {"q_uniform", "q", "p after Benjamini and Hochberg over the pairs", NULL, CV_CELL_NUMBER},
    {"p_layers", "p, layers", "rankings permuted within layers", NULL, CV_CELL_NUMBER},
    {"p_general", "p, general", "general importance (harmless prompts) taken out", NULL, CV_CELL_NUMBER},
    {"p_general_layers", "p, both", "general importance taken out, within layers", NULL, CV_CELL_NUMBER},
    {"rbo", "RBO", "rank-biased overlap of the whole rankings", "rbo", CV_CELL_NUMBER},
    {"kendall_tau", "Kendall's tau", "with 95 % interval over prompts", "tau", CV_CELL_NUMBER},
};

static const column distance_columns[] = {
    {"model_a", "one", NULL, NULL, CV_CELL_TEXT},
    {"ablation_a", "under", NULL, NULL, CV_CELL_TEXT},
    {"model_b", "other", NULL, NULL, CV_CELL_TEXT},
    {"ablation_b", "under", NULL, NULL, CV_CELL_TEXT},
    {"bases", "bases", "whether both grew from one base", NULL, CV_CELL_TEXT},
    {"score", "score", NULL, NULL, CV_CELL_TEXT},
    {"distance", "distance", "of the profiles of depth: earth mover's, in shares of all layers", "distance",
     CV_CELL_NUMBER},
};

static const column concentration_columns[] = {
    {"model", "model", NULL, NULL, CV_CELL_TEXT},
    {"ablation", "ablation", NULL, NULL, CV_CELL_TEXT},
    {"score", "score", NULL, NULL, CV_CELL_TEXT},
    {"gini", "Gini", "0: all heads alike, 1: one head has all", "gini", CV_CELL_NUMBER},
    {"k", "k", NULL, NULL, CV_CELL_NUMBER},
    {"top_share", "share of the first k", "of all scores", "top_share", CV_CELL_NUMBER},
};

static void add_field(cv_sheet *sheet, const cv_csv_table *table, size_t row, const column *c)
{
    char low[64], high[64];
    if (c->kind != CV_CELL_NUMBER) {
        cv_sheet_add_text(sheet, cv_csv_table_text(table, row, c->from));
        return;
    }
    snprintf(low, sizeof low, "%s_low", c->interval ? c->interval : c->from);
    snprintf(high, sizeof high, "%s_high", c->interval ? c->interval : c->from);
    double value = cv_csv_table_number(table, row, c->from);
    if (c->interval)
        cv_sheet_add_interval(sheet, value, cv_csv_table_number(table, row, low),
                              cv_csv_table_number(table, row, high));
    else
        cv_sheet_add_number(sheet, value);
}

/* A column that the table has; what all rows are "under" is told once, above. */
static bool is_shown(const cv_csv_table *table, const column *c, bool many)
{
    return cv_csv_table_has(table, c->from) && (many || strncmp(c->from, "ablation", strlen("ablation")) != 0);
}

/* Of its first MOST_ROWS rows. */
static void add_table(cv_page *page, const char *kind, const char *what, const char *file, const cv_csv_table *table,
                      const column *columns, size_t num_columns)
{
    size_t rows = table->rows < MOST_ROWS ? table->rows : MOST_ROWS;
    cv_buffer caption = {0};
    if (rows == 0) return;
    bool pairs = cv_csv_table_has(table, "ablation_a");
    const char *ablation = cv_csv_table_text(table, 0, pairs ? "ablation_a" : "ablation");
    bool many = has_many_ablations(table, pairs ? "ablation_a" : "ablation") ||
                has_many_ablations(table, "ablation_b") ||
                (pairs && strcmp(ablation, cv_csv_table_text(table, 0, "ablation_b")) != 0);
    cv_buffer_puts(&caption, what);
    if (!many) cv_buffer_printf(&caption, " under %s", ablation);
    if (rows < table->rows)
        cv_buffer_printf(&caption, "; the first %zu of %zu rows, %s has all", rows, table->rows, file);
    cv_buffer_puts(&caption, ".");
    cv_sheet sheet = cv_sheet_make(caption.data);
    for (size_t c = 0; c < num_columns; c++)
        if (is_shown(table, &columns[c], many))
            cv_sheet_add_column(&sheet, columns[c].name, columns[c].kind, columns[c].hint);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < num_columns; c++)
            if (is_shown(table, &columns[c], many)) add_field(&sheet, table, r, &columns[c]);
    cv_page_table(page, cv_page_name(page, kind, NULL), &sheet, PRINTED);
    cv_buffer_free(&caption);
}

void cv_section_overlap(cv_page *page, const cv_source *source)
{
    bool nulls = source->nulls.rows > 0;
    cv_buffer_puts(&page->html, "<div class=\"figures\">\n");
    if (source->overlap.rows > 0) add_matrices(page, &source->overlap);
    if (source->depth.rows > 0) add_depth(page, &source->depth);
    cv_buffer_puts(&page->html, "</div>\n");
    add_table(page, "overlap-table", "Overlap of rankings", nulls ? "overlap_nulls.csv" : "overlap.csv",
              nulls ? &source->nulls : &source->overlap, overlap_columns,
              sizeof overlap_columns / sizeof overlap_columns[0]);
    add_table(page, "depth-table", "Distances of depth", "depth_distance.csv", &source->depth_distance,
              distance_columns, sizeof distance_columns / sizeof distance_columns[0]);
    add_table(page, "concentration-table", "How concentrated the scores are", "concentration.csv",
              &source->concentration, concentration_columns,
              sizeof concentration_columns / sizeof concentration_columns[0]);
}
