#include <caravan/engine.h>

#include "base/buffer.h"
#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Beyond it scores times epsilon leave single precision. */
static const double LARGEST_EPSILON = 1e6;

static const char *const kind_names[] = {"uniform_attention", "value_scale", "mean_over_heads"};
static const char *const mean_of_names[] = {"q", "k", "z"};
static const char *const granularity_names[] = {"head", "kv_group"};

static int index_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

const char *cv_ablation_kind_name(cv_ablation_kind kind)
{
    return kind_names[kind];
}

int cv_ablation_kind_of(const char *name)
{
    return index_of(name, kind_names, 3);
}

const char *cv_mean_of_name(cv_mean_of mean_of)
{
    return mean_of_names[mean_of];
}

int cv_mean_of_of(const char *name)
{
    return index_of(name, mean_of_names, 3);
}

const char *cv_granularity_name(cv_granularity granularity)
{
    return granularity_names[granularity];
}

int cv_granularity_of(const char *name)
{
    return index_of(name, granularity_names, 2);
}

char *cv_ablation_name(const cv_ablation *ablation)
{
    cv_buffer name = {0};
    cv_buffer_puts(&name, kind_names[ablation->kind]);
    if (ablation->kind == CV_MEAN_OVER_HEADS) {
        if (ablation->mean_of != CV_MEAN_OF_Q) cv_buffer_printf(&name, "-%s", mean_of_names[ablation->mean_of]);
    } else if (ablation->epsilon != 0) {
        cv_buffer_printf(&name, "-eps%g", ablation->epsilon);
    }
    if (ablation->granularity != CV_GRANULARITY_HEAD)
        cv_buffer_printf(&name, "-%s", granularity_names[ablation->granularity]);
    return cv_buffer_steal(&name);
}

bool cv_ablation_check(const cv_ablation *ablation, const cv_config *config, cv_error *err)
{
    const char *kind = kind_names[ablation->kind];
    if (ablation->kind != CV_MEAN_OVER_HEADS) {
        if (!isfinite(ablation->epsilon)) return cv_bad_input(err, "%s: epsilon must be a finite number", kind);
        if (ablation->epsilon < 0) return cv_bad_input(err, "%s: epsilon must not be negative", kind);
        if (ablation->epsilon > LARGEST_EPSILON)
            return cv_bad_input(err, "%s: epsilon must be at most %g", kind, LARGEST_EPSILON);
        if ((float)ablation->epsilon == 1.0f)
            return cv_bad_input(err, "%s: epsilon 1 changes nothing; choose another", kind);
        return true;
    }
    bool of_keys = ablation->mean_of == CV_MEAN_OF_K;
    int heads = of_keys ? config->num_key_value_heads : config->num_attention_heads;
    if (heads < 2)
        return cv_bad_input(err, "%s of %s: the model has one %s head a layer, so nothing would change", kind,
                            mean_of_names[ablation->mean_of], of_keys ? "key" : "query");
    return true;
}

int cv_ablation_heads(const cv_ablation *ablation, const cv_config *config)
{
    return ablation->granularity == CV_GRANULARITY_HEAD ? config->num_attention_heads : config->num_key_value_heads;
}

int cv_ablation_span(const cv_ablation *ablation, const cv_config *config)
{
    return config->num_attention_heads / cv_ablation_heads(ablation, config);
}

size_t cv_head_range_states(const cv_head_range *range)
{
    return (size_t)(range->layer_end - range->layer_begin) * (size_t)(range->head_end - range->head_begin);
}
