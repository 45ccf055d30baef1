/* Messages from rank 0 to the others that rank 0 does not wait for: a rank that has been stopped, or that hangs,
 * holds nobody up. When it wakes it finds all of them, in their order.
 *
 * From the first stage of a run to its end there are no collectives, but these. */
#ifndef CV_POST_H
#define CV_POST_H

#include "base/buffer.h"
#include "cluster/cluster.h"

#include <stddef.h>

/* Orders of a dispatch; words of cv_cluster_follow and cv_cluster_tell; a farewell. Replies go the other way. */
enum { CV_TAG_ORDER = 1, CV_TAG_REPLY, CV_TAG_WORD, CV_TAG_FAREWELL };

/* Letters under way, on rank 0. */
typedef struct cv_post cv_post;
cv_post *cv_post_open(void);
/* Of a post whose letters have all arrived. NULL is fine. */
void cv_post_close(cv_post *post);

/* Sends a copy of the bytes [length] to a rank, or to all but rank 0. On rank 0. */
void cv_post_send(cv_cluster *cluster, int rank, int tag, const void *bytes, size_t length);
void cv_post_send_all(cv_cluster *cluster, int tag, const void *bytes, size_t length);
/* Moves on what is under way; true if nothing is any more. To be called now and then. */
bool cv_post_settle(cv_cluster *cluster);

/* Rank 0's next message of this tag into the empty buffer; false if none is there. On the other ranks. */
bool cv_post_look(cv_cluster *cluster, int tag, cv_buffer *bytes);
/* The same, waiting for it. */
void cv_post_receive(cv_cluster *cluster, int tag, cv_buffer *bytes);

/* One message of this tag from any rank; false if none is there as a whole. On rank 0. */
bool cv_post_take(cv_cluster *cluster, int tag, int *source, cv_buffer *bytes);

#endif
