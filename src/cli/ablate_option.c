#include "cli/ablate_option.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the next field off *rest; NULL where there is none. */
static char *next_field(char **rest)
{
    return *rest ? strsep(rest, ":") : NULL;
}

static bool read_parameter(const char *field, cv_ablation *ablation, cv_error *err)
{
    if (!field) return true;
    if (ablation->kind != CV_MEAN_OVER_HEADS) return cv_option_real("the epsilon", field, &ablation->epsilon, err);
    int of = cv_mean_of_of(field);
    if (of < 0) return cv_bad_input(err, "mean_over_heads takes q, k or z, not \"%s\"", field);
    ablation->mean_of = (cv_mean_of)of;
    return true;
}

static bool read_fields(char *text, const cv_config *config, cv_ablated_head *out, cv_error *err)
{
    char *rest = text;
    const char *kind = next_field(&rest), *layer_text = next_field(&rest), *head_text = next_field(&rest);
    const char *parameter = next_field(&rest);
    int64_t layer, head;
    if (!head_text || rest) return cv_bad_input(err, "it must be KIND:LAYER:HEAD or KIND:LAYER:HEAD:EPSILON");
    int index = cv_ablation_kind_of(kind);
    if (index < 0)
        return cv_bad_input(err, "kind \"%s\" is unknown; use uniform_attention, value_scale or mean_over_heads", kind);
    *out = (cv_ablated_head){.ablation.kind = (cv_ablation_kind)index};
    if (!cv_option_int("the layer", layer_text, 0, config->num_hidden_layers - 1, &layer, err) ||
        !cv_option_int("the head", head_text, 0, config->num_attention_heads - 1, &head, err) ||
        !read_parameter(parameter, &out->ablation, err))
        return false;
    out->layer = (int)layer;
    out->head = (int)head;
    return cv_ablation_check(&out->ablation, config, err);
}

cv_ablated_head *cv_ablate_option_read(const cv_words *words, const cv_config *config, cv_error *err)
{
    cv_ablated_head *heads = cv_alloc(words->count, sizeof *heads);
    for (size_t i = 0; i < words->count; i++) {
        char *copy = cv_strdup(words->items[i]);
        bool ok = read_fields(copy, config, &heads[i], err);
        free(copy);
        for (size_t j = 0; ok && j < i; j++)
            if (heads[j].layer == heads[i].layer && heads[j].head == heads[i].head)
                ok = cv_bad_input(err, "L%dH%d is switched off twice", heads[i].layer, heads[i].head);
        if (ok) continue;
        cv_error_prefix(err, "--ablate %s", words->items[i]);
        free(heads);
        return NULL;
    }
    return heads;
}
