#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

#include <caravan/score.h>

#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define TEXT(literal) (literal), sizeof(literal) - 1

static cv_coherence measure(const char *text, size_t length)
{
    return cv_coherence_of(text, length, -1);
}

/* ---- length ---- */

/* Bytes, and how many characters they count as. */
static const struct {
    const char *bytes;
    size_t length, characters;
} lengths[] = {
    {TEXT(""), 0},
    {TEXT("a"), 1},
    {TEXT(" \t\n"), 0},
    {TEXT("\xe3\x80\x80\xc2\xa0"), 0}, /* white space of other scripts */
    {TEXT("\n a\n\n b "), 5},          /* inside, each counts */
    {TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 3},
    {TEXT("a\0b"), 3},
    {TEXT("\0"), 1},
    {TEXT("caf\xc3"), 4},        /* a character cut off is one U+FFFD */
    {TEXT("\xf0\x9f\x98 x"), 3}, /* so are three of its bytes */
    {TEXT("\x80\xff"), 2},
};

START_TEST(characters_are_code_points_between_white_space)
{
    ck_assert_uint_eq(measure(lengths[_i].bytes, lengths[_i].length).characters, lengths[_i].characters);
}
END_TEST

/* ---- repetition ---- */

#define X4(s) s s s s
#define X16(s) X4(X4(s))

/* Counted by hand: copies after the first, times their length, over the length of the whole (64 at least). */
static const struct {
    const char *bytes;
    size_t length;
    double repeated, whole;
} repetitions[] = {
    {TEXT(""), 0, 64},
    {TEXT("a"), 0, 64},
    {TEXT("aaaaaaa"), 0, 64},  /* 4 twice would overlap */
    {TEXT("aaaaaaaa"), 4, 64}, /* now they do not */
    {TEXT(X16("abcd") X16("abcd")), 124, 128},
    {TEXT(X16("abc")), 42, 64},       /* abcabc 8 times; abca would overlap abca */
    {TEXT(X16("yes ")), 56, 64},      /* the last blank is none: "yes " 15 times, 63 characters */
    {TEXT(X16("yes\n\n\t")), 56, 64}, /* white space is one blank */
    {TEXT(X16("\n\n\n\n\n\n\n\n")), 0, 64},
    {TEXT("No, no, no."), 4, 64}, /* ", no" */
    {TEXT("one two three four five six"), 0, 64},
    {TEXT(X16("\xe3\x81\xaf\xe3\x81\x84\xe3\x80\x81")), 42, 64}, /* three characters, not nine bytes */
    {TEXT(X16("\x80\xff\x80\xff")), 60, 64},                     /* invalid bytes are one character, U+FFFD */
    {TEXT(X16("a\0bc")), 60, 64},
    {TEXT(X16("wxyz") "0123456789ABCDEFGHIJKLMNOPQRSTUVabcdefghijklmnopqrstuv!#$%&(*+,-"), 60, 128},
};

START_TEST(what_is_said_again_counts)
{
    double expected = repetitions[_i].repeated / repetitions[_i].whole;
    ck_assert_double_eq(measure(repetitions[_i].bytes, repetitions[_i].length).repetition, expected);
}
END_TEST

/* The same by trying every n-gram against every place. */
static double plain_repetition(const char *text, size_t length)
{
    size_t most = 0;
    for (size_t n = 4; n <= 256 && 2 * n <= length; n++)
        for (size_t i = 0; i + n <= length; i++) {
            size_t copies = 0;
            for (size_t j = i; j + n <= length; j++) {
                if (text[i] != text[j] || memcmp(text + i, text + j, n) != 0) continue;
                copies++;
                j += n - 1;
            }
            if ((copies - 1) * n > most) most = (copies - 1) * n;
        }
    return (double)most / (double)(length < 64 ? 64 : length);
}

START_TEST(repetition_is_that_of_the_plain_count)
{
    uint32_t state = 12345;
    int repeating = 0;
    for (int round = 0; round < 30; round++) {
        char text[700];
        size_t length = (size_t)round * 22, period = 1 + (size_t)round % 7 * 24;
        for (size_t i = 0; i < length; i++) { /* noise of few letters, or a loop with a few letters changed */
            state = state * 1664525 + 1013904223;
            char letter = (char)('a' + (state >> 24) % (2 + (uint32_t)round % 5));
            text[i] = round % 2 && i >= period && (state >> 8) % 211 ? text[i - period] : letter;
        }
        cv_coherence coherence = measure(text, length);
        double expected = plain_repetition(text, length);
        ck_assert_msg(coherence.repetition == expected, "%d: %g, not %g", round, coherence.repetition, expected);
        repeating += expected > 0.5;
    }
    ck_assert_int_ge(repeating, 5); /* the loops were loops */
    ck_assert_int_le(repeating, 25);
}
END_TEST

START_TEST(a_long_period_is_seen_up_to_256_characters)
{
    cv_buffer text = {0};
    for (int copy = 0; copy < 3; copy++)
        for (int number = 100; number < 200; number++) cv_buffer_printf(&text, "%d", number);
    size_t period = text.length / 3;
    ck_assert_uint_gt(period, 256);
    ck_assert_double_eq(measure(text.data, text.length).repetition, 2.0 * 256 / (double)text.length);
    cv_buffer_free(&text);
}
END_TEST

START_TEST(a_huge_answer_is_measured)
{
    size_t length = 50000;
    char *text = cv_alloc(length, 1);
    memset(text, 'a', length);
    cv_coherence coherence = measure(text, length);
    ck_assert_double_gt(coherence.repetition, 0.99);
    ck_assert_double_le(coherence.repetition, 1);
    ck_assert_double_gt(coherence.compression, 400);
    ck_assert_uint_eq(coherence.characters, length);
    free(text);
}
END_TEST

/* ---- compression ---- */

START_TEST(compression_is_bytes_over_deflated_bytes)
{
    ck_assert_double_eq(measure("", 0).compression, 0);
    /* One byte: 2 bytes of zlib's header, 3 of deflate, 4 of checksum. */
    ck_assert_double_eq(measure("a", 1).compression, 1.0 / 9);
    /* NUL and invalid bytes are taken as they are. */
    char zeros[1000] = {0};
    ck_assert_double_gt(measure(zeros, sizeof zeros).compression, 40);
    char high[1000];
    memset(high, 0xff, sizeof high);
    ck_assert_double_eq(measure(high, sizeof high).compression, measure(zeros, sizeof zeros).compression);
}
END_TEST

/* ---- the verdict ---- */

START_TEST(limits_are_included_and_each_decides)
{
    const cv_coherence_limits limits = {0.25, 3, 10, -4};
    const cv_coherence at = {0.25, 3, 10, -4};
    ck_assert(cv_is_coherent(&at, &limits));
    cv_coherence beyond = at;
    beyond.repetition = nextafter(0.25, 1);
    ck_assert(!cv_is_coherent(&beyond, &limits));
    beyond = at;
    beyond.compression = nextafter(3, 4);
    ck_assert(!cv_is_coherent(&beyond, &limits));
    beyond = at;
    beyond.characters = 9;
    ck_assert(!cv_is_coherent(&beyond, &limits));
    beyond = at;
    beyond.mean_loglikelihood = nextafter(-4, -5);
    ck_assert(!cv_is_coherent(&beyond, &limits));
}
END_TEST

START_TEST(nan_is_never_coherent)
{
    const cv_coherence_limits none = {1, INFINITY, 0, -INFINITY};
    const cv_coherence fine = {0, 1, 50, -2};
    ck_assert(cv_is_coherent(&fine, &none));
    cv_coherence nan = fine;
    nan.mean_loglikelihood = NAN;
    ck_assert(!cv_is_coherent(&nan, &none));
    nan = fine;
    nan.repetition = NAN;
    ck_assert(!cv_is_coherent(&nan, &none));
    nan = fine;
    nan.compression = NAN;
    ck_assert(!cv_is_coherent(&nan, &none));
    cv_coherence_limits bad = none;
    bad.max_repetition = NAN;
    ck_assert(!cv_is_coherent(&fine, &bad));
    bad = none;
    bad.max_compression = NAN;
    ck_assert(!cv_is_coherent(&fine, &bad));
    bad = none;
    bad.min_loglikelihood = NAN;
    ck_assert(!cv_is_coherent(&fine, &bad));
}
END_TEST

START_TEST(an_answer_without_a_token_is_not_coherent)
{
    cv_coherence empty = cv_coherence_of("", 0, NAN);
    ck_assert_double_eq(empty.repetition, 0);
    ck_assert_uint_eq(empty.characters, 0);
    ck_assert_double_nan(empty.mean_loglikelihood);
    ck_assert(!cv_is_coherent(&empty, &cv_coherence_defaults));
    empty.mean_loglikelihood = 0; /* nor if a caller calls the mean of nothing 0 */
    ck_assert(!cv_is_coherent(&empty, &cv_coherence_defaults));
}
END_TEST

START_TEST(the_loglikelihood_is_passed_through)
{
    ck_assert_double_eq(cv_coherence_of(TEXT("text"), -3.25).mean_loglikelihood, -3.25);
}
END_TEST

/* ---- examples, and the table in docs/judges.md ---- */

static json_t *examples(void)
{
    cv_error err;
    json_t *file = cv_json_load(CARAVAN_SOURCE_DIR "/tests/fixtures/answers.json", 0, &err);
    ck_assert_msg(file != NULL, "%s", err.text);
    return file;
}

static cv_coherence coherence_of_example(const json_t *example)
{
    const json_t *answer = json_object_get(example, "answer"), *mean = json_object_get(example, "mean_loglikelihood");
    ck_assert(json_is_string(answer));
    return cv_coherence_of(json_string_value(answer), json_string_length(answer),
                           json_is_real(mean) ? json_real_value(mean) : NAN);
}

static void append_row(const json_t *example, cv_buffer *table)
{
    cv_coherence c = coherence_of_example(example);
    cv_buffer_printf(table, "| %s | %zu | %.2f | %.2f | ", json_string_value(json_object_get(example, "name")),
                     c.characters, c.repetition, c.compression);
    if (isnan(c.mean_loglikelihood))
        cv_buffer_puts(table, "-");
    else
        cv_buffer_printf(table, "%.2f", c.mean_loglikelihood);
    cv_buffer_printf(table, " | %s |\n", cv_is_coherent(&c, &cv_coherence_defaults) ? "yes" : "no");
}

START_TEST(the_documented_table_is_what_is_measured)
{
    if (strstr(zlibVersion(), "ng")) {
        fprintf(stderr, "skipped: the table's ratios are those of zlib, and this is zlib-ng\n");
        return;
    }
    json_t *file = examples(), *example;
    const json_t *answers = json_object_get(file, "answers");
    cv_buffer table = {0};
    size_t i, length;
    cv_error err;
    json_array_foreach (answers, i, example) append_row(example, &table);
    ck_assert_uint_gt(i, 20);
    char *page = cv_read_file(CARAVAN_SOURCE_DIR "/docs/judges.md", &length, &err);
    ck_assert_msg(page != NULL, "%s", err.text);
    ck_assert_msg(strstr(page, table.data) != NULL, "docs/judges.md must have these rows:\n%s", table.data);
    free(page);
    cv_buffer_free(&table);
    json_decref(file);
}
END_TEST

/* What each limit alone says of an example: letters of those that it fails, r, c, n (characters), l. */
static const struct {
    const char *name, *fails;
} kinds[] = {
    {"prose", ""},
    {"prose, longer", ""},
    {"prose, German", ""},
    {"prose, Japanese", ""},
    {"numbered list", ""},
    {"list, one pattern", ""},
    {"table", ""},
    {"code", ""},
    {"song with refrain", ""},
    {"one word", "l"}, /* wrong, and documented: two tokens make no mean */
    {"short", ""},
    {"laughter", ""},
    {"refusal", ""},
    {"prose, then a loop", ""}, /* more than half of it is said once */
    {"loop of a word", "rc"},
    {"loop of a sign", "rc"},
    {"loop of a sentence", "rc"},
    {"loop of a long sentence", "r"},
    {"loop with numbers", "rc"},
    {"loop, Japanese", "rc"},
    {"one loop, then another", "c"},
    {"empty lines", "cn"},
    {"shuffled words", "l"},
    {"random letters", "l"},
    {"nothing", "nl"},
};

START_TEST(examples_fail_the_limits_they_should)
{
    json_t *file = examples();
    const json_t *answers = json_object_get(file, "answers");
    ck_assert_uint_eq(json_array_size(answers), ROWS(kinds));
    const json_t *example = json_array_get(answers, (size_t)_i);
    ck_assert_str_eq(json_string_value(json_object_get(example, "name")), kinds[_i].name);
    cv_coherence c = coherence_of_example(example);
    const cv_coherence_limits *limits = &cv_coherence_defaults;
    char fails[5] = "";
    if (!(c.repetition <= limits->max_repetition)) strcat(fails, "r");
    if (!(c.compression <= limits->max_compression)) strcat(fails, "c");
    if (c.characters < limits->min_characters) strcat(fails, "n");
    if (!(c.mean_loglikelihood >= limits->min_loglikelihood)) strcat(fails, "l");
    ck_assert_str_eq(fails, kinds[_i].fails);
    ck_assert_int_eq(cv_is_coherent(&c, limits), *fails == '\0');
    json_decref(file);
}
END_TEST

/* The limits of repetition and compression have room on both sides. */
START_TEST(loops_are_far_from_language)
{
    json_t *file = examples(), *example;
    size_t i;
    json_array_foreach (json_object_get(file, "answers"), i, example) {
        cv_coherence c = coherence_of_example(example);
        if (strncmp(kinds[i].name, "prose", 5) == 0 && !strstr(kinds[i].name, "loop")) {
            ck_assert_double_lt(c.repetition, 0.1);
            ck_assert_double_lt(c.compression, 2.2);
        }
        if (strcmp(kinds[i].name, "loop of a word") == 0) ck_assert_double_gt(c.repetition, 0.95);
        if (strcmp(kinds[i].name, "loop of a sentence") == 0) ck_assert_double_gt(c.repetition, 0.8);
    }
    json_decref(file);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("coherence");
    tcase_add_loop_test(tests, characters_are_code_points_between_white_space, 0, ROWS(lengths));
    tcase_add_loop_test(tests, what_is_said_again_counts, 0, ROWS(repetitions));
    tcase_add_test(tests, repetition_is_that_of_the_plain_count);
    tcase_add_test(tests, a_long_period_is_seen_up_to_256_characters);
    tcase_add_test(tests, a_huge_answer_is_measured);
    tcase_add_test(tests, compression_is_bytes_over_deflated_bytes);
    tcase_add_test(tests, limits_are_included_and_each_decides);
    tcase_add_test(tests, nan_is_never_coherent);
    tcase_add_test(tests, an_answer_without_a_token_is_not_coherent);
    tcase_add_test(tests, the_loglikelihood_is_passed_through);
    tcase_add_test(tests, the_documented_table_is_what_is_measured);
    tcase_add_loop_test(tests, examples_fail_the_limits_they_should, 0, ROWS(kinds));
    tcase_add_test(tests, loops_are_far_from_language);
    return run_suite(tests);
}
