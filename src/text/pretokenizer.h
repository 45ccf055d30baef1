/* Cutting a text into the pieces that the model's merges never cross: "pre_tokenizer" of
 * tokenizer.json. */
#ifndef CV_PRETOKENIZER_H
#define CV_PRETOKENIZER_H

#include "base/json.h"
#include "text/pieces.h"

#include <caravan/base.h>

typedef struct cv_pretokenizer cv_pretokenizer;

/* object is the pre-tokenizer, or NULL for none; at names it. NULL on error. */
cv_pretokenizer *cv_pretokenizer_parse(const json_t *object, cv_json_place at, cv_error *err);
void cv_pretokenizer_free(cv_pretokenizer *pretokenizer);

/* Cuts text (valid UTF-8) into *pieces, replacing what that held; none is empty. at_start: the text
 * is the first of what the user gave. Bad input: a regular expression's limits are exceeded. */
bool cv_pretokenizer_apply(const cv_pretokenizer *pretokenizer, const char *text, size_t length, bool at_start,
                           cv_pieces *pieces, cv_error *err);

#endif
