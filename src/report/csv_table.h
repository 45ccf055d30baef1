/* A CSV table of a results folder in memory, read by the names of its columns: other versions of Caravan may
 * have more of them, or fewer. */
#ifndef CV_CSV_TABLE_H
#define CV_CSV_TABLE_H

#include <caravan/base.h>

#include <stddef.h>

/* Start with {0}. */
typedef struct cv_csv_table {
    char *path;    /* for messages; owned */
    char **names;  /* [columns], owned */
    char **fields; /* [rows][columns], owned */
    size_t columns, rows, capacity;
} cv_csv_table;

/* Bad input if the file is no CSV, has a record of another length than its header, or is absurdly long. */
bool cv_csv_table_read(const char *path, cv_csv_table *table, cv_error *err);
/* The same, but a file that is not there leaves the table empty, without names. */
bool cv_csv_table_read_if_there(const char *path, cv_csv_table *table, cv_error *err);
void cv_csv_table_free(cv_csv_table *table);

/* Whether it has a column of that name. */
bool cv_csv_table_has(const cv_csv_table *table, const char *name);
/* A field; "" where there is no such column. Borrowed. */
const char *cv_csv_table_text(const cv_csv_table *table, size_t row, const char *name);
/* The same as a number; NaN where it is none. */
double cv_csv_table_number(const cv_csv_table *table, size_t row, const char *name);
/* A whole number between 0 and most; bad input naming line and column otherwise. */
bool cv_csv_table_index(const cv_csv_table *table, size_t row, const char *name, int most, int *out, cv_error *err);

#endif
