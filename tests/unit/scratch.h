/* A temporary folder for tests that need files. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "base/file.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch[256]; /* the folder, between scratch_make and scratch_remove */

static inline void scratch_make(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/caravan-test-XXXXXX", parent && *parent ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
}

static inline int scratch_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    return remove(path);
}

/* For tcase_add_checked_fixture(tests, scratch_make, scratch_remove). */
static inline void scratch_remove(void)
{
    ck_assert_int_eq(nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* The path of name in the folder. Free with free(). */
static inline char *scratch_path(const char *name)
{
    return cv_path_join(scratch, name);
}

/* The same, after writing a file of that name by plain stdio. */
static inline char *scratch_file(const char *name, const void *bytes, size_t length)
{
    char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

#endif
