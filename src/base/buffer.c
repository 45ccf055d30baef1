#include "base/buffer.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cv_buffer_append(cv_buffer *buffer, const char *bytes, size_t length)
{
    cv_reserve(&buffer->data, &buffer->capacity, buffer->length + length + 1, 1);
    if (length) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = 0;
}

void cv_buffer_puts(cv_buffer *buffer, const char *text)
{
    cv_buffer_append(buffer, text, strlen(text));
}

void cv_buffer_printf(cv_buffer *buffer, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) cv_fatal("a text cannot be formatted");
    cv_reserve(&buffer->data, &buffer->capacity, buffer->length + (size_t)length + 1, 1);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    buffer->length += (size_t)length;
    va_end(again);
    va_end(args);
}

char *cv_buffer_steal(cv_buffer *buffer)
{
    if (!buffer->data) cv_buffer_append(buffer, "", 0);
    char *data = buffer->data;
    *buffer = (cv_buffer){0};
    return data;
}

void cv_buffer_free(cv_buffer *buffer)
{
    free(buffer->data);
    *buffer = (cv_buffer){0};
}
