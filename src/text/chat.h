/* A chat model's own template: which text a conversation becomes.
 *
 * Templates of the families that Caravan has been checked against are rendered; others are refused,
 * with a word on how to give the text in the job. */
#ifndef CV_CHAT_H
#define CV_CHAT_H

#include "base/buffer.h"

#include <caravan/base.h>

#include <stddef.h>

enum { CV_CHAT_TOKENS = 7 };

/* Start with {0}. */
typedef struct cv_chat {
    char *source;                 /* the template, NULL where the model has none */
    size_t length;                /* of source */
    char *file;                   /* that it was read from, or should have been */
    char *tokens[CV_CHAT_TOKENS]; /* spellings of bos_token and so on, NULL where not named */
} cv_chat;

/* Reads tokenizer_config.json and chat_template.jinja of a model directory, as far as present. */
bool cv_chat_load(cv_chat *chat, const char *directory, cv_error *err);
void cv_chat_free(cv_chat *chat);

/* The family whose marks the template bears ("ChatML"), NULL for none. */
const char *cv_chat_family(const cv_chat *chat);

/* Appends the text of a conversation of one user message, after a system message unless system is
 * NULL, with the start of the answer at its end. */
bool cv_chat_render(const cv_chat *chat, const char *system, const char *prompt, cv_buffer *out, cv_error *err);

#endif
