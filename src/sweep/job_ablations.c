#include "sweep/job_reader.h"

#include "base/memory.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

static bool read_ablation_kind(const cv_job_reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *kind = NULL;
    if (!cv_json_string(object, cv_job_at(r, field), "kind", CV_REQUIRED, &kind, r->err)) return false;
    int index = cv_ablation_kind_of(kind);
    if (index < 0 && strcmp(kind, "dataset_mean") == 0) {
        char what[96];
        snprintf(what, sizeof what, "%s.kind dataset_mean", field);
        return cv_job_not_yet(r, what);
    }
    if (index < 0)
        return cv_bad_input(r->err,
                            "%s: %s.kind \"%s\" is unknown; use uniform_attention, value_scale or mean_over_heads",
                            r->file, field, kind);
    ablation->kind = (cv_ablation_kind)index;
    return true;
}

static bool read_mean_of(const cv_job_reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *of = cv_mean_of_name(CV_MEAN_OF_Q);
    if (!cv_json_string(object, cv_job_at(r, field), "of", CV_OPTIONAL, &of, r->err)) return false;
    int index = cv_mean_of_of(of);
    if (index < 0) return cv_bad_input(r->err, "%s: %s.of \"%s\" is unknown; use q, k or z", r->file, field, of);
    ablation->mean_of = (cv_mean_of)index;
    return true;
}

static bool read_granularity(const cv_job_reader *r, const json_t *object, const char *field, cv_ablation *ablation)
{
    const char *granularity = cv_granularity_name(CV_GRANULARITY_HEAD);
    if (!cv_json_string(object, cv_job_at(r, field), "granularity", CV_OPTIONAL, &granularity, r->err)) return false;
    int index = cv_granularity_of(granularity);
    if (index < 0)
        return cv_bad_input(r->err, "%s: %s.granularity \"%s\" is unknown; use head or kv_group", r->file, field,
                            granularity);
    ablation->granularity = (cv_granularity)index;
    return true;
}

static bool add_ablation(const cv_job_reader *r, int index, const cv_ablation *ablation)
{
    cv_job *job = r->job;
    job->ablations[index] = *ablation;
    char *name = job->ablation_names[index] = cv_ablation_name(ablation);
    for (int i = 0; i < index; i++)
        if (strcmp(job->ablation_names[i], name) == 0)
            return cv_bad_input(r->err, "%s: ablations[%d] and ablations[%d] are both %s; remove one", r->file, i,
                                index, name);
    return true;
}

static bool read_ablation(const cv_job_reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"kind", "epsilon", "of", "granularity", NULL};
    char field[64];
    snprintf(field, sizeof field, "ablations[%d]", index);
    cv_ablation ablation = {0};
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, cv_job_at(r, field), keys, r->err) ||
        !read_ablation_kind(r, object, field, &ablation))
        return false;
    bool is_mean = ablation.kind == CV_MEAN_OVER_HEADS;
    const char *foreign = is_mean ? "epsilon" : "of";
    if (json_object_get(object, foreign))
        return cv_bad_input(r->err, "%s: %s.%s does not belong to %s; remove it", r->file, field, foreign,
                            cv_ablation_kind_name(ablation.kind));
    if (is_mean) {
        if (!read_mean_of(r, object, field, &ablation)) return false;
    } else if (!cv_json_real(object, cv_job_at(r, field), "epsilon", CV_OPTIONAL, 0, DBL_MAX, &ablation.epsilon,
                             r->err)) {
        return false;
    }
    return read_granularity(r, object, field, &ablation) && add_ablation(r, index, &ablation);
}

bool cv_job_read_ablations(const cv_job_reader *r, const json_t *top)
{
    json_t *list = NULL;
    if (!cv_job_list(r, top, "", "ablations", CV_OPTIONAL, &list)) return false;
    cv_job *job = r->job;
    job->num_ablations = list ? (int)json_array_size(list) : 1;
    job->ablations = cv_calloc((size_t)job->num_ablations, sizeof *job->ablations);
    job->ablation_names = cv_calloc((size_t)job->num_ablations, sizeof *job->ablation_names);
    if (!list) return add_ablation(r, 0, &(cv_ablation){.kind = CV_UNIFORM_ATTENTION});
    for (int i = 0; i < job->num_ablations; i++)
        if (!read_ablation(r, json_array_get(list, (size_t)i), i)) return false;
    return true;
}
