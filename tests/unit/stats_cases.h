/* What the tests of the stats room share: fixtures made by tests/reference/stats_reference.py, and
 * comparisons that no NaN passes unless NaN is expected. */
#ifndef TESTS_STATS_CASES_H
#define TESTS_STATS_CASES_H

#include "base/json.h"
#include "base/memory.h"

#include <caravan/stats.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Free with json_decref(). */
static inline json_t *stats_fixture(const char *name)
{
    char path[1024];
    cv_error err;
    snprintf(path, sizeof path, "%s/tests/fixtures/stats/%s", CARAVAN_SOURCE_DIR, name);
    json_t *fixture = cv_json_load(path, 0, &err);
    ck_assert_msg(fixture != NULL, "%s", err.text);
    return fixture;
}

/* A number, or NaN for null. */
static inline double number_of(const json_t *value)
{
    ck_assert(json_is_number(value) || json_is_null(value));
    return json_is_null(value) ? NAN : json_number_value(value);
}

/* The numbers of a list, or of a list of equally long lists. Free with free(). */
static inline double *numbers_of(const json_t *list, size_t *rows, size_t *columns)
{
    const json_t *first = json_array_get(list, 0);
    *rows = json_array_size(list);
    *columns = json_is_array(first) ? json_array_size(first) : 1;
    ck_assert_uint_gt(*rows, 0);
    double *numbers = cv_alloc(*rows * *columns, sizeof *numbers);
    for (size_t i = 0; i < *rows; i++) {
        const json_t *row = json_array_get(list, i);
        ck_assert_uint_eq(json_is_array(row) ? json_array_size(row) : 1, *columns);
        for (size_t c = 0; c < *columns; c++)
            numbers[i * *columns + c] = number_of(json_is_array(row) ? json_array_get(row, c) : row);
    }
    return numbers;
}

static inline void check_near(double found, double expected, double tolerance, const char *what, size_t index)
{
    bool same = isnan(expected) ? isnan(found) : fabs(found - expected) <= tolerance;
    ck_assert_msg(same, "%s %zu is %.17g, not %.17g", what, index, found, expected);
}

/* expected: value, low, high. */
static inline void check_estimate(cv_estimate found, const double *expected, double tolerance, const char *what,
                                  size_t index)
{
    check_near(found.value, expected[0], tolerance, what, index);
    check_near(found.low, expected[1], tolerance, what, index);
    check_near(found.high, expected[2], tolerance, what, index);
}

/* A case of resampling: two sets of scores, how to resample, and the file for what is expected. */
typedef struct resampling_case {
    json_t *fixture;
    double *harmful, *harmless; /* [heads, num_harmful], [heads, num_harmless] */
    size_t heads, num_harmful, num_harmless, top;
    cv_resampling how;
} resampling_case;

static const char *const resampling_files[] = {"resampling-paired.json", "resampling-unpaired.json",
                                               "resampling-tied.json"};

static inline resampling_case resampling_open(const char *name)
{
    resampling_case c = {.fixture = stats_fixture(name)};
    size_t heads;
    c.harmful = numbers_of(json_object_get(c.fixture, "harmful"), &c.heads, &c.num_harmful);
    c.harmless = numbers_of(json_object_get(c.fixture, "harmless"), &heads, &c.num_harmless);
    ck_assert_uint_eq(heads, c.heads);
    c.top = (size_t)json_integer_value(json_object_get(c.fixture, "top"));
    c.how.seed = (uint64_t)json_integer_value(json_object_get(c.fixture, "seed"));
    c.how.resamples = (size_t)json_integer_value(json_object_get(c.fixture, "resamples"));
    return c;
}

static inline void resampling_close(resampling_case *c)
{
    json_decref(c->fixture);
    free(c->harmful);
    free(c->harmless);
}

/* The rows of a member, one for each head. Free with free(). */
static inline double *expected_rows(const resampling_case *c, const json_t *object, const char *key, size_t columns)
{
    size_t found_rows, found_columns;
    double *rows = numbers_of(json_object_get(object, key), &found_rows, &found_columns);
    ck_assert_uint_eq(found_rows, c->heads);
    ck_assert_uint_eq(found_columns, columns);
    return rows;
}

/* SciPy's intervals come from other random numbers. With 20,000 resamples the 0.025 quantile of a normal
 * distribution has a deviation of 0.5 % of the interval's width; 3 % is four deviations of a difference of
 * two such. */
enum { MANY_RESAMPLES = 20000 };
static inline void check_like_scipy(cv_estimate found, const double *low_high, size_t head)
{
    double tolerance = 0.03 * (low_high[1] - low_high[0]);
    check_near(found.low, low_high[0], tolerance, "SciPy's low of head", head);
    check_near(found.high, low_high[1], tolerance, "SciPy's high of head", head);
}

#endif
