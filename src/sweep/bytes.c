#include "sweep/bytes.h"

#include "base/memory.h"

#include <string.h>

static const uint64_t NO_TEXT = UINT64_MAX;

void cv_put_u64(cv_buffer *out, uint64_t value)
{
    cv_buffer_append(out, (const char *)&value, sizeof value);
}

void cv_put_i64(cv_buffer *out, int64_t value)
{
    cv_buffer_append(out, (const char *)&value, sizeof value);
}

void cv_put_double(cv_buffer *out, double value)
{
    cv_buffer_append(out, (const char *)&value, sizeof value);
}

void cv_put_text(cv_buffer *out, const char *text)
{
    if (text)
        cv_put_array(out, text, strlen(text), 1);
    else
        cv_put_u64(out, NO_TEXT);
}

void cv_put_array(cv_buffer *out, const void *elements, size_t count, size_t size)
{
    cv_put_u64(out, count);
    if (count) cv_buffer_append(out, elements, count * size);
}

cv_cursor cv_cursor_at(const char *data, size_t length)
{
    return (cv_cursor){data, length, 0, true};
}

/* The next size bytes, or NULL if there are fewer. */
static const char *take(cv_cursor *in, size_t size)
{
    if (size > in->length - in->position) in->ok = false;
    if (!in->ok) return NULL;
    const char *bytes = in->data + in->position;
    in->position += size;
    return bytes;
}

uint64_t cv_get_u64(cv_cursor *in)
{
    uint64_t value = 0;
    const char *bytes = take(in, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

int64_t cv_get_i64(cv_cursor *in)
{
    int64_t value = 0;
    const char *bytes = take(in, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

double cv_get_double(cv_cursor *in)
{
    double value = 0;
    const char *bytes = take(in, sizeof value);
    if (bytes) memcpy(&value, bytes, sizeof value);
    return value;
}

size_t cv_get_count(cv_cursor *in, size_t size)
{
    uint64_t count = cv_get_u64(in);
    if (count > (in->length - in->position) / size) in->ok = false;
    return in->ok ? (size_t)count : 0;
}

char *cv_get_text(cv_cursor *in)
{
    cv_cursor before = *in;
    if (cv_get_u64(in) == NO_TEXT) return NULL;
    *in = before;
    size_t length = cv_get_count(in, 1);
    const char *bytes = take(in, length);
    return bytes ? cv_strndup(bytes, length) : NULL;
}

void *cv_get_array(cv_cursor *in, size_t *count, size_t size)
{
    *count = cv_get_count(in, size);
    const char *bytes = take(in, *count * size);
    if (!bytes) {
        *count = 0;
        return NULL;
    }
    void *elements = cv_alloc(*count, size);
    if (*count) memcpy(elements, bytes, *count * size);
    return elements;
}

bool cv_cursor_done(const cv_cursor *in)
{
    return in->ok && in->position == in->length;
}
