/* Classes of characters as the reference, Hugging Face's tokenizers in Rust, sees them. */
#ifndef CV_UNICODE_H
#define CV_UNICODE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool cv_is_white_space(uint32_t code);
/* A letter, mark, decimal digit, connecting punctuation or joiner: what \w means. */
bool cv_is_word(uint32_t code);

/* Appends the lower-case letters of each character; valid UTF-8. */
void cv_append_lowercase(cv_buffer *out, const char *text, size_t length);

typedef enum cv_normal_form { CV_NFC, CV_NFD, CV_NFKC, CV_NFKD } cv_normal_form;

/* Appends text (valid UTF-8, may hold NUL) in a normal form. */
void cv_append_normal_form(cv_buffer *out, const char *text, size_t length, cv_normal_form form);

#endif
