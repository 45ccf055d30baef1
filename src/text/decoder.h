/* From tokens back to text: "decoder" of tokenizer.json. */
#ifndef CV_DECODER_H
#define CV_DECODER_H

#include "base/buffer.h"
#include "base/json.h"
#include "text/pieces.h"

#include <caravan/base.h>

typedef struct cv_decoder cv_decoder;

/* object is the decoder, or NULL for none; at names it. NULL on error. */
cv_decoder *cv_decoder_parse(const json_t *object, cv_json_place at, cv_error *err);
void cv_decoder_free(cv_decoder *decoder);

/* Appends the text of tokens, whose spellings are valid UTF-8. tokens is used up. */
void cv_decoder_apply(const cv_decoder *decoder, cv_pieces *tokens, cv_buffer *out);

#endif
