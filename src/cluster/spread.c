#include "cluster/spread.h"

#include "base/file.h"
#include "base/memory.h"
#include "cluster/mpi_calls.h"
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t CHUNK = (size_t)16 << 20;

/* One rank of each node; rank 0 is the first of them. */
typedef struct leaders {
    MPI_Comm comm; /* MPI_COMM_NULL on a rank that leads no node */
} leaders;

static leaders find_leaders(cv_cluster *cluster)
{
    MPI_Comm node;
    int place;
    leaders found;
    CV_MPI(MPI_Comm_split_type(cluster->control, MPI_COMM_TYPE_SHARED, cluster->rank, MPI_INFO_NULL, &node));
    CV_MPI(MPI_Comm_rank(node, &place));
    CV_MPI(MPI_Comm_free(&node));
    CV_MPI(MPI_Comm_split(cluster->control, place == 0 ? 0 : MPI_UNDEFINED, cluster->rank, &found.comm));
    if (found.comm != MPI_COMM_NULL) CV_MPI(MPI_Comm_set_errhandler(found.comm, MPI_ERRORS_RETURN));
    return found;
}

static void broadcast(const leaders *l, void *bytes, size_t length)
{
    MPI_Request request;
    CV_MPI(MPI_Ibcast(bytes, (int)length, MPI_BYTE, 0, l->comm, &request));
    cv_mpi_wait(&request);
}

/* One file under way on a leader. ok turns false on the first failure; the messages go on all the same. */
typedef struct copy {
    const char *target;
    char *part; /* the name while it is not whole */
    int in, out;
    bool ok;
    cv_error *err;
} copy;

static void failed(copy *c, const char *what, const char *path)
{
    if (c->ok) cv_bad_input(c->err, "%s: cannot be %s: %s; choose another --node-local", path, what, strerror(errno));
    c->ok = false;
}

static void read_chunk(copy *c, const char *source, char *bytes, size_t length)
{
    for (size_t done = 0; c->ok && done < length;) {
        ssize_t n = read(c->in, bytes + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            cv_failed(c->err, "%s: %s", source, n < 0 ? strerror(errno) : "has become shorter");
            c->ok = false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
}

static void write_chunk(copy *c, const char *bytes, size_t length)
{
    for (size_t done = 0; c->ok && done < length;) {
        ssize_t n = write(c->out, bytes + done, length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) failed(c, "written", c->part);
        done += n > 0 ? (size_t)n : 0;
    }
}

static uint64_t open_source(copy *c, const char *source)
{
    struct stat info;
    c->in = open(source, O_RDONLY | O_CLOEXEC);
    if (c->in >= 0 && fstat(c->in, &info) == 0) return (uint64_t)info.st_size;
    cv_failed(c->err, "%s: %s", source, strerror(errno));
    c->ok = false;
    return 0;
}

static bool is_there(const char *path, uint64_t size)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == size;
}

/* On all leaders. */
static bool all_have(const leaders *l, const char *path, uint64_t size)
{
    int here = is_there(path, size), everywhere = 0;
    CV_MPI(MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, l->comm));
    return everywhere;
}

static void open_target(copy *c, const char *target)
{
    size_t length = strlen(target) + 32;
    c->part = cv_alloc(length, 1);
    snprintf(c->part, length, "%s.part-%ld", target, (long)getpid());
    c->out = open(c->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (c->out < 0) failed(c, "made", c->part);
}

static void close_target(copy *c)
{
    if (c->out >= 0 && close(c->out) != 0) failed(c, "written", c->part);
    if (c->ok && rename(c->part, c->target) != 0) failed(c, "made", c->target);
    if (!c->ok) unlink(c->part);
    free(c->part);
}

/* On the leaders alone. */
static bool copy_file(const leaders *l, bool first, const char *source, const char *target, cv_error *err)
{
    copy c = {.target = target, .in = -1, .out = -1, .ok = true, .err = err};
    uint64_t size = first ? open_source(&c, source) : 0;
    broadcast(l, &size, sizeof size);
    if (!all_have(l, target, size)) {
        char *bytes = cv_alloc(CHUNK, 1);
        open_target(&c, target);
        for (uint64_t done = 0; done < size; done += CHUNK) {
            size_t length = size - done < CHUNK ? (size_t)(size - done) : CHUNK;
            if (first) read_chunk(&c, source, bytes, length);
            broadcast(l, bytes, length);
            write_chunk(&c, bytes, length);
        }
        close_target(&c);
        free(bytes);
    }
    if (c.in >= 0) close(c.in);
    return c.ok;
}

static bool make_folder(const char *path, cv_error *err)
{
    cv_folder *folder = cv_folder_open(path, err);
    cv_folder_close(folder);
    return folder != NULL;
}

bool cv_spread_files(cv_cluster *cluster, const char *from, const char *to, char *const *names, size_t count,
                     cv_error *err)
{
    leaders l = find_leaders(cluster);
    bool leads = l.comm != MPI_COMM_NULL, first = cluster->rank == 0;
    bool ok = cv_cluster_agree(cluster, !leads || make_folder(to, err), err);
    for (size_t i = 0; ok && i < count; i++) {
        char *source = first ? cv_path_join(from, names[i]) : NULL, *target = cv_path_join(to, names[i]);
        ok = cv_cluster_agree(cluster, !leads || copy_file(&l, first, source, target, err), err);
        free(source);
        free(target);
    }
    if (leads) CV_MPI(MPI_Comm_free(&l.comm));
    return ok;
}
