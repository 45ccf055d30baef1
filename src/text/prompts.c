#include <caravan/text.h>

#include "base/file.h"
#include "base/memory.h"
#include "text/csv.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void cv_prompts_free(cv_prompts *prompts)
{
    for (size_t i = 0; i < prompts->count; i++) free(prompts->text[i]);
    free(prompts->text);
    *prompts = (cv_prompts){0};
}

/* A prompt file being read: [start, end) is its text behind a byte order mark. */
typedef struct reader {
    const char *path;
    const char *start, *end;
    size_t limit; /* 0: all */
    cv_prompts *prompts;
    size_t capacity;
    cv_error *err;
} reader;

static bool is_full(const reader *r)
{
    return r->limit && r->prompts->count == r->limit;
}

static void add_prompt(reader *r, const char *text, size_t length)
{
    cv_reserve(&r->prompts->text, &r->capacity, r->prompts->count + 1, sizeof *r->prompts->text);
    r->prompts->text[r->prompts->count++] = cv_strndup(text, length);
}

static size_t line_of(const reader *r, const char *at)
{
    size_t line = 1;
    for (const char *c = r->start; c < at; c++) line += *c == '\n';
    return line;
}

/* Prompts are text without NUL, as C strings and most tokenizers want it. */
static bool check_text(const reader *r)
{
    size_t length = (size_t)(r->end - r->start), valid = cv_utf8_valid_prefix(r->start, length);
    const char *nul = memchr(r->start, 0, length);
    if (nul)
        return cv_bad_input(r->err, "%s: line %zu: a NUL byte; a prompt file must be text", r->path, line_of(r, nul));
    if (valid < length)
        return cv_bad_input(r->err, "%s: line %zu: not valid UTF-8; convert the file, e.g. with iconv", r->path,
                            line_of(r, r->start + valid));
    return true;
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\n\v\f", text[i])) return false;
    return true;
}

static void read_lines(reader *r)
{
    for (const char *at = r->start; at < r->end && !is_full(r);) {
        const char *newline = memchr(at, '\n', (size_t)(r->end - at));
        const char *stop = newline ? newline : r->end, *next = newline ? newline + 1 : r->end;
        if (newline && stop > at && stop[-1] == '\r') stop--;
        if (!is_blank(at, (size_t)(stop - at))) add_prompt(r, at, (size_t)(stop - at));
        at = next;
    }
}

static size_t find_field(const cv_csv *csv, const char *name)
{
    size_t i = 0;
    while (i < csv->count && strcmp(csv->fields[i], name) != 0) i++;
    return i;
}

/* The header's field that holds the prompts; csv->count where none does. */
static size_t find_column(const cv_csv *header, const char *column)
{
    static const char *const usual[] = {"goal", "Goal", "input", "prompt", "query"};
    if (column) return find_field(header, column);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        size_t field = find_field(header, usual[i]);
        if (field < header->count) return field;
    }
    return header->count;
}

static bool no_column(const reader *r, const cv_csv *header, const char *column)
{
    cv_buffer names = {0};
    for (size_t i = 0; i < header->count; i++) cv_buffer_printf(&names, "%s%s", i ? ", " : "", header->fields[i]);
    if (column)
        cv_bad_input(r->err, "%s: no column \"%s\"; the columns are: %.600s", r->path, column, names.data);
    else
        cv_bad_input(
            r->err, "%s: no column goal, Goal, input, prompt or query; name one in \"column\"; the columns are: %.600s",
            r->path, names.data);
    cv_buffer_free(&names);
    return false;
}

/* Records behind the header; column is the field that counts, of fields many. */
static bool read_records(reader *r, cv_csv *csv, size_t column, size_t fields)
{
    while (!is_full(r)) {
        cv_csv_state state = cv_csv_next(csv, r->err);
        if (state == CV_CSV_END) return true;
        if (state == CV_CSV_ERROR) return cv_error_prefix(r->err, "%s", r->path);
        if (csv->count != fields)
            return cv_bad_input(r->err, "%s: line %zu: %zu fields, but the header has %zu", r->path, csv->record_line,
                                csv->count, fields);
        const char *prompt = csv->fields[column];
        if (is_blank(prompt, strlen(prompt)))
            return cv_bad_input(r->err, "%s: line %zu: the prompt is empty", r->path, csv->record_line);
        add_prompt(r, prompt, strlen(prompt));
    }
    return true;
}

static bool read_csv(reader *r, const char *column)
{
    cv_csv csv = {.at = r->start, .end = r->end, .line = 1};
    cv_csv_state state = cv_csv_next(&csv, r->err);
    bool fine = state == CV_CSV_RECORD;
    if (state == CV_CSV_END) cv_bad_input(r->err, "%s: the file is empty", r->path);
    if (state == CV_CSV_ERROR) cv_error_prefix(r->err, "%s", r->path);
    if (fine) {
        size_t field = find_column(&csv, column), fields = csv.count;
        fine = field < fields ? read_records(r, &csv, field, fields) : no_column(r, &csv, column);
    }
    cv_csv_free(&csv);
    return fine;
}

static bool is_csv(const char *path)
{
    size_t length = strlen(path);
    return length >= 4 && strcasecmp(path + length - 4, ".csv") == 0;
}

bool cv_prompts_load(const char *path, const char *column, size_t limit, cv_prompts *out, cv_error *err)
{
    size_t length;
    char *data = cv_read_file(path, &length, err);
    if (!data) return false;
    *out = (cv_prompts){0};
    bool mark = length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    reader r = {path, data + (mark ? 3 : 0), data + length, limit, out, 0, err};
    bool fine = check_text(&r);
    if (fine && is_csv(path)) fine = read_csv(&r, column);
    if (fine && !is_csv(path)) {
        if (column)
            fine =
                cv_bad_input(err, "%s: \"column\" is for files whose name ends in .csv; this one is read line by line",
                             path);
        else
            read_lines(&r);
    }
    if (fine && out->count == 0) fine = cv_bad_input(err, "%s: the file holds no prompt", path);
    free(data);
    if (!fine) cv_prompts_free(out);
    return fine;
}
