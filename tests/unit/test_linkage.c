/* The library that the dynamic linker really loads may be another than the one found at configure
 * time: a machine can have several builds of OpenBLAS under one file name. */
#include "suite.h"

int openblas_get_parallel(void);

START_TEST(openblas_runs_on_openmp)
{
    ck_assert_int_eq(openblas_get_parallel(), 2); /* 0: sequential, 1: pthreads */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("linkage");
    tcase_add_test(tests, openblas_runs_on_openmp);
    return run_suite(tests);
}
