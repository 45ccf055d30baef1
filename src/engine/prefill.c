#include "engine/prefill.h"

#include "base/memory.h"

#include <omp.h>
#include <stdlib.h>

static bool same_head(const cv_ablated_head *a, const cv_ablated_head *b)
{
    return a->layer == b->layer && a->head == b->head && a->ablation.kind == b->ablation.kind &&
           a->ablation.granularity == b->ablation.granularity && a->ablation.epsilon == b->ablation.epsilon &&
           a->ablation.mean_of == b->ablation.mean_of;
}

static bool same_group(const cv_head_group *a, const cv_head_group *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_head(&a->heads[i], &b->heads[i])) return false;
    return true;
}

/* The number of a group's prefix, made if there is none. */
static size_t prefix_for(cv_prefill *prefill, const cv_head_group *group)
{
    size_t p = 0;
    while (p < prefill->num_prefixes && !same_group(prefill->prefixes[p].group, group)) p++;
    if (p == prefill->num_prefixes) prefill->prefixes[prefill->num_prefixes++] = (cv_prefix){.group = group};
    return p;
}

/* The prefix's prompts, number i of them being that of the sequence whose end_of is i, become a trie. */
static void make_trie(cv_prefill *prefill, size_t p, const cv_sequence *sequences, size_t count)
{
    cv_prefix *prefix = &prefill->prefixes[p];
    prefix->ids = cv_alloc(prefix->num_prompts, sizeof *prefix->ids);
    prefix->count = cv_alloc(prefix->num_prompts, sizeof *prefix->count);
    for (size_t i = 0; i < count; i++) {
        if (prefill->prefix_of[i] != p) continue;
        prefix->ids[prefill->end_of[i]] = sequences[i].ids;
        prefix->count[prefill->end_of[i]] = sequences[i].count;
    }
    cv_prompt_block block = {prefix->num_prompts, prefix->ids, prefix->count};
    prefix->trie = cv_trie_make(&block);
    prefix->all = cv_queries_all(&prefix->trie);
    prefix->ends = cv_queries_ends(&prefix->trie);
}

cv_prefill cv_prefill_make(const cv_sequence *sequences, size_t count)
{
    cv_prefill prefill = {.prefixes = cv_alloc(count, sizeof *prefill.prefixes),
                          .prefix_of = cv_alloc(count, sizeof *prefill.prefix_of),
                          .end_of = cv_alloc(count, sizeof *prefill.end_of)};
    for (size_t i = 0; i < count; i++) {
        prefill.prefix_of[i] = prefix_for(&prefill, &sequences[i].group);
        prefill.end_of[i] = prefill.prefixes[prefill.prefix_of[i]].num_prompts++; /* the prompt's number, for now */
    }
    for (size_t p = 0; p < prefill.num_prefixes; p++) make_trie(&prefill, p, sequences, count);
    for (size_t i = 0; i < count; i++)
        prefill.end_of[i] = prefill.prefixes[prefill.prefix_of[i]].trie.end_of[prefill.end_of[i]];
    return prefill;
}

void cv_prefill_close_trunks(cv_prefill *prefill)
{
    for (size_t p = 0; p < prefill->num_prefixes; p++) cv_trunk_close(&prefill->prefixes[p].trunk);
}

void cv_prefill_free(cv_prefill *prefill)
{
    cv_prefill_close_trunks(prefill);
    for (size_t p = 0; p < prefill->num_prefixes; p++) {
        cv_prefix *prefix = &prefill->prefixes[p];
        free(prefix->kv);
        free(prefix->ids);
        free(prefix->count);
        cv_queries_free(&prefix->all);
        cv_queries_free(&prefix->ends);
        cv_trie_free(&prefix->trie);
    }
    free(prefill->prefixes);
    free(prefill->prefix_of);
    free(prefill->end_of);
    *prefill = (cv_prefill){0};
}

static size_t kv_floats(const cv_shape *s, const cv_trie *trie) /* of a layer */
{
    return trie->num_rows * 2 * s->K * s->D;
}

static bool open_trunks(cv_prefill *prefill, cv_engine *engine, cv_error *err)
{
    const cv_shape *s = &engine->shape;
    for (size_t p = 0; p < prefill->num_prefixes; p++) {
        cv_prefix *prefix = &prefill->prefixes[p];
        prefix->kv = cv_alloc_floats(s->L * kv_floats(s, &prefix->trie));
        if (!cv_trunk_open(&prefix->trunk, engine, &prefix->trie, prefix->group, prefix->kv, err)) return false;
    }
    return true;
}

static bool pass_prefix(cv_prefix *prefix, cv_engine *engine, cv_scratch *scratch, const cv_layer_weights *weights,
                        size_t layer, cv_error *err)
{
    const cv_shape *s = &engine->shape;
    cv_layer_context context = {engine, weights, &prefix->trie, scratch};
    cv_trunk_keep_kv(&prefix->trunk, prefix->kv + layer * kv_floats(s, &prefix->trie));
    return cv_trunk_attend(&prefix->trunk, &context, layer, layer == s->L - 1 ? &prefix->ends : &prefix->all, err) &&
           cv_trunk_finish(&prefix->trunk, &context, layer, err);
}

/* Many small tries: each thread takes one after the other, as a trie of a few rows cannot keep them busy
 * together. Each counts its work on a copy of the engine, which only lends its tables. */
static bool pass_side_by_side(cv_prefill *prefill, cv_engine *engine, cv_scratch *scratch,
                              const cv_layer_weights *weights, size_t layer, cv_error *err)
{
    size_t wrong = SIZE_MAX;
    uint64_t operations = 0;
    cv_error *errors = cv_calloc(prefill->num_prefixes, sizeof *errors);
#pragma omp parallel reduction(min : wrong) reduction(+ : operations)
    {
        cv_engine own = *engine;
        own.work = (cv_work){0};
        cv_scratch *mine = &scratch[omp_get_thread_num()];
        omp_set_num_threads(1); /* of the loops inside, whose thread 0 then is this one */
#pragma omp for schedule(dynamic)
        for (size_t p = 0; p < prefill->num_prefixes; p++)
            if (!pass_prefix(&prefill->prefixes[p], &own, mine, weights, layer, &errors[p]) && p < wrong) wrong = p;
        operations += own.work.operations;
    }
    engine->work.operations += operations;
    if (wrong != SIZE_MAX) *err = errors[wrong];
    free(errors);
    return wrong == SIZE_MAX;
}

static bool pass_layer(cv_prefill *prefill, cv_engine *engine, cv_scratch *scratch, size_t threads,
                       const cv_layer_weights *weights, size_t layer, cv_error *err)
{
    if (threads > 1 && prefill->num_prefixes >= 2 * threads)
        return pass_side_by_side(prefill, engine, scratch, weights, layer, err);
    for (size_t p = 0; p < prefill->num_prefixes; p++)
        if (!pass_prefix(&prefill->prefixes[p], engine, scratch, weights, layer, err)) return false;
    return true;
}

/* Scratch is laid out by a trie's sizes: here by the largest of all. */
static cv_trie largest_sizes(const cv_prefill *prefill)
{
    cv_trie largest = {0};
    for (size_t p = 0; p < prefill->num_prefixes; p++) {
        const cv_trie *trie = &prefill->prefixes[p].trie;
        if (trie->max_length > largest.max_length) largest.max_length = trie->max_length;
        if (trie->num_rows > largest.num_rows) largest.num_rows = trie->num_rows;
    }
    return largest;
}

bool cv_prefill_run(cv_prefill *prefill, cv_engine *engine, cv_weights_of weights_of, cv_error *err)
{
    if (!open_trunks(prefill, engine, err)) return false;
    size_t threads = (size_t)omp_get_max_threads();
    cv_trie largest = largest_sizes(prefill);
    cv_scratch *scratch = cv_scratch_make(&engine->shape, &largest, threads);
    bool ok = true;
    for (size_t l = 0; ok && l < engine->shape.L; l++) {
        const cv_layer_weights *weights = weights_of(engine, l, err);
        ok = weights && pass_layer(prefill, engine, scratch, threads, weights, l, err);
    }
    cv_scratch_free(scratch, threads);
    return ok;
}

/* A trie's arrays, by row: token, parent, position, node, and at most a node, an end, two queries. */
enum { TRIE_ROW_BYTES = 200 };

cv_prefill_cost cv_prefill_estimate(const cv_prefill *prefill, const cv_model *model)
{
    cv_shape s = cv_shape_of(&model->config);
    cv_trie largest = largest_sizes(prefill);
    size_t ablated = largest.num_rows * s.H * s.D; /* z' of a layer's heads, if all are switched off */
    cv_prefill_cost cost = {.thread_bytes = sizeof(float) * (cv_scratch_floats(&s, &largest) + ablated)};
    for (size_t p = 0; p < prefill->num_prefixes; p++) {
        const cv_prefix *prefix = &prefill->prefixes[p];
        for (size_t l = 0; l < s.L; l++)
            cost.operations += cv_trunk_operations(model, &prefix->trie, l == s.L - 1 ? &prefix->ends : &prefix->all,
                                                   prefix->group, l);
        cost.kept_bytes += s.L * kv_floats(&s, &prefix->trie) * sizeof(float) + prefix->trie.num_rows * TRIE_ROW_BYTES;
        cost.passing_bytes += cv_trunk_bytes(model, &prefix->trie, prefix->group);
    }
    return cost;
}
