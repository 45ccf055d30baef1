#include "text/split.h"

#include <string.h>

bool cv_split_behavior_parse(const json_t *object, cv_json_place at, const char *key, cv_split_behavior *behavior,
                             cv_error *err)
{
    static const char *const names[] = {
        [CV_SPLIT_REMOVED] = "Removed",
        [CV_SPLIT_ISOLATED] = "Isolated",
        [CV_SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [CV_SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
        [CV_SPLIT_CONTIGUOUS] = "Contiguous",
    };
    const char *name = NULL;
    if (!cv_json_string(object, at, key, CV_OPTIONAL, &name, err)) return false;
    if (!name) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *behavior = (cv_split_behavior)i;
        return true;
    }
    return cv_bad_input(err, "%s: %s.%s: the behavior \"%s\" is not known", at.file, at.field, key, name);
}

static void remove_matches(cv_spans *spans)
{
    size_t kept = 0;
    for (size_t i = 0; i < spans->count; i++)
        if (!spans->items[i].is_match) spans->items[kept++] = spans->items[i];
    spans->count = kept;
}

/* Whether the reference joins span i with the one before it. A match joins the stretch before it
 * only where that is not itself a match: in a run of matches the later ones stand alone. */
static bool joins_previous(const cv_spans *spans, size_t i, cv_split_behavior behavior)
{
    if (i == 0) return false;
    bool match = spans->items[i].is_match, previous = spans->items[i - 1].is_match;
    if (behavior == CV_SPLIT_CONTIGUOUS) return match == previous;
    if (behavior == CV_SPLIT_MERGED_WITH_PREVIOUS) return match && !previous;
    if (behavior == CV_SPLIT_MERGED_WITH_NEXT) return previous && !match;
    return false;
}

void cv_split_arrange(cv_spans *spans, cv_split_behavior behavior)
{
    if (behavior == CV_SPLIT_REMOVED) remove_matches(spans);
    if (behavior == CV_SPLIT_REMOVED || behavior == CV_SPLIT_ISOLATED) return;
    /* in place: what is written lies never behind what is still to be read */
    size_t kept = 0;
    for (size_t i = 0; i < spans->count; i++) {
        if (joins_previous(spans, i, behavior))
            spans->items[kept - 1].end = spans->items[i].end;
        else
            spans->items[kept++] = spans->items[i];
    }
    spans->count = kept;
}
