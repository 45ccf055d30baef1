#include "text/csv.h"

#include "base/memory.h"

#include <stdlib.h>

static void clear(cv_csv *csv)
{
    for (size_t i = 0; i < csv->count; i++) free(csv->fields[i]);
    csv->count = 0;
}

void cv_csv_free(cv_csv *csv)
{
    clear(csv);
    free(csv->fields);
    *csv = (cv_csv){0};
}

/* Passes a line end, \n or \r\n, if one stands here. */
static bool pass_line_end(cv_csv *csv)
{
    size_t length = 0;
    if (csv->at < csv->end && *csv->at == '\n') length = 1;
    if (csv->end - csv->at >= 2 && csv->at[0] == '\r' && csv->at[1] == '\n') length = 2;
    csv->at += length;
    csv->line += length > 0;
    return length > 0;
}

/* A field in quotes; the opening quote is passed. */
static bool quoted(cv_csv *csv, cv_buffer *field, cv_error *err)
{
    size_t opened = csv->line;
    for (; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"') {
            csv->at++;
            if (csv->at == csv->end || *csv->at != '"') return true;
        }
        csv->line += *csv->at == '\n';
        cv_buffer_append(field, csv->at, 1);
    }
    return cv_bad_input(err, "line %zu: a field's opening quote has no closing one", opened);
}

static bool at_field_end(const cv_csv *csv)
{
    if (csv->at == csv->end || *csv->at == ',' || *csv->at == '\n') return true;
    return csv->end - csv->at >= 2 && csv->at[0] == '\r' && csv->at[1] == '\n';
}

static bool read_field(cv_csv *csv, cv_buffer *field, cv_error *err)
{
    if (csv->at < csv->end && *csv->at == '"') {
        csv->at++;
        if (!quoted(csv, field, err)) return false;
        return at_field_end(csv) ||
               cv_bad_input(err, "line %zu: text behind a field's closing quote; a quote inside a field is doubled",
                            csv->line);
    }
    for (; !at_field_end(csv); csv->at++) {
        if (*csv->at == '"')
            return cv_bad_input(err, "line %zu: a quote inside a field that does not begin with one", csv->line);
        cv_buffer_append(field, csv->at, 1);
    }
    return true;
}

static void add_field(cv_csv *csv, cv_buffer *field)
{
    cv_reserve(&csv->fields, &csv->capacity, csv->count + 1, sizeof *csv->fields);
    csv->fields[csv->count++] = cv_buffer_steal(field);
}

cv_csv_state cv_csv_next(cv_csv *csv, cv_error *err)
{
    clear(csv);
    while (pass_line_end(csv)) {
    }
    if (csv->at == csv->end) return CV_CSV_END;
    csv->record_line = csv->line;
    for (;;) {
        cv_buffer field = {0};
        if (!read_field(csv, &field, err)) {
            cv_buffer_free(&field);
            return CV_CSV_ERROR;
        }
        add_field(csv, &field);
        if (csv->at < csv->end && *csv->at == ',') {
            csv->at++;
            continue;
        }
        pass_line_end(csv);
        return CV_CSV_RECORD;
    }
}
