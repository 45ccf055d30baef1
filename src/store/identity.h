/* What makes finished units worth keeping: all that a result depends on, by name, so that a journal is
 * not continued with another job, model, prompt file or program, and the message can say which.
 *
 * Where files lie and where results go does not belong to it, nor do ranks, threads and nodes.
 * docs/decisions.md tells what does, and why. */
#ifndef CV_IDENTITY_H
#define CV_IDENTITY_H

#include "store/results.h"
#include "sweep/inputs.h"

#include <caravan/base.h>

#include <stddef.h>

typedef enum cv_identity_kind {
    CV_IDENTITY_PROGRAM, /* the build of Caravan */
    CV_IDENTITY_JOB,     /* a key of the job file, or an option that goes before it */
    CV_IDENTITY_FILES,   /* a file's SHA-256 */
    CV_IDENTITY_MACHINE, /* may differ, with a warning: the last bits of scores may depend on it */
    CV_NUM_IDENTITY_KINDS,
} cv_identity_kind;

typedef struct cv_identity_entry {
    cv_identity_kind kind;
    char *name;  /* "ablations[0].epsilon", "model chat-a: config.json"; unique in its kind; owned */
    char *value; /* owned */
    char *shown; /* what messages call it, not kept in the journal; owned */
} cv_identity_entry;

typedef struct cv_identity {
    cv_identity_entry *entries; /* [count], owned; start with {0} */
    size_t count, capacity;
} cv_identity;

/* Texts are copied; shown NULL: the name. */
void cv_identity_add(cv_identity *identity, cv_identity_kind kind, const char *name, const char *value,
                     const char *shown);
void cv_identity_free(cv_identity *identity);

/* Appends everything that a run of these inputs depends on. Reads the job's utility files. */
bool cv_identity_of_run(const cv_inputs *inputs, const cv_sources *sources, cv_identity *identity, cv_error *err);

/* As kept in a journal: JSON, for people too. Free with free(). */
char *cv_identity_text(const cv_identity *identity, size_t *length);

/* Bad input if text, which journal (a path, for messages) holds, is of something else; the message names
 * the first difference. Warns of another machine. With partly, each side may have models that the other
 * lacks. */
bool cv_identity_check(const cv_identity *identity, const char *text, size_t length, bool partly, const char *journal,
                       cv_error *err);

#endif
