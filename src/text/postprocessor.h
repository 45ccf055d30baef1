/* The tokens that a tokenizer puts around every text: "post_processor" of tokenizer.json. */
#ifndef CV_POSTPROCESSOR_H
#define CV_POSTPROCESSOR_H

#include "base/json.h"

#include <caravan/base.h>
#include <caravan/text.h>

/* Start with {0}. */
typedef struct cv_postprocessor {
    cv_tokens before, after;
} cv_postprocessor;

/* object is the post-processor, or NULL for none; at names it. Ids must be below size. */
bool cv_postprocessor_parse(cv_postprocessor *postprocessor, const json_t *object, int32_t size, cv_json_place at,
                            cv_error *err);
void cv_postprocessor_free(cv_postprocessor *postprocessor);

#endif
