#include "report/csv_table.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 1000, MOST_FIELDS = 1 << 26 };

void cv_csv_table_free(cv_csv_table *table)
{
    for (size_t i = 0; i < table->columns; i++) free(table->names[i]);
    for (size_t i = 0; i < table->rows * table->columns; i++) free(table->fields[i]);
    free(table->path);
    free(table->names);
    free(table->fields);
    *table = (cv_csv_table){0};
}

/* Takes a record's fields over. */
static void take(cv_csv *csv, char **fields)
{
    memcpy(fields, csv->fields, csv->count * sizeof *fields);
    csv->count = 0;
}

static bool take_header(cv_csv_table *table, cv_csv *csv, cv_error *err)
{
    if (csv->count > MOST_COLUMNS)
        return cv_bad_input(err, "%s: %zu columns are more than %d", table->path, csv->count, MOST_COLUMNS);
    table->columns = csv->count;
    table->names = cv_alloc(csv->count, sizeof *table->names);
    take(csv, table->names);
    return true;
}

static bool take_row(cv_csv_table *table, cv_csv *csv, cv_error *err)
{
    if (csv->count != table->columns)
        return cv_bad_input(err, "%s: line %zu: %zu fields, but the header has %zu", table->path, csv->record_line,
                            csv->count, table->columns);
    size_t used = table->rows * table->columns;
    if (used > MOST_FIELDS) return cv_bad_input(err, "%s: more than %d fields", table->path, MOST_FIELDS);
    cv_reserve(&table->fields, &table->capacity, used + table->columns, sizeof *table->fields);
    take(csv, table->fields + used);
    table->rows++;
    return true;
}

static bool read_records(cv_csv_table *table, cv_csv *csv, cv_error *err)
{
    cv_csv_state state;
    while ((state = cv_csv_next(csv, err)) == CV_CSV_RECORD)
        if (!(table->columns ? take_row(table, csv, err) : take_header(table, csv, err))) return false;
    if (state == CV_CSV_ERROR) return cv_error_prefix(err, "%s", table->path);
    return table->columns || cv_bad_input(err, "%s: is empty, without a header", table->path);
}

bool cv_csv_table_read(const char *path, cv_csv_table *table, cv_error *err)
{
    size_t length;
    char *text = cv_read_file(path, &length, err);
    if (!text) return false;
    *table = (cv_csv_table){.path = cv_strdup(path)};
    cv_csv csv = {.at = text, .end = text + length, .line = 1};
    bool ok = memchr(text, 0, length) ? cv_bad_input(err, "%s: holds a NUL byte, and is no text", path)
                                      : read_records(table, &csv, err);
    cv_csv_free(&csv);
    free(text);
    if (!ok) cv_csv_table_free(table);
    return ok;
}

bool cv_csv_table_read_if_there(const char *path, cv_csv_table *table, cv_error *err)
{
    *table = (cv_csv_table){0};
    return !cv_file_exists(path) || cv_csv_table_read(path, table, err);
}

/* The column's place, or columns where there is none. */
static size_t find(const cv_csv_table *table, const char *name)
{
    size_t i = 0;
    while (i < table->columns && strcmp(table->names[i], name) != 0) i++;
    return i;
}

bool cv_csv_table_has(const cv_csv_table *table, const char *name)
{
    return find(table, name) < table->columns;
}

const char *cv_csv_table_text(const cv_csv_table *table, size_t row, const char *name)
{
    size_t column = find(table, name);
    return column < table->columns && row < table->rows ? table->fields[row * table->columns + column] : "";
}

double cv_csv_table_number(const cv_csv_table *table, size_t row, const char *name)
{
    const char *text = cv_csv_table_text(table, row, name);
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? NAN : value;
}

bool cv_csv_table_index(const cv_csv_table *table, size_t row, const char *name, int most, int *out, cv_error *err)
{
    const char *text = cv_csv_table_text(table, row, name);
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < 0 || value > most)
        return cv_bad_input(err, "%s: row %zu: %s is \"%s\", and must be a whole number between 0 and %d", table->path,
                            row + 1, name, text, most);
    *out = (int)value;
    return true;
}
