#include "stats/overlap.h"

#include "base/random.h"

#include "stats_cases.h"
#include "suite.h"

#include <omp.h>

enum { MEMBERS = 3, PAIRS = 3, TOPS = 3, KINDS = 4 };

/* The comparison of overlap-whole.json, made here. */
typedef struct whole {
    json_t *fixture;
    cv_overlap_member members[MEMBERS];
    double *owned[2 * MEMBERS];
    size_t top_k[TOPS];
    cv_overlap_options options;
    cv_overlap *overlap;
} whole;

static size_t size_of(const json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

static void open_member(whole *w, size_t m)
{
    static const char *const sets[] = {"harmful", "harmless"};
    const json_t *json = json_array_get(json_object_get(w->fixture, "members"), m);
    cv_overlap_member *member = &w->members[m];
    *member = (cv_overlap_member){.layers = size_of(w->fixture, "layers"), .heads = size_of(w->fixture, "heads")};
    for (size_t set = 0; set < 2; set++) {
        size_t heads;
        w->owned[2 * m + set] = numbers_of(json_object_get(json, sets[set]), &heads, &member->prompts[set]);
        ck_assert_uint_eq(heads, member->layers * member->heads);
        member->ships[set] = w->owned[2 * m + set];
        member->draws[set] = (uint32_t)json_integer_value(json_array_get(json_object_get(json, "draws"), set));
    }
}

static whole whole_open(void)
{
    whole w = {.fixture = stats_fixture("overlap-whole.json")};
    for (size_t m = 0; m < MEMBERS; m++) open_member(&w, m);
    for (size_t k = 0; k < TOPS; k++)
        w.top_k[k] = (size_t)json_integer_value(json_array_get(json_object_get(w.fixture, "top_k"), k));
    w.options = (cv_overlap_options){.num_top_k = TOPS,
                                     .permutations = size_of(w.fixture, "permutations"),
                                     .persistence = 0.9,
                                     .resampling = {size_of(w.fixture, "seed"), size_of(w.fixture, "resamples")}};
    return w;
}

static void whole_compute(whole *w)
{
    cv_error err;
    w->options.top_k = w->top_k;
    w->overlap = cv_overlap_compute(w->members, MEMBERS, &w->options, &err);
    ck_assert_msg(w->overlap != NULL, "%s", err.text);
}

static void whole_close(whole *w)
{
    for (size_t i = 0; i < 2 * MEMBERS; i++) free(w->owned[i]);
    cv_overlap_free(w->overlap);
    json_decref(w->fixture);
}

static void check_list(const json_t *list, cv_estimate found, const char *what, size_t index)
{
    size_t rows, columns;
    double *expected = numbers_of(list, &rows, &columns);
    ck_assert_uint_eq(rows, 3);
    check_estimate(found, expected, 1e-13, what, index);
    free(expected);
}

static void check_test(const json_t *list, size_t k, cv_null_test found, const char *what, size_t index)
{
    const json_t *expected = json_array_get(list, k);
    check_near(found.expected, number_of(json_array_get(expected, 0)), 1e-12, what, index);
    check_near(found.p, number_of(json_array_get(expected, 1)), 1e-13, what, index);
}

static void check_kind(const json_t *expected, const cv_overlap_comparison *c, size_t index)
{
    ck_assert(c->both && c->head_by_head);
    check_list(json_object_get(expected, "tau"), c->tau, "tau", index);
    check_list(json_object_get(expected, "rbo"), c->rbo, "rank-biased overlap", index);
    check_list(json_object_get(expected, "distance"), c->depth_distance, "distance", index);
    for (size_t k = 0; k < TOPS; k++) {
        const cv_overlap_top *top = &c->tops[k];
        check_list(json_array_get(json_object_get(expected, "shared"), k), top->shared, "shared", index);
        check_near(top->jaccard, number_of(json_array_get(json_object_get(expected, "jaccard"), k)), 1e-15, "Jaccard",
                   index);
        check_test(json_object_get(expected, "uniform"), k, top->nulls[CV_NULL_UNIFORM], "uniform", index);
        check_test(json_object_get(expected, "layers"), k, top->nulls[CV_NULL_LAYERS], "layers", index);
    }
}

/* Values, intervals and p-values of three members, number for number as Python has them. */
START_TEST(pairs_as_the_reference)
{
    whole w = whole_open();
    whole_compute(&w);
    ck_assert_uint_eq(w.overlap->num_pairs, PAIRS);
    for (size_t pair = 0; pair < PAIRS; pair++) {
        const json_t *expected = json_array_get(json_object_get(w.fixture, "pairs"), pair);
        const json_t *kinds = json_object_get(expected, "kinds");
        for (size_t kind = 0; kind < KINDS; kind++)
            check_kind(json_array_get(kinds, kind), &w.overlap->comparisons[cv_overlap_of_ships[kind]][pair], pair);
        const cv_overlap_comparison *ships = &w.overlap->comparisons[CV_OVERLAP_SHIPS][pair];
        check_near(ships->tau_p, number_of(json_object_get(expected, "tau_p")), 1e-15, "p of tau", pair);
        for (size_t k = 0; k < TOPS; k++) {
            check_test(json_object_get(expected, "general"), k, ships->tops[k].nulls[CV_NULL_GENERAL], "general", pair);
            check_test(json_object_get(expected, "general_layers"), k, ships->tops[k].nulls[CV_NULL_GENERAL_LAYERS],
                       "general within layers", pair);
        }
    }
    whole_close(&w);
}
END_TEST

START_TEST(members_as_the_reference)
{
    whole w = whole_open();
    whole_compute(&w);
    for (size_t m = 0; m < MEMBERS; m++)
        for (size_t kind = 0; kind < 2; kind++) {
            const json_t *all = json_object_get(w.fixture, "spreads");
            const json_t *expected = json_array_get(json_array_get(all, m), kind);
            const cv_overlap_spread *spread = &w.overlap->spreads[cv_overlap_of_ships[kind]][m];
            size_t heads, layers, columns;
            double *ranks = numbers_of(json_object_get(expected, "ranks"), &heads, &columns);
            double *profile = numbers_of(json_object_get(expected, "profile"), &layers, &columns);
            for (size_t i = 0; i < heads; i++) ck_assert_double_eq(ranks[spread->order[i]], (double)i + 1);
            for (size_t l = 0; l < layers; l++) check_near(spread->profile[l], profile[l], 1e-15, "share of layer", l);
            check_list(json_object_get(expected, "gini"), spread->gini, "Gini of member", m);
            for (size_t k = 0; k < TOPS; k++)
                check_list(json_array_get(json_object_get(expected, "top"), k), spread->top_shares[k], "share", k);
            free(ranks);
            free(profile);
        }
    whole_close(&w);
}
END_TEST

START_TEST(q_values_are_over_the_pairs)
{
    whole w = whole_open();
    whole_compute(&w);
    for (size_t k = 0; k < TOPS; k++)
        for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) {
            double p[PAIRS], q[PAIRS];
            for (size_t i = 0; i < PAIRS; i++) p[i] = w.overlap->comparisons[CV_OVERLAP_SHIPS][i].tops[k].nulls[null].p;
            cv_benjamini_hochberg(p, PAIRS, q);
            for (size_t i = 0; i < PAIRS; i++)
                ck_assert_double_eq(w.overlap->comparisons[CV_OVERLAP_SHIPS][i].tops[k].nulls[null].q, q[i]);
        }
    whole_close(&w);
}
END_TEST

static void check_same(const cv_overlap *a, const cv_overlap *b)
{
    for (int score = 0; score < CV_NUM_OVERLAP_SCORES; score++)
        for (size_t i = 0; i < a->num_pairs; i++) {
            const cv_overlap_comparison *x = &a->comparisons[score][i], *y = &b->comparisons[score][i];
            ck_assert_int_eq(x->head_by_head, y->head_by_head);
            if (!x->head_by_head) continue;
            ck_assert_mem_eq(&x->tau, &y->tau, sizeof x->tau);
            ck_assert_mem_eq(&x->rbo, &y->rbo, sizeof x->rbo);
            ck_assert_mem_eq(&x->tau_p, &y->tau_p, sizeof x->tau_p);
            ck_assert_mem_eq(x->tops, y->tops, a->num_top_k * sizeof *x->tops);
        }
}

START_TEST(threads_change_no_bit)
{
    whole one = whole_open(), four = whole_open();
    omp_set_num_threads(1);
    whole_compute(&one);
    omp_set_num_threads(4);
    whole_compute(&four);
    check_same(one.overlap, four.overlap);
    whole_close(&one);
    whole_close(&four);
}
END_TEST

/* The third member is of another shape, then of another kind. */
START_TEST(other_shapes_are_compared_by_depth_alone)
{
    for (int what = 0; what < 2; what++) {
        whole w = whole_open();
        if (what == 0) {
            w.members[2].layers = w.members[0].heads;
            w.members[2].heads = w.members[0].layers;
        } else {
            w.members[2].kind = 7;
        }
        whole_compute(&w);
        const cv_overlap_comparison *c = w.overlap->comparisons[CV_OVERLAP_SHIPS];
        ck_assert(c[0].head_by_head && !isnan(c[0].tau.low));
        for (size_t i = 1; i < PAIRS; i++) {
            ck_assert(c[i].both && !c[i].head_by_head && !c[i].tops);
            ck_assert(c[i].depth_distance.low <= c[i].depth_distance.high && c[i].depth_distance.high <= 1);
        }
        /* The one pair that is left is alone in its family. */
        ck_assert_double_eq(c[0].tops[0].nulls[CV_NULL_UNIFORM].q, c[0].tops[0].nulls[CV_NULL_UNIFORM].p);
        whole_close(&w);
    }
}
END_TEST

/* A model against itself: everything is shared, in every resample. */
START_TEST(a_model_is_like_itself)
{
    whole w = whole_open();
    w.members[1] = w.members[0];
    whole_compute(&w);
    const cv_overlap_comparison *c = &w.overlap->comparisons[CV_OVERLAP_SHIPS][0];
    ck_assert(c->tau.value == 1 && c->tau.low == 1 && c->tau.high == 1);
    ck_assert_double_eq_tol(c->rbo.low, 1, 1e-15);
    ck_assert(c->depth_distance.high == 0);
    for (size_t k = 0; k < TOPS; k++) {
        ck_assert_double_eq(c->tops[k].shared.low, (double)w.top_k[k]);
        ck_assert_double_eq(c->tops[k].jaccard, 1);
    }
    ck_assert_double_eq(c->tau_p, 1.0 / (double)(w.options.permutations + 1));
    whole_close(&w);
}
END_TEST

START_TEST(what_is_not_there_is_nan)
{
    whole w = whole_open();
    double angles[20];
    for (int i = 0; i < 20; i++) angles[i] = (i * 7) % 20;
    w.members[0].ships[1] = NULL; /* no control */
    w.members[0].angles[0] = w.members[1].angles[0] = angles;
    w.members[2].prompts[0] = 1;
    w.options.permutations = 30;
    whole_compute(&w);
    const cv_overlap_comparison *ships = w.overlap->comparisons[CV_OVERLAP_SHIPS];
    ck_assert(!w.overlap->comparisons[CV_OVERLAP_SHIPS_RESIDUAL][0].both);
    ck_assert(!w.overlap->comparisons[CV_OVERLAP_SHIPS_HARMLESS][0].both);
    ck_assert(isnan(ships[0].tops[0].nulls[CV_NULL_GENERAL].p) && isnan(ships[0].tops[0].nulls[CV_NULL_GENERAL].q));
    ck_assert(ships[0].tau.low <= ships[0].tau.high);
    ck_assert(isnan(ships[2].tau.low) && !isnan(ships[2].tau.value)); /* one prompt gives no interval */
    const cv_overlap_comparison *angle = w.overlap->comparisons[CV_OVERLAP_ANGLE];
    ck_assert(angle[0].head_by_head && angle[0].tau.value == 1 && isnan(angle[0].tau.low));
    ck_assert(isnan(angle[0].tops[0].nulls[CV_NULL_GENERAL].p) && angle[0].tau_p > 0);
    ck_assert(!angle[1].both && !angle[2].both);
    whole_close(&w);
}
END_TEST

START_TEST(more_than_all_heads_are_all_heads)
{
    whole w = whole_open();
    w.top_k[2] = 1000;
    whole_compute(&w);
    const cv_overlap_top *top = &w.overlap->comparisons[CV_OVERLAP_SHIPS][1].tops[2];
    ck_assert_double_eq(top->shared.value, 20);
    ck_assert_double_eq(top->jaccard, 1);
    for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) {
        ck_assert_double_eq_tol(top->nulls[null].expected, 20, 1e-12);
        ck_assert_double_eq_tol(top->nulls[null].p, 1, 1e-12);
    }
    ck_assert_double_eq_tol(w.overlap->spreads[CV_OVERLAP_SHIPS][0].top_shares[2].value, 1, 1e-15);
    whole_close(&w);
}
END_TEST

/* Two rankings without a common cause: p-values under each null must not be small more often than they say. */
START_TEST(no_overlap_is_found_in_noise)
{
    enum { TRIALS = 200, HEADS = 24, PROMPTS = 3 };
    size_t small[CV_NUM_OVERLAP_NULLS + 1] = {0};
    const size_t k = 6;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double scores[2][2][HEADS * PROMPTS];
        cv_overlap_member members[2];
        cv_random random = cv_random_open(trial, CV_RANDOM_SPEEDS, 3);
        for (size_t m = 0; m < 2; m++) {
            for (size_t set = 0; set < 2; set++)
                for (size_t i = 0; i < HEADS * PROMPTS; i++) scores[m][set][i] = cv_random_uniform(&random);
            members[m] = (cv_overlap_member){.layers = 4,
                                             .heads = 6,
                                             .ships = {scores[m][0], scores[m][1]},
                                             .prompts = {PROMPTS, PROMPTS}};
        }
        cv_error err;
        cv_overlap_options options = {&k, 1, 99, 0.9, {trial, 1}, NULL, NULL};
        cv_overlap *overlap = cv_overlap_compute(members, 2, &options, &err);
        ck_assert_ptr_nonnull(overlap);
        const cv_overlap_comparison *c = overlap->comparisons[CV_OVERLAP_SHIPS];
        for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++) small[null] += c->tops[0].nulls[null].p <= 0.1;
        small[CV_NUM_OVERLAP_NULLS] += c->tau_p <= 0.1;
        cv_overlap_free(overlap);
    }
    /* A share of 0.1 of 200 has a deviation of 4.2; shared heads are few numbers, so theirs is below 0.1. */
    for (int null = 0; null < CV_NUM_OVERLAP_NULLS; null++)
        ck_assert_msg(small[null] <= 20 + 13, "%s: %zu", cv_overlap_null_name((cv_overlap_null)null), small[null]);
    ck_assert_msg(small[CV_NUM_OVERLAP_NULLS] >= 20 - 13 && small[CV_NUM_OVERLAP_NULLS] <= 20 + 13, "tau: %zu",
                  small[CV_NUM_OVERLAP_NULLS]);
}
END_TEST

static bool after_three(void *context)
{
    int *asked = context;
    return ++*asked > 3;
}

START_TEST(stopped_is_an_error)
{
    whole w = whole_open();
    cv_error err;
    int asked = 0;
    w.options.top_k = w.top_k;
    w.options.permutations = 3000;
    w.options.stop = after_three;
    w.options.context = &asked;
    ck_assert_ptr_null(cv_overlap_compute(w.members, MEMBERS, &w.options, &err));
    ck_assert_int_eq(err.status, CV_STOPPED);
    ck_assert_int_eq(asked, 4);
    whole_close(&w);
}
END_TEST

START_TEST(bad_scores_are_refused)
{
    whole w = whole_open();
    cv_error err;
    w.options.top_k = w.top_k;
    w.owned[3][5] = NAN;
    ck_assert_ptr_null(cv_overlap_compute(w.members, MEMBERS, &w.options, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "member 2: the harmless score of head 0 for prompt 6 is nan"));
    w.owned[3][5] = 1;
    w.members[1].layers = 70000;
    w.members[1].ships[0] = w.members[1].ships[1] = NULL;
    ck_assert_ptr_null(cv_overlap_compute(w.members, MEMBERS, &w.options, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "member 2: 350000 heads cannot be ranked; 1 to 65535 can"));
    whole_close(&w);
}
END_TEST

START_TEST(nothing_to_compare_is_no_error)
{
    whole w = whole_open();
    cv_error err;
    w.options.top_k = w.top_k;
    for (size_t count = 0; count < 2; count++) {
        cv_overlap *overlap = cv_overlap_compute(w.members, count, &w.options, &err);
        ck_assert_ptr_nonnull(overlap);
        ck_assert_uint_eq(overlap->num_pairs, 0);
        cv_overlap_free(overlap);
    }
    whole_close(&w);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("overlap");
    tcase_add_test(tests, pairs_as_the_reference);
    tcase_add_test(tests, members_as_the_reference);
    tcase_add_test(tests, q_values_are_over_the_pairs);
    tcase_add_test(tests, threads_change_no_bit);
    tcase_add_test(tests, other_shapes_are_compared_by_depth_alone);
    tcase_add_test(tests, a_model_is_like_itself);
    tcase_add_test(tests, what_is_not_there_is_nan);
    tcase_add_test(tests, more_than_all_heads_are_all_heads);
    tcase_add_test(tests, no_overlap_is_found_in_noise);
    tcase_add_test(tests, stopped_is_an_error);
    tcase_add_test(tests, bad_scores_are_refused);
    tcase_add_test(tests, nothing_to_compare_is_no_error);
    return run_suite(tests);
}
