#include "model/rotary.h"

#include <string.h>

const cv_rotary_rule cv_rotary_usual = {.theta_key = "rope_theta", .theta = 10000};

static const char *const common_keys[] = {"rope_type", "type", "rope_theta", "partial_rotary_factor", NULL};

static const struct {
    const char *name;
    cv_rope_kind kind;
    const char *const keys[5]; /* its own parameters, NULL-terminated */
} types[] = {
    {"default", CV_ROPE_DEFAULT, {NULL}},
    {"linear", CV_ROPE_LINEAR, {"factor", NULL}},
    {"llama3",
     CV_ROPE_LLAMA3,
     {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings", NULL}},
};
enum { NUM_TYPES = sizeof types / sizeof types[0] };

/* The object with the parameters: rope_parameters (transformers 5), rope_scaling (before), or NULL.
 * An empty one counts as absent. at->field becomes its name. */
static bool find_parameters(const json_t *json, cv_json_place *at, json_t **parameters, cv_error *err)
{
    json_t *old = NULL, *new = NULL;
    if (!cv_json_object(json, *at, "rope_scaling", CV_OPTIONAL, &old, err) ||
        !cv_json_object(json, *at, "rope_parameters", CV_OPTIONAL, &new, err))
        return false;
    if (json_object_size(old) == 0) old = NULL;
    if (json_object_size(new) == 0) new = NULL;
    if (old && new && !json_equal(old, new))
        return cv_bad_input(err, "%s: rope_scaling and rope_parameters differ; keep one of them", at->file);
    *parameters = new ? new : old;
    at->field = new ? "rope_parameters" : old ? "rope_scaling" : "";
    return true;
}

/* Index in types[] of rope_type or, in the oldest notation, type. -1 on bad input. */
static int find_type(const json_t *parameters, cv_json_place at, cv_error *err)
{
    const char *name = "default";
    if (!cv_json_string(parameters, at, "type", CV_OPTIONAL, &name, err) ||
        !cv_json_string(parameters, at, "rope_type", CV_OPTIONAL, &name, err))
        return -1;
    for (int i = 0; i < NUM_TYPES; i++)
        if (strcmp(name, types[i].name) == 0) return i;
    cv_bad_input(err, "%s: %s.rope_type \"%s\" is not implemented; implemented are default, linear, llama3", at.file,
                 at.field, name);
    return -1;
}

static bool contains(const char *const *words, const char *word)
{
    while (*words && strcmp(*words, word) != 0) words++;
    return *words != NULL;
}

/* A parameter that would be left unused is a sign of another computation than the one we would do. */
static bool check_keys(const json_t *parameters, cv_json_place at, int type, cv_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)parameters, key, value) {
        if (contains(common_keys, key) || contains(types[type].keys, key) || json_is_null(value)) continue;
        return cv_bad_input(err, "%s: %s.%s is not implemented for rope_type \"%s\"", at.file, at.field, key,
                            types[type].name);
    }
    return true;
}

/* Where the family turns whole heads, a part of them is asked for in vain. */
static bool check_whole(const json_t *object, cv_json_place at, cv_error *err)
{
    double part = 1.0;
    if (!cv_json_real(object, at, "partial_rotary_factor", CV_OPTIONAL, 0.0, 1e6, &part, err)) return false;
    if (part == 1.0) return true;
    return cv_bad_input(err, "%s: %s%spartial_rotary_factor %g is not implemented; only 1 is", at.file, at.field,
                        at.field[0] ? "." : "", part);
}

/* How much of a head is turned: rope->width. What stands inside goes before what stands at the top. */
static bool read_part(const json_t *json, cv_json_place top, const json_t *parameters, cv_json_place at,
                      const cv_rotary_rule *rule, const cv_config *config, cv_rope *rope, cv_error *err)
{
    double part = rule->part;
    if (!rule->part_key) return check_whole(json, top, err) && (!parameters || check_whole(parameters, at, err));
    if (!cv_json_real(json, top, rule->part_key, CV_OPTIONAL, 0, 1, &part, err)) return false;
    if (parameters && !cv_json_real(parameters, at, "partial_rotary_factor", CV_OPTIONAL, 0, 1, &part, err))
        return false;
    int width = (int)(config->head_dim * part); /* towards zero, as in transformers */
    if (width < 2 || width % 2 != 0)
        return cv_bad_input(err, "%s: %s %g turns %d elements of each head of %d; it must be an even number of them",
                            top.file, rule->part_key, part, width, config->head_dim);
    rope->width = width == config->head_dim ? 0 : width;
    return true;
}

static bool read_factor(const json_t *parameters, cv_json_place at, cv_rope *rope, cv_error *err)
{
    return cv_json_real(parameters, at, "factor", CV_REQUIRED, 1e-6, 1e6, &rope->factor, err);
}

/* original_max_position_embeddings is looked for where transformers does: beside, inside, else the
 * model's own number of positions. */
static bool read_llama3(const json_t *json, cv_json_place top, const json_t *parameters, cv_json_place at,
                        const cv_config *config, cv_rope *rope, cv_error *err)
{
    rope->original_max_position_embeddings = config->max_position_embeddings;
    static const char key[] = "original_max_position_embeddings";
    if (!cv_json_real(parameters, at, key, CV_OPTIONAL, 1, 1e12, &rope->original_max_position_embeddings, err) ||
        !cv_json_real(json, top, key, CV_OPTIONAL, 1, 1e12, &rope->original_max_position_embeddings, err) ||
        !cv_json_real(parameters, at, "low_freq_factor", CV_REQUIRED, 1e-6, 1e6, &rope->low_freq_factor, err) ||
        !cv_json_real(parameters, at, "high_freq_factor", CV_REQUIRED, 1e-6, 1e6, &rope->high_freq_factor, err))
        return false;
    if (rope->low_freq_factor < rope->high_freq_factor) return true;
    return cv_bad_input(err, "%s: %s.low_freq_factor must be less than high_freq_factor", at.file, at.field);
}

/* The object's type and its parameters. */
static bool read_type(const json_t *json, cv_json_place top, const json_t *parameters, cv_json_place at,
                      const cv_rotary_rule *rule, const cv_config *config, cv_rope *rope, cv_error *err)
{
    int type = find_type(parameters, at, err);
    if (type < 0) return false;
    if (rule->default_only && types[type].kind != CV_ROPE_DEFAULT)
        return cv_bad_input(err, "%s: %s.rope_type \"%s\" is not implemented for %s; only \"default\" is", at.file,
                            at.field, types[type].name, config->architecture);
    if (!check_keys(parameters, at, type, err) ||
        !cv_json_real(parameters, at, "rope_theta", CV_OPTIONAL, 1.0, 1e15, &rope->theta, err))
        return false;
    rope->kind = types[type].kind;
    if (rope->kind == CV_ROPE_DEFAULT) return true;
    return read_factor(parameters, at, rope, err) &&
           (rope->kind != CV_ROPE_LLAMA3 || read_llama3(json, top, parameters, at, config, rope, err));
}

/* One embedding: the key at the top for theta, and an object of parameters, or NULL. */
static bool read_one(const json_t *json, cv_json_place top, const json_t *parameters, cv_json_place at,
                     const cv_rotary_rule *rule, bool sliding, const cv_config *config, cv_rope *rope, cv_error *err)
{
    const char *key = sliding ? rule->sliding_theta_key : rule->theta_key;
    *rope = (cv_rope){.kind = CV_ROPE_DEFAULT, .theta = sliding ? rule->sliding_theta : rule->theta};
    return cv_json_real(json, top, key, CV_OPTIONAL, 1.0, 1e15, &rope->theta, err) &&
           (!parameters || read_type(json, top, parameters, at, rule, config, rope, err)) &&
           read_part(json, top, parameters, at, rule, config, rope, err);
}

/* rope_parameters with an object for each kind of layer, or rope_scaling, which is of full_attention. */
static bool read_both(const json_t *json, cv_json_place top, json_t *parameters, cv_json_place at,
                      const cv_rotary_rule *rule, cv_config *config, cv_error *err)
{
    json_t *full = parameters, *sliding = NULL;
    cv_json_place at_full = at, at_sliding = {at.file, "rope_parameters.sliding_attention"};
    if (strcmp(at.field, "rope_parameters") == 0) {
        static const char *const kinds[] = {"full_attention", "sliding_attention", NULL};
        full = NULL;
        at_full.field = "rope_parameters.full_attention";
        if (!cv_json_only_keys(parameters, at, kinds, err) ||
            !cv_json_object(parameters, at, kinds[0], CV_OPTIONAL, &full, err) ||
            !cv_json_object(parameters, at, kinds[1], CV_OPTIONAL, &sliding, err))
            return false;
    }
    return read_one(json, top, full, at_full, rule, false, config, &config->rope, err) &&
           read_one(json, top, sliding, at_sliding, rule, true, config, &config->sliding_rope, err);
}

bool cv_rotary_read(const json_t *json, cv_json_place top, const cv_rotary_rule *rule, cv_config *config, cv_error *err)
{
    json_t *parameters = NULL;
    cv_json_place at = top;
    if (!find_parameters(json, &at, &parameters, err)) return false;
    if (rule->sliding_theta_key) return read_both(json, top, parameters, at, rule, config, err);
    if (!read_one(json, top, parameters, at, rule, false, config, &config->rope, err)) return false;
    config->sliding_rope = config->rope;
    return true;
}
