#include "report/sections.h"

#include "base/buffer.h"
#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The row of the answers to harmful prompts with the greatest share that is no refusal; rows for none. */
static size_t best_row(const cv_csv_table *asr)
{
    size_t best = asr->rows;
    for (size_t i = 0; i < asr->rows; i++) {
        double value = cv_csv_table_number(asr, i, "coherent_asr");
        if (strcmp(cv_csv_table_text(asr, i, "prompts"), "harmful") != 0 || isnan(value)) continue;
        if (best == asr->rows || value > cv_csv_table_number(asr, best, "coherent_asr")) best = i;
    }
    return best;
}

static size_t clean_row(const cv_csv_table *asr)
{
    size_t i = 0;
    while (i < asr->rows && (strcmp(cv_csv_table_text(asr, i, "prompts"), "harmful") != 0 ||
                             strcmp(cv_csv_table_text(asr, i, "group"), "none") != 0))
        i++;
    return i;
}

static const cv_source_head *most_specific(const cv_source_run *run)
{
    const cv_source_head *best = NULL;
    for (int i = 0; i < run->layers * run->heads_a_layer; i++)
        if (!isnan(run->heads[i].specificity) && (!best || run->heads[i].specificity > best->specificity))
            best = &run->heads[i];
    return best;
}

static void add_columns(cv_sheet *sheet, bool answers)
{
    cv_sheet_add_column(sheet, "model", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(sheet, "base", CV_CELL_TEXT, "the model that it was fine-tuned from");
    cv_sheet_add_column(sheet, "ablation", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(sheet, "size", CV_CELL_TEXT, "layers x heads");
    cv_sheet_add_column(sheet, "first head", CV_CELL_TEXT, NULL);
    cv_sheet_add_column(sheet, "its score", CV_CELL_NUMBER,
                        "mean Ships in nats with 95 % interval, or generalized Ships in degrees");
    cv_sheet_add_column(sheet, "most specific head", CV_CELL_TEXT, "with the greatest harmful minus harmless mean");
    cv_sheet_add_column(sheet, "its specificity", CV_CELL_NUMBER, NULL);
    if (!answers) return;
    cv_sheet_add_column(sheet, "ASR, clean", CV_CELL_NUMBER, "share of harmful prompts that are not refused");
    cv_sheet_add_column(sheet, "highest coherent ASR", CV_CELL_NUMBER, "of all groups of heads");
    cv_sheet_add_column(sheet, "by group", CV_CELL_TEXT, NULL);
}

static void add_run(cv_sheet *sheet, const cv_source_run *run, bool answers)
{
    static const cv_source_head none = {.ships = NAN, .ships_low = NAN, .ships_high = NAN, .angle = NAN};
    char text[64];
    const cv_source_head *first = run->layers ? &run->heads[0] : &none, *specific = most_specific(run);
    cv_sheet_add_text(sheet, run->model);
    cv_sheet_add_text(sheet, run->base ? run->base : "");
    cv_sheet_add_text(sheet, run->ablation);
    snprintf(text, sizeof text, run->layers ? "%d x %d" : "", run->layers, run->heads_a_layer);
    cv_sheet_add_text(sheet, text);
    cv_sheet_add_text(sheet, run->layers ? cv_head_name(first, text) : "");
    if (run->has_ships)
        cv_sheet_add_interval(sheet, first->ships, first->ships_low, first->ships_high);
    else
        cv_sheet_add_number(sheet, first->angle);
    cv_sheet_add_text(sheet, specific ? cv_head_name(specific, text) : "");
    if (specific)
        cv_sheet_add_interval(sheet, specific->specificity, specific->specificity_low, specific->specificity_high);
    else
        cv_sheet_add_text(sheet, "");
    if (!answers) return;
    size_t clean = clean_row(&run->asr), best = best_row(&run->asr);
    cv_sheet_add_interval(sheet, cv_csv_table_number(&run->asr, clean, "asr"),
                          cv_csv_table_number(&run->asr, clean, "asr_low"),
                          cv_csv_table_number(&run->asr, clean, "asr_high"));
    cv_sheet_add_number(sheet, cv_csv_table_number(&run->asr, best, "coherent_asr"));
    cv_sheet_add_text(sheet, cv_csv_table_text(&run->asr, best, "group"));
}

/* "40 harmful prompts (prompts/harmful.csv) and ..." */
static void tell_prompts(cv_page *page, const cv_source *source)
{
    static const char *const sets[] = {"harmful", "harmless"};
    cv_buffer text = {0};
    const json_t *prompts = json_object_get(source->manifest, "prompts");
    for (int i = 0; i < 2; i++) {
        const json_t *set = json_object_get(prompts, sets[i]);
        const char *file = json_string_value(json_object_get(set, "file"));
        if (!set) continue;
        cv_buffer_printf(&text, "%s%lld %s prompts (%s)", text.length ? ", " : "",
                         (long long)json_integer_value(json_object_get(set, "prompts")), sets[i], file ? file : "?");
    }
    const char *format = json_string_value(json_object_get(json_object_get(source->manifest, "definitions"), "format"));
    if (format) cv_buffer_printf(&text, "%sformat %s", text.length ? "; " : "", format);
    if (text.length) cv_buffer_puts(&text, ".");
    if (text.length) cv_page_paragraph(page, text.data);
    cv_buffer_free(&text);
}

void cv_section_summary(cv_page *page, const cv_source *source)
{
    bool answers = false;
    for (size_t i = 0; i < source->num_runs; i++) answers |= source->runs[i].asr.rows > 0;
    cv_page_heading(page, 2, "summary", "Summary");
    tell_prompts(page, source);
    cv_sheet sheet = cv_sheet_make("Each model under each ablation. Layers and heads count from 0.");
    add_columns(&sheet, answers);
    for (size_t i = 0; i < source->num_runs; i++) add_run(&sheet, &source->runs[i], answers);
    cv_page_table(page, cv_page_name(page, "runs", NULL), &sheet, 100);
}
