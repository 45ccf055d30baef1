#include "store/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN_HEX = 33, MOST_TRIES = 100, LONGEST_LEASE = 1024 };

/* Who holds a lease. A process is known by its machine since it was started (boot), the namespace that
 * its number belongs to, the number, and when it was started. */
typedef struct holder {
    char host[256], boot[64], space[64];
    long long pid;
    unsigned long long start; /* clock ticks after boot */
    char token[TOKEN_HEX];    /* no two leases have the same; empty where the file is not a lease */
} holder;

struct cv_lease {
    char *path;
    holder me;
    double term, renewed; /* seconds; by cv_seconds */
};

/* ---- processes ---- */

/* The first line of a file, cut to size; empty if it cannot be read. */
static void first_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    line[0] = 0;
    if (!file) return;
    if (!fgets(line, (int)size, file)) line[0] = 0;
    fclose(file);
    line[strcspn(line, "\n")] = 0;
}

/* When the process was started, in clock ticks; 0 if that cannot be told or it has ended, which
 * *ended says. */
static unsigned long long process_start(long long pid, bool *ended)
{
    enum { STATE_FIELD = 3, START_FIELD = 22 };
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", pid);
    first_line(path, line, sizeof line);
    const char *field = strrchr(line, ')'); /* the command's name, which may hold anything, ends there */
    *ended = field && (strncmp(field, ") Z", 3) == 0 || strncmp(field, ") X", 3) == 0); /* only its status is left */
    for (int i = STATE_FIELD; field && i <= START_FIELD; i++) field = strchr(field + 1, ' ');
    return field && !*ended ? strtoull(field + 1, NULL, 10) : 0;
}

static void random_token(char token[TOKEN_HEX])
{
    unsigned char bytes[TOKEN_HEX / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) cv_fatal("the system gives no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
}

static holder myself(void)
{
    holder me = {.pid = getpid()};
    bool ended;
    if (gethostname(me.host, sizeof me.host - 1) != 0 || !me.host[0]) snprintf(me.host, sizeof me.host, "unknown");
    first_line("/proc/sys/kernel/random/boot_id", me.boot, sizeof me.boot);
    ssize_t length = readlink("/proc/self/ns/pid", me.space, sizeof me.space - 1);
    me.space[length > 0 ? length : 0] = 0;
    me.start = process_start(me.pid, &ended);
    random_token(me.token);
    return me;
}

typedef enum life { ALIVE, DEAD, ELSEWHERE } life;

static life life_of(const holder *who, const holder *me)
{
    bool here = me->boot[0] && me->space[0] && strcmp(who->boot, me->boot) == 0 && strcmp(who->space, me->space) == 0;
    if (!here || who->pid <= 0 || who->pid > INT_MAX) return ELSEWHERE;
    bool ended;
    unsigned long long start = process_start(who->pid, &ended);
    if (ended || (start && who->start && start != who->start)) return DEAD; /* or its number was given anew */
    return kill((pid_t)who->pid, 0) != 0 && errno == ESRCH ? DEAD : ALIVE;
}

/* ---- the file ---- */

/* Reads what follows "KEY " on the line of that key; false if there is none or it does not fit. */
static bool read_field(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
        line += length + 1;
        size_t used = strcspn(line, "\n");
        if (used >= size) return false;
        memcpy(value, line, used);
        value[used] = 0;
        return true;
    }
    return false;
}

/* For messages: the file may be anybody's. */
static void only_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c >= 0x7f) *c = '?';
}

/* A lease that cannot be understood has no token, and its holder is somewhere unknown. */
static void parse(const char *text, holder *who)
{
    char pid[32], start[32];
    *who = (holder){0};
    bool ok = read_field(text, "host", who->host, sizeof who->host) &&
              read_field(text, "boot", who->boot, sizeof who->boot) &&
              read_field(text, "space", who->space, sizeof who->space) && read_field(text, "pid", pid, sizeof pid) &&
              read_field(text, "start", start, sizeof start) &&
              read_field(text, "token", who->token, sizeof who->token);
    if (ok) {
        only_printable(who->host);
        who->pid = strtoll(pid, NULL, 10);
        who->start = strtoull(start, NULL, 10);
    } else {
        *who = (holder){.host = "an unknown machine"};
    }
}

/* The lease's descriptor (to be closed), holder and time of renewal; -1 with errno if it cannot be
 * read. Opening asks the server anew on network file systems, so the time is not an old one. */
static int open_lease(const char *path, holder *who, struct timespec *renewed)
{
    struct stat info;
    char text[LONGEST_LEASE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    if (length < 0 || fstat(fd, &info) != 0) {
        int problem = errno;
        close(fd);
        errno = problem;
        return -1;
    }
    text[length] = 0;
    parse(text, who);
    *renewed = info.st_mtim;
    return fd;
}

/* False with errno, EEXIST if there is one. */
static bool create(const char *path, const holder *me)
{
    char text[LONGEST_LEASE];
    int length = snprintf(text, sizeof text, "host %s\nboot %s\nspace %s\npid %lld\nstart %llu\ntoken %s\n", me->host,
                          me->boot, me->space, me->pid, me->start, me->token);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    errno = 0;
    bool ok = write(fd, text, (size_t)length) == length;
    int problem = errno ? errno : ENOSPC;
    if (close(fd) != 0 && ok) {
        ok = false;
        problem = errno;
    }
    if (!ok) unlink(path);
    errno = problem;
    return ok;
}

/* Seconds since renewed by the clock of the file's server, which may be another than ours; 0 if it
 * cannot be told. */
static double age(const char *path, const holder *me, struct timespec renewed)
{
    char *probe = cv_alloc(strlen(path) + TOKEN_HEX + 1, 1);
    struct stat info;
    sprintf(probe, "%s-%s", path, me->token);
    int fd = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    double seconds = 0;
    if (fd >= 0) {
        if (fstat(fd, &info) == 0)
            seconds = (double)(info.st_mtim.tv_sec - renewed.tv_sec) +
                      1e-9 * (double)(info.st_mtim.tv_nsec - renewed.tv_nsec);
        close(fd);
        unlink(probe);
    }
    free(probe);
    return fmax(seconds, 0);
}

/* ---- taking ---- */

static void refuse(const char *path, const holder *who, bool elsewhere, cv_error *err)
{
    cv_bad_input(err, "%s: process %lld on %s is writing these results; wait for its end, or choose another output%s",
                 path, who->pid, who->host, elsewhere ? " (if it is dead for sure, remove this file)" : "");
}

typedef enum verdict { LEASE_FREE, LEASE_STALE, LEASE_HELD, LEASE_TROUBLE } verdict;

/* Looks at a lease that is there until it is known what to think of it. */
static verdict judge(const char *path, double term, const holder *me, holder *who, cv_error *err)
{
    struct timespec renewed, first = {0};
    char token[TOKEN_HEX] = "";
    double until = 0;
    for (bool again = false;; again = true) {
        int fd = open_lease(path, who, &renewed);
        if (fd < 0 && errno == ENOENT) return LEASE_FREE;
        if (fd < 0) {
            cv_failed(err, "%s: cannot be read: %s", path, strerror(errno));
            return LEASE_TROUBLE;
        }
        close(fd);
        life state = life_of(who, me);
        if (state == DEAD) return LEASE_STALE;
        if (!again) {
            first = renewed;
            memcpy(token, who->token, sizeof token);
            until = cv_seconds() + (state == ELSEWHERE ? term - age(path, me, renewed) : 0);
        }
        bool renewed_now = again && (renewed.tv_sec != first.tv_sec || renewed.tv_nsec != first.tv_nsec);
        if (state == ALIVE || renewed_now || strcmp(token, who->token) != 0) {
            refuse(path, who, state == ELSEWHERE, err);
            return LEASE_HELD;
        }
        if (cv_seconds() >= until) return LEASE_STALE;
        if (!again)
            cv_info("%s: waiting up to %.0f s to see whether process %lld on %s is alive", path, until - cv_seconds(),
                    who->pid, who->host);
        nanosleep(&(struct timespec){0, 200000000}, NULL);
    }
}

/* Takes who's lease away. It may have become another's since it was judged: that one is put back. */
static void push_aside(const char *path, const holder *me, const holder *who)
{
    char *moved = cv_alloc(strlen(path) + TOKEN_HEX + 1, 1);
    sprintf(moved, "%s-%s", path, me->token);
    if (rename(path, moved) == 0) {
        holder found;
        struct timespec renewed;
        int fd = open_lease(moved, &found, &renewed);
        if (fd >= 0) close(fd);
        if (fd >= 0 && strcmp(found.token, who->token) != 0 && link(moved, path) != 0)
            cv_warn("%s: a lease of process %lld on %s was pushed aside", path, found.pid, found.host);
        unlink(moved);
    }
    free(moved);
}

static bool take(const char *path, double term, const holder *me, cv_error *err)
{
    for (int i = 0; i < MOST_TRIES; i++) {
        holder who;
        if (create(path, me)) return true;
        if (errno != EEXIST) return cv_failed(err, "%s: cannot be made: %s", path, strerror(errno));
        switch (judge(path, term, me, &who, err)) {
        case LEASE_FREE:
            break;
        case LEASE_STALE:
            push_aside(path, me, &who);
            break;
        case LEASE_HELD:
        case LEASE_TROUBLE:
            return false;
        }
    }
    return cv_failed(err, "%s: appears and disappears; are many runs started on one output?", path);
}

cv_lease *cv_lease_take(const char *path, double term, cv_error *err)
{
    holder me = myself();
    if (!take(path, term, &me, err)) return NULL;
    cv_lease *lease = cv_calloc(1, sizeof *lease);
    *lease = (cv_lease){cv_strdup(path), me, term, cv_seconds()};
    return lease;
}

/* ---- keeping ---- */

/* Someone who came later, and let go of the file too early, may have left it gone. */
static bool renew_file(const cv_lease *lease, bool *lost, holder *who)
{
    struct timespec renewed;
    int fd = open_lease(lease->path, who, &renewed);
    if (fd < 0) return errno == ENOENT && create(lease->path, &lease->me);
    *lost = strcmp(who->token, lease->me.token) != 0;
    bool ok = !*lost && futimens(fd, NULL) == 0;
    close(fd);
    return ok;
}

bool cv_lease_renew(cv_lease *lease, cv_error *err)
{
    holder who;
    bool lost = false;
    double now = cv_seconds();
    if (renew_file(lease, &lost, &who)) {
        lease->renewed = now;
        return true;
    }
    int problem = errno;
    if (lost)
        return cv_failed(err, "%s: process %lld on %s has taken these results over, as this run was not heard of",
                         lease->path, who.pid, who.host);
    return now - lease->renewed < lease->term ||
           cv_failed(err, "%s: could not be renewed for %.0f s: %s", lease->path, lease->term, strerror(problem));
}

void cv_lease_release(cv_lease *lease)
{
    if (!lease) return;
    holder who;
    struct timespec renewed;
    int fd = open_lease(lease->path, &who, &renewed);
    if (fd >= 0) close(fd);
    if (fd >= 0 && strcmp(who.token, lease->me.token) == 0) unlink(lease->path);
    free(lease->path);
    free(lease);
}
