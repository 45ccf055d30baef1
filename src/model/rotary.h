/* The rotary embedding that config.json asks for, in either of its two notations. */
#ifndef CV_ROTARY_H
#define CV_ROTARY_H

#include "base/json.h"

#include <caravan/base.h>
#include <caravan/model.h>

/* Fills config->rope from json (the whole of config.json); config->max_position_embeddings is read.
 * Types other than those of cv_rope_kind, and parameters that a type does not use, are bad input. */
bool cv_rotary_read(const json_t *json, cv_json_place at, cv_config *config, cv_error *err);

#endif
