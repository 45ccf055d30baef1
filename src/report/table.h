/* What the CSV tables share. */
#ifndef CV_TABLE_H
#define CV_TABLE_H

#include "base/buffer.h"
#include "store/folder.h"
#include "sweep/job.h"

#include <caravan/base.h>
#include <caravan/stats.h>

/* The shortest decimal that reads back as value; nothing for NaN. */
void cv_put_number(cv_buffer *out, double value);
/* ",low,high", or ",value,low,high". */
void cv_put_interval(cv_buffer *out, cv_estimate estimate);
void cv_put_estimate(cv_buffer *out, cv_estimate estimate);

/* A field, in quotes where RFC 4180 wants them. */
void cv_put_field(cv_buffer *out, const char *text);

/* Writes MODEL/ABLATION/FILE and frees the table. */
bool cv_table_write(const cv_folder *folder, const cv_job *job, int model, int ablation, const char *file,
                    cv_buffer *table, cv_error *err);

#endif
