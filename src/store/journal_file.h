/* The journal's file: a header and records, each with a checksum, read up to the first damage.
 *
 * The layout, in the machine's byte order:
 *
 *     header   magic [8], version u64, length u64, identity [length], checksum [16]
 *     record   length u64, body [length], checksum [16]
 *     body     phase's length u64, phase, item u64, description u64, the unit's bytes to the end
 *
 * A checksum is the beginning of the SHA-256 of the checksum before (the header's: of nothing) and all
 * bytes since it. The version, read in another byte order, is another version. */
#ifndef CV_JOURNAL_FILE_H
#define CV_JOURNAL_FILE_H

#include "base/buffer.h"
#include "store/identity.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

enum { CV_JOURNAL_CHECKSUM = 16, CV_JOURNAL_MOST_PHASE = 256, CV_JOURNAL_MOST_BYTES = 1 << 30 };

typedef struct cv_journal_place {
    uint64_t offset, phase;                    /* of the record in the file; cv_hash64 of the phase's name */
    unsigned char before[CV_JOURNAL_CHECKSUM]; /* the checksum before it */
} cv_journal_place;

typedef struct cv_journal_file {
    char *path; /* owned */
    int fd;
    bool only_read;                          /* nothing is written, not even a damaged end cut off */
    uint64_t length;                         /* bytes of the file that are good */
    unsigned char last[CV_JOURNAL_CHECKSUM]; /* the last checksum in them */
    cv_journal_place *places;                /* [count] the good records, owned */
    size_t count, capacity;
    char *identity;    /* the header's, as cv_identity_text has it, where it was opened to check; owned */
    cv_buffer scratch; /* one record, with the checksum before it in front */
} cv_journal_file;

/* A record as it lies in scratch, until the next call. */
typedef struct cv_journal_record {
    const char *phase, *bytes; /* [phase_length], no NUL behind; [length], not aligned */
    size_t phase_length, length;
    uint64_t item, description;
} cv_journal_record;

/* Opens path, or begins it, reads all records and cuts off what is damaged, with a warning. Where already
 * the header is damaged, moves the file to aside and begins anew. Bad input if it is of another identity,
 * or no journal of ours. Ends with cv_journal_file_close, on error too. */
bool cv_journal_file_open(cv_journal_file *file, const char *path, const char *aside, const cv_identity *identity,
                          cv_error *err);
/* Opens another run's journal, which stays as it is, and reads its good records. Bad input if there is none
 * at path, or it is of another identity but for models that only one of both has. */
bool cv_journal_file_open_to_read(cv_journal_file *file, const char *path, const cv_identity *identity, cv_error *err);
/* Opens a journal of whatever run, which stays as it is, and reads its good records; *damaged is how many bytes at its
 * end are none. Bad input if it is no journal, or its header is damaged. */
bool cv_journal_file_open_to_check(cv_journal_file *file, const char *path, uint64_t *damaged, cv_error *err);
void cv_journal_file_close(cv_journal_file *file);

/* Reads record i < count anew. */
bool cv_journal_file_read(cv_journal_file *file, size_t i, cv_journal_record *record, cv_error *err);

/* Takes the bytes of a finished unit [length], aligned for any type, NULL where length is 0. */
typedef bool (*cv_journal_take)(void *context, size_t item, const char *bytes, size_t length, cv_error *err);

/* What cv_journal_resume does, with a file that may be open to be read only. */
bool cv_journal_file_replay(cv_journal_file *file, const char *phase, const uint64_t *descriptions, size_t count,
                            cv_journal_take take, void *context, bool *done, cv_error *err);

/* Adds a record and gives it to the system (not to the disk). On error the file is as before. */
bool cv_journal_file_append(cv_journal_file *file, const char *phase, size_t item, uint64_t description,
                            const char *bytes, size_t length, cv_error *err);

#endif
