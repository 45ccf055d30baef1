/* A text in pieces: what pre-tokenizers cut and decoders join. */
#ifndef CV_PIECES_H
#define CV_PIECES_H

#include "base/buffer.h"

#include <stddef.h>

/* Start with {0}. The pieces stand one after the other in text. */
typedef struct cv_pieces {
    cv_buffer text;
    size_t *ends; /* [count] where each piece ends in text */
    size_t count, capacity;
} cv_pieces;

/* Appends a piece, which may be empty; or ends one whose bytes were appended to text before. */
void cv_pieces_add(cv_pieces *pieces, const char *bytes, size_t length);
void cv_pieces_end(cv_pieces *pieces);

/* Piece i and its *length. */
const char *cv_pieces_at(const cv_pieces *pieces, size_t i, size_t *length);

/* No pieces again, memory kept. */
void cv_pieces_clear(cv_pieces *pieces);
void cv_pieces_free(cv_pieces *pieces);

#endif
