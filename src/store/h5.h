/* An HDF5 file being written: under a temporary name, renamed when it is whole, and the same bytes
 * for the same content (no times of day inside), so that results can be compared with cmp.
 *
 * Calls after a failed one do nothing, so a caller checks once, at cv_h5_commit. */
#ifndef CV_H5_H
#define CV_H5_H

#include <caravan/base.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_h5 cv_h5;

/* Starts path's successor. Never NULL. Ends with cv_h5_commit. */
cv_h5 *cv_h5_create(const char *path);

/* Names are paths inside the file ("/harmful/ships"); groups on the way must exist. */
void cv_h5_group(cv_h5 *file, const char *name);
/* Row-major arrays of rank dimensions. Stored little-endian. */
void cv_h5_doubles(cv_h5 *file, const char *name, int rank, const size_t *dimensions, const double *values);
void cv_h5_floats(cv_h5 *file, const char *name, int rank, const size_t *dimensions, const float *values);
void cv_h5_ints(cv_h5 *file, const char *name, size_t count, const int32_t *values);
/* count strings of UTF-8, and count rows of ids, each of its own length. */
void cv_h5_texts(cv_h5 *file, const char *name, size_t count, char *const *texts);
void cv_h5_token_rows(cv_h5 *file, const char *name, size_t count, const cv_tokens *rows);

/* Attributes of the object called name ("/" for the file). */
void cv_h5_text_attribute(cv_h5 *file, const char *name, const char *attribute, const char *text);
void cv_h5_double_attribute(cv_h5 *file, const char *name, const char *attribute, double value);
void cv_h5_texts_attribute(cv_h5 *file, const char *name, const char *attribute, size_t count, char *const *texts);

/* Closes the file, puts it on disk and in path's place; on any failure so far removes it and says
 * which: bad input where it could not even be begun. Frees file. */
bool cv_h5_commit(cv_h5 *file, cv_error *err);

const char *cv_h5_version(void); /* of the HDF5 library in use, e.g. "1.10.8" */

#endif
