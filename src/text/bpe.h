/* Byte-pair encoding: pairs of neighbouring tokens are merged, the earliest learned pair first. */
#ifndef CV_BPE_H
#define CV_BPE_H

#include "base/json.h"
#include "text/vocabulary.h"

#include <caravan/base.h>
#include <caravan/text.h>

/* Start with {0}. */
typedef struct cv_bpe {
    cv_vocabulary vocabulary;
    struct cv_merge *merges;  /* [merge_slots] open addressing by the pair of ids */
    size_t merge_slots;       /* a power of two */
    int32_t unk;              /* the unknown token's id, -1 where there is none */
    bool fuse_unk;            /* unknown characters in a row are one unknown token */
    bool ignore_merges;       /* a piece that is a token is that token */
    int32_t byte_tokens[256]; /* ids of <0x00>..<0xFF> under byte fallback, else -1 */
} cv_bpe;

/* Reads "model" of tokenizer.json. */
bool cv_bpe_parse(cv_bpe *bpe, const json_t *object, cv_json_place at, cv_error *err);
void cv_bpe_free(cv_bpe *bpe);

/* Memory that the pieces of a text share. Start with {0}. */
typedef struct cv_bpe_scratch {
    struct cv_bpe_symbol *symbols;
    struct cv_bpe_candidate *heap;
    size_t symbol_capacity, heap_capacity;
} cv_bpe_scratch;

void cv_bpe_scratch_free(cv_bpe_scratch *scratch);

/* Appends the ids of one piece (valid UTF-8, below 2^31 bytes), in n log n time. A character without
 * token, where the model has no unknown token either, is left out. */
void cv_bpe_encode(const cv_bpe *bpe, const char *piece, size_t length, cv_bpe_scratch *scratch, cv_tokens *out);

#endif
