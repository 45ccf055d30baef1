/* Which layers see the last tokens only, as config.json says it. */
#ifndef CV_SLIDING_H
#define CV_SLIDING_H

#include "base/json.h"

#include <caravan/base.h>
#include <caravan/model.h>

typedef enum cv_sliding_kind {
    CV_SLIDING_NEVER,   /* the family knows no windows; keys that other families read say nothing */
    CV_SLIDING_ALL,     /* all layers have the window, if there is one */
    CV_SLIDING_UPPER,   /* with use_sliding_window: layer_types, else layers from max_window_layers on */
    CV_SLIDING_PATTERN, /* layer_types, else all but every pattern-th layer */
} cv_sliding_kind;

typedef struct cv_sliding_rule {
    cv_sliding_kind kind;
    int window;  /* where sliding_window is absent; 0: none */
    int pattern; /* PATTERN, where sliding_window_pattern is absent */
} cv_sliding_rule;

/* Fills config->sliding_window and sliding; config->num_hidden_layers is read. */
bool cv_sliding_read(const json_t *json, cv_json_place at, const cv_sliding_rule *rule, cv_config *config,
                     cv_error *err);

#endif
