/* Who takes part in a run: said at its start, so that a wrong launch is seen before it has cost hours. */
#ifndef CV_RANKS_H
#define CV_RANKS_H

#include "cluster/cluster.h"

/* On rank 0: one line with ranks, hosts, threads and BLAS kernels, and a warning about threads that get
 * into each other's way or cores left idle. Collective. */
void cv_ranks_tell(cv_cluster *cluster);

#endif
