/* Finished units on disk, so that a run that was killed goes on where it was.
 *
 * One file that only grows, in the results folder, written by rank 0 alone: a header that says what the
 * results depend on, and one record for each finished unit. Each record ends with a checksum over itself
 * and the checksum before it, so what is read back is what was written, from the beginning up to the
 * first damaged byte. A lease (store/lease.h) keeps a second run out. docs/results.md has the layout.
 *
 * Records are given to the system at once, and a thread of the journal's own puts them on disk every
 * second or two and renews the lease. */
#ifndef CV_JOURNAL_H
#define CV_JOURNAL_H

#include "store/folder.h"
#include "store/identity.h"
#include "store/journal_file.h"

#include <caravan/base.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_journal cv_journal;

/* Opens the folder's journal, or begins one. Bad input if another run is writing it, if it is of a run of
 * another identity, or no journal of ours. Cuts off a torn or damaged end, with a warning. NULL on error.
 * Ends with cv_journal_close, which accepts NULL. */
cv_journal *cv_journal_open(const cv_folder *folder, const cv_identity *identity, cv_error *err);

/* Adds all records of another run's journal that this one lacks, so that parts of a job that were run apart
 * come together: path is its file, which is only read. Bad input if it is of another identity, but for
 * models that only one of both has. *added is how many. */
bool cv_journal_import(cv_journal *journal, const char *path, const cv_identity *identity, size_t *added,
                       cv_error *err);

/* Flushes as far as possible and lets go of the lease. A journal without a record is removed. */
void cv_journal_close(cv_journal *journal);

/* Records that it holds. */
size_t cv_journal_count(const cv_journal *journal);
/* Where it is, for messages; owned by the journal. */
const char *cv_journal_path(const cv_journal *journal);

/* Hands what the journal has of a phase to take, each item once, in the order written, and sets done of
 * those items. An item is known by what it is, not by its number: descriptions [count] are the hashes
 * (cv_hash64) of what the items are now, all different; records of anything else are passed over. done
 * [count] is the caller's. */
bool cv_journal_resume(cv_journal *journal, const char *phase, const uint64_t *descriptions, size_t count,
                       cv_journal_take take, void *context, bool *done, cv_error *err);

/* Adds one finished item. On error (the disk is full, the lease is lost) the journal is as before and
 * may be opened again. */
bool cv_journal_append(cv_journal *journal, const char *phase, size_t item, uint64_t description, const char *bytes,
                       size_t length, cv_error *err);

/* Returns when all records are on disk. Reports what the journal's thread met since the last call. */
bool cv_journal_flush(cv_journal *journal, cv_error *err);

#endif
