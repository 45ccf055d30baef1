/* The rotary embedding that config.json asks for, in either of its two notations. */
#ifndef CV_ROTARY_H
#define CV_ROTARY_H

#include "base/json.h"

#include <caravan/base.h>
#include <caravan/model.h>

/* How a family says it: the keys at the top of config.json, and what they mean where they are absent. */
typedef struct cv_rotary_rule {
    const char *theta_key;
    double theta;
    const char *part_key; /* of the share of a head that is turned; NULL: all of it always is */
    double part;
    bool default_only; /* no rope_type but "default" */
    /* Layers with a window have an embedding of their own, and rope_parameters has an object for each
     * kind of layer; NULL: one for all. */
    const char *sliding_theta_key;
    double sliding_theta;
} cv_rotary_rule;

extern const cv_rotary_rule cv_rotary_usual; /* rope_theta, 10000 */

/* Fills config->rope and sliding_rope from json (the whole of config.json); config->head_dim and
 * max_position_embeddings are read. Types other than those of cv_rope_kind, and parameters that a type
 * does not use, are bad input. */
bool cv_rotary_read(const json_t *json, cv_json_place at, const cv_rotary_rule *rule, cv_config *config, cv_error *err);

#endif
