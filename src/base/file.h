/* Files: mapped read-only, read whole, or replaced atomically. */
#ifndef CV_FILE_H
#define CV_FILE_H

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

/* A file mapped read-only and shared, so that the ranks of a node use the same pages. */
typedef struct cv_mapping {
    const unsigned char *data; /* [size]; NULL for an empty file */
    uint64_t size;
} cv_mapping;

/* Bad input if path is missing, unreadable or not a regular file. A mapped file that another
 * process truncates ends this one with SIGBUS: checkpoints are not to be changed under a run. */
bool cv_map_file(const char *path, cv_mapping *mapping, cv_error *err);
void cv_unmap_file(cv_mapping *mapping);

/* The whole file, NUL-terminated (*length leaves the NUL out). Free with free(); NULL on error. */
char *cv_read_file(const char *path, size_t *length, cv_error *err);

/* Writes beside path, flushes to disk and renames over it: a reader never sees half a file. */
bool cv_write_file(const char *path, const char *data, size_t length, cv_error *err);

/* Creates path and its missing parents. True if it exists as a directory afterwards. */
bool cv_make_directories(const char *path, cv_error *err);

bool cv_file_exists(const char *path);

/* directory/name, or name alone where it is absolute. Free with free(). */
char *cv_path_join(const char *directory, const char *name);

/* The directory part of path ("." where it has none). Free with free(). */
char *cv_path_directory(const char *path);

#endif
