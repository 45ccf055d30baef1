#include "base/clock.h"

#include "suite.h"

#include <time.h>

START_TEST(seconds_go_forward)
{
    double before = cv_seconds();
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    double passed = cv_seconds() - before;
    ck_assert(passed >= 0.02 && passed < 100);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("clock");
    tcase_add_test(tests, seconds_go_forward);
    return run_suite(tests);
}
