/* Where the checkpoints of a family keep each tensor: names, shapes, and what is packed together.
 *
 * A layer's table is made of parts that families share: a family with Llama's MLP and norms of its own
 * has one part in common with Llama and one that is new. */
#ifndef CV_LAYOUT_H
#define CV_LAYOUT_H

#include <caravan/model.h>

#include <stddef.h>

/* The extents of tensors, as functions of the configuration. */
typedef enum cv_extent {
    CV_NOTHING,
    CV_ONE,
    CV_HIDDEN,
    CV_HEAD,      /* head_dim */
    CV_TWO_HEADS, /* twice that */
    CV_THREE_HEADS,
    CV_QUERIES,          /* all query heads */
    CV_KEYS,             /* all key heads */
    CV_QUERIES_KEYS,     /* both */
    CV_QUERIES_TWO_KEYS, /* queries, keys, values */
    CV_TWO_QUERIES,
    CV_THREE_QUERIES,
    CV_INTERMEDIATE,
    CV_TWO_INTERMEDIATE,
    CV_VOCABULARY,
    CV_POSITIONS,
} cv_extent;

int64_t cv_extent_of(const cv_config *config, cv_extent which);

/* What shares a stored tensor with others. */
typedef enum cv_packing {
    CV_ALONE,
    CV_STACKED, /* its rows follow the others' */
    CV_BY_HEAD, /* its rows follow the others' head by head */
    CV_ACROSS,  /* stored as columns, which follow the others' */
} cv_packing;

#define CV_ALWAYS SIZE_MAX

typedef struct cv_place {
    const char *name;        /* NULL ends a table */
    size_t target;           /* offset of a cv_tensor in cv_layer, or in cv_model */
    cv_extent rows, columns; /* rows CV_ONE: a vector */
    size_t condition;        /* offset of a bool in cv_config that it hangs on, or CV_ALWAYS */
    cv_packing packing;
    cv_extent before, stored; /* rows before ours, and in all: of a head where they are packed by head */
    bool less_one;            /* stored less one */
} cv_place;

enum { CV_LAYOUT_PARTS = 4, CV_LAYOUT_NAMES = 3 };

typedef struct cv_layout {
    const char *prefix;                      /* before all names but lm_head's; some files lack it */
    const cv_place *top;                     /* of cv_model; the first is embed_tokens */
    const char *layer;                       /* before the names of a layer, with its number as %d */
    const cv_place *parts[CV_LAYOUT_PARTS];  /* of cv_layer; the rest NULL */
    const char *lm_head[CV_LAYOUT_NAMES];    /* the names it goes by; the rest NULL */
    const char *no_weights[CV_LAYOUT_NAMES]; /* endings of tensors that are recomputed on loading */
} cv_layout;

extern const cv_layout cv_layout_llama, cv_layout_qwen3, cv_layout_gemma2, cv_layout_gemma3, cv_layout_phi3,
    cv_layout_olmo2, cv_layout_gpt_neox, cv_layout_gpt2;

#endif
