/* The batch script that caravan plan --sbatch writes. */
#ifndef CV_SBATCH_H
#define CV_SBATCH_H

#include <caravan/base.h>

#include <stdint.h>

typedef struct cv_sbatch {
    const char *job; /* its file */
    int ranks, threads, ranks_per_node;
    double seconds;      /* expected wall time */
    uint64_t node_bytes; /* of the weights and all ranks of a node */
} cv_sbatch;

/* Writes path: memory with a quarter more, time with a third more and five minutes. */
bool cv_sbatch_write(const char *path, const cv_sbatch *what, cv_error *err);

#endif
