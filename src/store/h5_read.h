/* Arrays out of an HDF5 file, for results that are read back: of the sizes that are expected, or refused. */
#ifndef CV_H5_READ_H
#define CV_H5_READ_H

#include <caravan/base.h>
#include <caravan/text.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_h5_input cv_h5_input;

/* Opens path to read. NULL if it cannot be, or is no HDF5 file. Ends with cv_h5_input_close, which accepts NULL. */
cv_h5_input *cv_h5_input_open(const char *path, cv_error *err);
void cv_h5_input_close(cv_h5_input *file);

/* The array called name ("/harmful/ships"), row-major, into memory that the caller has for dimensions [rank]. Bad
 * input if it is not there, is of another shape, or cannot be read. */
bool cv_h5_read_doubles(cv_h5_input *file, const char *name, int rank, const size_t *dimensions, double *values,
                        cv_error *err);
bool cv_h5_read_ints(cv_h5_input *file, const char *name, size_t count, int32_t *values, cv_error *err);

/* count rows of ids, each of its own length: into rows [count], which are empty before. Free each with
 * cv_tokens_free, on error too. */
bool cv_h5_read_token_rows(cv_h5_input *file, const char *name, size_t count, cv_tokens *rows, cv_error *err);

#endif
