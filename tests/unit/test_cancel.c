#include "base/cancel.h"

#include "suite.h"
#include "tiny_model.h"

#include <caravan/decode.h>
#include <caravan/engine.h>
#include <caravan/score.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

START_TEST(a_wish_stays_until_it_is_taken_back)
{
    cv_error err = {CV_OK, ""};
    ck_assert(!cv_cancelled());
    ck_assert(cv_not_cancelled(&err));
    ck_assert_int_eq(err.status, CV_OK);
    cv_cancel();
    ck_assert(cv_cancelled());
    ck_assert(!cv_not_cancelled(&err));
    ck_assert(!cv_not_cancelled(&err));
    ck_assert_int_eq(err.status, CV_STOPPED);
    cv_cancel_take_back();
    ck_assert(cv_not_cancelled(&err));
}
END_TEST

/* ---- the engines ---- */

enum { PROMPTS = 4, LENGTH = 20, STATES = 18, D = 32, NEW = 12 };

static const int32_t tokens[PROMPTS][LENGTH] = {{1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                {1, 2, 3, 4, 50, 60, 7, 8, 9, 10, 11},
                                                {1, 2, 30, 40, 50, 60, 7, 8, 9, 12, 13, 14, 15},
                                                {5, 20, 30}};

/* What is computed: states and Ships by the wavefront, logits by the plain engine, an answer. */
typedef struct values {
    float trunk[PROMPTS * D], ablated[STATES * PROMPTS * D], logits[61];
    double ships[STATES * PROMPTS];
    int32_t answer[NEW];
    size_t answer_length;
} values;

static bool generate(cv_engine *engine, values *v, cv_error *err)
{
    cv_sequence sequence = {.ids = tokens[2], .count = 13};
    cv_tokens answer = {0};
    bool stopped, ok = cv_generate(engine, &sequence, 1, NEW, &answer, &stopped, err);
    if (ok) memcpy(v->answer, answer.ids, answer.count * sizeof *answer.ids);
    v->answer_length = answer.count;
    free(answer.ids);
    return ok;
}

static bool compute(cv_engine *engine, values *v, cv_error *err)
{
    static const int32_t *const ids[] = {tokens[0], tokens[1], tokens[2], tokens[3]};
    static const size_t count[] = {9, 11, 13, 3};
    cv_prompt_block block = {PROMPTS, ids, count};
    cv_head_range range = {{.kind = CV_UNIFORM_ATTENTION}, 0, 3, 0, 6};
    memset(v, 0, sizeof *v);
    return cv_wavefront(engine, &block, NULL, &range, v->trunk, v->ablated, err) &&
           cv_ships(engine, PROMPTS, STATES, v->trunk, v->ablated, v->ships, err) &&
           cv_plain_logits(engine, ids[1], count[1], NULL, v->logits, err) && generate(engine, v, err);
}

static void *cancel_after(void *nanoseconds)
{
    nanosleep(&(struct timespec){0, *(long *)nanoseconds}, NULL);
    cv_cancel();
    return NULL;
}

/* Whenever the wish comes: all of the values, to the bit, or an error; and the engine is as good as before. */
START_TEST(values_are_whole_or_an_error)
{
    cv_model *model = tiny_model(tiny_config(), 7);
    cv_engine *engine = cv_engine_open(model, LENGTH + NEW);
    static values whole, again;
    cv_error err = {CV_OK, ""};
    int given_up = 0;
    ck_assert(compute(engine, &whole, &err));
    for (long nanoseconds = 0; nanoseconds < 10000000; nanoseconds += 2000 + nanoseconds / 4) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_after, &nanoseconds), 0);
        bool ok = compute(engine, &again, &err);
        pthread_join(thread, NULL);
        if (!ok) ck_assert_int_eq(err.status, CV_STOPPED);
        if (ok) ck_assert_mem_eq(&again, &whole, sizeof whole);
        given_up += !ok;
        cv_cancel_take_back();
        ck_assert(compute(engine, &again, &err));
        ck_assert_mem_eq(&again, &whole, sizeof whole);
    }
    ck_assert_int_gt(given_up, 0);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

START_TEST(nothing_is_begun_after_the_wish)
{
    cv_model *model = tiny_model(tiny_config(), 7);
    cv_engine *engine = cv_engine_open(model, LENGTH + NEW);
    static values v;
    cv_error err = {CV_OK, ""};
    cv_cancel();
    ck_assert(!compute(engine, &v, &err));
    ck_assert_int_eq(err.status, CV_STOPPED);
    ck_assert(!cv_plain_logits(engine, tokens[0], 9, NULL, v.logits, &err));
    ck_assert(!generate(engine, &v, &err));
    cv_cancel_take_back();
    ck_assert_uint_eq(cv_engine_work(engine).operations, 0);
    cv_engine_close(engine);
    tiny_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cancel");
    tcase_add_test(tests, a_wish_stays_until_it_is_taken_back);
    tcase_add_test(tests, values_are_whole_or_an_error);
    tcase_add_test(tests, nothing_is_begun_after_the_wish);
    return run_suite(tests);
}
