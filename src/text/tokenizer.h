/* The inside of a tokenizer, for the files of this room that need more than the public functions. */
#ifndef CV_TOKENIZER_H
#define CV_TOKENIZER_H

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/chat.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/postprocessor.h"
#include "text/pretokenizer.h"

#include <caravan/text.h>

struct cv_tokenizer {
    char *path; /* of tokenizer.json, for messages */
    cv_bpe model;
    cv_added_tokens added;
    cv_normalizer *normalizer;
    cv_pretokenizer *pretokenizer;
    cv_postprocessor postprocessor;
    cv_decoder *decoder;
    cv_chat chat;
    int32_t size; /* one more than the largest id */
};

#endif
