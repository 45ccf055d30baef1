/* Regular expressions of tokenizer.json are written for Oniguruma's Ruby syntax. This rewrites one
 * into PCRE2's syntax, so that it matches the same texts, and refuses by name whatever the two
 * libraries may understand differently. */
#ifndef CV_PATTERN_SYNTAX_H
#define CV_PATTERN_SYNTAX_H

#include "base/buffer.h"

#include <caravan/base.h>

/* Appends to *pcre. Bad input names the construct and its byte in the pattern. */
bool cv_pattern_translate(const char *oniguruma, cv_buffer *pcre, cv_error *err);

#endif
