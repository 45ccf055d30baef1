/* What the main() of every unit test needs beside Check itself. Check runs each test in a process of
 * its own, so that a crash or an exit is one failed test and no more; CK_FORK=no keeps all of them in
 * one process, for debuggers. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Rows of a table, for tcase_add_loop_test(tests, function, 0, ROWS(table)). */
#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* Runs the tests and gives the exit code for main(). Takes tests over. */
static inline int run_suite(TCase *tests)
{
    Suite *suite = suite_create("caravan");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
