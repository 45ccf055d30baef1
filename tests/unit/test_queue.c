#include "sweep/queue.h"

#include "suite.h"

static const uint64_t costs[] = {5, 9, 1, 9, 7};

START_TEST(dear_items_go_first_and_equals_by_number)
{
    static const size_t order[] = {1, 3, 4, 0, 2};
    cv_queue *queue = cv_queue_make(costs, NULL, 5);
    size_t item;
    for (size_t i = 0; i < 5; i++) {
        ck_assert(cv_queue_next(queue, &item));
        ck_assert_uint_eq(item, order[i]);
        ck_assert_uint_eq(cv_queue_num_out(queue), i + 1);
    }
    ck_assert(!cv_queue_next(queue, &item));
    cv_queue_free(queue);
}
END_TEST

START_TEST(items_come_back_in_any_order_once)
{
    cv_queue *queue = cv_queue_make(costs, NULL, 5);
    size_t item;
    while (cv_queue_next(queue, &item)) {
    }
    ck_assert(cv_queue_done(queue, 2));
    ck_assert(!cv_queue_done(queue, 2));
    ck_assert(!cv_queue_done(queue, 5));
    ck_assert(cv_queue_done(queue, 1));
    ck_assert_uint_eq(cv_queue_num_done(queue), 2);
    ck_assert_uint_eq(cv_queue_num_out(queue), 3);
    ck_assert_uint_eq(cv_queue_cost_done(queue), 10);
    cv_queue_free(queue);
}
END_TEST

START_TEST(an_item_that_is_not_out_cannot_come_back)
{
    cv_queue *queue = cv_queue_make(costs, NULL, 5);
    size_t item;
    ck_assert(cv_queue_next(queue, &item));
    ck_assert(!cv_queue_done(queue, 0));
    ck_assert_uint_eq(cv_queue_num_out(queue), 1);
    cv_queue_free(queue);
}
END_TEST

START_TEST(a_stopped_queue_only_takes_back)
{
    cv_queue *queue = cv_queue_make(costs, NULL, 5);
    size_t first, item;
    ck_assert(cv_queue_next(queue, &first));
    cv_queue_stop(queue);
    ck_assert(!cv_queue_next(queue, &item));
    ck_assert(cv_queue_done(queue, first));
    ck_assert_uint_eq(cv_queue_num_out(queue), 0);
    cv_queue_free(queue);
}
END_TEST

START_TEST(items_done_before_count_and_are_not_handed_out)
{
    static const bool done[] = {false, true, false, false, true};
    static const size_t order[] = {3, 0, 2};
    cv_queue *queue = cv_queue_make(costs, done, 5);
    size_t item;
    ck_assert_uint_eq(cv_queue_num_done(queue), 2);
    ck_assert_uint_eq(cv_queue_cost_done(queue), 16);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(cv_queue_next(queue, &item));
        ck_assert_uint_eq(item, order[i]);
    }
    ck_assert(!cv_queue_next(queue, &item));
    ck_assert(!cv_queue_done(queue, 1));
    ck_assert_uint_eq(cv_queue_num_out(queue), 3);
    ck_assert(cv_queue_done(queue, 3));
    ck_assert_uint_eq(cv_queue_num_done(queue), 3);
    ck_assert_uint_eq(cv_queue_cost_done(queue), 25);
    cv_queue_free(queue);
}
END_TEST

START_TEST(a_queue_may_be_done_from_the_start)
{
    static const bool done[] = {true, true, true, true, true};
    cv_queue *queue = cv_queue_make(costs, done, 5);
    size_t item;
    ck_assert(!cv_queue_next(queue, &item));
    ck_assert_uint_eq(cv_queue_num_done(queue), 5);
    ck_assert_uint_eq(cv_queue_num_out(queue), 0);
    cv_queue_free(queue);
}
END_TEST

START_TEST(an_empty_queue_is_fine)
{
    cv_queue *queue = cv_queue_make(NULL, NULL, 0);
    size_t item;
    ck_assert(!cv_queue_next(queue, &item));
    cv_queue_free(queue);
    cv_queue_free(NULL);
}
END_TEST

static const struct {
    int ranks;
    uint64_t makespan;
} spans[] = {{1, 31}, {2, 16}, {3, 12}, {4, 9}, {5, 9}, {100, 9}};

START_TEST(the_makespan_is_that_of_the_busiest_rank)
{
    ck_assert_uint_eq(cv_queue_makespan(costs, 5, spans[_i].ranks), spans[_i].makespan);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("queue");
    tcase_add_test(tests, dear_items_go_first_and_equals_by_number);
    tcase_add_test(tests, items_come_back_in_any_order_once);
    tcase_add_test(tests, an_item_that_is_not_out_cannot_come_back);
    tcase_add_test(tests, a_stopped_queue_only_takes_back);
    tcase_add_test(tests, items_done_before_count_and_are_not_handed_out);
    tcase_add_test(tests, a_queue_may_be_done_from_the_start);
    tcase_add_test(tests, an_empty_queue_is_fine);
    tcase_add_loop_test(tests, the_makespan_is_that_of_the_busiest_rank, 0, ROWS(spans));
    return run_suite(tests);
}
