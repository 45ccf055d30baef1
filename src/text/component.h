/* The parts of tokenizer.json are objects with a "type", often in lists of them ("Sequence"). Each
 * room of parts flattens its sequences into one list of steps with this. */
#ifndef CV_COMPONENT_H
#define CV_COMPONENT_H

#include "base/json.h"

#include <caravan/base.h>

/* Reads one object of some type (never a Sequence) and appends it to the room's list of steps. */
typedef bool cv_component_parse(void *room, const char *type, const json_t *object, cv_json_place at, cv_error *err);

/* Calls parse for object, or, where it is a Sequence, for what object[list] holds, in order. */
bool cv_component_each(const json_t *object, cv_json_place at, const char *list, cv_component_parse *parse, void *room,
                       cv_error *err);

/* Bad input: "FILE: FIELD: the type "X" is not supported". */
bool cv_component_unknown(cv_json_place at, const char *type, cv_error *err);

#endif
