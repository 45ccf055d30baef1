#include "report/sections.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/distribution.h"
#include "report/dots.h"
#include "report/heatmap.h"
#include "report/scatter.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A run's numbers, laid out as pictures want them. */
typedef struct picture_data {
    size_t count;                       /* heads */
    double *ships, *harmless;           /* [count] by rank */
    char **tips;                        /* [count] by rank */
    char **names;                       /* [CV_REPORT_TOP at most] by rank */
    double *map, *specificity, *angles; /* [layers][heads] */
    int *marks;                         /* [layers][heads] */
    char **map_tips;                    /* [layers][heads] the strings of tips */
} picture_data;

static void put_named(cv_buffer *out, const char *before, double value, double low, double high)
{
    char v[32], l[32], h[32];
    if (isnan(value)) return;
    cv_buffer_printf(out, "%s%s", before, cv_number_text(value, v));
    if (!isnan(low) && !isnan(high))
        cv_buffer_printf(out, " (%s to %s)", cv_number_text(low, l), cv_number_text(high, h));
}

/* All that is known of a head, on one line. */
static char *tip_of(const cv_source_head *head, size_t rank)
{
    cv_buffer out = {0};
    char name[32];
    cv_buffer_printf(&out, "%s, rank %zu", cv_head_name(head, name), rank);
    put_named(&out, "; Ships ", head->ships, head->ships_low, head->ships_high);
    put_named(&out, "; harmless ", head->harmless, NAN, NAN);
    put_named(&out, "; specificity ", head->specificity, head->specificity_low, head->specificity_high);
    put_named(&out, "; angle ", head->angle, NAN, NAN);
    return cv_buffer_steal(&out);
}

static picture_data data_of(const cv_source_run *run)
{
    size_t count = (size_t)run->layers * (size_t)run->heads_a_layer;
    picture_data d = {.count = count};
    d.ships = cv_alloc(count, sizeof *d.ships);
    d.harmless = cv_alloc(count, sizeof *d.harmless);
    d.tips = cv_alloc(count, sizeof *d.tips);
    d.names = cv_calloc(CV_REPORT_TOP, sizeof *d.names);
    d.map = cv_alloc(count, sizeof *d.map);
    d.specificity = cv_alloc(count, sizeof *d.specificity);
    d.angles = cv_alloc(count, sizeof *d.angles);
    d.marks = cv_calloc(count, sizeof *d.marks);
    d.map_tips = cv_alloc(count, sizeof *d.map_tips);
    for (size_t i = 0; i < count; i++) {
        const cv_source_head *head = &run->heads[i];
        size_t cell = (size_t)head->layer * (size_t)run->heads_a_layer + (size_t)head->head;
        char name[32];
        d.ships[i] = d.map[cell] = head->ships;
        d.harmless[i] = head->harmless;
        d.specificity[cell] = head->specificity;
        d.angles[cell] = head->angle;
        d.map_tips[cell] = d.tips[i] = tip_of(head, i + 1);
        if (i >= CV_REPORT_TOP) continue;
        d.marks[cell] = (int)i + 1;
        d.names[i] = cv_strdup(cv_head_name(head, name));
    }
    return d;
}

static void free_data(picture_data *d)
{
    for (size_t i = 0; i < d->count; i++) free(d->tips[i]);
    for (size_t i = 0; i < CV_REPORT_TOP; i++) free(d->names[i]);
    free(d->ships);
    free(d->harmless);
    free(d->tips);
    free(d->names);
    free(d->map);
    free(d->specificity);
    free(d->angles);
    free(d->marks);
    free(d->map_tips);
}

/* "WHAT: MODEL, ABLATION". Free with free(). */
static char *title_of(const cv_source_run *run, const char *what)
{
    cv_buffer title = {0};
    cv_buffer_printf(&title, "%s: %s, %s", what, run->model, run->ablation);
    return cv_buffer_steal(&title);
}

/* ---- pictures ---- */

static void add_map(cv_page *page, const cv_source_run *run, const picture_data *d, const char *kind, const char *what,
                    const char *label, const double *values, bool is_signed)
{
    cv_buffer svg = {0};
    char *title = title_of(run, what);
    cv_heatmap map = {.id = cv_page_name(page, kind, run),
                      .title = title,
                      .label = label,
                      .layers = run->layers,
                      .heads = run->heads_a_layer,
                      .values = values,
                      .marks = d->marks,
                      .tips = d->map_tips,
                      .is_signed = is_signed};
    cv_heatmap_draw(&svg, &map);
    cv_page_figure(page, map.id, &svg);
    free(title);
}

static void add_scatter(cv_page *page, const cv_source_run *run, const picture_data *d)
{
    cv_buffer svg = {0};
    char *title = title_of(run, "Harmful against harmless");
    cv_scatter plot = {.id = cv_page_name(page, "harmless", run),
                       .title = title,
                       .across_label = "Ships on harmless prompts, nats",
                       .up_label = "Ships on harmful prompts, nats",
                       .across = d->harmless,
                       .up = d->ships,
                       .tips = d->tips,
                       .names = (const char *const *)d->names,
                       .count = d->count,
                       .named = d->count < CV_REPORT_TOP ? d->count : CV_REPORT_TOP};
    cv_scatter_draw(&svg, &plot);
    cv_page_figure(page, plot.id, &svg);
    free(title);
}

static void add_distribution(cv_page *page, const cv_source_run *run, const picture_data *d)
{
    cv_buffer svg = {0};
    char *title = title_of(run, "Distribution");
    const char *const names[] = {"harmful prompts", "harmless prompts"};
    const double *const values[] = {d->ships, d->harmless};
    cv_distribution plot = {.id = cv_page_name(page, "distribution", run),
                            .title = title,
                            .axis = "a head's mean Ships, nats",
                            .names = names,
                            .values = values,
                            .curves = run->has_harmless ? 2 : 1,
                            .count = d->count};
    cv_distribution_draw(&svg, &plot);
    cv_page_figure(page, plot.id, &svg);
    free(title);
}

static void add_maps(cv_page *page, const cv_source_run *run, const picture_data *d)
{
    cv_page_paragraph(page, run->has_ships
                                ? "Numbers in the maps, or frames, mark the first ten heads by Ships. Colours "
                                  "follow the root of the values."
                                : "Numbers in the map, or frames, mark the first ten heads. Colours follow "
                                  "the root of the values.");
    cv_buffer_puts(&page->html, "<div class=\"figures\">\n");
    if (run->has_ships) add_map(page, run, d, "ships", "Ships", "mean over the harmful prompts, nats", d->map, false);
    if (run->has_harmless)
        add_map(page, run, d, "specificity", "Specificity", "harmful minus harmless mean, nats", d->specificity, true);
    if (run->has_angles)
        add_map(page, run, d, "angles", "Generalized Ships", "over the harmful prompts, degrees", d->angles, false);
    if (run->has_ships) add_distribution(page, run, d);
    cv_buffer_puts(&page->html, "</div>\n");
}

static void add_top(cv_page *page, const cv_source_run *run, const picture_data *d)
{
    cv_buffer svg = {0};
    char *title = title_of(run, "The first ten heads");
    const char *const series[] = {"harmful prompts", "harmless prompts"};
    size_t rows = d->count < CV_REPORT_TOP ? d->count : CV_REPORT_TOP, columns = run->has_harmless ? 2 : 1;
    cv_estimate dots[2 * CV_REPORT_TOP];
    for (size_t i = 0; i < rows; i++) {
        const cv_source_head *head = &run->heads[i];
        dots[i * columns] = (cv_estimate){head->ships, head->ships_low, head->ships_high};
        if (columns > 1) dots[i * columns + 1] = (cv_estimate){head->harmless, NAN, NAN};
    }
    cv_dots plot = {.id = cv_page_name(page, "top", run),
                    .title = title,
                    .axis = "mean Ships, nats, with 95 % intervals over the harmful prompts",
                    .labels = (const char *const *)d->names,
                    .rows = rows,
                    .series = series,
                    .num_series = columns,
                    .dots = dots,
                    .kind = CV_SCALE_SQRT};
    cv_dots_draw(&svg, &plot);
    cv_page_figure(page, plot.id, &svg);
    free(title);
}

/* ---- tables ---- */

static void add_columns(cv_sheet *sheet, const cv_source_run *run)
{
    cv_sheet_add_column(sheet, "head", CV_CELL_TEXT, "layer and head, from 0");
    cv_sheet_add_column(sheet, "rank", CV_CELL_NUMBER, "by falling mean score");
    if (run->has_ships) {
        cv_sheet_add_column(sheet, "rank, 95 %", CV_CELL_NUMBER, "where the rank lies in 95 % of the resamples");
        cv_sheet_add_column(sheet, "Ships, nats", CV_CELL_NUMBER, "mean over the harmful prompts, with 95 % interval");
    }
    if (run->has_harmless) {
        cv_sheet_add_column(sheet, "harmless", CV_CELL_NUMBER, "mean Ships over the harmless prompts");
        cv_sheet_add_column(sheet, "specificity", CV_CELL_NUMBER, "harmful minus harmless mean, with 95 % interval");
    }
    if (run->has_angles) cv_sheet_add_column(sheet, "angle, deg", CV_CELL_NUMBER, "generalized Ships");
    if (run->has_ships)
        cv_sheet_add_column(sheet, "in top 10", CV_CELL_NUMBER,
                            "share of resamples in which it is among the first ten");
    cv_sheet_add_column(sheet, "parameters", CV_CELL_NUMBER,
                        "share of the model's parameters that the ablation acts on");
}

static void add_head(cv_sheet *sheet, const cv_source_run *run, const cv_source_head *head, size_t rank)
{
    char text[80], low[32], high[32];
    cv_sheet_add_text(sheet, cv_head_name(head, text));
    cv_sheet_add_number(sheet, (double)rank);
    if (run->has_ships) {
        snprintf(text, sizeof text, "%s to %s", cv_number_text(head->rank_low, low),
                 cv_number_text(head->rank_high, high));
        cv_sheet_add_text(sheet, isnan(head->rank_low) ? "" : text);
        cv_sheet_add_interval(sheet, head->ships, head->ships_low, head->ships_high);
    }
    if (run->has_harmless) {
        cv_sheet_add_number(sheet, head->harmless);
        cv_sheet_add_interval(sheet, head->specificity, head->specificity_low, head->specificity_high);
    }
    if (run->has_angles) cv_sheet_add_number(sheet, head->angle);
    if (run->has_ships) cv_sheet_add_number(sheet, head->top10_probability);
    cv_sheet_add_percent(sheet, head->parameter_share);
}

static void add_table(cv_page *page, const cv_source_run *run, size_t most_rows)
{
    size_t count = (size_t)run->layers * (size_t)run->heads_a_layer, rows = count < most_rows ? count : most_rows;
    cv_buffer caption = {0};
    cv_buffer_printf(&caption, "Heads of %s under %s, by %s", run->model, run->ablation,
                     run->has_ships ? "Ships" : "generalized Ships");
    if (rows < count) cv_buffer_printf(&caption, "; the first %zu of %zu, heads.csv has all", rows, count);
    cv_buffer_puts(&caption, ".");
    cv_sheet sheet = cv_sheet_make(caption.data);
    add_columns(&sheet, run);
    for (size_t i = 0; i < rows; i++) add_head(&sheet, run, &run->heads[i], i + 1);
    cv_page_table(page, cv_page_name(page, "heads", run), &sheet, CV_REPORT_TOP);
    cv_buffer_free(&caption);
}

static void add_stability(cv_page *page, const cv_source_run *run)
{
    for (size_t i = 0; i < run->stability.rows; i++) {
        cv_buffer text = {0};
        char rho[32], low[32], high[32];
        cv_buffer_printf(
            &text,
            "%s: one half of the %s prompts foretells the ranking by the other with Spearman's rho %s (%s to %s).",
            cv_csv_table_text(&run->stability, i, "score"), cv_csv_table_text(&run->stability, i, "prompts"),
            cv_number_text(cv_csv_table_number(&run->stability, i, "spearman"), rho),
            cv_number_text(cv_csv_table_number(&run->stability, i, "spearman_low"), low),
            cv_number_text(cv_csv_table_number(&run->stability, i, "spearman_high"), high));
        cv_page_paragraph(page, text.data);
        cv_buffer_free(&text);
    }
}

void cv_section_heads(cv_page *page, const cv_source_run *run, size_t most_rows)
{
    if (run->layers == 0) return;
    picture_data d = data_of(run);
    add_maps(page, run, &d);
    cv_buffer_puts(&page->html, "<div class=\"figures\">\n");
    if (run->has_ships) add_top(page, run, &d);
    if (run->has_harmless) add_scatter(page, run, &d);
    cv_buffer_puts(&page->html, "</div>\n");
    add_stability(page, run);
    add_table(page, run, most_rows);
    free_data(&d);
}

void cv_section_sahara(cv_page *page, const cv_source_run *run)
{
    const cv_csv_table *table = &run->sahara;
    if (table->rows == 0) return;
    cv_buffer caption = {0}, group = {0};
    cv_buffer_printf(&caption, "Sahara's steps on %s under %s: the head that joins in each.", run->model,
                     run->ablation);
    cv_sheet sheet = cv_sheet_make(caption.data);
    cv_sheet_add_column(&sheet, "step", CV_CELL_NUMBER, NULL);
    cv_sheet_add_column(&sheet, "head", CV_CELL_TEXT, "that joins the group");
    cv_sheet_add_column(&sheet, "group", CV_CELL_TEXT, "all heads that are off by then");
    cv_sheet_add_column(&sheet, "angle, deg", CV_CELL_NUMBER, "generalized Ships of the group");
    cv_sheet_add_column(&sheet, "parameters", CV_CELL_NUMBER, "share of all parameters, of the whole group");
    for (size_t i = 0; i < table->rows; i++) {
        cv_buffer head = {0};
        cv_buffer_printf(&head, "L%sH%s", cv_csv_table_text(table, i, "layer"), cv_csv_table_text(table, i, "head"));
        cv_buffer_printf(&group, "%s%s", i ? " " : "", head.data);
        cv_sheet_add_text(&sheet, cv_csv_table_text(table, i, "step"));
        cv_sheet_add_text(&sheet, head.data);
        cv_sheet_add_text(&sheet, group.data);
        cv_sheet_add_number(&sheet, cv_csv_table_number(table, i, "angle_deg"));
        cv_sheet_add_percent(&sheet, cv_csv_table_number(table, i, "parameter_share"));
        cv_buffer_free(&head);
    }
    const char *name = cv_page_name(page, "sahara", run);
    cv_page_heading(page, 3, NULL, "Sahara");
    cv_page_table(page, name, &sheet, 100);
    cv_buffer_free(&caption);
    cv_buffer_free(&group);
}
