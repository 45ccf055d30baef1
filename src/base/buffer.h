/* A growing byte string: for texts being built, which may hold NUL bytes. */
#ifndef CV_BUFFER_H
#define CV_BUFFER_H

#include <caravan/base.h>

#include <stddef.h>

/* Start with {0}. data is NULL while empty, else always followed by a NUL that length leaves out. */
typedef struct cv_buffer {
    char *data; /* [length], owned */
    size_t length;
    size_t capacity;
} cv_buffer;

void cv_buffer_append(cv_buffer *buffer, const char *bytes, size_t length);
void cv_buffer_puts(cv_buffer *buffer, const char *text);
void cv_buffer_printf(cv_buffer *buffer, const char *format, ...) CV_PRINTF(2, 3);

/* The bytes as a C string, handed over to the caller (free()); the buffer is empty again. */
char *cv_buffer_steal(cv_buffer *buffer);
void cv_buffer_free(cv_buffer *buffer);

#endif
