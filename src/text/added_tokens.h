/* Tokens that are cut out of a text before the model sees it: special ones (<s>, <|im_end|>) and
 * others that were added to a vocabulary ("added_tokens" of tokenizer.json). */
#ifndef CV_ADDED_TOKENS_H
#define CV_ADDED_TOKENS_H

#include "base/json.h"
#include "text/normalizer.h"
#include "text/vocabulary.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_added_token {
    int32_t id;
    char *content;
    char *searched;   /* content, normalized where normalized is set: what the text is searched for,
                         and what decoders see */
    bool single_word; /* matches only where no letter touches it */
    bool lstrip;      /* swallows the white space before it */
    bool rstrip;      /* and behind it */
    bool normalized;  /* is searched for in the normalized text */
    bool special;
    bool skipped; /* left out by a decoder that skips special tokens */
} cv_added_token;

/* Start with {0}. */
typedef struct cv_added_tokens {
    cv_added_token *tokens; /* [count] in rising order of id */
    size_t count, capacity;
    struct cv_matcher *raw, *normalized; /* what to search the text for, before and after normalizing */
} cv_added_tokens;

/* Reads the list. A token's id is the vocabulary's, or the next free one; bad input where the file
 * says otherwise. list may be NULL. */
bool cv_added_tokens_parse(cv_added_tokens *added, const json_t *list, const cv_vocabulary *vocabulary,
                           const cv_normalizer *normalizer, cv_json_place at, cv_error *err);
void cv_added_tokens_free(cv_added_tokens *added);

/* NULL where id is none of them. */
const cv_added_token *cv_added_tokens_find(const cv_added_tokens *added, int32_t id);

/* A part of a text, [start, end) in bytes: a token, or (id -1) text between tokens. */
typedef struct cv_segment {
    size_t start, end;
    int32_t id;
} cv_segment;

/* Start with {0}. */
typedef struct cv_segments {
    cv_segment *items; /* [count] */
    size_t count, capacity;
} cv_segments;

/* Cuts text (valid UTF-8) at the tokens of one kind, the leftmost and there the longest first.
 * Replaces what *segments held. */
void cv_added_tokens_split(const cv_added_tokens *added, bool normalized, const char *text, size_t length,
                           cv_segments *segments);
void cv_segments_free(cv_segments *segments);

#endif
