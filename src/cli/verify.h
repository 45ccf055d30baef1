/* What the parts of caravan verify share: a results folder, what was read of it, and the lines that are printed.
 *
 * Everything is read back by the code that runs use: inputs from the job in the manifest, units out of the
 * journal, and tables written anew, elsewhere, to be compared. The results folder itself is only read. */
#ifndef CV_VERIFY_H
#define CV_VERIFY_H

#include "report/answers.h"
#include "store/journal_file.h"
#include "store/results.h"
#include "sweep/chosen.h"
#include "sweep/evaluate.h"
#include "sweep/inputs.h"
#include "sweep/sahara.h"
#include "sweep/scores.h"
#include "sweep/utility.h"

#include <caravan/base.h>

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

typedef struct cv_verify {
    const char *directory; /* the results folder */
    json_t *manifest;      /* NULL: the run is not finished; owned, as all that follows */
    cv_journal_file journal;
    bool has_journal;
    cv_sources sources; /* the files of the inputs as they are now */
    cv_inputs inputs;
    cv_scores *scores; /* out of scores.h5, or of the journal where the run is not finished; NULL: unreadable */
    cv_sahara *sahara; /* likewise; NULL also where the job has no search */
    cv_chosen *chosen;
    cv_evaluation *evaluation; /* all answers, out of the journal; NULL: not known, or none asked for */
    cv_utility *utility;       /* likewise */
    cv_verdict *verdicts;
    size_t fine, differ, skipped; /* checks */
} cv_verify;

/* One line on stdout for each check: what was looked at, and what was found. */
void cv_verify_fine(cv_verify *v, const char *what, const char *format, ...) CV_PRINTF(3, 4);
void cv_verify_differs(cv_verify *v, const char *what, const char *format, ...) CV_PRINTF(3, 4);
void cv_verify_skipped(cv_verify *v, const char *what, const char *format, ...) CV_PRINTF(3, 4);

/* DIRECTORY/name. Free with free(). */
char *cv_verify_path(const cv_verify *v, const char *name);

/* ---- the parts, in the order in which they are done; each prints its lines ---- */

/* scores.h5 of each model and ablation: there, of the job's sizes, no Ships below zero; and Sahara's boards. */
void cv_verify_scores(cv_verify *v);

/* The journal's units against scores.h5; its answers and log-likelihoods are kept for the tables. Without a
 * manifest the units that it has are put into scores. */
void cv_verify_units(cv_verify *v);

/* Every table (and scores.h5) written anew into a folder of its own and compared byte by byte. */
bool cv_verify_tables(cv_verify *v, cv_error *err);

/* So many cells, drawn with seed, by the plain engine against scores; and angles where they are cheap. */
bool cv_verify_cells(cv_verify *v, size_t cells, uint64_t seed, cv_error *err);
bool cv_verify_angles(cv_verify *v, cv_error *err);

#endif
