#include "stats/overlap.h"

#include "base/memory.h"
#include "stats/resample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const cv_overlap_score cv_overlap_of_ships[4] = {CV_OVERLAP_SHIPS, CV_OVERLAP_SHIPS_HARMLESS,
                                                 CV_OVERLAP_SHIPS_SPECIFICITY, CV_OVERLAP_SHIPS_RESIDUAL};
const cv_overlap_score cv_overlap_of_angles[4] = {CV_OVERLAP_ANGLE, CV_OVERLAP_ANGLE_HARMLESS,
                                                  CV_OVERLAP_ANGLE_SPECIFICITY, CV_OVERLAP_ANGLE_RESIDUAL};

const char *cv_overlap_score_name(cv_overlap_score score)
{
    static const char *const names[CV_NUM_OVERLAP_SCORES] = {
        "ships",          "angle",          "ships_harmless",    "ships_specificity",
        "ships_residual", "angle_harmless", "angle_specificity", "angle_residual"};
    return names[score];
}

const char *cv_overlap_null_name(cv_overlap_null null)
{
    static const char *const names[CV_NUM_OVERLAP_NULLS] = {"uniform", "layers", "general", "general_layers"};
    return names[null];
}

size_t cv_overlap_heads(const cv_overlap_member *member)
{
    return member->layers * member->heads;
}

bool cv_overlap_goes_on(const cv_overlap_options *options, cv_error *err)
{
    return !options->stop || !options->stop(options->context) || cv_stopped(err, "the comparison was given up");
}

/* ---- the members' rankings ---- */

void cv_overlap_rank(const double *harmful, const double *control, size_t heads, const double *table,
                     double *const values[4], cv_ranking rankings[4])
{
    memcpy(values[0], harmful, heads * sizeof *harmful);
    cv_ranking_set(&rankings[0], harmful);
    if (!control) return;
    memcpy(values[1], control, heads * sizeof *control);
    cv_ranking_set(&rankings[1], control);
    for (size_t h = 0; h < heads; h++) values[2][h] = harmful[h] - control[h];
    cv_ranking_set(&rankings[2], values[2]);
    double *scores = cv_alloc(3 * heads, sizeof *scores);
    cv_normal_scores(&rankings[0], table, scores);
    cv_normal_scores(&rankings[1], table, scores + heads);
    cv_normal_split(scores, scores + heads, heads, scores + 2 * heads, values[3]);
    cv_ranking_set(&rankings[3], values[3]);
    free(scores);
}

static bool check_member(const cv_overlap_member *member, size_t index, cv_error *err)
{
    static const char *const names[] = {"harmful score", "harmless score"};
    size_t heads = cv_overlap_heads(member);
    bool ok = (heads > 0 && heads <= CV_MOST_RANKED) ||
              cv_bad_input(err, "%zu heads cannot be ranked; 1 to %d can", heads, CV_MOST_RANKED);
    for (int set = 0; ok && set < 2; set++) {
        ok = (!member->ships[set] ||
              cv_scores_finite(member->ships[set], heads, member->prompts[set], names[set], err)) &&
             (!member->angles[set] || cv_scores_finite(member->angles[set], heads, 1, "angle", err));
    }
    return ok || cv_error_prefix(err, "member %zu", index + 1);
}

/* What is said of one member by one score. Takes values over. */
static void add_spread(cv_overlap_work *work, size_t m, cv_overlap_score score, double *values)
{
    const cv_overlap_member *member = &work->members[m];
    size_t heads = cv_overlap_heads(member), num_k = work->options->num_top_k;
    cv_overlap_spread *spread = &work->result->spreads[score][m];
    *spread = (cv_overlap_spread){.exists = true, .values = values};
    spread->order = cv_alloc(heads, sizeof *spread->order);
    memcpy(spread->order, work->rankings[score][m].order, heads * sizeof *spread->order);
    spread->profile = cv_alloc(member->layers, sizeof *spread->profile);
    cv_depth_profile(values, member->layers, member->heads, spread->profile);
    spread->gini = (cv_estimate){cv_gini(values, heads), NAN, NAN};
    spread->top_shares = cv_alloc(num_k, sizeof *spread->top_shares);
    for (size_t k = 0; k < num_k; k++)
        spread->top_shares[k] = (cv_estimate){cv_top_share(values, heads, work->tops[m][k]), NAN, NAN};
}

/* One member's part of a family of scores; harmful and control [heads], the latter perhaps NULL. */
static void add_family(cv_overlap_work *work, size_t m, const cv_overlap_score family[4], const double *harmful,
                       const double *control)
{
    size_t heads = cv_overlap_heads(&work->members[m]), count = control ? 4 : 1;
    cv_ranking rankings[4];
    double *values[4];
    for (size_t i = 0; i < count; i++) {
        rankings[i] = cv_ranking_make(heads);
        values[i] = cv_alloc(heads, sizeof *values[i]);
    }
    cv_overlap_rank(harmful, control, heads, work->tables[m], values, rankings);
    for (size_t i = 0; i < count; i++) {
        work->rankings[family[i]][m] = rankings[i];
        add_spread(work, m, family[i], values[i]);
    }
}

static void add_member(cv_overlap_work *work, size_t m)
{
    const cv_overlap_member *member = &work->members[m];
    size_t heads = cv_overlap_heads(member);
    double *means = cv_alloc(2 * heads, sizeof *means);
    for (int set = 0; set < 2; set++)
        if (member->ships[set])
            cv_head_means(member->ships[set], heads, member->prompts[set], means + (size_t)set * heads);
    if (member->ships[0]) add_family(work, m, cv_overlap_of_ships, means, member->ships[1] ? means + heads : NULL);
    if (member->angles[0]) add_family(work, m, cv_overlap_of_angles, member->angles[0], member->angles[1]);
    free(means);
}

/* ---- pairs as they are ---- */

void cv_overlap_layers(const cv_ranking *a, const cv_ranking *b, size_t layers, size_t heads, size_t k,
                       double *probabilities)
{
    size_t *in_a = cv_calloc(2 * layers, sizeof *in_a), *in_b = in_a + layers;
    double *layer = cv_alloc(heads + 1, sizeof *layer), *sum = cv_alloc(k + 1, sizeof *sum);
    for (size_t i = 0; i < k; i++) {
        in_a[a->order[i] / heads]++;
        in_b[b->order[i] / heads]++;
    }
    memset(probabilities, 0, (k + 1) * sizeof *probabilities);
    probabilities[0] = 1;
    for (size_t l = 0, most = 0; l < layers; l++) {
        size_t more = in_a[l] < in_b[l] ? in_a[l] : in_b[l];
        if (more == 0) continue;
        cv_hypergeometric(heads, in_a[l], in_b[l], layer);
        memset(sum, 0, (k + 1) * sizeof *sum);
        for (size_t i = 0; i <= most; i++)
            for (size_t j = 0; j <= more; j++) sum[i + j] += probabilities[i] * layer[j];
        most += more;
        memcpy(probabilities, sum, (k + 1) * sizeof *sum);
    }
    free(in_a);
    free(layer);
    free(sum);
}

static cv_null_test layers_test(const cv_ranking *a, const cv_ranking *b, const cv_overlap_member *member, size_t k,
                                size_t shared)
{
    double *probabilities = cv_alloc(k + 1, sizeof *probabilities), expected = 0, tail = 0;
    cv_overlap_layers(a, b, member->layers, member->heads, k, probabilities);
    for (size_t x = k + 1; x-- > 0;) {
        expected += (double)x * probabilities[x];
        if (x >= shared) tail += probabilities[x];
    }
    free(probabilities);
    return (cv_null_test){expected, fmin(1, tail), NAN};
}

static void compare_heads(const cv_overlap_work *work, cv_overlap_score score, const cv_overlap_pair *pair,
                          cv_overlap_comparison *c)
{
    const cv_ranking *a = &work->rankings[score][pair->a], *b = &work->rankings[score][pair->b];
    const size_t *k = work->tops[pair->a];
    size_t n = a->n, num_k = work->options->num_top_k;
    uint32_t *shared = cv_alloc(num_k, sizeof *shared), *counts = cv_alloc(n + 1, sizeof *counts);
    cv_concordance scratch = cv_concordance_make(n);
    cv_ranking_shared(a, b, k, num_k, shared);
    c->rbo = (cv_estimate){cv_ranking_rbo(a, b, work->options->persistence, counts), NAN, NAN};
    c->tau = (cv_estimate){cv_ranking_tau(a, b, &scratch), NAN, NAN};
    c->tau_p = c->tau_q = NAN;
    c->tops = cv_alloc(num_k, sizeof *c->tops);
    for (size_t i = 0; i < num_k; i++) {
        cv_overlap_top *top = &c->tops[i];
        top->shared = (cv_estimate){shared[i], NAN, NAN};
        top->jaccard = (double)shared[i] / (double)(2 * k[i] - shared[i]);
        for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) top->nulls[null] = (cv_null_test){NAN, NAN, NAN};
        top->nulls[CV_NULL_UNIFORM].expected = (double)k[i] * (double)k[i] / (double)n;
        top->nulls[CV_NULL_UNIFORM].p = cv_hypergeometric_tail(n, k[i], k[i], shared[i]);
        top->nulls[CV_NULL_LAYERS] = layers_test(a, b, &work->members[pair->a], k[i], shared[i]);
    }
    cv_concordance_free(&scratch);
    free(counts);
    free(shared);
}

static void compare(const cv_overlap_work *work, cv_overlap_score score, size_t pair)
{
    size_t a = work->result->pairs[pair].a, b = work->result->pairs[pair].b;
    const cv_overlap_member *first = &work->members[a], *second = &work->members[b];
    const cv_overlap_spread *spreads = work->result->spreads[score];
    cv_overlap_comparison *c = &work->result->comparisons[score][pair];
    *c = (cv_overlap_comparison){.both = spreads[a].exists && spreads[b].exists};
    if (!c->both) return;
    double distance = cv_depth_distance(spreads[a].profile, first->layers, spreads[b].profile, second->layers);
    c->depth_distance = (cv_estimate){distance, NAN, NAN};
    c->head_by_head = first->layers == second->layers && first->heads == second->heads && first->kind == second->kind;
    if (c->head_by_head) compare_heads(work, score, &work->result->pairs[pair], c);
}

/* ---- over all pairs ---- */

/* The place of a p-value; its q-value stands behind it. NULL where the pair has none. number: tau's, then those of
 * each k and null. */
static double *p_value(cv_overlap_comparison *c, size_t number)
{
    if (!c->head_by_head) return NULL;
    if (number == 0) return &c->tau_p;
    cv_overlap_top *top = &c->tops[(number - 1) / CV_NUM_OVERLAP_NULLS];
    return &top->nulls[(number - 1) % CV_NUM_OVERLAP_NULLS].p;
}

static double *q_value(cv_overlap_comparison *c, size_t number)
{
    if (number == 0) return &c->tau_q;
    cv_overlap_top *top = &c->tops[(number - 1) / CV_NUM_OVERLAP_NULLS];
    return &top->nulls[(number - 1) % CV_NUM_OVERLAP_NULLS].q;
}

static void add_q_values(cv_overlap *overlap)
{
    double *p = cv_alloc(2 * overlap->num_pairs, sizeof *p), *q = p + overlap->num_pairs;
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++)
        for (size_t number = 0; number <= overlap->num_top_k * CV_NUM_OVERLAP_NULLS; number++) {
            cv_overlap_comparison *all = overlap->comparisons[score];
            for (size_t i = 0; i < overlap->num_pairs; i++)
                p[i] = all[i].head_by_head ? *p_value(&all[i], number) : NAN;
            cv_benjamini_hochberg(p, overlap->num_pairs, q);
            for (size_t i = 0; i < overlap->num_pairs; i++)
                if (all[i].head_by_head) *q_value(&all[i], number) = q[i];
        }
    free(p);
}

/* ---- the whole ---- */

static cv_overlap *make_result(size_t members, const cv_overlap_options *options)
{
    cv_overlap *overlap = cv_calloc(1, sizeof *overlap);
    overlap->num_members = members;
    overlap->num_top_k = options->num_top_k;
    overlap->top_k = cv_alloc(options->num_top_k, sizeof *overlap->top_k);
    for (size_t i = 0; i < options->num_top_k; i++) {
        overlap->top_k[i] = options->top_k[i];
        assert(options->top_k[i] > (i ? options->top_k[i - 1] : 0));
    }
    overlap->num_pairs = members * (members - (members > 0)) / 2;
    overlap->pairs = cv_alloc(overlap->num_pairs, sizeof *overlap->pairs);
    for (size_t a = 0, i = 0; a < members; a++)
        for (size_t b = a + 1; b < members; b++) overlap->pairs[i++] = (cv_overlap_pair){a, b};
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
        overlap->comparisons[score] = cv_calloc(overlap->num_pairs, sizeof *overlap->comparisons[score]);
        overlap->spreads[score] = cv_calloc(members, sizeof *overlap->spreads[score]);
    }
    return overlap;
}

static void make_work(cv_overlap_work *work)
{
    size_t count = work->result->num_members, num_k = work->options->num_top_k;
    work->tables = cv_alloc(count, sizeof *work->tables);
    work->tops = cv_alloc(count, sizeof *work->tops);
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++)
        work->rankings[score] = cv_calloc(count, sizeof *work->rankings[score]);
    for (size_t m = 0; m < count; m++) {
        size_t heads = cv_overlap_heads(&work->members[m]);
        assert(heads > 0);
        if (heads > work->most_heads) work->most_heads = heads;
        work->tables[m] = cv_normal_table(heads);
        work->tops[m] = cv_alloc(num_k, sizeof **work->tops);
        for (size_t i = 0; i < num_k; i++)
            work->tops[m][i] = work->options->top_k[i] < heads ? work->options->top_k[i] : heads;
        add_member(work, m);
    }
}

static void free_work(cv_overlap_work *work)
{
    for (size_t m = 0; m < work->result->num_members; m++) {
        free(work->tables[m]);
        free(work->tops[m]);
    }
    free(work->tables);
    free(work->tops);
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
        for (size_t m = 0; m < work->result->num_members; m++) cv_ranking_free(&work->rankings[score][m]);
        free(work->rankings[score]);
    }
}

cv_overlap *cv_overlap_compute(const cv_overlap_member *members, size_t count, const cv_overlap_options *options,
                               cv_error *err)
{
    for (size_t m = 0; m < count; m++)
        if (!check_member(&members[m], m, err)) return NULL;
    cv_overlap_work work = {members, options, make_result(count, options), {NULL}, NULL, NULL, 0};
    make_work(&work);
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++)
        for (size_t i = 0; i < work.result->num_pairs; i++) compare(&work, (cv_overlap_score)score, i);
    bool ok = cv_overlap_permute(&work, err) && cv_overlap_bootstrap(&work, err);
    if (ok) add_q_values(work.result);
    free_work(&work);
    if (ok) return work.result;
    cv_overlap_free(work.result);
    return NULL;
}

void cv_overlap_free(cv_overlap *overlap)
{
    if (!overlap) return;
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++) {
        for (size_t i = 0; i < overlap->num_pairs; i++) free(overlap->comparisons[score][i].tops);
        for (size_t m = 0; m < overlap->num_members; m++) {
            cv_overlap_spread *spread = &overlap->spreads[score][m];
            free(spread->values);
            free(spread->order);
            free(spread->profile);
            free(spread->top_shares);
        }
        free(overlap->comparisons[score]);
        free(overlap->spreads[score]);
    }
    free(overlap->pairs);
    free(overlap->top_k);
    free(overlap);
}

double cv_rank_biased_overlap(const double *x, const double *y, size_t n, double persistence)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i]) || isnan(y[i])) return NAN;
    cv_ranking a = cv_ranking_make(n), b = cv_ranking_make(n);
    uint32_t *counts = cv_alloc(n + 1, sizeof *counts);
    cv_ranking_set(&a, x);
    cv_ranking_set(&b, y);
    double rbo = cv_ranking_rbo(&a, &b, persistence, counts);
    cv_ranking_free(&a);
    cv_ranking_free(&b);
    free(counts);
    return rbo;
}
