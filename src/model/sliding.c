#include "model/sliding.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

int cv_config_window(const cv_config *config, int layer)
{
    assert(layer >= 0 && layer < config->num_hidden_layers);
    return config->sliding[layer] ? config->sliding_window : 0;
}

/* sliding_window: absent, it is the rule's; null, there is none (0). */
static bool read_window(const json_t *json, cv_json_place at, const cv_sliding_rule *rule, int *window, cv_error *err)
{
    int64_t value = json_object_get(json, "sliding_window") ? 0 : rule->window;
    if (!cv_json_int(json, at, "sliding_window", CV_OPTIONAL, 1, INT_MAX, &value, err)) return false;
    *window = (int)value;
    return true;
}

/* layer_types[layer]: sliding or not. */
static bool read_type(const json_t *list, cv_json_place at, int layer, bool *sliding, cv_error *err)
{
    const char *type = json_string_value(json_array_get(list, (size_t)layer));
    *sliding = type && strcmp(type, "sliding_attention") == 0;
    if (*sliding || (type && strcmp(type, "full_attention") == 0)) return true;
    return cv_bad_input(err,
                        "%s: layer_types[%d] is \"%s\"; implemented are \"full_attention\" and \"sliding_attention\"",
                        at.file, layer, type ? type : "");
}

/* layer_types where the family reads it. */
static bool read_types(const json_t *list, cv_json_place at, cv_config *config, cv_error *err)
{
    size_t layers = (size_t)config->num_hidden_layers;
    if (json_array_size(list) != layers)
        return cv_bad_input(err, "%s: layer_types names %zu layers; num_hidden_layers is %zu", at.file,
                            json_array_size(list), layers);
    for (int l = 0; l < config->num_hidden_layers; l++) {
        if (!read_type(list, at, l, &config->sliding[l], err)) return false;
        if (config->sliding[l] && config->sliding_window == 0)
            return cv_bad_input(err, "%s: layer_types[%d] is \"sliding_attention\", but there is no sliding_window",
                                at.file, l);
    }
    return true;
}

/* layer_types where the family does not read it: it may say what is the case anyhow. */
static bool check_types(const json_t *list, cv_json_place at, const cv_config *config, cv_error *err)
{
    for (int l = 0; l < config->num_hidden_layers && (size_t)l < json_array_size(list); l++) {
        bool sliding;
        if (!read_type(list, at, l, &sliding, err)) return false;
        if (sliding != config->sliding[l])
            return cv_bad_input(err, "%s: layer_types[%d] is \"%s\", which %s does not go by; its layer %d has %s",
                                at.file, l, sliding ? "sliding_attention" : "full_attention", config->architecture, l,
                                config->sliding[l] ? "the sliding_window" : "no window");
    }
    return true;
}

/* The layers without layer_types. */
static bool default_types(const json_t *json, cv_json_place at, const cv_sliding_rule *rule, cv_config *config,
                          cv_error *err)
{
    int64_t first = 28, pattern = rule->pattern;
    if (!cv_json_int(json, at, "max_window_layers", CV_OPTIONAL, 0, INT_MAX, &first, err)) return false;
    if (rule->kind == CV_SLIDING_PATTERN &&
        !cv_json_int(json, at, "sliding_window_pattern", CV_OPTIONAL, 1, INT_MAX, &pattern, err))
        return false;
    for (int l = 0; l < config->num_hidden_layers; l++)
        config->sliding[l] = config->sliding_window > 0 && (rule->kind == CV_SLIDING_UPPER ? l >= first
                                                            : rule->kind == CV_SLIDING_ALL ? true
                                                                                           : (l + 1) % pattern != 0);
    return true;
}

bool cv_sliding_read(const json_t *json, cv_json_place at, const cv_sliding_rule *rule, cv_config *config,
                     cv_error *err)
{
    json_t *list = NULL;
    bool used = true;
    config->sliding_window = 0;
    if (!cv_json_array(json, at, "layer_types", CV_OPTIONAL, &list, err)) return false;
    if (rule->kind == CV_SLIDING_NEVER) return check_types(list, at, config, err);
    if (rule->kind == CV_SLIDING_UPPER) used = false;
    if (rule->kind == CV_SLIDING_UPPER && !cv_json_bool(json, at, "use_sliding_window", CV_OPTIONAL, &used, err))
        return false;
    if (used && !read_window(json, at, rule, &config->sliding_window, err)) return false;
    if (list && rule->kind != CV_SLIDING_ALL) return read_types(list, at, config, err);
    if (!default_types(json, at, rule, config, err)) return false;
    return check_types(list, at, config, err);
}
