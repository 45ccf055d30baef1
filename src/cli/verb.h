/* What the program's verbs share: their table, their options, their errors.
 *
 * A verb returns true, or false with *err filled; main prints the one line and makes the status the
 * exit code. stdout carries results, stderr everything else. */
#ifndef CV_VERB_H
#define CV_VERB_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_verb {
    const char *name;
    const char *help;                                  /* "usage: ..." and what follows, for VERB --help */
    bool (*run)(int argc, char **argv, cv_error *err); /* what stands behind the verb's name */
} cv_verb;

extern const cv_verb cv_bench_verb, cv_run_verb, cv_plan_verb, cv_inspect_verb, cv_tokens_verb, cv_logits_verb,
    cv_generate_verb, cv_utility_verb, cv_verify_verb, cv_overlap_verb, cv_definitions_verb, cv_report_verb;

/* Values of an option that may be given more than once. Start with {0}; words are borrowed from argv. */
typedef struct cv_words {
    const char **items; /* [count], owned */
    size_t count, capacity;
} cv_words;
void cv_words_free(cv_words *words);

/* One option; exactly one of the targets is not NULL, and none means that it takes no value. */
typedef struct cv_option {
    const char *name;  /* "--output"; "" for the words that are left when each argument has its own */
    bool *flag;        /* set to true */
    const char **text; /* the word after it; more than once is an error */
    cv_words *list;    /* the words after each of it */
} cv_option;

/* A word that must be there, in this order. */
typedef struct cv_argument {
    const char *name; /* "JOB.json", for messages */
    const char **text;
} cv_argument;

/* Reads "--name value", "--name=value" and words; "--" ends the options, "-" is a word. Both lists end
 * with a NULL name. Bad input for anything else; the message points at the verb's --help. */
bool cv_options_read(const char *verb, int argc, char **argv, const cv_option *options, const cv_argument *arguments,
                     cv_error *err);

/* A whole number between low and high from an option's text. */
bool cv_option_int(const char *name, const char *text, int64_t low, int64_t high, int64_t *out, cv_error *err);
/* A finite number from an option's text. */
bool cv_option_real(const char *name, const char *text, double *out, cv_error *err);

/* Whether a file can be written to what --output names; for before anything is computed. */
bool cv_output_check(const char *path, cv_error *err);

/* A token's spelling on stdout, on one line whatever it holds; nothing for NULL. */
void cv_spelling_print(const char *token);

/* Prints the error's line and empties it: main does, unless the verb had to do so before. */
void cv_error_tell(cv_error *err);

/* An error, once all of stdout is written, if some of it was not. */
bool cv_stdout_check(cv_error *err);

#endif
