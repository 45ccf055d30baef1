#include "store/journal_file.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "sweep/bytes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[8] = {'C', 'a', 'r', 'a', 'v', 'a', 'n', '\n'};
static const uint64_t VERSION = 1;
enum { CHECKSUM = CV_JOURNAL_CHECKSUM, HEADER_START = 24, MOST_IDENTITY = 64 << 20 };
static const uint64_t MOST_BODY = (uint64_t)CV_JOURNAL_MOST_BYTES + CV_JOURNAL_MOST_PHASE + 24;

/* ---- files ---- */

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

/* Reads length bytes that the file should have at offset; false with *err filled if it cannot. */
static bool read_all(const cv_journal_file *file, uint64_t offset, char *data, size_t length, cv_error *err)
{
    while (length > 0) {
        ssize_t got = pread(file->fd, data, length, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cv_failed(err, "%s: cannot be read: %s", file->path, strerror(errno));
        if (got == 0) return cv_failed(err, "%s: became shorter while it was read", file->path);
        data += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}

/* So that the file's name is on disk too. Not all file systems can, and then need not. */
static void flush_folder(const char *path)
{
    char *directory = cv_path_directory(path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        if (fsync(fd) != 0 && errno == EIO) cv_warn("%s: the folder cannot be flushed to disk", directory);
        close(fd);
    }
    free(directory);
}

static void checksum(const void *data, size_t length, unsigned char sum[CHECKSUM])
{
    unsigned char digest[CV_SHA256_BYTES];
    cv_sha256_digest(data, length, digest);
    memcpy(sum, digest, CHECKSUM);
}

/* ---- the header ---- */

static bool begin(const cv_journal_file *file, const cv_identity *identity, cv_error *err)
{
    size_t length;
    unsigned char sum[CHECKSUM];
    char *text = cv_identity_text(identity, &length);
    cv_buffer header = {0};
    cv_buffer_append(&header, MAGIC, sizeof MAGIC);
    cv_put_u64(&header, VERSION);
    cv_put_array(&header, text, length, 1);
    checksum(header.data, header.length, sum);
    cv_buffer_append(&header, (const char *)sum, CHECKSUM);
    bool ok = length <= MOST_IDENTITY || cv_bad_input(err, "%s: the job is too long for a journal", file->path);
    ok = ok && cv_write_file(file->path, header.data, header.length, err);
    if (ok) flush_folder(file->path);
    free(text);
    cv_buffer_free(&header);
    return ok;
}

typedef enum header_state { HEADER_GOOD, HEADER_DAMAGED, HEADER_FOREIGN, HEADER_UNREADABLE } header_state;

/* Reads the header of a file of so many bytes. If it is good, the identity's text is in *text (to be
 * freed), and the journal's length and last checksum are those of the header. */
static header_state read_header(cv_journal_file *file, uint64_t size, uint64_t *version, char **text,
                                size_t *text_length, cv_error *err)
{
    char start[HEADER_START];
    uint64_t length;
    size_t have = size < sizeof start ? (size_t)size : sizeof start, magic = have < 8 ? have : 8;
    unsigned char sum[CHECKSUM];
    if (!read_all(file, 0, start, have, err)) return HEADER_UNREADABLE;
    if (memcmp(start, MAGIC, magic) != 0) return HEADER_FOREIGN;
    if (have < sizeof start) return HEADER_DAMAGED;
    memcpy(version, start + 8, sizeof *version);
    memcpy(&length, start + 16, sizeof length);
    if (length > MOST_IDENTITY || length + HEADER_START + CHECKSUM > size) return HEADER_DAMAGED;
    size_t all = HEADER_START + (size_t)length;
    char *header = cv_alloc(all + CHECKSUM, 1);
    header_state state = HEADER_UNREADABLE;
    if (read_all(file, 0, header, all + CHECKSUM, err)) {
        checksum(header, all, sum);
        state = memcmp(sum, header + all, CHECKSUM) == 0 ? HEADER_GOOD : HEADER_DAMAGED;
    }
    if (state == HEADER_GOOD) {
        *text = cv_strndup(header + HEADER_START, (size_t)length);
        *text_length = (size_t)length;
        file->length = all + CHECKSUM;
        memcpy(file->last, sum, CHECKSUM);
    }
    free(header);
    return state;
}

/* ---- records ---- */

typedef enum record_state { RECORD_GOOD, RECORD_BAD, RECORD_UNREADABLE } record_state;

static bool parse(const char *body, size_t length, cv_journal_record *r)
{
    cv_cursor in = cv_cursor_at(body, length);
    r->phase_length = cv_get_count(&in, 1);
    r->phase = body + in.position;
    in.position += r->phase_length;
    r->item = cv_get_u64(&in);
    r->description = cv_get_u64(&in);
    r->bytes = body + in.position;
    r->length = length - in.position;
    return in.ok && r->phase_length <= CV_JOURNAL_MOST_PHASE;
}

/* Reads the record at offset of a file of so many bytes into scratch. If it is good, *end is where it
 * ends and sum its checksum. */
static record_state read_record(cv_journal_file *file, uint64_t offset, uint64_t size,
                                const unsigned char before[CHECKSUM], cv_journal_record *r, uint64_t *end,
                                unsigned char sum[CHECKSUM], cv_error *err)
{
    uint64_t length;
    cv_buffer *scratch = &file->scratch;
    if (size - offset < sizeof length + CHECKSUM) return RECORD_BAD;
    if (!read_all(file, offset, (char *)&length, sizeof length, err)) return RECORD_UNREADABLE;
    if (length > MOST_BODY || length > size - offset - sizeof length - CHECKSUM) return RECORD_BAD;
    size_t covered = CHECKSUM + sizeof length + (size_t)length;
    cv_reserve(&scratch->data, &scratch->capacity, covered + CHECKSUM, 1);
    memcpy(scratch->data, before, CHECKSUM);
    if (!read_all(file, offset, scratch->data + CHECKSUM, covered, err)) return RECORD_UNREADABLE;
    checksum(scratch->data, covered, sum);
    if (memcmp(sum, scratch->data + covered, CHECKSUM) != 0) return RECORD_BAD;
    *end = offset + sizeof length + length + CHECKSUM;
    return parse(scratch->data + CHECKSUM + sizeof length, (size_t)length, r) ? RECORD_GOOD : RECORD_BAD;
}

/* Takes a good record that begins where the journal ended so far. */
static void note(cv_journal_file *file, const char *phase, size_t phase_length, uint64_t end,
                 const unsigned char sum[CHECKSUM])
{
    cv_reserve(&file->places, &file->capacity, file->count + 1, sizeof *file->places);
    cv_journal_place *p = &file->places[file->count++];
    *p = (cv_journal_place){.offset = file->length, .phase = cv_hash64(phase, phase_length)};
    memcpy(p->before, file->last, CHECKSUM);
    memcpy(file->last, sum, CHECKSUM);
    file->length = end;
}

/* All good records from the first on; what follows them is cut off. */
static bool scan(cv_journal_file *file, uint64_t size, cv_error *err)
{
    cv_journal_record r;
    uint64_t end;
    unsigned char sum[CHECKSUM];
    record_state state = RECORD_GOOD;
    while (file->length < size) {
        state = read_record(file, file->length, size, file->last, &r, &end, sum, err);
        if (state != RECORD_GOOD) break;
        note(file, r.phase, r.phase_length, end, sum);
    }
    if (state == RECORD_UNREADABLE) return false;
    if (state == RECORD_GOOD) return true;
    if (file->only_read) {
        cv_warn("%s: its last %llu bytes are torn or damaged and are not read", file->path,
                (unsigned long long)(size - file->length));
        return true;
    }
    cv_warn("%s: the last %llu bytes, from byte %llu on, are torn or damaged and are cut off; %zu finished unit%s "
            "stay%s",
            file->path, (unsigned long long)(size - file->length), (unsigned long long)file->length, file->count,
            file->count == 1 ? "" : "s", file->count == 1 ? "s" : "");
    return (ftruncate(file->fd, (off_t)file->length) == 0 && fdatasync(file->fd) == 0) ||
           cv_failed(err, "%s: its damaged end cannot be cut off: %s", file->path, strerror(errno));
}

/* ---- opening ---- */

/* Opens the file, which must be a regular one, and tells its size. */
static bool open_file(cv_journal_file *file, uint64_t *size, cv_error *err)
{
    struct stat info;
    file->fd = open(file->path, (file->only_read ? O_RDONLY : O_RDWR | O_APPEND) | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0) return cv_failed(err, "%s: cannot be opened: %s", file->path, strerror(errno));
    if (fstat(file->fd, &info) != 0) return cv_failed(err, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return cv_bad_input(err, "%s: is not a regular file; remove it", file->path);
    *size = (uint64_t)info.st_size;
    return true;
}

/* Nothing can be said of a journal without its header, not even whose it is. It is kept, for whoever
 * wants to look at it. */
static bool begin_anew(cv_journal_file *file, const char *aside, const cv_identity *identity, cv_error *err)
{
    cv_warn("%s: is damaged from its beginning on, so it is moved to %s, and all units are computed", file->path,
            aside);
    close(file->fd);
    file->fd = -1;
    if (rename(file->path, aside) != 0)
        return cv_failed(err, "%s: cannot be moved away: %s", file->path, strerror(errno));
    return begin(file, identity, err);
}

/* Opens the file and reads its header; *again if it had to be begun anew. Without an identity to compare with, the
 * file's own is kept. */
static bool open_header(cv_journal_file *file, const char *aside, const cv_identity *identity, uint64_t *size,
                        bool *again, cv_error *err)
{
    uint64_t version = 0;
    char *text = NULL;
    size_t text_length = 0;
    *again = false;
    if (!open_file(file, size, err)) return false;
    switch (read_header(file, *size, &version, &text, &text_length, err)) {
    case HEADER_UNREADABLE:
        return false;
    case HEADER_FOREIGN:
        return cv_bad_input(err, "%s: is not a journal of Caravan; move it away, or choose another output", file->path);
    case HEADER_DAMAGED:
        if (file->only_read) return cv_bad_input(err, "%s: is damaged from its beginning on", file->path);
        *again = true;
        return begin_anew(file, aside, identity, err);
    case HEADER_GOOD:
        break;
    }
    bool ok = version == VERSION
                  ? !identity || cv_identity_check(identity, text, text_length, file->only_read, file->path, err)
                  : cv_bad_input(err,
                                 "%s: was written by another version of Caravan or on another kind of machine; "
                                 "choose another output",
                                 file->path);
    file->identity = ok && !identity ? text : NULL;
    if (!file->identity) free(text);
    return ok;
}

bool cv_journal_file_open(cv_journal_file *file, const char *path, const char *aside, const cv_identity *identity,
                          cv_error *err)
{
    uint64_t size = 0;
    bool again = false;
    *file = (cv_journal_file){.path = cv_strdup(path), .fd = -1};
    if (!cv_file_exists(path) && !begin(file, identity, err)) return false;
    if (!open_header(file, aside, identity, &size, &again, err)) return false;
    if (again && !open_header(file, aside, identity, &size, &again, err)) return false;
    if (again) return cv_failed(err, "%s: is damaged as soon as it is written", path);
    return scan(file, size, err);
}

bool cv_journal_file_open_to_check(cv_journal_file *file, const char *path, uint64_t *damaged, cv_error *err)
{
    uint64_t size = 0;
    bool again = false;
    *file = (cv_journal_file){.path = cv_strdup(path), .fd = -1, .only_read = true};
    if (!open_header(file, NULL, NULL, &size, &again, err) || !scan(file, size, err)) return false;
    *damaged = size - file->length;
    return true;
}

bool cv_journal_file_open_to_read(cv_journal_file *file, const char *path, const cv_identity *identity, cv_error *err)
{
    uint64_t size = 0;
    bool again = false;
    *file = (cv_journal_file){.path = cv_strdup(path), .fd = -1, .only_read = true};
    if (!cv_file_exists(path))
        return cv_bad_input(err, "%s: there is no journal; name the results folder of a run", path);
    return open_header(file, NULL, identity, &size, &again, err) && scan(file, size, err);
}

void cv_journal_file_close(cv_journal_file *file)
{
    if (file->fd >= 0) close(file->fd);
    cv_buffer_free(&file->scratch);
    free(file->places);
    free(file->identity);
    free(file->path);
    *file = (cv_journal_file){.fd = -1};
}

bool cv_journal_file_read(cv_journal_file *file, size_t i, cv_journal_record *record, cv_error *err)
{
    uint64_t end;
    unsigned char sum[CHECKSUM];
    const cv_journal_place *p = &file->places[i];
    record_state state = read_record(file, p->offset, file->length, p->before, record, &end, sum, err);
    if (state == RECORD_BAD) cv_failed(err, "%s: was changed while it was read", file->path);
    return state == RECORD_GOOD;
}

/* ---- handing records over ---- */

/* An item by its description. */
typedef struct entry {
    uint64_t description;
    size_t item;
} entry;

static int by_description(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return (a->description > b->description) - (a->description < b->description);
}

static entry *sort_items(const uint64_t *descriptions, size_t count)
{
    entry *entries = cv_alloc(count, sizeof *entries);
    for (size_t i = 0; i < count; i++) entries[i] = (entry){descriptions[i], i};
    if (count) qsort(entries, count, sizeof *entries, by_description);
    return entries;
}

/* Hands one record's bytes to take, in memory aligned for any type. */
static bool hand_over(const cv_journal_record *r, size_t item, cv_journal_take take, void *context, cv_error *err)
{
    char *aligned = cv_alloc(r->length, 1);
    if (r->length) memcpy(aligned, r->bytes, r->length);
    bool ok = take(context, item, r->length ? aligned : NULL, r->length, err);
    free(aligned);
    return ok;
}

bool cv_journal_file_replay(cv_journal_file *file, const char *phase, const uint64_t *descriptions, size_t count,
                            cv_journal_take take, void *context, bool *done, cv_error *err)
{
    uint64_t wanted = cv_hash64(phase, strlen(phase));
    entry *entries = sort_items(descriptions, count);
    bool ok = true;
    if (count) memset(done, 0, count * sizeof *done);
    for (size_t i = 0; ok && i < file->count; i++) {
        cv_journal_record r;
        if (file->places[i].phase != wanted) continue;
        ok = cv_journal_file_read(file, i, &r, err);
        entry key = {r.description, 0};
        const entry *found = ok && count ? bsearch(&key, entries, count, sizeof *entries, by_description) : NULL;
        if (!found || done[found->item]) continue;
        ok = hand_over(&r, found->item, take, context, err) || cv_error_prefix(err, "%s", file->path);
        done[found->item] = ok;
    }
    free(entries);
    return ok;
}

/* ---- adding ---- */

/* Whether the file still ends where we left it. */
static bool check_end(const cv_journal_file *file, cv_error *err)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0) return cv_failed(err, "%s: %s", file->path, strerror(errno));
    return (uint64_t)info.st_size == file->length ||
           cv_failed(err, "%s: has %llu bytes in place of %llu: another program writes to it", file->path,
                     (unsigned long long)info.st_size, (unsigned long long)file->length);
}

bool cv_journal_file_append(cv_journal_file *file, const char *phase, size_t item, uint64_t description,
                            const char *bytes, size_t length, cv_error *err)
{
    size_t phase_length = strlen(phase);
    unsigned char sum[CHECKSUM];
    cv_buffer *out = &file->scratch;
    assert(phase_length <= CV_JOURNAL_MOST_PHASE);
    if (length > CV_JOURNAL_MOST_BYTES)
        return cv_failed(err, "%s: a unit of %zu bytes is too long", file->path, length);
    if (!check_end(file, err)) return false;
    out->length = 0;
    cv_buffer_append(out, (const char *)file->last, CHECKSUM);
    cv_put_u64(out, 3 * sizeof(uint64_t) + phase_length + length);
    cv_put_array(out, phase, phase_length, 1);
    cv_put_u64(out, item);
    cv_put_u64(out, description);
    cv_buffer_append(out, bytes, length);
    checksum(out->data, out->length, sum);
    cv_buffer_append(out, (const char *)sum, CHECKSUM);
    if (!write_all(file->fd, out->data + CHECKSUM, out->length - CHECKSUM)) {
        int problem = errno;
        if (ftruncate(file->fd, (off_t)file->length) != 0)
            cv_warn("%s: ends with a torn record, which the next run cuts off", file->path);
        return cv_failed(err, "%s: cannot be written: %s; free some space and run the same command again", file->path,
                         strerror(problem));
    }
    note(file, phase, phase_length, file->length + out->length - CHECKSUM, sum);
    return true;
}
