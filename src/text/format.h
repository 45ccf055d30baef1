/* How a prompt becomes the text that is fed to the model. */
#ifndef CV_FORMAT_H
#define CV_FORMAT_H

#include "base/buffer.h"

#include <caravan/text.h>

/* Appends the text of one prompt, without the tokens that a tokenizer adds. */
bool cv_format_text(const cv_tokenizer *tokenizer, const cv_format *format, const char *prompt, cv_buffer *out,
                    cv_error *err);

/* Appends the ids of a text that goes on: those that the tokenizer puts before it (BOS) are there once,
 * added or written in the text; those that it puts behind a text are not. */
bool cv_encode_open(const cv_tokenizer *tokenizer, const char *text, size_t length, cv_tokens *out, cv_error *err);

#endif
