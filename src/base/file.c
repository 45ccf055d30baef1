#include "base/file.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file for reading; the descriptor, or -1 with *err filled. */
static int open_regular(const char *path, struct stat *info, cv_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe without writer would block */
    if (fd < 0) {
        cv_bad_input(err, "%s: cannot be opened: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, info) != 0) {
        cv_failed(err, "%s: cannot be examined: %s", path, strerror(errno));
    } else if (!S_ISREG(info->st_mode)) {
        cv_bad_input(err, "%s: is not a regular file", path);
    } else {
        return fd;
    }
    close(fd);
    return -1;
}

bool cv_map_file(const char *path, cv_mapping *mapping, cv_error *err)
{
    *mapping = (cv_mapping){0};
    struct stat info;
    int fd = open_regular(path, &info, err);
    if (fd < 0) return false;
    bool ok = true;
    uint64_t size = (uint64_t)info.st_size;
    if (size > SIZE_MAX) {
        ok = cv_bad_input(err, "%s: %llu bytes do not fit the address space", path, (unsigned long long)size);
    } else if (size > 0) {
        void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            ok = cv_failed(err, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *mapping = (cv_mapping){data, size};
    }
    close(fd);
    return ok;
}

void cv_unmap_file(cv_mapping *mapping)
{
    if (mapping->data) munmap((void *)mapping->data, (size_t)mapping->size);
    *mapping = (cv_mapping){0};
}

char *cv_read_file(const char *path, size_t *length, cv_error *err)
{
    struct stat info;
    int fd = open_regular(path, &info, err);
    if (fd < 0) return NULL;
    size_t size = (size_t)info.st_size, have = 0;
    char *data = cv_alloc(size + 1, 1);
    while (have < size) {
        ssize_t got = read(fd, data + have, size - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            cv_failed(err, "%s: cannot be read: %s", path, strerror(errno));
            free(data);
            data = NULL;
            break;
        }
        if (got == 0) break;
        have += (size_t)got;
    }
    close(fd);
    if (!data) return NULL;
    data[have] = 0;
    *length = have;
    return data;
}

static bool write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, data, length);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        data += done;
        length -= (size_t)done;
    }
    return true;
}

bool cv_write_file(const char *path, const char *data, size_t length, cv_error *err)
{
    cv_buffer temporary = {0};
    cv_buffer_printf(&temporary, "%s.part", path);
    unlink(temporary.data); /* of a run that was killed; or a link, which must not be followed */
    int fd = open(temporary.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && write_all(fd, data, length) && fsync(fd) == 0;
    int problem = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        problem = errno;
    }
    if (ok && rename(temporary.data, path) != 0) {
        ok = false;
        problem = errno;
    }
    if (!ok) {
        if (fd >= 0) unlink(temporary.data);
        cv_failed(err, "%s: cannot be written: %s", path, strerror(problem));
    }
    cv_buffer_free(&temporary);
    return ok;
}

static bool make_directory(const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0) return true;
    int problem = errno;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return true;
    errno = problem == EEXIST ? ENOTDIR : problem;
    return false;
}

bool cv_make_directories(const char *path, cv_error *err)
{
    char *partial = cv_strdup(path);
    bool ok = true;
    for (char *slash = partial + 1; ok && *partial && (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        ok = make_directory(partial);
        *slash = '/';
    }
    ok = ok && make_directory(partial);
    if (!ok) cv_bad_input(err, "%s: the directory cannot be made: %s", path, strerror(errno));
    free(partial);
    return ok;
}

bool cv_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

char *cv_path_join(const char *directory, const char *name)
{
    cv_buffer path = {0};
    if (name[0] != '/') {
        cv_buffer_puts(&path, directory);
        if (path.length && path.data[path.length - 1] != '/') cv_buffer_puts(&path, "/");
    }
    cv_buffer_puts(&path, name);
    return cv_buffer_steal(&path);
}

char *cv_path_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return cv_strdup(".");
    return cv_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}
