/* Allocation that cannot overflow and cannot fail quietly.
 *
 * Sizes come from files, so every product is checked in 64 bits. Running out of memory is a
 * failing machine: cv_fatal ends the process (the cluster room makes that an MPI_Abort), so
 * callers need no branch for NULL. */
#ifndef CV_MEMORY_H
#define CV_MEMORY_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

/* Uninitialised, zeroed, and resized arrays of count elements of size bytes. Never NULL: a count
 * of 0 gives a valid pointer. Free with free(). */
void *cv_alloc(size_t count, size_t size);
void *cv_calloc(size_t count, size_t size);
void *cv_realloc(void *old, size_t count, size_t size);

/* count floats, uninitialised, aligned to 64 bytes for vector loads. Free with free(). */
float *cv_alloc_floats(size_t count);

/* A copy of text, or of its first length bytes with a NUL after them. Free with free(). */
char *cv_strdup(const char *text);
char *cv_strndup(const char *text, size_t length);

/* Grows *array (elements of size bytes, *capacity of them) geometrically to hold at least needed. */
void cv_reserve(void *array_address, size_t *capacity, size_t needed, size_t size);

/* *result = a * b or a + b; false on overflow, and *result is then untouched. */
bool cv_mul_u64(uint64_t a, uint64_t b, uint64_t *result);
bool cv_add_u64(uint64_t a, uint64_t b, uint64_t *result);

/* Ends the process after one line on stderr. For failing machines only, never for bad input. */
_Noreturn void cv_fatal(const char *format, ...) CV_PRINTF(1, 2);

/* What cv_fatal calls last in place of exit(1); the cluster room sets one that ends all ranks. */
void cv_set_fatal_handler(void (*handler)(void));

#endif
