/* The option --ablate KIND:LAYER:HEAD[:PARAMETER], which several verbs have: heads to be switched off. */
#ifndef CV_ABLATE_OPTION_H
#define CV_ABLATE_OPTION_H

#include "cli/verb.h"

#include <caravan/engine.h>

/* What it takes, for --help. */
#define CV_ABLATE_HELP                                                                                                 \
    "  --ablate uniform_attention:2:26        switches off head 26 of layer 2 (both from 0)\n"                         \
    "  --ablate value_scale:2:26:0.5          with an epsilon other than 0\n"                                          \
    "  --ablate mean_over_heads:2:26:z        the fourth field is q, k or z here; q if left out\n"

/* The heads that its words name, [words->count], to be freed by the caller. NULL on error. */
cv_ablated_head *cv_ablate_option_read(const cv_words *words, const cv_config *config, cv_error *err);

#endif
