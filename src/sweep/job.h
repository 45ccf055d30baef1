/* The job file: what to sweep, read strictly.
 *
 * A sweep runs for hours, so a typing error must not be discovered at its end, nor an unknown wish
 * be quietly ignored: every key is known or refused, and keys whose stage does not exist yet are
 * refused by name. docs/job.md describes the file. */
#ifndef CV_JOB_H
#define CV_JOB_H

#include <caravan/base.h>
#include <caravan/decode.h>
#include <caravan/engine.h>
#include <caravan/model.h>
#include <caravan/score.h>
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
    char *name;           /* safe as a folder name, unique in the job */
    char *path;           /* the model directory, seen from the working directory */
    char *base;           /* name of the base model it was grown from; NULL if not said */
    char *attention_from; /* the directory of the model whose attention it gets, likewise; NULL: its own */
    char *copy;           /* a folder of this node with the same files, from which it is read; NULL: path itself */
    char *attention_copy; /* the same of attention_from */
} cv_job_model;

/* Where the model's files are read; and those of its attention, NULL where that is its own. */
const char *cv_job_model_folder(const cv_job_model *model);
const char *cv_job_model_attention(const cv_job_model *model);

typedef struct cv_job_prompts {
    char *file;   /* seen from the working directory; NULL where the job has no such set */
    char *column; /* NULL: the first of the usual names */
    size_t limit; /* 0: all */
} cv_job_prompts;

/* Principal angles beside Ships. */
typedef struct cv_job_subspace {
    bool enabled; /* where the job has "subspace", or "sahara", which needs them */
    int rank;     /* 1 to CV_SUBSPACE_RANKS: the score is the sum of so many angles */
    cv_subspace_state state;
} cv_job_subspace;

/* Which heads are switched off while answers are generated. Numbers of heads are at the ablation's
 * granularity. docs/job.md says how heads are chosen. */
typedef enum cv_job_group_kind {
    CV_GROUP_NONE,       /* the clean model */
    CV_GROUP_TOP,        /* "top:K": the K heads of highest mean Ships */
    CV_GROUP_SAHARA,     /* "sahara:K": the first K heads of Sahara's search */
    CV_GROUP_PER_PROMPT, /* "per_prompt:K": each prompt its own K heads of highest Ships */
    CV_GROUP_RANDOM,     /* "random:K": K heads drawn with evaluate.seed */
    CV_GROUP_EACH_HEAD,  /* every head alone: as many groups as the model has heads */
} cv_job_group_kind;

typedef struct cv_job_group {
    char *name; /* the job file's word, as tables print it */
    cv_job_group_kind kind;
    int count; /* K; 0 for none and each_head */
} cv_job_group;

/* A way to decode, done for samples answers to each prompt. */
typedef struct cv_job_decode {
    char *name;           /* "greedy", "top_k-k5-t1", with "-seed2" and "-samples3" where not the default; unique */
    cv_sampling sampling; /* top_k's parameters are 0 for greedy */
    int samples;          /* 1 for greedy */
} cv_job_decode;

/* Multiple-choice tasks, in JSON lines. */
typedef struct cv_job_utility {
    char *name;   /* unique in the job; letters, digits and . _ + - */
    char *file;   /* seen from the working directory */
    size_t limit; /* 0: all */
} cv_job_utility;

/* What ablation does to answers. */
typedef struct cv_job_evaluate {
    bool enabled;
    cv_job_group *groups; /* [num_groups] no two alike */
    int num_groups;
    cv_job_decode *decode; /* [num_decode] 0: nothing is generated, the job wants utility alone */
    int num_decode;
    int max_new_tokens;
    bool save_responses;
    bool judges[CV_NUM_JUDGES];    /* who says whether an answer refuses; at least one */
    cv_judge first_judge;          /* the one that the job names first */
    cv_coherence_limits coherence; /* beyond them an answer is no language */
    cv_job_utility *utility;       /* [num_utility] */
    int num_utility;
    uint64_t seed; /* of random groups */
} cv_job_evaluate;

/* Which heads the job's models share. */
typedef struct cv_job_overlap {
    bool enabled;
    size_t *top_k; /* [num_top_k] ascending, no two alike, > 0 */
    size_t num_top_k;
    size_t permutations; /* 0: none */
    uint64_t seed;       /* of permutations and resamples */
} cv_job_overlap;

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
    bool ships; /* Ships are computed */
    cv_job_subspace subspace;
    int sahara_steps; /* 0: no search */
    cv_job_evaluate evaluate;
    cv_job_overlap overlap;
    cv_engine_choice engine;
    uint64_t memory_bytes; /* a rank's budget beside the weights; 0: automatic */
    int ranks;             /* that units are cut for; 0: automatic */
    char *output;          /* results folder, seen from the working directory */
} cv_job;

/* Whether heads are scored at all: a job may evaluate alone, with groups that no score chooses. */
bool cv_job_has_scores(const cv_job *job);

/* What the command line may override; NULL keeps the job's own. */
typedef struct cv_job_options {
    const char *output;    /* seen from the working directory */
    const char *engine;    /* "wavefront", "plain" */
    const char *precision; /* "f32" */
    const char *models;    /* names with commas between: the others are left out */
} cv_job_options;

/* Reads path. On error *job is empty. Free with cv_job_free. */
bool cv_job_load(const char *path, const cv_job_options *options, cv_job *job, cv_error *err);
/* The same from memory: path tells where relative paths start, and names the source in messages. */
bool cv_job_parse(const char *data, size_t length, const char *path, const cv_job_options *options, cv_job *job,
                  cv_error *err);
void cv_job_free(cv_job *job);

/* The top 5, 10 and 20, 10,000 permutations, seed 0. top_k to be freed with free(). */
void cv_job_overlap_defaults(cv_job_overlap *overlap);
/* Puts k at its place among top_k. Bad input, beginning with where, if it is out of range or there already. */
bool cv_job_overlap_add(cv_job_overlap *overlap, int64_t k, const char *where, cv_error *err);

/* Bad input where the job asks for more than models[model] or the prompts can give: groups of more
 * heads than there are, top_k past the vocabulary, a subspace of more dimensions than prompts.
 * num_prompts: of each set, 0 where the job has none. */
bool cv_job_check(const cv_job *job, int model, const cv_config *config, const size_t num_prompts[CV_NUM_PROMPT_SETS],
                  cv_error *err);

#endif
