#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*fatal_handler)(void);

void cv_set_fatal_handler(void (*handler)(void))
{
    fatal_handler = handler;
}

void cv_fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("caravan: fatal: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    fflush(stderr);
    if (fatal_handler) fatal_handler();
    exit(CV_FAILED);
}

bool cv_mul_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    if (b != 0 && a > UINT64_MAX / b) return false;
    *result = a * b;
    return true;
}

bool cv_add_u64(uint64_t a, uint64_t b, uint64_t *result)
{
    if (a > UINT64_MAX - b) return false;
    *result = a + b;
    return true;
}

static size_t checked_bytes(size_t count, size_t size)
{
    uint64_t bytes;
    if (!cv_mul_u64(count, size, &bytes) || bytes > PTRDIFF_MAX)
        cv_fatal("an array of %zu elements of %zu bytes is larger than the address space", count, size);
    return bytes ? (size_t)bytes : 1;
}

static void *or_fatal(void *memory, size_t bytes)
{
    if (!memory) cv_fatal("out of memory: %zu bytes wanted; lower engine.memory_gib or use fewer ranks a node", bytes);
    return memory;
}

void *cv_alloc(size_t count, size_t size)
{
    size_t bytes = checked_bytes(count, size);
    return or_fatal(malloc(bytes), bytes);
}

void *cv_calloc(size_t count, size_t size)
{
    size_t bytes = checked_bytes(count, size);
    return or_fatal(calloc(bytes, 1), bytes);
}

void *cv_realloc(void *old, size_t count, size_t size)
{
    size_t bytes = checked_bytes(count, size);
    return or_fatal(realloc(old, bytes), bytes);
}

float *cv_alloc_floats(size_t count)
{
    size_t bytes = checked_bytes(count, sizeof(float));
    if (bytes > SIZE_MAX - 63) cv_fatal("an array of %zu bytes cannot be aligned", bytes);
    bytes = (bytes + 63) / 64 * 64;
    return or_fatal(aligned_alloc(64, bytes), bytes);
}

char *cv_strndup(const char *text, size_t length)
{
    char *copy = cv_alloc(length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *cv_strdup(const char *text)
{
    return cv_strndup(text, strlen(text));
}

void cv_reserve(void *array_address, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity) return;
    size_t larger = *capacity + *capacity / 2 + 16;
    if (larger < needed) larger = needed;
    void *old;
    memcpy(&old, array_address, sizeof old);
    void *grown = cv_realloc(old, larger, size);
    memcpy(array_address, &grown, sizeof grown);
    *capacity = larger;
}
