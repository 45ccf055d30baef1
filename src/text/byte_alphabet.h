/* The 256 characters that stand for bytes in byte-level vocabularies (GPT-2's): printable Latin-1
 * stands for itself, every other byte for a character from U+0100 on, so that a blank is "Ġ". */
#ifndef CV_BYTE_ALPHABET_H
#define CV_BYTE_ALPHABET_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends each byte's character. */
void cv_byte_alphabet_encode(cv_buffer *out, const char *bytes, size_t length);

/* Appends the bytes that the characters of text (valid UTF-8) stand for. False, with nothing
 * appended, where one of them stands for none. */
bool cv_byte_alphabet_decode(cv_buffer *out, const char *text, size_t length);

#endif
