#include "sweep/crew.h"

#include "suite.h"

#include <math.h>

enum { RANKS = 3, ITEMS = 10 };

/* Rank 0 and 1 have computed an item of cost 10, in 2 and in 4 seconds, and are idle at 10 seconds; rank 2 is not
 * there. */
static cv_crew *crew_at_work(void)
{
    cv_crew *crew = cv_crew_make(RANKS, ITEMS);
    for (int r = 0; r < 2; r++) {
        cv_crew_idle(crew, r);
        cv_crew_begin(crew, r, (size_t)r, 10, 10 - 2 * (r + 1));
        cv_crew_end(crew, r, true, 10);
    }
    return crew;
}

START_TEST(ranks_have_what_they_were_given)
{
    cv_crew *crew = cv_crew_make(RANKS, ITEMS);
    size_t item = 77;
    ck_assert(!cv_crew_is_idle(crew, 1));
    ck_assert_int_eq(cv_crew_num_idle(crew), 0);
    ck_assert_double_eq(cv_crew_average(crew), 0);
    cv_crew_idle(crew, 1);
    cv_crew_idle(crew, 1);
    ck_assert_int_eq(cv_crew_num_idle(crew), 1);
    ck_assert(!cv_crew_has(crew, 1, &item));
    cv_crew_begin(crew, 1, 4, 100, 0);
    ck_assert_int_eq(cv_crew_num_idle(crew), 0);
    ck_assert(!cv_crew_is_idle(crew, 1));
    ck_assert(cv_crew_has(crew, 1, &item));
    ck_assert_uint_eq(item, 4);
    cv_crew_end(crew, 1, true, 3);
    ck_assert(cv_crew_is_idle(crew, 1));
    ck_assert(!cv_crew_has(crew, 1, &item));
    ck_assert_double_eq(cv_crew_longest(crew), 3);
    cv_crew_free(crew);
}
END_TEST

START_TEST(a_pace_is_that_of_the_last_item_or_the_average)
{
    cv_crew *crew = crew_at_work();
    ck_assert_double_eq(cv_crew_seconds(crew, 0, 30), 6);
    ck_assert_double_eq(cv_crew_seconds(crew, 1, 30), 12);
    ck_assert_double_eq_tol(cv_crew_seconds(crew, 2, 30), 8, 1e-12); /* (5 + 2.5) / 2 a second */
    cv_crew_begin(crew, 0, 2, 10, 20);
    cv_crew_end(crew, 0, true, 21);
    ck_assert_double_eq(cv_crew_seconds(crew, 0, 30), 3);
    cv_crew_begin(crew, 0, 2, 10, 30);
    cv_crew_end(crew, 0, false, 90); /* given up: tells nothing */
    ck_assert_double_eq(cv_crew_seconds(crew, 0, 30), 3);
    ck_assert_double_eq(cv_crew_longest(crew), 4);
    ck_assert_double_eq_tol(cv_crew_average(crew), 7.0 / 3, 1e-12);
    cv_crew_free(crew);
}
END_TEST

/* Rank 1 has an item of 20 since 10, expected at 18. Rank 0 would take 4 seconds, with the margin 4.4. */
static const struct {
    double now;
    bool copied;
} moments[] = {
    {10.05, false}, /* too early to tell */
    {12, true},     /* 16.4 is before 18 */
    {13.7, false},  /* 18.1 is not */
    {18.7, false},  /* late, but not by a tenth */
    {18.9, true},   /* late: expected to take as long again */
    {1000, true},
};

START_TEST(a_copy_is_made_where_it_is_sooner_done)
{
    cv_crew *crew = crew_at_work();
    size_t item = 77;
    ck_assert(!cv_crew_copy(crew, 0, 10, &item)); /* of nothing */
    cv_crew_begin(crew, 1, 5, 20, 10);
    ck_assert_int_eq(cv_crew_copy(crew, 0, moments[_i].now, &item), moments[_i].copied);
    if (moments[_i].copied) ck_assert_uint_eq(item, 5);
    ck_assert(!cv_crew_copy(crew, 1, moments[_i].now, &item)); /* it is busy */
    ck_assert(!cv_crew_copy(crew, 2, moments[_i].now, &item)); /* it is not there */
    cv_crew_free(crew);
}
END_TEST

/* While a copy is in time, no third rank takes part. */
START_TEST(a_copy_is_copied_when_it_is_late_too)
{
    cv_crew *crew = crew_at_work();
    size_t item = 77;
    cv_crew_idle(crew, 2);
    cv_crew_begin(crew, 1, 5, 20, 10);
    cv_crew_begin(crew, 0, 5, 20, 100); /* expected at 104, late from 104.4 on */
    ck_assert(cv_crew_is_late(crew, 1, 101));
    ck_assert(!cv_crew_is_late(crew, 0, 101));
    ck_assert(cv_crew_is_late(crew, 0, 104.5));
    ck_assert(!cv_crew_is_late(crew, 2, 101));
    ck_assert(!cv_crew_copy(crew, 2, 101, &item));
    ck_assert(!cv_crew_copy(crew, 2, 104.3, &item));
    ck_assert(cv_crew_copy(crew, 2, 110, &item));
    ck_assert_uint_eq(item, 5);
    cv_crew_free(crew);
}
END_TEST

START_TEST(of_several_items_the_one_that_is_expected_last_is_copied)
{
    cv_crew *crew = cv_crew_make(5, ITEMS);
    size_t item = 77;
    for (int r = 0; r < 5; r++) {
        cv_crew_idle(crew, r);
        cv_crew_begin(crew, r, (size_t)r, 10, 0);
        cv_crew_end(crew, r, true, 1);
    }
    cv_crew_begin(crew, 1, 6, 50, 1);              /* expected at 6 */
    cv_crew_begin(crew, 2, 7, 90, 1);              /* at 10 */
    cv_crew_begin(crew, 3, 8, 90, 0.5);            /* at 9.5 */
    ck_assert(!cv_crew_copy(crew, 0, 1.5, &item)); /* no rank is faster than another */
    ck_assert(cv_crew_copy(crew, 0, 200, &item));
    ck_assert_uint_eq(item, 8); /* out for longest */
    cv_crew_free(crew);
}
END_TEST

START_TEST(without_any_pace_copies_are_rare)
{
    cv_crew *crew = cv_crew_make(RANKS, ITEMS);
    size_t item = 77;
    for (int r = 0; r < RANKS; r++) cv_crew_idle(crew, r);
    cv_crew_begin(crew, 0, 3, 20, 0);
    ck_assert_double_eq(cv_crew_seconds(crew, 0, 20), 0);
    ck_assert(!cv_crew_is_late(crew, 0, 1.9) && cv_crew_is_late(crew, 0, 2.1));
    ck_assert(!cv_crew_copy(crew, 1, 1.9, &item));
    ck_assert(cv_crew_copy(crew, 1, 2.1, &item));
    cv_crew_begin(crew, 1, 3, 20, 2.1);
    ck_assert(!cv_crew_copy(crew, 2, 7.9, &item));
    ck_assert(cv_crew_copy(crew, 2, 8.1, &item));
    ck_assert_uint_eq(item, 3);
    cv_crew_free(crew);
}
END_TEST

/* Of cost 0 nothing can be expected. */
START_TEST(items_without_cost_are_no_trouble)
{
    cv_crew *crew = cv_crew_make(RANKS, ITEMS);
    size_t item;
    for (int r = 0; r < 2; r++) cv_crew_idle(crew, r);
    cv_crew_begin(crew, 0, 0, 0, 0);
    cv_crew_end(crew, 0, true, 1);
    ck_assert(isfinite(cv_crew_seconds(crew, 0, 0)) && isfinite(cv_crew_seconds(crew, 1, 9)));
    cv_crew_begin(crew, 0, 1, 0, 1);
    ck_assert(cv_crew_copy(crew, 1, 4, &item));
    cv_crew_free(crew);
    cv_crew_free(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("crew");
    tcase_add_test(tests, ranks_have_what_they_were_given);
    tcase_add_test(tests, a_pace_is_that_of_the_last_item_or_the_average);
    tcase_add_loop_test(tests, a_copy_is_made_where_it_is_sooner_done, 0, ROWS(moments));
    tcase_add_test(tests, a_copy_is_copied_when_it_is_late_too);
    tcase_add_test(tests, of_several_items_the_one_that_is_expected_last_is_copied);
    tcase_add_test(tests, without_any_pace_copies_are_rare);
    tcase_add_test(tests, items_without_cost_are_no_trouble);
    return run_suite(tests);
}
