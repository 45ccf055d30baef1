/* What becomes of a head's output z when it is switched off, in the states of a bundle.
 *
 * All follow from the state's own queries, keys, values and z after cv_bundle_attend; nothing is
 * projected anew. Heads of one layer do not see each other's ablation. */
#ifndef CV_ABLATE_H
#define CV_ABLATE_H

#include "engine/bundle.h"

#include <caravan/engine.h>

/* Sees whether the ablation can change the rows at position 0. There a head sees only itself, so no
 * change of its scores matters; a change of z does. */
bool cv_ablate_changes_roots(const cv_ablation *ablation);

/* The rows that an ablation can change begin here. */
size_t cv_ablate_first(const cv_ablation *ablation, const cv_trie *trie);

/* One query head's z' in one state of a bundle, for its queries of rows from first on: the first D
 * columns of z [queries, stride]. Sees whether z' differs from z anywhere, or z is zero everywhere. */
bool cv_ablate_head(const cv_layer_context *c, const cv_bundle *bundle, size_t state, const cv_ablation *ablation,
                    size_t head, size_t first, float *z, size_t stride);

/* Switches the group's heads of a layer off in all states of a bundle: their z' take the place of z.
 * group may be NULL. Bad input for a switch that changes nothing. */
bool cv_ablate_group(const cv_layer_context *c, cv_bundle *bundle, const cv_head_group *group, size_t layer,
                     cv_error *err);
/* Sees whether that does anything in a layer. */
bool cv_ablate_group_acts(const cv_head_group *group, size_t layer);
/* The most floats of z' that it holds meanwhile, for each row of the bundle. */
size_t cv_ablate_group_row_floats(const cv_head_group *group, const cv_config *config);

/* Operations for a state: of one ablation of span query heads, and of a group in a layer. Rows below
 * first are not the state's. */
uint64_t cv_ablate_operations(const cv_ablation *ablation, const cv_config *config, const cv_queries *asked,
                              size_t first);
uint64_t cv_ablate_group_operations(const cv_head_group *group, const cv_config *config, const cv_trie *trie,
                                    const cv_queries *asked, size_t first, size_t layer);

#endif
