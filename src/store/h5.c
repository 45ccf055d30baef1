#include "store/h5.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <hdf5.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_RANK = 4 };

struct cv_h5 {
    hid_t file;
    char *path, *temporary;
    char problem[256]; /* of the first call that failed; empty while all is well */
};

/* The error stack's deepest message: the cause, where the top only says what was wanted. What the system said
 * stands behind much else in it. */
static herr_t take_message(unsigned n, const H5E_error2_t *entry, void *context)
{
    static const char SYSTEM[] = "error message = '";
    if (n != 0) return 0;
    const char *text = entry->desc ? entry->desc : "unknown", *system = strstr(text, SYSTEM);
    if (system) text = system + strlen(SYSTEM);
    snprintf(context, 200, "%.*s", system ? (int)strcspn(text, "'") : 199, text);
    return 0;
}

static void fail(cv_h5 *file, const char *what, const char *name)
{
    if (file->problem[0]) return;
    char cause[200] = "unknown";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_message, cause);
    for (char *c = cause; *c; c++)
        if (*c == '\n') *c = ' ';
    snprintf(file->problem, sizeof file->problem, "HDF5 cannot %.20s %.60s: %.160s", what, name, cause);
    H5Eclear2(H5E_DEFAULT);
}

static bool fine(const cv_h5 *file)
{
    return file->problem[0] == 0;
}

cv_h5 *cv_h5_create(const char *path)
{
    /* What could not be written on a full disk stays open within HDF5, which then fails at the program's end.
     * All files are closed here; nothing is left for it to do. Has no effect after HDF5's first call. */
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* errors come back as values, not as pages on stderr */
    cv_h5 *file = cv_calloc(1, sizeof *file);
    cv_buffer temporary = {0};
    cv_buffer_printf(&temporary, "%s.part", path);
    file->path = cv_strdup(path);
    file->temporary = cv_buffer_steal(&temporary);
    file->file = H5Fcreate(file->temporary, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (file->file < 0) fail(file, "create", "the file");
    return file;
}

/* A creation list of the class that leaves times of day out of the object. */
static hid_t timeless(hid_t class)
{
    hid_t list = H5Pcreate(class);
    if (list >= 0) H5Pset_obj_track_times(list, 0);
    return list;
}

void cv_h5_group(cv_h5 *file, const char *name)
{
    if (!fine(file)) return;
    hid_t list = timeless(H5P_GROUP_CREATE);
    hid_t group = H5Gcreate2(file->file, name, H5P_DEFAULT, list, H5P_DEFAULT);
    if (group < 0 || H5Gclose(group) < 0) fail(file, "make", name);
    H5Pclose(list);
}

static hid_t make_space(int rank, const size_t *dimensions)
{
    hsize_t sizes[MAX_RANK];
    assert(rank > 0 && rank <= MAX_RANK);
    for (int i = 0; i < rank; i++) sizes[i] = dimensions[i];
    return H5Screate_simple(rank, sizes, NULL);
}

/* One data set of elements that are memory_type here and stored_type in the file. */
static void write_dataset(cv_h5 *file, const char *name, hid_t stored_type, hid_t memory_type, int rank,
                          const size_t *dimensions, const void *values)
{
    if (!fine(file)) return;
    hid_t space = make_space(rank, dimensions), list = timeless(H5P_DATASET_CREATE);
    hid_t dataset = H5Dcreate2(file->file, name, stored_type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0 ||
        H5Dclose(dataset) < 0)
        fail(file, "write", name);
    H5Pclose(list);
    H5Sclose(space);
}

void cv_h5_doubles(cv_h5 *file, const char *name, int rank, const size_t *dimensions, const double *values)
{
    write_dataset(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rank, dimensions, values);
}

void cv_h5_floats(cv_h5 *file, const char *name, int rank, const size_t *dimensions, const float *values)
{
    write_dataset(file, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, rank, dimensions, values);
}

void cv_h5_ints(cv_h5 *file, const char *name, size_t count, const int32_t *values)
{
    write_dataset(file, name, H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &count, values);
}

static hid_t make_text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        H5Tclose(type);
        type = -1;
    }
    return type;
}

void cv_h5_texts(cv_h5 *file, const char *name, size_t count, char *const *texts)
{
    hid_t type = make_text_type();
    write_dataset(file, name, type, type, 1, &count, texts);
    if (type >= 0) H5Tclose(type);
}

void cv_h5_token_rows(cv_h5 *file, const char *name, size_t count, const cv_tokens *rows)
{
    hid_t stored = H5Tvlen_create(H5T_STD_I32LE), memory = H5Tvlen_create(H5T_NATIVE_INT32);
    hvl_t *values = cv_calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = (hvl_t){rows[i].count, rows[i].ids};
    write_dataset(file, name, stored, memory, 1, &count, values);
    free(values);
    if (stored >= 0) H5Tclose(stored);
    if (memory >= 0) H5Tclose(memory);
}

static void write_attribute(cv_h5 *file, const char *name, const char *attribute, hid_t stored_type, hid_t memory_type,
                            hid_t space, const void *values)
{
    if (!fine(file)) return;
    hid_t object = H5Oopen(file->file, name, H5P_DEFAULT);
    hid_t made = object < 0 ? -1 : H5Acreate2(object, attribute, stored_type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made < 0 || H5Awrite(made, memory_type, values) < 0) fail(file, "write", attribute);
    if (made >= 0) H5Aclose(made);
    if (object >= 0) H5Oclose(object);
}

void cv_h5_text_attribute(cv_h5 *file, const char *name, const char *attribute, const char *text)
{
    hid_t type = make_text_type(), space = H5Screate(H5S_SCALAR);
    write_attribute(file, name, attribute, type, type, space, &text);
    if (type >= 0) H5Tclose(type);
    H5Sclose(space);
}

void cv_h5_texts_attribute(cv_h5 *file, const char *name, const char *attribute, size_t count, char *const *texts)
{
    hid_t type = make_text_type(), space = make_space(1, &count);
    write_attribute(file, name, attribute, type, type, space, texts);
    if (type >= 0) H5Tclose(type);
    H5Sclose(space);
}

void cv_h5_double_attribute(cv_h5 *file, const char *name, const char *attribute, double value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    write_attribute(file, name, attribute, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, space, &value);
    H5Sclose(space);
}

static bool sync_to_disk(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    bool ok = fsync(descriptor) == 0;
    int problem = errno;
    close(descriptor);
    errno = problem;
    return ok;
}

bool cv_h5_commit(cv_h5 *file, cv_error *err)
{
    bool made = file->file >= 0;
    if (made && H5Fclose(file->file) < 0) fail(file, "close", "the file");
    bool ok = fine(file);
    if (!made)
        cv_bad_input(err, "%s: cannot be written: %s", file->path, file->problem);
    else if (!ok)
        cv_failed(err, "%s: cannot be written: %s", file->path, file->problem);
    else if (!sync_to_disk(file->temporary) || rename(file->temporary, file->path) != 0)
        ok = cv_failed(err, "%s: cannot be written: %s", file->path, strerror(errno));
    if (!ok && made) unlink(file->temporary);
    free(file->path);
    free(file->temporary);
    free(file);
    return ok;
}

const char *cv_h5_version(void)
{
    static char text[48];
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
    return text;
}
