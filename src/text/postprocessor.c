#include "text/postprocessor.h"

#include "text/component.h"
#include "text/tokens.h"

#include <stdio.h>
#include <string.h>

typedef struct reader {
    cv_postprocessor *postprocessor;
    int32_t size;
    bool has_template;
} reader;

/* Appends the ids of special_tokens[name]. */
static bool add_special(const json_t *special_tokens, const char *name, int32_t size, cv_json_place at, cv_tokens *out,
                        cv_error *err)
{
    const json_t *special = json_object_get(special_tokens, name), *ids = json_object_get(special, "ids");
    if (!json_is_array(ids))
        return cv_bad_input(err, "%s: %s.special_tokens holds no ids for \"%.60s\"", at.file, at.field, name);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= size)
            return cv_bad_input(err, "%s: %s.special_tokens: the ids of \"%.60s\" must be those of tokens", at.file,
                                at.field, name);
        cv_tokens_append(out, (int32_t)json_integer_value(id));
    }
    return true;
}

/* One piece of the template for a single text: {"Sequence": {"id": "A"}} or {"SpecialToken": ...}. */
static bool parse_piece(reader *r, const json_t *piece, const json_t *special_tokens, bool *seen_text, cv_json_place at,
                        cv_error *err)
{
    json_t *sequence = NULL, *special = NULL;
    const char *name = NULL;
    if (!json_is_object(piece)) return cv_bad_input(err, "%s: %s must be an object {...}", at.file, at.field);
    if (!cv_json_object(piece, at, "Sequence", CV_OPTIONAL, &sequence, err) ||
        !cv_json_object(piece, at, "SpecialToken", CV_OPTIONAL, &special, err))
        return false;
    if (json_object_size(piece) != 1 || (!sequence && !special))
        return cv_bad_input(err, "%s: %s must be a Sequence or a SpecialToken", at.file, at.field);
    if (!cv_json_string(sequence ? sequence : special, at, "id", CV_REQUIRED, &name, err)) return false;
    if (special)
        return add_special(special_tokens, name, r->size, (cv_json_place){at.file, "post_processor"},
                           *seen_text ? &r->postprocessor->after : &r->postprocessor->before, err);
    if (*seen_text || strcmp(name, "A") != 0)
        return cv_bad_input(err, "%s: %s: the template for one text must hold sequence A once", at.file, at.field);
    *seen_text = true;
    return true;
}

static bool parse_template(reader *r, const json_t *object, cv_json_place at, cv_error *err)
{
    static const char *const keys[] = {"type", "single", "pair", "special_tokens", NULL};
    json_t *single = NULL, *special_tokens = NULL;
    bool seen_text = false;
    if (r->has_template)
        return cv_bad_input(err, "%s: %s: a second TemplateProcessing is not supported by Caravan", at.file, at.field);
    r->has_template = true;
    if (!cv_json_only_keys(object, at, keys, err) || !cv_json_array(object, at, "single", CV_REQUIRED, &single, err) ||
        !cv_json_object(object, at, "special_tokens", CV_REQUIRED, &special_tokens, err))
        return false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        char field[320];
        snprintf(field, sizeof field, "%s.single[%zu]", at.field, i);
        if (!parse_piece(r, json_array_get(single, i), special_tokens, &seen_text, (cv_json_place){at.file, field},
                         err))
            return false;
    }
    if (!seen_text) return cv_bad_input(err, "%s: %s.single must hold sequence A once", at.file, at.field);
    return true;
}

static bool parse_step(void *room, const char *type, const json_t *object, cv_json_place at, cv_error *err)
{
    if (strcmp(type, "ByteLevel") == 0) return true; /* changes offsets only */
    if (strcmp(type, "TemplateProcessing") == 0) return parse_template(room, object, at, err);
    return cv_component_unknown(at, type, err);
}

bool cv_postprocessor_parse(cv_postprocessor *postprocessor, const json_t *object, int32_t size, cv_json_place at,
                            cv_error *err)
{
    reader r = {.postprocessor = postprocessor, .size = size};
    return !object || cv_component_each(object, at, "processors", parse_step, &r, err);
}

void cv_postprocessor_free(cv_postprocessor *postprocessor)
{
    cv_tokens_free(&postprocessor->before);
    cv_tokens_free(&postprocessor->after);
}
