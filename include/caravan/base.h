/* Errors as values, for every room of libcaravan.
 *
 * Three tiers: a bug of ours is an assert; bad input is a status with a one-line text that
 * travels up to the caller; a failing machine (no memory, a full disk) is always checked.
 * Nothing in the library below the cluster room ends the process for bad input. */
#ifndef CARAVAN_BASE_H
#define CARAVAN_BASE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The values are the exit codes of the program. */
typedef enum cv_status {
    CV_OK = 0,
    CV_FAILED = 1,    /* the machine failed: disk full, file unreadable half-way */
    CV_BAD_INPUT = 2, /* a file, field or argument is wrong; the text says which and what to do */
    CV_STOPPED = 75,  /* saved before the end: run the same command again */
} cv_status;

enum { CV_ERROR_TEXT = 1024 };

typedef struct cv_error {
    cv_status status;
    char text[CV_ERROR_TEXT]; /* one line, no newline: names file, field and remedy */
} cv_error;

#if defined(__GNUC__)
#define CV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CV_PRINTF(fmt, args)
#endif

/* Fill *err (never NULL) and return false, so that a check reads
 *     if (size < 8) return cv_bad_input(err, "%s: %zu bytes are too few", path, size);
 * A text that does not fit is cut. Control characters are replaced, as texts quote foreign files. */
bool cv_bad_input(cv_error *err, const char *format, ...) CV_PRINTF(2, 3);
bool cv_failed(cv_error *err, const char *format, ...) CV_PRINTF(2, 3);
bool cv_stopped(cv_error *err, const char *format, ...) CV_PRINTF(2, 3);

/* Puts "context: " before the text of an error that is being passed on. Returns false. */
bool cv_error_prefix(cv_error *err, const char *format, ...) CV_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
