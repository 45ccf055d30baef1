/* Copies of files on every node, for file systems that many nodes had better not read at once: rank 0
 * reads each file once, and one rank of each node writes it where the node's ranks can map it. */
#ifndef CV_SPREAD_H
#define CV_SPREAD_H

#include "cluster/cluster.h"

#include <caravan/base.h>

#include <stddef.h>

/* Copies files names [count] from folder from (looked at by rank 0) to folder to of each node, which is made
 * with its parents. All ranks pass the same but from. A file that all nodes have already, with its size, is
 * taken for the same: to should name what it holds. Files appear whole or not at all. Bad input, naming the
 * place, where one cannot be written. Collective. */
bool cv_spread_files(cv_cluster *cluster, const char *from, const char *to, char *const *names, size_t count,
                     cv_error *err);

#endif
