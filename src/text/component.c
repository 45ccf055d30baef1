#include "text/component.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8 }; /* sequences in sequences; one level occurs */

static bool each(const json_t *object, cv_json_place at, const char *list, int depth, cv_component_parse *parse,
                 void *room, cv_error *err)
{
    const char *type = NULL;
    if (!json_is_object(object)) return cv_bad_input(err, "%s: %s must be an object {...}", at.file, at.field);
    if (!cv_json_string(object, at, "type", CV_REQUIRED, &type, err)) return false;
    if (strcmp(type, "Sequence") != 0) return parse(room, type, object, at, err);

    json_t *members = NULL;
    if (!cv_json_only_keys(object, at, (const char *const[]){"type", list, NULL}, err) ||
        !cv_json_array(object, at, list, CV_REQUIRED, &members, err))
        return false;
    if (depth == MAX_DEPTH) return cv_bad_input(err, "%s: %s is nested too deep", at.file, at.field);
    for (size_t i = 0; i < json_array_size(members); i++) {
        char field[256];
        snprintf(field, sizeof field, "%s.%s[%zu]", at.field, list, i);
        if (!each(json_array_get(members, i), (cv_json_place){at.file, field}, list, depth + 1, parse, room, err))
            return false;
    }
    return true;
}

bool cv_component_each(const json_t *object, cv_json_place at, const char *list, cv_component_parse *parse, void *room,
                       cv_error *err)
{
    return each(object, at, list, 0, parse, room, err);
}

bool cv_component_unknown(cv_json_place at, const char *type, cv_error *err)
{
    return cv_bad_input(err, "%s: %s: the type \"%s\" is not supported by Caravan", at.file, at.field, type);
}
