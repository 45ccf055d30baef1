#include "store/h5_read.h"

#include "base/memory.h"

#include <hdf5.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_RANK = 4 };

struct cv_h5_input {
    hid_t file;
    char *path;
};

cv_h5_input *cv_h5_input_open(const char *path, cv_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        cv_bad_input(err, "%s: is missing, or no regular file", path);
        return NULL;
    }
    H5dont_atexit(); /* as in cv_h5_create: all is closed here */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (id < 0) {
        H5Eclear2(H5E_DEFAULT);
        cv_bad_input(err, "%s: cannot be read as an HDF5 file: it is missing or damaged", path);
        return NULL;
    }
    cv_h5_input *file = cv_calloc(1, sizeof *file);
    *file = (cv_h5_input){id, cv_strdup(path)};
    return file;
}

void cv_h5_input_close(cv_h5_input *file)
{
    if (!file) return;
    H5Fclose(file->file);
    free(file->path);
    free(file);
}

static bool has_shape(hid_t set, int rank, const size_t *dimensions)
{
    hsize_t sizes[MOST_RANK];
    hid_t space = H5Dget_space(set);
    bool same = space >= 0 && H5Sget_simple_extent_ndims(space) == rank &&
                H5Sget_simple_extent_dims(space, sizes, NULL) == rank;
    for (int i = 0; same && i < rank; i++) same = sizes[i] == dimensions[i];
    if (space >= 0) H5Sclose(space);
    return same;
}

/* All elements, converted to memory_type, into values. */
static bool read_all(cv_h5_input *file, const char *name, hid_t memory_type, int rank, const size_t *dimensions,
                     void *values, cv_error *err)
{
    hid_t set = rank <= MOST_RANK ? H5Dopen2(file->file, name, H5P_DEFAULT) : -1;
    bool ok = true;
    if (set < 0)
        ok = cv_bad_input(err, "%s: %s is missing", file->path, name);
    else if (!has_shape(set, rank, dimensions))
        ok = cv_bad_input(err, "%s: %s has not the shape that its job gives it", file->path, name);
    else if (H5Dread(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        ok = cv_bad_input(err, "%s: %s cannot be read: it is damaged, or of another type", file->path, name);
    if (set >= 0) H5Dclose(set);
    if (!ok) H5Eclear2(H5E_DEFAULT);
    return ok;
}

bool cv_h5_read_doubles(cv_h5_input *file, const char *name, int rank, const size_t *dimensions, double *values,
                        cv_error *err)
{
    return read_all(file, name, H5T_NATIVE_DOUBLE, rank, dimensions, values, err);
}

bool cv_h5_read_ints(cv_h5_input *file, const char *name, size_t count, int32_t *values, cv_error *err)
{
    return read_all(file, name, H5T_NATIVE_INT32, 1, &count, values, err);
}

bool cv_h5_read_token_rows(cv_h5_input *file, const char *name, size_t count, cv_tokens *rows, cv_error *err)
{
    hid_t type = H5Tvlen_create(H5T_NATIVE_INT32);
    hvl_t *values = cv_calloc(count, sizeof *values);
    bool ok = read_all(file, name, type, 1, &count, values, err);
    for (size_t i = 0; i < count; i++) {
        if (ok && values[i].len > 0) {
            rows[i].ids = cv_alloc(values[i].len, sizeof *rows[i].ids);
            memcpy(rows[i].ids, values[i].p, values[i].len * sizeof *rows[i].ids);
            rows[i].count = rows[i].capacity = values[i].len;
        }
        H5free_memory(values[i].p);
    }
    free(values);
    H5Tclose(type);
    return ok;
}
