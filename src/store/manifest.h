/* manifest.json: what was run, by what, on what, and how fast: enough to run it again and to judge
 * the numbers. Written once, when everything else is there. */
#ifndef CV_MANIFEST_H
#define CV_MANIFEST_H

#include "store/folder.h"
#include "store/results.h"
#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/engine.h>

#include <stddef.h>

/* One rank's part, in rank order. */
typedef struct cv_rank_report {
    char host[256];
    int threads;         /* OpenMP threads */
    double busy_seconds; /* spent in units */
    double peak;         /* measured floating-point operations per second of its matrix products */
    cv_work work;        /* of its units */
    char blas_core[32];  /* the kernels that OpenBLAS chose */
    char cpu[64];        /* the processor's name */
    char isa[16];        /* its widest vectors */
    char binding[64];    /* the cores that the rank may run on, "0-3" */
} cv_rank_report;

/* One stage of the run. */
typedef struct cv_stage_report {
    char name[32];                    /* "sweep", "sahara 2" */
    size_t units, units_from_journal; /* the latter were finished by an earlier run */
    uint64_t operations_planned;
    double seconds; /* from the first unit handed out to the last one back */
    size_t copies;  /* units that were handed out once more, as they were late */
} cv_stage_report;

typedef struct cv_run_report {
    const cv_rank_report *ranks; /* [num_ranks] */
    int num_ranks;
    const char *mpi_version;
    const cv_stage_report *stages; /* [num_stages] in order */
    size_t num_stages;
    uint64_t plain_operations; /* the sweep's, by one pass for each head and prompt */
    size_t resamples;          /* of the tables' intervals */
    uint64_t resampling_seed;
    double load_seconds;  /* reading and checking the inputs */
    double stage_seconds; /* all phases' */
} cv_run_report;

bool cv_manifest_write(const cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources,
                       const cv_run_report *run, cv_error *err);

#endif
