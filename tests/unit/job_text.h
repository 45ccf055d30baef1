/* Jobs as text, for the tests of their reader. */
#ifndef JOB_TEXT_H
#define JOB_TEXT_H

#include "sweep/job.h"

#include "suite.h"

#include <string.h>

#define MODELS "\"models\": [{\"name\": \"a\", \"path\": \"m/a\"}]"
#define PROMPTS "\"prompts\": {\"harmful\": {\"file\": \"p.csv\"}}"
#define OUTPUT "\"output\": \"out\""
/* A complete job with more keys after the required ones. */
#define WITH(more) "{" MODELS ", " PROMPTS ", " OUTPUT ", " more "}"

static inline bool parse(const char *text, const char *path, const cv_job_options *options, cv_job *job, cv_error *err)
{
    *err = (cv_error){CV_OK, ""};
    return cv_job_parse(text, strlen(text), path, options, job, err);
}

/* A job that must be read. */
static inline void read_job(const char *text, cv_job *job)
{
    cv_error err;
    ck_assert_msg(parse(text, "jobs/j.json", NULL, job, &err), "%s", err.text);
}

/* One that must be refused, with a message that names the file and holds what. */
static inline void refuse_job(const char *text, const char *what)
{
    cv_job job;
    cv_error err;
    ck_assert_msg(!parse(text, "jobs/j.json", NULL, &job, &err), "accepted: %s", text);
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strncmp(err.text, "jobs/j.json:", 12) == 0, "no file in: %s", err.text);
    ck_assert_msg(strstr(err.text, what) != NULL, "\"%s\" is not in: %s", what, err.text);
    ck_assert_ptr_null(job.models);
    ck_assert_ptr_null(job.output);
}

#endif
