#include "cluster/post.h"

#include "base/memory.h"
#include "cluster/mpi_calls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What one or more letters carry. */
typedef struct content {
    size_t letters; /* that are still under way */
    char bytes[];
} content;

typedef struct letter {
    MPI_Request request;
    content *content;
} letter;

/* A message that has begun to arrive: its sender may be stopped before all of it is here. */
typedef struct arrival {
    MPI_Request request;
    int tag, source;
    cv_buffer bytes;
} arrival;

struct cv_post {
    letter *letters; /* [count] */
    size_t count, capacity;
    arrival *arrivals; /* [num_arrivals] in order */
    size_t num_arrivals, arrivals_capacity;
};

cv_post *cv_post_open(void)
{
    return cv_calloc(1, sizeof(cv_post));
}

void cv_post_close(cv_post *post)
{
    if (!post) return;
    free(post->letters);
    free(post->arrivals);
    free(post);
}

static content *make_content(const void *bytes, size_t length)
{
    if (length > INT_MAX) cv_fatal("%zu bytes are too many for one message", length);
    content *c = cv_alloc(sizeof *c + length, 1);
    c->letters = 0;
    if (length) memcpy(c->bytes, bytes, length);
    return c;
}

static bool has_arrived(letter *l)
{
    int done = 0;
    CV_MPI(MPI_Test(&l->request, &done, MPI_STATUS_IGNORE));
    if (done && --l->content->letters == 0) free(l->content);
    return done;
}

static void send_content(cv_cluster *cluster, int rank, int tag, content *c, size_t length)
{
    cv_post *post = cluster->post;
    letter l = {.content = c};
    CV_MPI(MPI_Isend(c->bytes, (int)length, MPI_BYTE, rank, tag, cluster->work, &l.request));
    cv_reserve(&post->letters, &post->capacity, post->count + 1, sizeof *post->letters);
    post->letters[post->count++] = l;
}

void cv_post_send(cv_cluster *cluster, int rank, int tag, const void *bytes, size_t length)
{
    content *c = make_content(bytes, length);
    c->letters = 1;
    send_content(cluster, rank, tag, c, length);
}

void cv_post_send_all(cv_cluster *cluster, int tag, const void *bytes, size_t length)
{
    if (cluster->size == 1) return;
    content *c = make_content(bytes, length);
    c->letters = (size_t)cluster->size - 1;
    for (int r = 1; r < cluster->size; r++) send_content(cluster, r, tag, c, length);
}

bool cv_post_settle(cv_cluster *cluster)
{
    cv_post *post = cluster->post;
    size_t kept = 0;
    for (size_t i = 0; i < post->count; i++)
        if (!has_arrived(&post->letters[i])) post->letters[kept++] = post->letters[i];
    post->count = kept;
    return kept == 0;
}

/* A buffer for the message that status tells of. */
static cv_buffer room_for(const MPI_Status *status, int *length)
{
    CV_MPI(MPI_Get_count(status, MPI_BYTE, length));
    size_t size = (size_t)*length;
    cv_buffer bytes = {cv_alloc(size + 1, 1), size, size + 1};
    bytes.data[size] = 0;
    return bytes;
}

bool cv_post_look(cv_cluster *cluster, int tag, cv_buffer *bytes)
{
    int waiting = 0, length;
    MPI_Message message;
    MPI_Status status;
    CV_MPI(MPI_Improbe(0, tag, cluster->work, &waiting, &message, &status));
    if (!waiting) return false;
    *bytes = room_for(&status, &length);
    CV_MPI(MPI_Mrecv(bytes->data, length, MPI_BYTE, &message, &status));
    return true;
}

void cv_post_receive(cv_cluster *cluster, int tag, cv_buffer *bytes)
{
    cv_backoff backoff = {0};
    while (!cv_post_look(cluster, tag, bytes)) cv_backoff_sleep(&backoff);
}

/* Begins to take in all messages of the tag that are on their way. */
static void begin_arrivals(cv_cluster *cluster, int tag)
{
    cv_post *post = cluster->post;
    for (;;) {
        int waiting = 0, length;
        MPI_Message message;
        MPI_Status status;
        CV_MPI(MPI_Improbe(MPI_ANY_SOURCE, tag, cluster->work, &waiting, &message, &status));
        if (!waiting) return;
        arrival a = {.tag = tag, .source = status.MPI_SOURCE, .bytes = room_for(&status, &length)};
        CV_MPI(MPI_Imrecv(a.bytes.data, length, MPI_BYTE, &message, &a.request));
        cv_reserve(&post->arrivals, &post->arrivals_capacity, post->num_arrivals + 1, sizeof *post->arrivals);
        post->arrivals[post->num_arrivals++] = a;
    }
}

bool cv_post_take(cv_cluster *cluster, int tag, int *source, cv_buffer *bytes)
{
    cv_post *post = cluster->post;
    begin_arrivals(cluster, tag);
    for (size_t i = 0; i < post->num_arrivals; i++) {
        arrival *a = &post->arrivals[i];
        int done = 0;
        if (a->tag == tag) CV_MPI(MPI_Test(&a->request, &done, MPI_STATUS_IGNORE));
        if (!done) continue;
        *source = a->source;
        *bytes = a->bytes;
        post->num_arrivals--;
        memmove(a, a + 1, (post->num_arrivals - i) * sizeof *a);
        return true;
    }
    return false;
}
