#include "sweep/groups.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static size_t heads_in_all(const cv_findings *findings)
{
    return (size_t)findings->layers * (size_t)findings->heads;
}

/* Heads are numbered layer by layer. */
static cv_ablated_head head_of(const cv_findings *findings, size_t number)
{
    size_t heads = (size_t)findings->heads;
    return (cv_ablated_head){(int)(number / heads), (int)(number % heads), findings->ablation};
}

/* count groups of size heads each, all in one array. */
static cv_groups allocate(size_t count, size_t size)
{
    cv_groups groups = {.variants = count,
                        .groups = cv_calloc(count, sizeof *groups.groups),
                        .heads = size ? cv_calloc(count * size, sizeof *groups.heads) : NULL,
                        .num_heads = count * size};
    for (size_t g = 0; g < count; g++) groups.groups[g] = (cv_head_group){size ? groups.heads + g * size : NULL, size};
    return groups;
}

static void fill_top(const cv_findings *findings, size_t count, cv_ablated_head *heads)
{
    assert(findings->ranking);
    for (size_t i = 0; i < count; i++)
        heads[i] = (cv_ablated_head){findings->ranking[i].layer, findings->ranking[i].head, findings->ablation};
}

static void fill_sahara(const cv_findings *findings, size_t count, cv_ablated_head *heads)
{
    assert(count <= findings->sahara.count);
    for (size_t i = 0; i < count; i++) heads[i] = findings->sahara.heads[i];
}

/* The heads in an order drawn from the seed; a shuffle decides the places from the last one down. */
static void fill_random(const cv_findings *findings, size_t count, cv_ablated_head *heads)
{
    size_t total = heads_in_all(findings);
    uint32_t *numbers = cv_alloc(total, sizeof *numbers);
    for (size_t i = 0; i < total; i++) numbers[i] = (uint32_t)i;
    cv_random random = cv_random_open(findings->seed, CV_RANDOM_HEADS, 0);
    cv_random_shuffle(&random, numbers, (uint32_t)total);
    for (size_t i = 0; i < count; i++) heads[i] = head_of(findings, numbers[total - 1 - i]);
    free(numbers);
}

/* One head's score for the prompt at hand. */
typedef struct scored {
    double ships;
    size_t number;
} scored;

static int by_falling_ships(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->ships != y->ships) return x->ships > y->ships ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void fill_per_prompt(const cv_findings *findings, size_t count, cv_ablated_head *heads)
{
    assert(findings->ships);
    size_t total = heads_in_all(findings);
    scored *order = cv_alloc(total, sizeof *order);
    for (size_t p = 0; p < findings->prompts; p++) {
        for (size_t n = 0; n < total; n++) {
            order[n] = (scored){findings->ships[n * findings->prompts + p], n};
            assert(!isnan(order[n].ships)); /* cv_scores_put lets none in */
        }
        qsort(order, total, sizeof *order, by_falling_ships);
        for (size_t i = 0; i < count; i++) *heads++ = head_of(findings, order[i].number);
    }
    free(order);
}

cv_groups cv_groups_allocate(const cv_job_group *word, size_t heads_in_all, size_t prompts)
{
    size_t count = (size_t)word->count;
    assert(word->count >= 0 && count <= heads_in_all);
    if (word->kind == CV_GROUP_EACH_HEAD) return allocate(heads_in_all, 1);
    if (word->kind != CV_GROUP_PER_PROMPT) return allocate(1, count);
    cv_groups groups = allocate(prompts, count);
    groups.variants = 1;
    groups.per_prompt = true;
    return groups;
}

cv_groups cv_groups_make(const cv_findings *findings, const cv_job_group *word)
{
    cv_groups groups = cv_groups_allocate(word, heads_in_all(findings), findings->prompts);
    size_t count = (size_t)word->count;
    switch (word->kind) {
    case CV_GROUP_NONE:
        break;
    case CV_GROUP_TOP:
        fill_top(findings, count, groups.heads);
        break;
    case CV_GROUP_SAHARA:
        fill_sahara(findings, count, groups.heads);
        break;
    case CV_GROUP_RANDOM:
        fill_random(findings, count, groups.heads);
        break;
    case CV_GROUP_PER_PROMPT:
        fill_per_prompt(findings, count, groups.heads);
        break;
    case CV_GROUP_EACH_HEAD:
        for (size_t n = 0; n < groups.num_heads; n++) groups.heads[n] = head_of(findings, n);
        break;
    }
    return groups;
}

void cv_groups_free(cv_groups *groups)
{
    free(groups->groups);
    free(groups->heads);
    *groups = (cv_groups){0};
}

cv_head_group cv_groups_at(const cv_groups *groups, size_t variant, size_t prompt)
{
    assert(variant < groups->variants);
    return groups->groups[groups->per_prompt ? prompt : variant];
}

char *cv_groups_label(const cv_groups *groups, size_t variant)
{
    if (groups->per_prompt) return cv_strdup("per prompt");
    cv_head_group group = cv_groups_at(groups, variant, 0);
    cv_buffer label = {0};
    for (size_t i = 0; i < group.count; i++)
        cv_buffer_printf(&label, "%sL%dH%d", i ? " " : "", group.heads[i].layer, group.heads[i].head);
    return cv_buffer_steal(&label);
}

bool cv_group_has_rows(const cv_job *job, int group, int ablation)
{
    return job->evaluate.groups[group].kind != CV_GROUP_NONE || ablation == 0;
}

bool cv_group_is_shown(const cv_job *job, int group, int computed, int shown)
{
    return job->evaluate.groups[group].kind == CV_GROUP_NONE || computed == shown;
}

/* ---- bytes ---- */

typedef struct place {
    int32_t layer, head;
} place;

void cv_put_heads(cv_buffer *out, const cv_ablated_head *heads, size_t count)
{
    cv_put_u64(out, count);
    for (size_t i = 0; i < count; i++) {
        place at = {heads[i].layer, heads[i].head};
        cv_buffer_append(out, (const char *)&at, sizeof at);
    }
}

void cv_get_heads(cv_cursor *in, const cv_ablation *ablation, const cv_config *config, cv_ablated_head *heads,
                  size_t count)
{
    size_t there;
    place *places = cv_get_array(in, &there, sizeof *places);
    if (there != count) in->ok = false;
    for (size_t i = 0; in->ok && i < count; i++) {
        in->ok = places[i].layer >= 0 && places[i].layer < config->num_hidden_layers && places[i].head >= 0 &&
                 places[i].head < cv_ablation_heads(ablation, config);
        heads[i] = (cv_ablated_head){places[i].layer, places[i].head, *ablation};
    }
    free(places);
}
