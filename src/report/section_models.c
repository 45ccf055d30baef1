#include "report/sections.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/matrix.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHARED_ROWS = 60, MOST_MEMBERS = 40, PRINTED = 60 };

/* A model under an ablation, and its first heads: a run of these results, or one that was compared elsewhere. */
typedef struct member {
    char *label; /* owned */
    int layers, heads_a_layer;
    cv_source_head top[CV_REPORT_TOP];
    double scores[CV_REPORT_TOP];
    size_t count;
} member;

/* Of one shape. */
typedef struct group {
    const member *members[MOST_MEMBERS]; /* [count] */
    size_t count;
} group;

/* Of a head: among the first of how many. */
typedef struct shared_head {
    int layer, head;
    size_t members;
} shared_head;

char *cv_run_label(const cv_source *source, const cv_source_run *run)
{
    cv_buffer label = {0};
    bool many = false;
    for (size_t i = 0; i < source->num_runs; i++) many |= strcmp(source->runs[i].ablation, run->ablation) != 0;
    cv_buffer_printf(&label, many ? "%s, %s" : "%s", run->model, run->ablation);
    return cv_buffer_steal(&label);
}

/* ---- members ---- */

static member member_of_run(const cv_source *source, const cv_source_run *run)
{
    member m = {cv_run_label(source, run), run->layers, run->heads_a_layer, .count = 0};
    for (int i = 0; i < CV_REPORT_TOP && i < run->layers * run->heads_a_layer; i++) {
        m.top[m.count] = run->heads[i];
        m.scores[m.count++] = cv_source_score(run, &run->heads[i]);
    }
    return m;
}

static int integer_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 && value < 1 << 20 ? (int)value : 0;
}

/* The i-th of overlap.json, with its rows of overlap_heads.csv: those of the table's first score. */
static member member_of_comparison(const cv_source *source, const json_t *entry, bool many)
{
    const cv_csv_table *table = &source->shared;
    const char *model = json_string_value(json_object_get(entry, "model"));
    const char *ablation = json_string_value(json_object_get(entry, "ablation"));
    member m = {NULL, integer_of(entry, "layers"), integer_of(entry, "heads"), .count = 0};
    cv_buffer label = {0};
    cv_buffer_printf(&label, many ? "%s, %s" : "%s", model ? model : "?", ablation ? ablation : "?");
    m.label = cv_buffer_steal(&label);
    for (size_t r = 0; r < table->rows && m.count < CV_REPORT_TOP; r++) {
        cv_error ignored;
        cv_source_head head = {0};
        int rank;
        if (!model || !ablation || strcmp(cv_csv_table_text(table, r, "model"), model) != 0 ||
            strcmp(cv_csv_table_text(table, r, "ablation"), ablation) != 0 ||
            strcmp(cv_csv_table_text(table, r, "score"), cv_csv_table_text(table, 0, "score")) != 0)
            continue;
        if (!cv_csv_table_index(table, r, "layer", 1 << 20, &head.layer, &ignored) ||
            !cv_csv_table_index(table, r, "head", 1 << 20, &head.head, &ignored) ||
            !cv_csv_table_index(table, r, "rank", CV_REPORT_TOP, &rank, &ignored))
            continue;
        m.top[m.count] = head;
        m.scores[m.count++] = cv_csv_table_number(table, r, "value");
    }
    return m;
}

/* The runs of the results, or, where there are none, the members of the comparison; MOST_MEMBERS at most. */
static member *members_of(const cv_source *source, size_t *count)
{
    const json_t *entries = json_object_get(source->comparison, "members");
    member *members = cv_calloc(MOST_MEMBERS, sizeof *members);
    bool many = false;
    for (size_t i = 1; i < json_array_size(entries); i++)
        many |= !json_equal(json_object_get(json_array_get(entries, 0), "ablation"),
                            json_object_get(json_array_get(entries, i), "ablation"));
    *count = 0;
    for (size_t i = 0; i < source->num_runs && *count < MOST_MEMBERS; i++)
        members[(*count)++] = member_of_run(source, &source->runs[i]);
    for (size_t i = 0; source->num_runs == 0 && i < json_array_size(entries) && *count < MOST_MEMBERS; i++)
        members[(*count)++] = member_of_comparison(source, json_array_get(entries, i), many);
    return members;
}

static bool is_alike(const member *a, const member *b)
{
    return a->layers == b->layers && a->heads_a_layer == b->heads_a_layer;
}

/* ---- the heads that are among the first ten of several ---- */

/* Shared by most first, then in the order of layers. */
static int by_members(const void *a, const void *b)
{
    const shared_head *x = a, *y = b;
    if (x->members != y->members) return x->members < y->members ? 1 : -1;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

static shared_head *shared_heads(const group *g, size_t *count)
{
    shared_head *heads = cv_alloc(g->count * CV_REPORT_TOP, sizeof *heads);
    *count = 0;
    for (size_t m = 0; m < g->count; m++)
        for (size_t i = 0; i < g->members[m]->count; i++) {
            const cv_source_head *head = &g->members[m]->top[i];
            size_t k = 0;
            while (k < *count && (heads[k].layer != head->layer || heads[k].head != head->head)) k++;
            if (k == *count) heads[(*count)++] = (shared_head){head->layer, head->head, 0};
            heads[k].members++;
        }
    qsort(heads, *count, sizeof *heads, by_members);
    return heads;
}

/* The rank of a head in a member, from 1; 0 if it is not among the first. */
static size_t rank_in(const member *m, const shared_head *head)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->top[i].layer == head->layer && m->top[i].head == head->head) return i + 1;
    return 0;
}

static void fill_shared(cv_matrix_cells *c, const group *g, const shared_head *heads, char *const *names, size_t rows)
{
    for (size_t h = 0; h < rows; h++)
        for (size_t m = 0; m < g->count; m++) {
            size_t rank = rank_in(g->members[m], &heads[h]);
            cv_buffer text = {0}, tip = {0};
            char value[32];
            if (rank == 0) continue;
            cv_buffer_printf(&text, "%zu", rank);
            cv_buffer_printf(&tip, "%s in %s: rank %zu, %s", names[h], g->members[m]->label, rank,
                             cv_number_text(g->members[m]->scores[rank - 1], value));
            cv_matrix_cells_set(c, h * g->count + m, CV_REPORT_TOP + 1 - (double)rank, &text, &tip);
        }
}

/* The same as a table. */
static void add_shared_table(cv_page *page, const group *g, const shared_head *heads, char *const *names, size_t count)
{
    cv_sheet sheet = cv_sheet_make("Heads among the first ten: ranks in each.");
    cv_sheet_add_column(&sheet, "head", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(&sheet, "in how many", CV_CELL_NUMBER, "of the columns that follow");
    for (size_t m = 0; m < g->count; m++) cv_sheet_add_column(&sheet, g->members[m]->label, CV_CELL_NUMBER, NULL);
    for (size_t h = 0; h < count; h++) {
        cv_sheet_add_text(&sheet, names[h]);
        cv_sheet_add_number(&sheet, (double)heads[h].members);
        for (size_t m = 0; m < g->count; m++) {
            size_t rank = rank_in(g->members[m], &heads[h]);
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
    const char *labels[MOST_MEMBERS];
    for (size_t m = 0; m < g->count; m++) labels[m] = g->members[m]->label;
    for (size_t h = 0; h < count; h++) {
        char name[32];
        const cv_source_head head = {.layer = heads[h].layer, .head = heads[h].head};
        names[h] = cv_strdup(cv_head_name(&head, name));
    }
    cv_matrix_cells cells = cv_matrix_cells_make(rows * g->count);
    fill_shared(&cells, g, heads, names, rows);
    snprintf(label, sizeof label, "ranks of all heads that are among the first ten somewhere; those of most first%s",
             rows < count ? " (the first sixty)" : "");
    cv_buffer svg = {0};
    cv_matrix matrix = {.id = cv_page_name(page, "shared", NULL),
                        .title = "Heads among the first ten",
                        .label = label,
                        .rows = (const char *const *)names,
                        .columns = labels,
                        .num_rows = rows,
                        .num_columns = g->count,
                        .cells = &cells,
                        .high = CV_REPORT_TOP};
    cv_matrix_draw(&svg, &matrix);
    cv_page_figure(page, matrix.id, &svg);
    add_shared_table(page, g, heads, names, count);
    cv_matrix_cells_free(&cells);
    for (size_t h = 0; h < count; h++) free(names[h]);
    free(names);
    free(heads);
}

/* For each shape that more than one member has. */
static void add_all_shared(cv_page *page, const cv_source *source)
{
    size_t count;
    member *members = members_of(source, &count);
    for (size_t i = 0; i < count; i++) {
        group g = {.count = 0};
        bool is_first = members[i].count > 0;
        for (size_t j = 0; j < i; j++) is_first &= !is_alike(&members[j], &members[i]);
        for (size_t j = i; is_first && j < count; j++)
            if (is_alike(&members[j], &members[i])) g.members[g.count++] = &members[j];
        if (g.count > 1) add_shared(page, &g);
    }
    for (size_t i = 0; i < count; i++) free(members[i].label);
    free(members);
}

void cv_section_models(cv_page *page, const cv_source *source)
{
    if (source->num_runs < 2 && !source->comparison) return;
    cv_page_heading(page, 2, "models", "Across models and ablations");
    add_all_shared(page, source);
    cv_section_overlap(page, source);
}
