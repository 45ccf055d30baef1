/* Tests by permutation. In each round every member's ranking is permuted by itself, and all pairs are compared:
 * two permuted rankings are to each other as one is to the other permuted, so that this is as good as
 * permuting for each pair. */
#include "base/memory.h"
#include "base/random.h"
#include "stats/overlap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 2, GENERAL_NULLS = 2 };

/* How often chance did as well as a pair, or better. */
typedef struct tally {
    uint64_t tau;            /* rounds with as much concordance */
    uint64_t *reached, *sum; /* [GENERAL_NULLS][num_top_k] rounds with as many shared heads; all rounds' shared heads */
} tally;

/* A pair by one of the two scores that are tested. */
typedef struct contest {
    size_t a, b;
    cv_overlap_comparison *comparison;
    int64_t concordance;
    bool general; /* both have a control */
} contest;

typedef struct family {
    cv_overlap_score score, control;
    double **fitted, **residual; /* [members] of the harmful ranking, as cv_normal_split; NULL without control */
    contest *contests;           /* [num] */
    size_t num;
    size_t most; /* of all top_k, the largest */
} family;

/* What a thread works in, and counts. */
typedef struct bench {
    uint32_t **within;               /* [members][heads] a permutation within layers */
    uint32_t **across;               /* [members][heads] one of all heads */
    cv_ranking *moved;               /* [members] */
    uint32_t **top[GENERAL_NULLS];   /* [members][most] the first heads of what a null makes of a member */
    uint32_t **place[GENERAL_NULLS]; /* [members][heads] a head's place among them; most if it is not there */
    cv_concordance concordance;
    double *scores;
    uint64_t *shared; /* [num_top_k] */
    tally *tallies[FAMILIES];
} bench;

/* ---- setting up ---- */

static void split_members(const cv_overlap_work *work, family *f)
{
    size_t count = work->result->num_members;
    f->fitted = cv_calloc(count, sizeof *f->fitted);
    f->residual = cv_calloc(count, sizeof *f->residual);
    for (size_t m = 0; m < count; m++) {
        size_t heads = cv_overlap_heads(&work->members[m]);
        if (!work->result->spreads[f->control][m].exists) continue;
        f->fitted[m] = cv_alloc(heads, sizeof **f->fitted);
        f->residual[m] = cv_alloc(heads, sizeof **f->residual);
        double *scores = cv_alloc(2 * heads, sizeof *scores);
        cv_normal_scores(&work->rankings[f->score][m], work->tables[m], scores);
        cv_normal_scores(&work->rankings[f->control][m], work->tables[m], scores + heads);
        cv_normal_split(scores, scores + heads, heads, f->fitted[m], f->residual[m]);
        free(scores);
    }
}

static void list_contests(const cv_overlap_work *work, family *f)
{
    const cv_overlap *result = work->result;
    f->contests = cv_alloc(result->num_pairs, sizeof *f->contests);
    cv_concordance scratch = cv_concordance_make(work->most_heads);
    for (size_t i = 0; i < result->num_pairs; i++) {
        size_t a = result->pairs[i].a, b = result->pairs[i].b;
        cv_overlap_comparison *comparison = &result->comparisons[f->score][i];
        if (!comparison->head_by_head) continue;
        const cv_ranking *rankings = work->rankings[f->score];
        f->contests[f->num++] =
            (contest){a, b, comparison, cv_ranking_concordance(&rankings[a], &rankings[b], &scratch),
                      f->fitted[a] && f->fitted[b]};
    }
    cv_concordance_free(&scratch);
}

static void family_free(const cv_overlap_work *work, family *f)
{
    for (size_t m = 0; m < work->result->num_members; m++) {
        free(f->fitted[m]);
        free(f->residual[m]);
    }
    free(f->fitted);
    free(f->residual);
    free(f->contests);
}

static uint32_t **make_lists(const cv_overlap_work *work, size_t length)
{
    uint32_t **lists = cv_alloc(work->result->num_members, sizeof *lists);
    for (size_t m = 0; m < work->result->num_members; m++)
        lists[m] = cv_alloc(length ? length : cv_overlap_heads(&work->members[m]), sizeof **lists);
    return lists;
}

static void free_lists(const cv_overlap_work *work, uint32_t **lists)
{
    for (size_t m = 0; m < work->result->num_members; m++) free(lists[m]);
    free(lists);
}

static tally *make_tallies(size_t pairs, size_t num_top_k)
{
    tally *tallies = cv_calloc(pairs, sizeof *tallies);
    for (size_t i = 0; i < pairs; i++) {
        tallies[i].reached = cv_calloc(GENERAL_NULLS * num_top_k, sizeof *tallies[i].reached);
        tallies[i].sum = cv_calloc(GENERAL_NULLS * num_top_k, sizeof *tallies[i].sum);
    }
    return tallies;
}

static void free_tallies(tally *tallies, size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        free(tallies[i].reached);
        free(tallies[i].sum);
    }
    free(tallies);
}

static bench make_bench(const cv_overlap_work *work, const family families[FAMILIES])
{
    size_t count = work->result->num_members, num_k = work->options->num_top_k;
    bench b = {.within = make_lists(work, 0), .across = make_lists(work, 0)};
    b.moved = cv_alloc(count, sizeof *b.moved);
    for (size_t m = 0; m < count; m++) b.moved[m] = cv_ranking_make(cv_overlap_heads(&work->members[m]));
    for (int null = 0; null < GENERAL_NULLS; null++) {
        b.top[null] = make_lists(work, families[0].most);
        b.place[null] = make_lists(work, 0);
    }
    b.concordance = cv_concordance_make(work->most_heads);
    b.scores = cv_alloc(work->most_heads, sizeof *b.scores);
    b.shared = cv_alloc(num_k, sizeof *b.shared);
    for (int f = 0; f < FAMILIES; f++) b.tallies[f] = make_tallies(families[f].num, num_k);
    return b;
}

static void free_bench(const cv_overlap_work *work, const family families[FAMILIES], bench *b)
{
    free_lists(work, b->within);
    free_lists(work, b->across);
    for (size_t m = 0; m < work->result->num_members; m++) cv_ranking_free(&b->moved[m]);
    free(b->moved);
    for (int null = 0; null < GENERAL_NULLS; null++) {
        free_lists(work, b->top[null]);
        free_lists(work, b->place[null]);
    }
    cv_concordance_free(&b->concordance);
    free(b->scores);
    free(b->shared);
    for (int f = 0; f < FAMILIES; f++) free_tallies(b->tallies[f], families[f].num);
}

/* ---- a round ---- */

static void draw(const cv_overlap_work *work, uint64_t round, bench *b)
{
    for (size_t m = 0; m < work->result->num_members; m++) {
        const cv_overlap_member *member = &work->members[m];
        size_t heads = cv_overlap_heads(member);
        uint64_t item = (uint64_t)m << 32 | round;
        cv_random layers = cv_random_open(work->options->resampling.seed, CV_RANDOM_PERMUTATION, item);
        cv_random all = cv_random_open(work->options->resampling.seed, CV_RANDOM_RESIDUALS, item);
        for (size_t h = 0; h < heads; h++) b->within[m][h] = b->across[m][h] = (uint32_t)h;
        for (size_t l = 0; l < member->layers; l++)
            cv_random_shuffle(&layers, b->within[m] + l * member->heads, (uint32_t)member->heads);
        cv_random_shuffle(&all, b->across[m], (uint32_t)heads);
    }
}

/* top [k] = the first heads by falling score, equal ones by index; place [heads] as in bench. */
static void select_top(const double *scores, size_t heads, size_t k, uint32_t *top, uint32_t *place, uint32_t nowhere)
{
    size_t found = 0;
    for (size_t h = 0; h < heads; h++) {
        place[h] = nowhere;
        if (found == k && !(scores[h] > scores[top[k - 1]])) continue;
        size_t at = found < k ? found++ : k - 1;
        for (; at > 0 && scores[h] > scores[top[at - 1]]; at--) top[at] = top[at - 1];
        top[at] = (uint32_t)h;
    }
    for (size_t i = 0; i < k; i++) place[top[i]] = (uint32_t)i;
}

static void remake(const cv_overlap_work *work, const family *f, size_t m, bench *b)
{
    size_t heads = cv_overlap_heads(&work->members[m]), k = f->most < heads ? f->most : heads;
    uint32_t *const orders[GENERAL_NULLS] = {b->across[m], b->within[m]};
    for (int null = 0; null < GENERAL_NULLS; null++) {
        for (size_t h = 0; h < heads; h++) b->scores[h] = f->fitted[m][h] + f->residual[m][orders[null][h]];
        select_top(b->scores, heads, k, b->top[null][m], b->place[null][m], (uint32_t)f->most);
    }
}

static void count_shared(const cv_overlap_work *work, const family *f, const contest *c, int null, bench *b, tally *t)
{
    const uint32_t *top = b->top[null][c->a], *place = b->place[null][c->b];
    size_t heads = cv_overlap_heads(&work->members[c->a]), num_k = work->options->num_top_k;
    size_t most = f->most < heads ? f->most : heads, running = 0;
    memset(b->shared, 0, num_k * sizeof *b->shared);
    for (size_t i = 0; i < most; i++) {
        size_t there = place[top[i]], both = there > i ? there : i, k = 0;
        if (there == f->most) continue;
        while (k < num_k && work->options->top_k[k] <= both) k++;
        if (k < num_k) b->shared[k]++;
    }
    for (size_t k = 0; k < num_k; k++) {
        running += b->shared[k];
        t->sum[(size_t)null * num_k + k] += running;
        t->reached[(size_t)null * num_k + k] += (double)running >= c->comparison->tops[k].shared.value;
    }
}

static void play(const cv_overlap_work *work, const family *f, bench *b, tally *tallies)
{
    for (size_t m = 0; m < work->result->num_members; m++) {
        const cv_ranking *ranking = &work->rankings[f->score][m];
        if (ranking->n > 0) cv_ranking_relabel(ranking, b->within[m], &b->moved[m]);
        if (f->fitted[m]) remake(work, f, m, b);
    }
    for (size_t i = 0; i < f->num; i++) {
        const contest *c = &f->contests[i];
        int64_t concordance = cv_ranking_concordance(&b->moved[c->a], &b->moved[c->b], &b->concordance);
        tallies[i].tau += concordance >= c->concordance;
        for (int null = 0; c->general && null < GENERAL_NULLS; null++) count_shared(work, f, c, null, b, &tallies[i]);
    }
}

/* Adds what a thread has counted to the sum of all: whole numbers, so that no order matters. */
static void merge(const family *f, const tally *part, size_t num_k, tally *total)
{
    for (size_t i = 0; i < f->num; i++) {
        total[i].tau += part[i].tau;
        for (size_t k = 0; k < GENERAL_NULLS * num_k; k++) {
            total[i].reached[k] += part[i].reached[k];
            total[i].sum[k] += part[i].sum[k];
        }
    }
}

static void play_rounds(const cv_overlap_work *work, const family families[FAMILIES], size_t begin, size_t end,
                        tally *totals[FAMILIES])
{
#pragma omp parallel
    {
        bench b = make_bench(work, families);
#pragma omp for schedule(dynamic, 4)
        for (size_t round = begin; round < end; round++) {
            draw(work, round, &b);
            for (int f = 0; f < FAMILIES; f++) play(work, &families[f], &b, b.tallies[f]);
        }
#pragma omp critical
        for (int f = 0; f < FAMILIES; f++) merge(&families[f], b.tallies[f], work->options->num_top_k, totals[f]);
        free_bench(work, families, &b);
    }
}

/* ---- the whole ---- */

/* The share of all arrangements, the observed one among them, that reach it: never 0. */
static double p_of(uint64_t reached, size_t rounds)
{
    return ((double)reached + 1) / ((double)rounds + 1);
}

static void report(const cv_overlap_work *work, const family *f, const tally *tallies)
{
    size_t rounds = work->options->permutations, num_k = work->options->num_top_k;
    for (size_t i = 0; i < f->num; i++) {
        cv_overlap_comparison *c = f->contests[i].comparison;
        if (!isnan(c->tau.value)) c->tau_p = p_of(tallies[i].tau, rounds);
        for (int null = 0; f->contests[i].general && null < GENERAL_NULLS; null++)
            for (size_t k = 0; k < num_k; k++) {
                size_t at = (size_t)null * num_k + k;
                cv_null_test *test = &c->tops[k].nulls[CV_NULL_GENERAL + null];
                *test = (cv_null_test){(double)tallies[i].sum[at] / (double)rounds,
                                       p_of(tallies[i].reached[at], rounds), NAN};
            }
    }
}

/* So many rounds that a wish to stop is heard within a second or so. */
static size_t rounds_a_block(size_t pairs)
{
    size_t rounds = 50000 / (pairs + 1);
    return rounds < 16 ? 16 : rounds > 256 ? 256 : rounds;
}

bool cv_overlap_permute(const cv_overlap_work *work, cv_error *err)
{
    size_t rounds = work->options->permutations, num_k = work->options->num_top_k;
    size_t block = rounds_a_block(work->result->num_pairs);
    if (rounds == 0 || num_k == 0) return true;
    family families[FAMILIES] = {{.score = CV_OVERLAP_SHIPS, .control = CV_OVERLAP_SHIPS_HARMLESS},
                                 {.score = CV_OVERLAP_ANGLE, .control = CV_OVERLAP_ANGLE_HARMLESS}};
    tally *totals[FAMILIES];
    bool ok = true;
    for (int f = 0; f < FAMILIES; f++) {
        families[f].most = work->options->top_k[num_k - 1];
        split_members(work, &families[f]);
        list_contests(work, &families[f]);
        totals[f] = make_tallies(families[f].num, num_k);
    }
    for (size_t begin = 0, end; ok && begin < rounds; begin = end) {
        end = begin + block < rounds ? begin + block : rounds;
        play_rounds(work, families, begin, end, totals);
        ok = cv_overlap_goes_on(work->options, err);
    }
    for (int f = 0; f < FAMILIES; f++) {
        if (ok) report(work, &families[f], totals[f]);
        free_tallies(totals[f], families[f].num);
        family_free(work, &families[f]);
    }
    return ok;
}
