#include "text/pieces.h"

#include "base/memory.h"

#include <stdlib.h>

void cv_pieces_add(cv_pieces *pieces, const char *bytes, size_t length)
{
    cv_buffer_append(&pieces->text, bytes, length);
    cv_pieces_end(pieces);
}

void cv_pieces_end(cv_pieces *pieces)
{
    cv_reserve(&pieces->ends, &pieces->capacity, pieces->count + 1, sizeof *pieces->ends);
    pieces->ends[pieces->count++] = pieces->text.length;
}

const char *cv_pieces_at(const cv_pieces *pieces, size_t i, size_t *length)
{
    size_t start = i ? pieces->ends[i - 1] : 0;
    *length = pieces->ends[i] - start;
    return pieces->text.data ? pieces->text.data + start : "";
}

void cv_pieces_clear(cv_pieces *pieces)
{
    pieces->count = 0;
    pieces->text.length = 0;
    if (pieces->text.data) pieces->text.data[0] = 0;
}

void cv_pieces_free(cv_pieces *pieces)
{
    free(pieces->ends);
    cv_buffer_free(&pieces->text);
    *pieces = (cv_pieces){0};
}
