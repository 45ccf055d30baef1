/* manifest.json: what was run, by what, on what, and how fast: enough to run it again and to judge
 * the numbers. Written once, when everything else is there. */
#ifndef CV_MANIFEST_H
#define CV_MANIFEST_H

#include "store/folder.h"
#include "store/results.h"
#include "sweep/inputs.h"
#include "sweep/plan.h"

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
} cv_rank_report;

typedef struct cv_run_report {
    const cv_rank_report *ranks; /* [num_ranks] */
    int num_ranks;
    const char *mpi_version;
    double load_seconds;  /* reading and checking the inputs */
    double sweep_seconds; /* from the first unit handed out to the last one back */
    size_t units_before;  /* that the journal had, of earlier runs */
} cv_run_report;

bool cv_manifest_write(const cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources, const cv_plan *plan,
                       const cv_run_report *run, cv_error *err);

#endif
