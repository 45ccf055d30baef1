/* The job file: what to sweep, read strictly.
 *
 * A sweep runs for hours, so a typing error must not be discovered at its end, nor an unknown wish
 * be quietly ignored: every key is known or refused, and keys whose stage does not exist yet are
 * refused by name. docs/job.md describes the file. */
#ifndef CV_JOB_H
#define CV_JOB_H

#include <caravan/base.h>
#include <caravan/engine.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

typedef enum cv_prompt_set { CV_HARMFUL, CV_HARMLESS, CV_NUM_PROMPT_SETS } cv_prompt_set;
const char *cv_prompt_set_name(cv_prompt_set set); /* "harmful", "harmless" */

typedef enum cv_engine_choice { CV_ENGINE_WAVEFRONT, CV_ENGINE_PLAIN } cv_engine_choice;
const char *cv_engine_choice_name(cv_engine_choice engine); /* "wavefront", "plain" */

const char *cv_format_kind_name(cv_format_kind kind); /* "direct", as in the job file */

/* All strings of a job are owned by it. */
typedef struct cv_job_model {
    char *name; /* safe as a folder name, unique in the job */
    char *path; /* the model directory, seen from the working directory */
    char *base; /* name of the base model it was grown from; NULL if not said */
} cv_job_model;

typedef struct cv_job_prompts {
    char *file;   /* seen from the working directory; NULL where the job has no such set */
    char *column; /* NULL: the first of the usual names */
    size_t limit; /* 0: all */
} cv_job_prompts;

typedef struct cv_job {
    char *file; /* the job file's path as the caller gave it */
    char *text; /* [text_length] its bytes, for the manifest */
    size_t text_length;
    char *name;           /* the file's name without .json where the job gives none */
    cv_job_model *models; /* [num_models] */
    int num_models;
    cv_job_prompts prompts[CV_NUM_PROMPT_SETS]; /* CV_HARMFUL is always there */
    cv_format format;                           /* points at format_system, format_text */
    char *format_system, *format_text;          /* NULL where not given */
    cv_ablation *ablations; /* [num_ablations] no two of one name; not checked against a model yet */
    char **ablation_names;  /* [num_ablations] as results are named */
    int num_ablations;
    cv_engine_choice engine;
    uint64_t memory_bytes; /* a rank's budget beside the weights; 0: automatic */
    char *output;          /* results folder, seen from the working directory */
} cv_job;

/* What the command line may override; NULL keeps the job's own. */
typedef struct cv_job_options {
    const char *output;    /* seen from the working directory */
    const char *engine;    /* "wavefront", "plain" */
    const char *precision; /* "f32" */
} cv_job_options;

/* Reads path. On error *job is empty. Free with cv_job_free. */
bool cv_job_load(const char *path, const cv_job_options *options, cv_job *job, cv_error *err);
/* The same from memory: path tells where relative paths start, and names the source in messages. */
bool cv_job_parse(const char *data, size_t length, const char *path, const cv_job_options *options, cv_job *job,
                  cv_error *err);
void cv_job_free(cv_job *job);

#endif
