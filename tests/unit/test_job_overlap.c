/* The part of the job that compares models. */
#include "job_text.h"
#include "suite.h"

#include <stdint.h>

static void check_top_k(const cv_job_overlap *overlap, const size_t *expected, size_t count)
{
    ck_assert_uint_eq(overlap->num_top_k, count);
    ck_assert_mem_eq(overlap->top_k, expected, count * sizeof *expected);
}

START_TEST(an_empty_object_asks_for_the_defaults)
{
    cv_job job;
    read_job(WITH("\"overlap\": {}"), &job);
    ck_assert(job.overlap.enabled);
    check_top_k(&job.overlap, (size_t[]){5, 10, 20}, 3);
    ck_assert_uint_eq(job.overlap.permutations, 10000);
    ck_assert_uint_eq(job.overlap.seed, 0);
    cv_job_free(&job);
    read_job(WITH("\"overlap\": null"), &job);
    ck_assert(!job.overlap.enabled);
    cv_job_free(&job);
}
END_TEST

/* Whatever the order in the job, tables have the numbers ascending. */
START_TEST(everything_given_is_read)
{
    cv_job job;
    read_job(WITH("\"overlap\": {\"top_k\": [30, 1, 12], \"permutations\": 0, \"seed\": 9223372036854775807}"), &job);
    check_top_k(&job.overlap, (size_t[]){1, 12, 30}, 3);
    ck_assert_uint_eq(job.overlap.permutations, 0);
    ck_assert_uint_eq(job.overlap.seed, INT64_MAX);
    cv_job_free(&job);
}
END_TEST

static const struct {
    const char *job, *text;
} bad[] = {
    {WITH("\"overlap\": true"), "overlap must be an object"},
    {WITH("\"overlap\": {\"topk\": [5]}"), "unknown key overlap.topk; did you mean \"top_k\"?"},
    {WITH("\"overlap\": {\"top_k\": []}"), "overlap.top_k is empty; name at least one"},
    {WITH("\"overlap\": {\"top_k\": 5}"), "overlap.top_k must be an array"},
    {WITH("\"overlap\": {\"top_k\": [5.5]}"), "overlap.top_k must hold whole numbers"},
    {WITH("\"overlap\": {\"top_k\": [\"5\"]}"), "overlap.top_k must hold whole numbers"},
    {WITH("\"overlap\": {\"top_k\": [0]}"), "overlap.top_k has 0; numbers of heads lie between 1 and 1000000"},
    {WITH("\"overlap\": {\"top_k\": [1000001]}"), "overlap.top_k has 1000001; numbers of heads lie between"},
    {WITH("\"overlap\": {\"top_k\": [7, 5, 7, 9]}"), "overlap.top_k has 7 twice"},
    {WITH("\"overlap\": {\"permutations\": -1}"), "overlap.permutations is -1; it must lie between 0 and 100000000"},
    {WITH("\"overlap\": {}, \"ships\": {\"enabled\": false}, \"evaluate\": {\"groups\": [\"none\"]}"),
     "overlap compares scores of heads, and the job computes none"},
    {WITH("\"overlap\": {\"seed\": 0.5}"), "overlap.seed must be a whole number"},
};

START_TEST(bad_wishes_are_refused)
{
    refuse_job(bad[_i].job, bad[_i].text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("job_overlap");
    tcase_add_test(tests, an_empty_object_asks_for_the_defaults);
    tcase_add_test(tests, everything_given_is_read);
    tcase_add_loop_test(tests, bad_wishes_are_refused, 0, ROWS(bad));
    return run_suite(tests);
}
