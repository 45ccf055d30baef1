/* How large a wavefront is: what it allocates, and what it will compute.
 *
 * The wavefront takes its sizes from here and the planner its costs, so that a plan's figures are
 * those of the run. */
#ifndef CV_WAVE_H
#define CV_WAVE_H

#include "engine/queries.h"
#include "engine/trie.h"

#include <caravan/engine.h>

typedef struct cv_wave_sizes {
    size_t first;   /* rows that all states share with the clean one: the roots, or none */
    size_t rows;    /* of an ablated state */
    size_t ends;    /* rows at which prompts end, in an ablated state */
    size_t span;    /* query heads that are switched off together */
    size_t heads;   /* states born in a layer */
    size_t states;  /* born in all */
    size_t stored;  /* born below the last layer: they pass from layer to layer */
    size_t bundle;  /* states that pass a layer together */
    size_t at_once; /* states whose last rows are finished together */
} cv_wave_sizes;

cv_wave_sizes cv_wave_sizes_of(const cv_config *config, const cv_trie *trie, const cv_queries *ends,
                               const cv_head_range *range, size_t threads);

#endif
