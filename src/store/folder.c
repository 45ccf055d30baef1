#include "store/folder.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cv_folder {
    char *path;
    char **made; /* [num_made] folders that were not there before, outermost first */
    size_t num_made, capacity;
};

static bool make_one(cv_folder *folder, const char *path, cv_error *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0) {
        cv_reserve(&folder->made, &folder->capacity, folder->num_made + 1, sizeof *folder->made);
        folder->made[folder->num_made++] = cv_strdup(path);
        return true;
    }
    int problem = errno;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return true;
    return cv_bad_input(err, "%s: the results folder cannot be made: %s", path,
                        strerror(problem == EEXIST ? ENOTDIR : problem));
}

/* path and its parents from the outermost on. */
static bool make_all(cv_folder *folder, const char *path, cv_error *err)
{
    char *partial = cv_strdup(path);
    bool ok = true;
    for (char *slash = partial; ok && (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        ok = make_one(folder, partial, err);
        *slash = '/';
    }
    ok = ok && make_one(folder, path, err);
    free(partial);
    return ok;
}

static bool try_writing(cv_folder *folder, cv_error *err)
{
    char *path = cv_folder_path(folder, ".caravan-write-test");
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int problem = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(path);
    }
    free(path);
    return descriptor >= 0 ||
           cv_bad_input(err, "%s: the results folder cannot be written to: %s", folder->path, strerror(problem));
}

cv_folder *cv_folder_open(const char *path, cv_error *err)
{
    cv_folder *folder = cv_calloc(1, sizeof *folder);
    folder->path = cv_strdup(path);
    if (make_all(folder, path, err) && try_writing(folder, err)) return folder;
    cv_folder_undo(folder);
    cv_folder_close(folder);
    return NULL;
}

void cv_folder_close(cv_folder *folder)
{
    if (!folder) return;
    for (size_t i = 0; i < folder->num_made; i++) free(folder->made[i]);
    free(folder->made);
    free(folder->path);
    free(folder);
}

bool cv_folder_make(cv_folder *folder, const char *name, cv_error *err)
{
    char *path = cv_folder_path(folder, name);
    bool ok = make_all(folder, path, err);
    free(path);
    return ok;
}

char *cv_folder_path(const cv_folder *folder, const char *name)
{
    return cv_path_join(folder->path, name);
}

bool cv_folder_write_json(const cv_folder *folder, const char *name, json_t *top, cv_error *err)
{
    cv_buffer text = {0};
    char *path = cv_folder_path(folder, name), *json = json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(top);
    if (json) cv_buffer_printf(&text, "%s\n", json);
    bool ok = json ? cv_write_file(path, text.data, text.length, err)
                   : cv_failed(err, "%s: its content cannot be written as JSON", path);
    free(json);
    free(path);
    cv_buffer_free(&text);
    return ok;
}

void cv_folder_remove(cv_folder *folder, const char *name)
{
    char *path = cv_folder_path(folder, name);
    unlink(path);
    free(path);
}

void cv_folder_undo(cv_folder *folder)
{
    while (folder->num_made > 0) {
        char *path = folder->made[--folder->num_made];
        rmdir(path);
        free(path);
    }
}
