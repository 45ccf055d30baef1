/* What becomes of the matches when a text is cut at a pattern. */
#ifndef CV_SPLIT_H
#define CV_SPLIT_H

#include "text/pattern.h"
#include "text/pieces.h"

typedef enum cv_split_behavior {
    CV_SPLIT_REMOVED,              /* matches vanish */
    CV_SPLIT_ISOLATED,             /* each match is a piece */
    CV_SPLIT_MERGED_WITH_PREVIOUS, /* a match ends the piece before it */
    CV_SPLIT_MERGED_WITH_NEXT,     /* a match begins the piece behind it */
    CV_SPLIT_CONTIGUOUS            /* neighbouring matches are one piece */
} cv_split_behavior;

/* "Isolated" and so on, as in tokenizer.json's object[key]. */
bool cv_split_behavior_parse(const json_t *object, cv_json_place at, const char *key, cv_split_behavior *behavior,
                             cv_error *err);

/* Joins and drops spans in place, until each is one piece. spans covers a text, in order. */
void cv_split_arrange(cv_spans *spans, cv_split_behavior behavior);

#endif
