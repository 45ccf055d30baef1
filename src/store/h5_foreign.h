/* An HDF5 file of results from elsewhere, of whatever shape (h5_read.h is for those whose shape is known). Whoever
 * sends one may have made it by hand: types, numbers of dimensions and sizes are checked before anything is
 * allocated, and an array that was never written is none. */
#ifndef CV_H5_FOREIGN_H
#define CV_H5_FOREIGN_H

#include <caravan/base.h>

#include <stddef.h>

typedef struct cv_h5_foreign cv_h5_foreign;

/* NULL and bad input for what is no HDF5 file. Free with cv_h5_foreign_close, which accepts NULL. */
cv_h5_foreign *cv_h5_foreign_open(const char *path, cv_error *err);
void cv_h5_foreign_close(cv_h5_foreign *file);

/* Whether there is an object of this name ("/harmful/ships"). */
bool cv_h5_foreign_has(const cv_h5_foreign *file, const char *name);

/* The array's rank dimensions, none of them 0, and its values, to be freed with free(). Bad input for another
 * number of dimensions, another type than floating point, or more values than the file can hold. */
bool cv_h5_foreign_doubles(const cv_h5_foreign *file, const char *name, int rank, size_t *dimensions, double **values,
                           cv_error *err);

/* A text attribute of the object, to be freed with free(). Bad input where it is not there, or no single text. */
bool cv_h5_foreign_text_attribute(const cv_h5_foreign *file, const char *name, const char *attribute, char **text,
                                  cv_error *err);

/* The texts of an array of one dimension: (*texts)[*count], each to be freed with free(), and *texts too. */
bool cv_h5_foreign_texts(const cv_h5_foreign *file, const char *name, size_t *count, char ***texts, cv_error *err);

#endif
