/* UTF-8, decoded strictly: what is fed to a model must be text, and a decoder's bytes need not be. */
#ifndef CV_UTF8_H
#define CV_UTF8_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes at the start of text that are valid UTF-8 (no surrogates, no overlong forms); length itself
 * where all of it is. A character that the end cuts off does not count. */
size_t cv_utf8_valid_prefix(const char *text, size_t length);

/* The character at text, which is valid and not at its end, into *code; returns its 1 to 4 bytes. */
size_t cv_utf8_decode(const char *text, uint32_t *code);

/* Writes a valid code point; returns its 1 to 4 bytes. */
size_t cv_utf8_encode(uint32_t code, char out[4]);

/* Bytes of the character that ends just before text[end], end > 0, in valid text. */
size_t cv_utf8_last(const char *text, size_t end);

/* Appends bytes with each maximal invalid part replaced by U+FFFD, as Unicode recommends. */
void cv_utf8_append_lossy(cv_buffer *out, const char *bytes, size_t length);

#endif
