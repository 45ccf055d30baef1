/* What the parts of the job file's reader share; sweep/job.h is for everybody else.
 *
 * Each part reads one or a few keys of the top object into the job, or gives an error that names the
 * file, the field and the remedy. */
#ifndef CV_JOB_READER_H
#define CV_JOB_READER_H

#include "base/json.h"
#include "sweep/job.h"

#include <caravan/base.h>

/* What is being read: the job so far, and where it comes from. */
typedef struct cv_job_reader {
    cv_job *job;
    const char *file;      /* as the user gave it */
    const char *directory; /* of the job file */
    cv_error *err;
} cv_job_reader;

cv_json_place cv_job_at(const cv_job_reader *r, const char *field);
/* Bad input: what (a field, perhaps with its value) belongs to a later version. */
bool cv_job_not_yet(const cv_job_reader *r, const char *what);
/* path as seen from the working directory. Free with free(). */
char *cv_job_resolve(const cv_job_reader *r, const char *path);
/* A copy, or NULL for NULL. */
char *cv_job_copy(const char *text);
/* object[key], an array of 1 to 10,000 elements; *list stays NULL where it is absent and optional. at
 * is the object's own field. */
bool cv_job_list(const cv_job_reader *r, const json_t *object, const char *at, const char *key, cv_json_need need,
                 json_t **list);
/* Why name cannot stand for a thing in file names and tables, or NULL. */
const char *cv_job_name_fault(const char *name);

bool cv_job_read_models(const cv_job_reader *r, const json_t *top);
bool cv_job_read_prompts(const cv_job_reader *r, const json_t *top);
bool cv_job_read_format(const cv_job_reader *r, const json_t *top);
bool cv_job_read_ablations(const cv_job_reader *r, const json_t *top);
bool cv_job_read_evaluate(const cv_job_reader *r, const json_t *top); /* after ships and sahara */
bool cv_job_read_overlap(const cv_job_reader *r, const json_t *top);  /* after ships, subspace and sahara */

void cv_job_evaluate_free(cv_job_evaluate *evaluate);

#endif
