/* Who takes part in a run: said at its start, so that a wrong launch is seen before it has cost hours. */
#ifndef CV_RANKS_H
#define CV_RANKS_H

#include "cluster/cluster.h"
#include "cluster/launch.h"

/* The placements of all ranks [ranks], to be freed with free(); on the other ranks NULL. Collective. */
cv_placement *cv_ranks_gather(cv_cluster *cluster);

/* On rank 0: lines with ranks, hosts, threads, BLAS kernels, binding, instruction set and memory, and warnings about
 * threads that get into each other's way, cores left idle, and processors that are not alike. */
void cv_ranks_tell(const cv_placement *ranks, int count, const cv_memory_need *need);

#endif
