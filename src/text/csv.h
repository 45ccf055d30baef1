/* CSV as RFC 4180 has it: fields in quotes may hold commas, line ends and doubled quotes. */
#ifndef CV_CSV_H
#define CV_CSV_H

#include "base/buffer.h"

#include <caravan/base.h>

#include <stddef.h>

/* Reads one record after the other. Set data, end and line (1) before the first. */
typedef struct cv_csv {
    const char *at, *end; /* what is still to be read; no NUL in it */
    size_t line;          /* where at stands, from 1 */
    size_t record_line;   /* where the last record began */
    char **fields;        /* [count] of the last record, C strings; owned, replaced by the next record */
    size_t count, capacity;
} cv_csv;

typedef enum cv_csv_state { CV_CSV_RECORD, CV_CSV_END, CV_CSV_ERROR } cv_csv_state;

/* Reads the next record; lines that hold nothing are passed over. Errors name the line, not the file. */
cv_csv_state cv_csv_next(cv_csv *csv, cv_error *err);
void cv_csv_free(cv_csv *csv);

#endif
