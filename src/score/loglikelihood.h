/* How continuations are cut into blocks, and which prefixes of a block have to be computed.
 *
 * The log-likelihood of a token needs the model's last state after all tokens before it. So a block of
 * continuations becomes a block of prompts for the wavefront: each prefix that a scored token follows.
 * The wavefront's trie merges them, and a text's rows are computed once however many of its tokens are
 * scored, or choices begin with it. */
#ifndef CV_LOGLIKELIHOOD_H
#define CV_LOGLIKELIHOOD_H

#include <caravan/score.h>

/* The scored tokens of continuations [begin, end), in order, and the different prefixes before them. */
typedef struct cv_prefixes {
    size_t num;
    const int32_t **ids; /* [num][count], borrowed from the continuations */
    size_t *count;       /* [num] */
    size_t num_tokens;
    size_t *prefix; /* [num_tokens] which prefix a token follows */
    int32_t *token; /* [num_tokens] */
} cv_prefixes;

cv_prefixes cv_prefixes_make(const cv_continuations *continuations, size_t begin, size_t end);
void cv_prefixes_free(cv_prefixes *prefixes);

/* The end of the block that begins at begin: as many continuations as need at most max_rows rows, but
 * at least one. Rows are counted by what neighbours share, which is no less than what the trie has. */
size_t cv_loglikelihood_block(const cv_continuations *continuations, size_t begin, size_t max_rows);

#endif
