/* What a tokenizer does to the whole text before cutting it: "normalizer" of tokenizer.json. */
#ifndef CV_NORMALIZER_H
#define CV_NORMALIZER_H

#include "base/buffer.h"
#include "base/json.h"

#include <caravan/base.h>

typedef struct cv_normalizer cv_normalizer;

/* object is the normalizer, or NULL for none; at names it. NULL on error. */
cv_normalizer *cv_normalizer_parse(const json_t *object, cv_json_place at, cv_error *err);
void cv_normalizer_free(cv_normalizer *normalizer);

/* Changes *text, valid UTF-8. Bad input: a regular expression's limits are exceeded. */
bool cv_normalizer_apply(const cv_normalizer *normalizer, cv_buffer *text, cv_error *err);

#endif
