/* Values as bytes and back, for what ranks send each other: both sides are one build on one kind of
 * machine, so numbers travel as they lie in memory, but no length is believed before it is checked. */
#ifndef CV_BYTES_H
#define CV_BYTES_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void cv_put_u64(cv_buffer *out, uint64_t value);
void cv_put_i64(cv_buffer *out, int64_t value);
void cv_put_double(cv_buffer *out, double value);
void cv_put_text(cv_buffer *out, const char *text); /* a C string; NULL stays NULL */
/* count elements of size bytes each, after their count. */
void cv_put_array(cv_buffer *out, const void *elements, size_t count, size_t size);

/* Walks through bytes. The first read past their end clears ok; all later reads then give zeros. */
typedef struct cv_cursor {
    const char *data; /* [length], borrowed */
    size_t length, position;
    bool ok;
} cv_cursor;

cv_cursor cv_cursor_at(const char *data, size_t length);
uint64_t cv_get_u64(cv_cursor *in);
int64_t cv_get_i64(cv_cursor *in);
double cv_get_double(cv_cursor *in);
char *cv_get_text(cv_cursor *in); /* free(); NULL where NULL was put, or on error */
/* The elements in memory of their own (free()); NULL and *count 0 on error. */
void *cv_get_array(cv_cursor *in, size_t *count, size_t size);
/* A number of things that follow, each of which takes at least size bytes; 0 on error. */
size_t cv_get_count(cv_cursor *in, size_t size);
/* True if every read was fine and nothing is left over. */
bool cv_cursor_done(const cv_cursor *in);

#endif
