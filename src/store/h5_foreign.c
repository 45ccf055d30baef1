#include "store/h5_foreign.h"

#include "base/memory.h"

#include <hdf5.h>

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MOST_DIMENSIONS = 4,
    TEXT_LIMIT = 1 << 24, /* bytes of a text */
};
static const uint64_t VALUES_LIMIT = (uint64_t)1 << 32; /* of one array: 32 GiB */

struct cv_h5_foreign {
    hid_t file;
    uint64_t bytes; /* of the file */
    char *path;
};

cv_h5_foreign *cv_h5_foreign_open(const char *path, cv_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        cv_bad_input(err, "%s: is missing, or no regular file", path);
        return NULL;
    }
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* errors come back as values, not as pages on stderr */
    hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (id < 0) {
        cv_bad_input(err, "%s: is no HDF5 file, or damaged", path);
        return NULL;
    }
    cv_h5_foreign *file = cv_alloc(1, sizeof *file);
    *file = (cv_h5_foreign){id, (uint64_t)info.st_size, cv_strdup(path)};
    return file;
}

void cv_h5_foreign_close(cv_h5_foreign *file)
{
    if (!file) return;
    H5Fclose(file->file);
    free(file->path);
    free(file);
}

/* Each part of the way must be there before the next is asked for. */
bool cv_h5_foreign_has(const cv_h5_foreign *file, const char *name)
{
    char *part = cv_strdup(name);
    bool there = true;
    for (char *slash = strchr(part + 1, '/'); there && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        there = H5Lexists(file->file, part, H5P_DEFAULT) > 0;
        *slash = '/';
    }
    there =
        there && H5Lexists(file->file, part, H5P_DEFAULT) > 0 && H5Oexists_by_name(file->file, part, H5P_DEFAULT) > 0;
    free(part);
    return there;
}

/* An array's handles; all negative before it is opened. */
typedef struct array {
    hid_t set, space, type;
} array;

static void close_array(array *a)
{
    if (a->type >= 0) H5Tclose(a->type);
    if (a->space >= 0) H5Sclose(a->space);
    if (a->set >= 0) H5Dclose(a->set);
}

/* Opens an array of rank dimensions and of a class of types, and checks that it lies in the file. */
static bool open_array(const cv_h5_foreign *file, const char *name, int rank, H5T_class_t class, size_t *dimensions,
                       array *a, cv_error *err)
{
    hsize_t sizes[MOST_DIMENSIONS];
    uint64_t values = 1;
    assert(rank > 0 && rank <= MOST_DIMENSIONS);
    *a = (array){-1, -1, -1};
    if (!cv_h5_foreign_has(file, name) || (a->set = H5Dopen2(file->file, name, H5P_DEFAULT)) < 0)
        return cv_bad_input(err, "%s: has no array %s", file->path, name);
    a->space = H5Dget_space(a->set);
    a->type = H5Dget_type(a->set);
    if (a->space < 0 || a->type < 0 || H5Tget_class(a->type) != class)
        return cv_bad_input(err, "%s: %s has another type than %s", file->path, name,
                            class == H5T_FLOAT ? "floating point" : "text");
    if (H5Sget_simple_extent_ndims(a->space) != rank || H5Sget_simple_extent_dims(a->space, sizes, NULL) != rank)
        return cv_bad_input(err, "%s: %s must have %d dimension%s", file->path, name, rank, rank == 1 ? "" : "s");
    for (int i = 0; i < rank; i++) {
        if (sizes[i] == 0) return cv_bad_input(err, "%s: %s is empty", file->path, name);
        if (!cv_mul_u64(values, sizes[i], &values) || values > VALUES_LIMIT)
            return cv_bad_input(err, "%s: %s is too large to be scores", file->path, name);
        dimensions[i] = (size_t)sizes[i];
    }
    /* An array that was never written takes no room however large it says it is; a packed one takes less than it
     * holds, but deflate, the best packer of HDF5, does not go below a thousandth. */
    uint64_t stored = H5Dget_storage_size(a->set);
    if (stored < values * H5Tget_size(a->type) / 1100 + 1)
        return cv_bad_input(err, "%s: %s was never written", file->path, name);
    if (stored > file->bytes) return cv_bad_input(err, "%s: %s is longer than the file", file->path, name);
    return true;
}

bool cv_h5_foreign_doubles(const cv_h5_foreign *file, const char *name, int rank, size_t *dimensions, double **values,
                           cv_error *err)
{
    array a;
    *values = NULL;
    bool ok = open_array(file, name, rank, H5T_FLOAT, dimensions, &a, err);
    if (ok) {
        size_t count = 1;
        for (int i = 0; i < rank; i++) count *= dimensions[i];
        *values = cv_alloc(count, sizeof **values);
        if (H5Dread(a.set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values) < 0) {
            ok = cv_bad_input(err, "%s: %s cannot be read: the file is damaged", file->path, name);
            free(*values);
            *values = NULL;
        }
    }
    close_array(&a);
    return ok;
}

/* Text in memory as HDF5 hands it out: a pointer for each. */
static hid_t pointer_type(hid_t stored)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0) H5Tset_size(type, H5T_VARIABLE);
    if (type >= 0) H5Tset_cset(type, H5Tget_cset(stored));
    return type;
}

/* A text of a fixed length; strings of variable length are told from them first. */
static bool read_fixed_attribute(hid_t id, hid_t stored, char **text)
{
    size_t size = H5Tget_size(stored);
    if (size == 0 || size > TEXT_LIMIT) return false;
    *text = cv_calloc(size + 1, 1);
    if (H5Aread(id, stored, *text) >= 0) return true;
    free(*text);
    *text = NULL;
    return false;
}

static bool read_pointer_attribute(hid_t id, hid_t stored, char **text)
{
    char *borrowed = NULL;
    hid_t type = pointer_type(stored);
    bool ok = type >= 0 && H5Aread(id, type, &borrowed) >= 0 && borrowed && strlen(borrowed) <= TEXT_LIMIT;
    if (ok) *text = cv_strdup(borrowed);
    if (borrowed) H5free_memory(borrowed);
    if (type >= 0) H5Tclose(type);
    return ok;
}

bool cv_h5_foreign_text_attribute(const cv_h5_foreign *file, const char *name, const char *attribute, char **text,
                                  cv_error *err)
{
    *text = NULL;
    hid_t id = -1, type = -1, space = -1;
    if (strcmp(name, "/") == 0 || cv_h5_foreign_has(file, name))
        if (H5Aexists_by_name(file->file, name, attribute, H5P_DEFAULT) > 0)
            id = H5Aopen_by_name(file->file, name, attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (id >= 0) {
        type = H5Aget_type(id);
        space = H5Aget_space(id);
    }
    bool ok =
        type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1 &&
        (H5Tis_variable_str(type) > 0 ? read_pointer_attribute(id, type, text) : read_fixed_attribute(id, type, text));
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (id >= 0) H5Aclose(id);
    return ok || cv_bad_input(err, "%s: %s has no text attribute \"%s\"", file->path, name, attribute);
}

static bool read_pointers(const array *a, size_t count, char **texts)
{
    char **borrowed = cv_calloc(count, sizeof *borrowed);
    hid_t type = pointer_type(a->type);
    bool ok = type >= 0 && H5Dread(a->set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, borrowed) >= 0;
    for (size_t i = 0; i < count; i++) {
        if (ok) texts[i] = cv_strdup(borrowed[i] ? borrowed[i] : "");
        if (borrowed[i]) H5free_memory(borrowed[i]);
    }
    if (type >= 0) H5Tclose(type);
    free(borrowed);
    return ok;
}

bool cv_h5_foreign_texts(const cv_h5_foreign *file, const char *name, size_t *count, char ***texts, cv_error *err)
{
    array a;
    *texts = NULL;
    bool ok = open_array(file, name, 1, H5T_STRING, count, &a, err);
    if (ok && H5Tis_variable_str(a.type) <= 0)
        ok = cv_bad_input(err, "%s: %s must hold texts of variable length", file->path, name);
    if (ok) {
        *texts = cv_calloc(*count, sizeof **texts);
        if (!read_pointers(&a, *count, *texts)) {
            ok = cv_bad_input(err, "%s: %s cannot be read: the file is damaged", file->path, name);
            free(*texts);
            *texts = NULL;
        }
    }
    close_array(&a);
    return ok;
}
