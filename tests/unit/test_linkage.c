/* The library that the dynamic linker really loads may be another than the one found at configure
 * time: a machine can have several builds of OpenBLAS under one file name. */
#include <check.h>
#include <stdlib.h>

int openblas_get_parallel(void);

START_TEST(openblas_runs_on_openmp)
{
    ck_assert_int_eq(openblas_get_parallel(), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linkage");
    TCase *tests = tcase_create("libraries");
    tcase_add_test(tests, openblas_runs_on_openmp);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
