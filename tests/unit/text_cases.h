/* What the tests of the text room share: fixtures, JSON from string literals, expected errors. */
#ifndef TESTS_TEXT_CASES_H
#define TESTS_TEXT_CASES_H

#include "base/json.h"
#include "base/memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file name of a fixture, as in "ids/smollm2.json". Free with free(). */
static inline char *text_fixture_path(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/fixtures/text/%s", CARAVAN_SOURCE_DIR, name);
    return cv_strdup(path);
}

static inline json_t *text_fixture(const char *name)
{
    cv_error err;
    char *path = text_fixture_path(name);
    json_t *fixture = cv_json_load(path, 0, &err);
    ck_assert_msg(fixture != NULL, "%s", err.text);
    free(path);
    return fixture;
}

/* The object that a literal spells, with ' for ". Free with json_decref(). */
static inline json_t *json_of(const char *literal)
{
    cv_error err;
    char *text = cv_strdup(literal);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    json_t *object = cv_json_parse(text, strlen(text), "literal", 0, &err);
    ck_assert_msg(object != NULL, "%s in %s", err.text, literal);
    free(text);
    return object;
}

/* Errors are bad input, one line, and say what is expected of them. */
static inline void check_error(const cv_error *err, const char *expected)
{
    ck_assert_int_eq(err->status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err->text, expected) != NULL, "\"%s\" does not hold \"%s\"", err->text, expected);
    ck_assert_ptr_null(strchr(err->text, '\n'));
}

#endif
