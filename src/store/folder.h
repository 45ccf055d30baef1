/* The results folder: made before anything is computed, so that an unwritable place is found at
 * once, and taken away again if the input turns out to be bad. */
#ifndef CV_FOLDER_H
#define CV_FOLDER_H

#include <caravan/base.h>

#include <jansson.h>

typedef struct cv_folder cv_folder;

/* Makes path and its missing parents, and tries to write in it. Bad input if that fails; what was
 * made is then gone again, and NULL is returned. Free with cv_folder_close, which accepts NULL. */
cv_folder *cv_folder_open(const char *path, cv_error *err);
void cv_folder_close(cv_folder *folder);

/* Makes the folder name (may have parts, "a/b") inside. */
bool cv_folder_make(cv_folder *folder, const char *name, cv_error *err);

/* path/name. Free with free(). */
char *cv_folder_path(const cv_folder *folder, const char *name);

/* Replaces the named file by top as indented text, in one step. Takes top over. */
bool cv_folder_write_json(const cv_folder *folder, const char *name, json_t *top, cv_error *err);

/* Removes the named file, where it is there. */
void cv_folder_remove(cv_folder *folder, const char *name);

/* Removes the folders that this object made, as far as nothing is in them. */
void cv_folder_undo(cv_folder *folder);

#endif
