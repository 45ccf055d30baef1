#include "sweep/job_reader.h"

#include "base/memory.h"

#include <stdlib.h>

enum { MOST_TOP_K = 100 };
static const int64_t MOST_HEADS = 1000000, MOST_PERMUTATIONS = 100000000;

static const size_t default_top_k[] = {5, 10, 20};
static const size_t DEFAULT_PERMUTATIONS = 10000;

void cv_job_overlap_defaults(cv_job_overlap *overlap)
{
    overlap->num_top_k = sizeof default_top_k / sizeof default_top_k[0];
    overlap->top_k = cv_alloc(overlap->num_top_k, sizeof *overlap->top_k);
    for (size_t i = 0; i < overlap->num_top_k; i++) overlap->top_k[i] = default_top_k[i];
    overlap->permutations = DEFAULT_PERMUTATIONS;
    overlap->seed = 0;
}

bool cv_job_overlap_add(cv_job_overlap *overlap, int64_t k, const char *where, cv_error *err)
{
    if (k < 1 || k > MOST_HEADS)
        return cv_bad_input(err, "%s has %lld; numbers of heads lie between 1 and %lld", where, (long long)k,
                            (long long)MOST_HEADS);
    if (overlap->num_top_k == MOST_TOP_K)
        return cv_bad_input(err, "%s has more than %d numbers of heads", where, MOST_TOP_K);
    size_t at = overlap->num_top_k;
    overlap->top_k = cv_realloc(overlap->top_k, at + 1, sizeof *overlap->top_k);
    for (; at > 0 && overlap->top_k[at - 1] > (size_t)k; at--) overlap->top_k[at] = overlap->top_k[at - 1];
    if (at > 0 && overlap->top_k[at - 1] == (size_t)k) {
        for (; at < overlap->num_top_k; at++) overlap->top_k[at] = overlap->top_k[at + 1];
        return cv_bad_input(err, "%s has %lld twice", where, (long long)k);
    }
    overlap->top_k[at] = (size_t)k;
    overlap->num_top_k++;
    return true;
}

static bool read_top_k(const cv_job_reader *r, const json_t *object)
{
    cv_job_overlap *overlap = &r->job->overlap;
    json_t *list = NULL;
    if (!cv_job_list(r, object, "overlap", "top_k", CV_OPTIONAL, &list)) return false;
    if (!list) return true;
    overlap->num_top_k = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value)) return cv_bad_input(r->err, "%s: overlap.top_k must hold whole numbers", r->file);
        if (!cv_job_overlap_add(overlap, json_integer_value(value), "overlap.top_k", r->err))
            return cv_error_prefix(r->err, "%s", r->file);
    }
    return true;
}

bool cv_job_read_overlap(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"top_k", "permutations", "seed", NULL};
    cv_job_overlap *overlap = &r->job->overlap;
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "overlap", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    if (!cv_job_has_scores(r->job))
        return cv_bad_input(r->err,
                            "%s: overlap compares scores of heads, and the job computes none; remove it, or add "
                            "subspace or sahara",
                            r->file);
    cv_json_place place = cv_job_at(r, "overlap");
    cv_job_overlap_defaults(overlap);
    overlap->enabled = true;
    int64_t permutations = (int64_t)overlap->permutations, seed = 0;
    if (!cv_json_only_keys(object, place, keys, r->err) || !read_top_k(r, object) ||
        !cv_json_int(object, place, "permutations", CV_OPTIONAL, 0, MOST_PERMUTATIONS, &permutations, r->err) ||
        !cv_json_int(object, place, "seed", CV_OPTIONAL, 0, INT64_MAX, &seed, r->err))
        return false;
    overlap->permutations = (size_t)permutations;
    overlap->seed = (uint64_t)seed;
    return true;
}
