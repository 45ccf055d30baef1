/* Files copied to every node; here all ranks are on one. */
#include "cluster/spread.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);                      \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

enum { LARGE = (17 << 20) + 3 }; /* more than one message */

static void make(const char *folder, const char *name, size_t length)
{
    cv_error err;
    char *path = cv_path_join(folder, name), *bytes = cv_alloc(length + 1, 1);
    for (size_t i = 0; i < length; i++) bytes[i] = (char)(i * 7 + i / 4096);
    if (!cv_write_file(path, bytes, length, &err)) cv_fatal("%s", err.text);
    free(path);
    free(bytes);
}

static bool same(const char *folder, const char *other, const char *name)
{
    cv_error err;
    size_t lengths[2];
    char *paths[] = {cv_path_join(folder, name), cv_path_join(other, name)};
    char *bytes[] = {cv_read_file(paths[0], &lengths[0], &err), cv_read_file(paths[1], &lengths[1], &err)};
    bool ok = bytes[0] && bytes[1] && lengths[0] == lengths[1] && memcmp(bytes[0], bytes[1], lengths[0]) == 0;
    for (int i = 0; i < 2; i++) {
        free(paths[i]);
        free(bytes[i]);
    }
    return ok;
}

static void remove_all(const char *folder, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *path = cv_path_join(folder, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    cv_cluster *cluster = cv_cluster_open(&argc, &argv);
    bool first = cv_cluster_rank(cluster) == 0;
    char from[256] = "", to[300] = "";
    char *names[] = {(char *)"large", (char *)"small", (char *)"empty"};
    const char *parent = getenv("TMPDIR");
    cv_error err = {0};
    cv_buffer path = {0};
    snprintf(from, sizeof from, "%s/caravan-test-XXXXXX", parent && *parent ? parent : "/tmp");
    if (first && !mkdtemp(from)) cv_fatal("%s: cannot be made", from);
    if (first) cv_buffer_append(&path, from, strlen(from) + 1);
    cv_cluster_broadcast(cluster, &path);
    snprintf(to, sizeof to, "%s/a/copy", path.data);
    if (first) {
        make(from, "large", LARGE);
        make(from, "small", 5);
        make(from, "empty", 0);
    }
    EXPECT(cv_spread_files(cluster, first ? from : NULL, to, names, 3, &err));
    for (int i = 0; first && i < 3; i++) EXPECT(same(from, to, names[i]));

    /* a file that is there already stays as it is; one of another size is copied anew */
    if (first) make(to, "small", 4);
    struct stat before, after;
    char *large = cv_path_join(to, "large");
    if (first) EXPECT(stat(large, &before) == 0);
    EXPECT(cv_spread_files(cluster, first ? from : NULL, to, names, 3, &err));
    if (first) EXPECT(same(from, to, "small"));
    if (first) EXPECT(stat(large, &after) == 0 && after.st_ino == before.st_ino);
    free(large);

    char *missing[] = {(char *)"missing"};
    EXPECT(!cv_spread_files(cluster, first ? from : NULL, to, missing, 1, &err));
    if (first) EXPECT(strstr(err.text, "missing"));
    EXPECT(!cv_spread_files(cluster, first ? from : NULL, "/proc/nowhere", names, 1, &err));
    EXPECT(err.status == CV_BAD_INPUT);

    if (first) {
        remove_all(to, names, 3);
        snprintf(to, sizeof to, "%s/a", from);
        EXPECT(rmdir(to) == 0);
        remove_all(from, names, 3);
    }
    cv_buffer_free(&path);
    cv_failed(&err, "%d expectations failed", failures);
    bool ok = cv_cluster_agree(cluster, failures == 0, &err);
    cv_cluster_close(cluster, ok ? CV_OK : CV_FAILED);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
