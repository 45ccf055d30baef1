/* From text to token ids, exactly as Hugging Face's tokenizers gives them; chat templates; prompt
 * files. */
#ifndef CARAVAN_TEXT_H
#define CARAVAN_TEXT_H

#include <caravan/base.h>
#include <caravan/model.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cv_tokens {
    int32_t *ids; /* [count], owned; start with {0} */
    size_t count, capacity;
} cv_tokens;

void cv_tokens_free(cv_tokens *tokens);

typedef struct cv_tokenizer cv_tokenizer;

/* Reads tokenizer.json, and tokenizer_config.json (and chat_template.jinja, where present) beside
 * it, from a model directory. What it asks for and this library lacks is refused by name.
 * NULL on error; free with cv_tokenizer_close, which accepts NULL. Read-only after opening: may be
 * shared between threads. */
cv_tokenizer *cv_tokenizer_open(const char *model_directory, cv_error *err);
void cv_tokenizer_close(cv_tokenizer *tokenizer);

/* Appends the ids of text (UTF-8, may hold NUL) to *out. With add_special the post-processor's
 * tokens are added (one BOS, where the tokenizer adds one at all). Special tokens written in the
 * text become their ids, and characters for which the tokenizer has no token vanish, both as with
 * Hugging Face. Bad input: invalid UTF-8, a text beyond the limits of the tokenizer's patterns. */
bool cv_tokenizer_encode(const cv_tokenizer *tokenizer, const char *text, size_t length, bool add_special,
                         cv_tokens *out, cv_error *err);

/* The text of ids, as tokenizers' decode gives it. Free with free(). */
char *cv_tokenizer_decode(const cv_tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip_special,
                          size_t *length);

/* The token's own spelling ("Ġthe", "<0x0A>"), NULL for an id without token. Owned by tokenizer. */
const char *cv_tokenizer_token(const cv_tokenizer *tokenizer, int32_t id);
/* One more than the largest id. */
int32_t cv_tokenizer_size(const cv_tokenizer *tokenizer);

/* How a prompt becomes the text that is fed to the model. */
typedef enum cv_format_kind {
    CV_FORMAT_DIRECT,
    CV_FORMAT_QUERY_ANSWER,
    CV_FORMAT_CHAT,
    CV_FORMAT_CUSTOM
} cv_format_kind;

typedef struct cv_format {
    cv_format_kind kind;
    const char *system; /* chat only; NULL: what the model's template does without one */
    const char *text;   /* custom: holds "{prompt}" once, and may hold "{system}"; else NULL */
} cv_format;

/* The text of one prompt under a format (chat: with the generation prompt at its end), and its ids
 * with exactly one BOS where the model uses one. text_out may be NULL; else free with free().
 * Bad input: a chat template that is not known (the message tells how to give format.text). */
bool cv_format_prompt(const cv_tokenizer *tokenizer, const cv_format *format, const char *prompt, cv_tokens *out,
                      char **text_out, cv_error *err);

/* Prompts of a file, in file order. */
typedef struct cv_prompts {
    char **text; /* [count] C strings, owned */
    size_t count;
} cv_prompts;

/* Reads CSV (RFC 4180 with header; any file whose name ends in .csv) or plain text, one prompt a
 * line. column NULL: the first of goal, Goal, input, prompt, query that is present. limit 0: all.
 * Bad input: no such column, no prompt, NUL bytes, invalid UTF-8, broken quotes (named by line). */
bool cv_prompts_load(const char *path, const char *column, size_t limit, cv_prompts *out, cv_error *err);
void cv_prompts_free(cv_prompts *prompts);

/* A multiple-choice question, as zero-shot tasks have it: which choice, put behind the context, does the
 * model find likeliest? */
typedef struct cv_task_item {
    char **contexts;     /* [num_contexts] C strings */
    size_t num_contexts; /* 1, or num_choices: a context for each choice, as in WinoGrande */
    char **choices;      /* [num_choices], at least two; the same text for all where only contexts differ */
    size_t num_choices;
    size_t answer; /* the right choice, from 0 */
    size_t line;   /* where it stands in the file, from 1 */
} cv_task_item;

typedef struct cv_task {
    char *path;
    cv_task_item *items; /* [count], owned */
    size_t count;
} cv_task;

/* Reads JSON lines {"context": "...", "choices": ["...", "..."], "answer": 0}, in file order; docs/utility.md
 * has the whole. limit 0: all. Bad input, named by line: anything else than that. */
bool cv_task_load(const char *path, size_t limit, cv_task *out, cv_error *err);
void cv_task_free(cv_task *task);

/* Every (context, choice) pair as token ids, as the Language Model Evaluation Harness makes them. */
typedef struct cv_task_pairs {
    size_t num_items, num; /* num: choices of all items together */
    size_t *begin;         /* [num_items + 1] item i has pairs [begin[i], begin[i + 1]), one a choice */
    const int32_t **ids;   /* [num][count] the context's ids, then the choice's */
    size_t *count;         /* [num] */
    size_t *context;       /* [num] how many are the context's: at least 1, less than count */
    int32_t *storage;      /* behind ids, owned */
} cv_task_pairs;

/* Context and choice are joined by a blank; white space at the context's end counts to the choice. Exactly one
 * BOS where the tokenizer adds one. Bad input, named by line: a choice that adds no token to its
 * context, an id that the model lacks, more tokens than its positions (plus one, as the last is not fed). */
bool cv_task_encode(const cv_task *task, const cv_tokenizer *tokenizer, const cv_model *model, cv_task_pairs *out,
                    cv_error *err);
void cv_task_pairs_free(cv_task_pairs *pairs);

/* What "acc_norm" divides a choice's log-likelihood by: its text's characters. Where each choice has a
 * context of its own, those of the context, as that is the harness's choice then. */
size_t cv_task_length(const cv_task_item *item, size_t choice);

/* The choice with the largest log-likelihood of loglikelihoods [num_choices], or of these divided by
 * length; the first of equals. */
size_t cv_task_choose(const cv_task_item *item, const double *loglikelihoods, bool by_length);

#ifdef __cplusplus
}
#endif
#endif
