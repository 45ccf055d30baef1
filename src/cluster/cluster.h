/* All that Caravan asks of MPI, so that no other room knows of it.
 *
 * A rank that waits here sleeps between looks at the network: the core belongs to whoever computes.
 * "Collective" means that all ranks call it, in the same order. A failing network ends all ranks. */
#ifndef CV_CLUSTER_H
#define CV_CLUSTER_H

#include "base/buffer.h"

#include <caravan/base.h>

#include <stddef.h>

typedef struct cv_cluster cv_cluster;

/* Starts MPI (once a process). Collective. From here on cv_fatal ends all ranks. */
cv_cluster *cv_cluster_open(int *argc, char ***argv);
/* Ends MPI when all ranks are here. One that has not answered for half a second or longer, as if it were stopped, is
 * not waited for, and one that answers but does not come for ten seconds. Then rank 0 names it and ends all ranks
 * with status, which all of them pass, as the exit code. */
void cv_cluster_close(cv_cluster *cluster, cv_status status);
/* Ends all ranks at once with this exit code, from any of them. */
_Noreturn void cv_cluster_abort(cv_status status);

int cv_cluster_rank(const cv_cluster *cluster);
int cv_cluster_size(const cv_cluster *cluster);

/* Whether all ranks are well: true everywhere, or false everywhere. Then *err has the status of the
 * lowest rank that is not, and on rank 0 its text too. A rank that is not ok passes *err filled.
 * Collective. */
bool cv_cluster_agree(cv_cluster *cluster, bool ok, cv_error *err);

/* Rank 0's bytes into the others' empty buffers. Collective. */
void cv_cluster_broadcast(cv_cluster *cluster, cv_buffer *bytes);

/* size bytes of each rank, in rank order, into rank 0's all [ranks, size]; NULL elsewhere. Collective. */
void cv_cluster_gather(cv_cluster *cluster, const void *mine, size_t size, void *all);

/* What follows waits for no rank, so that one that is stopped holds nobody up: rank 0 speaks, and each rank hears
 * it when it comes here. Every rank calls these, in the same order. */

/* Whether rank 0 is well. On the others *err then has its status, without a text. */
bool cv_cluster_follow(cv_cluster *cluster, bool ok, cv_error *err);
/* Rank 0's bytes into the others' empty buffers. */
void cv_cluster_tell(cv_cluster *cluster, cv_buffer *bytes);

/* Seconds for which a rank has not answered; 0 if nothing was asked. On rank 0. */
double cv_cluster_silence(const cv_cluster *cluster, int rank);
/* The host of a rank, on rank 0. */
const char *cv_cluster_host(const cv_cluster *cluster, int rank);

const char *cv_mpi_version(void); /* one line, also before cv_cluster_open */

#endif
