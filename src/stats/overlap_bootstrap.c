/* Intervals: what other prompts might have said. A block of resamples at a time: the means of all members, then
 * every comparison by each of them. Angles are scores of a whole set of prompts, and have none. */
#include "base/memory.h"
#include "stats/overlap.h"
#include "stats/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILY = 4, BLOCK = 64 };

/* All samples of one score, resamples side by side. */
typedef struct samples {
    double *rbo, *tau, *distance; /* [pairs, resamples] */
    double *shared;               /* [pairs, num_top_k, resamples] */
    double *gini, *top_share;     /* [members, resamples], [members, num_top_k, resamples] */
} samples;

typedef struct state {
    const cv_overlap_work *work;
    size_t members, pairs, rows, num_k, most_layers;
    samples samples[FAMILY];
    double **means[2]; /* [members] of each set: [BLOCK, heads]; NULL: nothing to resample */
} state;

/* What a thread works in. */
typedef struct bench {
    double **values;      /* [members * FAMILY][heads] */
    cv_ranking *rankings; /* [members * FAMILY] */
    double *profiles;     /* [members, most_layers] */
    cv_concordance concordance;
    uint32_t *counts, *shared;
} bench;

/* Whether the score of this kind is resampled for the member. */
static bool has(const state *s, size_t m, size_t kind)
{
    bool harmful = s->means[0][m] != NULL, control = s->means[1][m] != NULL;
    return kind == 0 ? harmful : harmful && control;
}

static bool compared(const state *s, size_t pair, size_t kind)
{
    return has(s, s->work->result->pairs[pair].a, kind) && has(s, s->work->result->pairs[pair].b, kind);
}

/* ---- room ---- */

static void make_samples(const state *s, samples *out)
{
    out->rbo = cv_alloc(s->pairs * s->rows, sizeof *out->rbo);
    out->tau = cv_alloc(s->pairs * s->rows, sizeof *out->tau);
    out->distance = cv_alloc(s->pairs * s->rows, sizeof *out->distance);
    out->shared = cv_alloc(s->pairs * s->num_k * s->rows, sizeof *out->shared);
    out->gini = cv_alloc(s->members * s->rows, sizeof *out->gini);
    out->top_share = cv_alloc(s->members * s->num_k * s->rows, sizeof *out->top_share);
}

static void free_samples(samples *s)
{
    free(s->rbo);
    free(s->tau);
    free(s->distance);
    free(s->shared);
    free(s->gini);
    free(s->top_share);
}

static state make_state(const cv_overlap_work *work)
{
    state s = {.work = work,
               .members = work->result->num_members,
               .pairs = work->result->num_pairs,
               .rows = work->options->resampling.resamples,
               .num_k = work->options->num_top_k};
    for (int set = 0; set < 2; set++) s.means[set] = cv_calloc(s.members, sizeof *s.means[set]);
    for (size_t m = 0; m < s.members; m++) {
        const cv_overlap_member *member = &work->members[m];
        if (member->layers > s.most_layers) s.most_layers = member->layers;
        for (int set = 0; set < 2; set++)
            if (member->ships[0] && member->ships[set] && member->prompts[set] >= 2)
                s.means[set][m] = cv_alloc(BLOCK * cv_overlap_heads(member), sizeof **s.means[set]);
    }
    for (int kind = 0; kind < FAMILY; kind++) make_samples(&s, &s.samples[kind]);
    return s;
}

static void free_state(state *s)
{
    for (int set = 0; set < 2; set++) {
        for (size_t m = 0; m < s->members; m++) free(s->means[set][m]);
        free(s->means[set]);
    }
    for (int kind = 0; kind < FAMILY; kind++) free_samples(&s->samples[kind]);
}

static bench make_bench(const state *s)
{
    size_t count = s->members * FAMILY;
    bench b = {.values = cv_alloc(count, sizeof *b.values), .rankings = cv_alloc(count, sizeof *b.rankings)};
    for (size_t i = 0; i < count; i++) {
        size_t heads = cv_overlap_heads(&s->work->members[i / FAMILY]);
        b.values[i] = cv_alloc(heads, sizeof **b.values);
        b.rankings[i] = cv_ranking_make(heads);
    }
    b.profiles = cv_alloc(s->members * s->most_layers, sizeof *b.profiles);
    b.concordance = cv_concordance_make(s->work->most_heads);
    b.counts = cv_alloc(s->work->most_heads + 1, sizeof *b.counts);
    b.shared = cv_alloc(s->num_k, sizeof *b.shared);
    return b;
}

static void free_bench(const state *s, bench *b)
{
    for (size_t i = 0; i < s->members * FAMILY; i++) {
        free(b->values[i]);
        cv_ranking_free(&b->rankings[i]);
    }
    free(b->values);
    free(b->rankings);
    free(b->profiles);
    cv_concordance_free(&b->concordance);
    free(b->counts);
    free(b->shared);
}

/* ---- a block of resamples ---- */

/* The means of all members over resamples first to first + count. Neighbours with the same prompts share weights. */
static void block_means(const state *s, int set, size_t first, size_t count)
{
    double *weights = NULL;
    uint32_t draws = 0;
    size_t prompts = 0;
    for (size_t m = 0; m < s->members; m++) {
        const cv_overlap_member *member = &s->work->members[m];
        double *means = s->means[set][m];
        if (!means) continue;
        if (!weights || member->draws[set] != draws || member->prompts[set] != prompts) {
            draws = member->draws[set];
            prompts = member->prompts[set];
            free(weights);
            weights = cv_alloc(count * prompts, sizeof *weights);
            cv_resample_weights(CV_RANDOM_BOOTSTRAP, s->work->options->resampling.seed, ((uint64_t)draws << 32) + first,
                                count, prompts, weights);
        }
        size_t heads = cv_overlap_heads(member);
        cv_weighted_sums(weights, count, member->ships[set], heads, prompts, means);
        for (size_t i = 0; i < count * heads; i++) means[i] /= (double)prompts;
    }
    free(weights);
}

/* Gini's coefficient and the shares of the top, from values that are ranked already. */
static void sample_spread(const state *s, size_t m, size_t kind, size_t row, const bench *b)
{
    const double *values = b->values[m * FAMILY + kind];
    const uint32_t *order = b->rankings[m * FAMILY + kind].order;
    const samples *out = &s->samples[kind];
    size_t heads = cv_overlap_heads(&s->work->members[m]);
    double sum = 0, weighted = 0, top = 0;
    for (size_t i = 0; i < heads; i++) {
        sum += values[order[i]];
        weighted += ((double)heads - 1 - 2 * (double)i) * values[order[i]];
    }
    bool fine = values[order[heads - 1]] >= 0 && sum > 0;
    out->gini[m * s->rows + row] = fine ? fmax(0, weighted / sum / (double)heads) : NAN;
    for (size_t k = 0, i = 0; k < s->num_k; k++) {
        for (; i < s->work->tops[m][k]; i++) top += values[order[i]];
        out->top_share[(m * s->num_k + k) * s->rows + row] = fine ? fmin(1, top / sum) : NAN;
    }
}

static void sample_pair(const state *s, size_t pair, size_t kind, size_t row, const bench *b)
{
    const samples *out = &s->samples[kind];
    size_t a = s->work->result->pairs[pair].a, other = s->work->result->pairs[pair].b;
    const cv_overlap_member *first = &s->work->members[a], *second = &s->work->members[other];
    const cv_ranking *x = &b->rankings[a * FAMILY + kind], *y = &b->rankings[other * FAMILY + kind];
    out->distance[pair * s->rows + row] = cv_depth_distance(b->profiles + a * s->most_layers, first->layers,
                                                            b->profiles + other * s->most_layers, second->layers);
    if (!s->work->result->comparisons[cv_overlap_of_ships[kind]][pair].head_by_head) return;
    cv_concordance scratch = b->concordance;
    out->tau[pair * s->rows + row] = cv_ranking_tau(x, y, &scratch);
    out->rbo[pair * s->rows + row] = cv_ranking_rbo(x, y, s->work->options->persistence, b->counts);
    cv_ranking_shared(x, y, s->work->tops[a], s->num_k, b->shared);
    for (size_t k = 0; k < s->num_k; k++) out->shared[(pair * s->num_k + k) * s->rows + row] = b->shared[k];
}

/* Resample row, which is number i of its block. */
static void sample(const state *s, size_t row, size_t i, bench *b)
{
    for (size_t m = 0; m < s->members; m++) {
        size_t heads = cv_overlap_heads(&s->work->members[m]);
        if (!s->means[0][m]) continue;
        const double *control = s->means[1][m] ? s->means[1][m] + i * heads : NULL;
        cv_overlap_rank(s->means[0][m] + i * heads, control, heads, s->work->tables[m], b->values + m * FAMILY,
                        b->rankings + m * FAMILY);
    }
    for (size_t kind = 0; kind < FAMILY; kind++) {
        for (size_t m = 0; m < s->members; m++) {
            if (!has(s, m, kind)) continue;
            const cv_overlap_member *member = &s->work->members[m];
            cv_depth_profile(b->values[m * FAMILY + kind], member->layers, member->heads,
                             b->profiles + m * s->most_layers);
            sample_spread(s, m, kind, row, b);
        }
        for (size_t pair = 0; pair < s->pairs; pair++)
            if (compared(s, pair, kind)) sample_pair(s, pair, kind, row, b);
    }
}

static bool take_samples(const state *s, cv_error *err)
{
    for (size_t first = 0; first < s->rows; first += BLOCK) {
        size_t count = s->rows - first < BLOCK ? s->rows - first : BLOCK;
        if (!cv_overlap_goes_on(s->work->options, err)) return false;
        for (int set = 0; set < 2; set++) block_means(s, set, first, count);
#pragma omp parallel
        {
            bench b = make_bench(s);
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < count; i++) sample(s, first + i, i, &b);
            free_bench(s, &b);
        }
    }
    return true;
}

/* ---- intervals ---- */

static void add_interval(cv_estimate *estimate, double *values, size_t rows)
{
    *estimate = cv_percentile_interval(estimate->value, values, rows);
}

static void finish_pair(const state *s, size_t pair, size_t kind)
{
    const samples *in = &s->samples[kind];
    cv_overlap_comparison *c = &s->work->result->comparisons[cv_overlap_of_ships[kind]][pair];
    if (!compared(s, pair, kind)) return;
    add_interval(&c->depth_distance, in->distance + pair * s->rows, s->rows);
    if (!c->head_by_head) return;
    add_interval(&c->rbo, in->rbo + pair * s->rows, s->rows);
    add_interval(&c->tau, in->tau + pair * s->rows, s->rows);
    for (size_t k = 0; k < s->num_k; k++)
        add_interval(&c->tops[k].shared, in->shared + (pair * s->num_k + k) * s->rows, s->rows);
}

static void finish_member(const state *s, size_t m, size_t kind)
{
    const samples *in = &s->samples[kind];
    cv_overlap_spread *spread = &s->work->result->spreads[cv_overlap_of_ships[kind]][m];
    if (!has(s, m, kind)) return;
    add_interval(&spread->gini, in->gini + m * s->rows, s->rows);
    for (size_t k = 0; k < s->num_k; k++)
        add_interval(&spread->top_shares[k], in->top_share + (m * s->num_k + k) * s->rows, s->rows);
}

bool cv_overlap_bootstrap(const cv_overlap_work *work, cv_error *err)
{
    if (work->options->resampling.resamples == 0) return true;
    state s = make_state(work);
    bool ok = take_samples(&s, err);
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < (ok ? s.pairs + s.members : 0); i++)
        for (size_t kind = 0; kind < FAMILY; kind++) {
            if (i < s.pairs)
                finish_pair(&s, i, kind);
            else
                finish_member(&s, i - s.pairs, kind);
        }
    free_state(&s);
    return ok;
}
