/* Needs no messages, but belongs to the room that only MPI programs are linked with. */
#include "cluster/launch.h"

#include "../unit/suite.h"

#include <string.h>

static const struct {
    cv_launch_environment environment;
    int mpi_size;
    const char *fault; /* NULL where there is none */
} launches[] = {
    {{NULL, NULL, NULL, NULL}, 1, NULL},
    {{"4", NULL, NULL, NULL}, 4, NULL},
    {{NULL, NULL, "4", "4"}, 4, NULL},
    {{"1", NULL, NULL, "4"}, 1, NULL}, /* mpirun -n 1 in an allocation of four */
    {{NULL, NULL, "1", "4"}, 1, NULL}, /* srun -n 1 likewise */
    {{NULL, NULL, "4", "4"}, 1, "srun started 4 copies"},
    {{NULL, NULL, NULL, "4"}, 1, "Slurm gave 4 tasks, but caravan runs in one"},
    {{"3", NULL, NULL, NULL}, 1, "one of 3 processes that do not see each other"},
    {{NULL, "2", NULL, NULL}, 1, "one of 2 processes that do not see each other"},
    {{NULL, NULL, NULL, "1"}, 1, NULL},
    {{NULL, NULL, NULL, "what"}, 1, NULL},
};

START_TEST(copies_that_do_not_see_each_other_are_refused)
{
    cv_error err = {CV_OK, ""};
    bool ok = cv_launch_check(&launches[_i].environment, launches[_i].mpi_size, &err);
    ck_assert_int_eq(ok, launches[_i].fault == NULL);
    if (ok) return;
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, launches[_i].fault) != NULL, "%s", err.text);
}
END_TEST

static const struct {
    cv_placement ranks[3];
    int count;
    bool idle;
    const char *fault;
} placements[] = {
    {{{"n1", 2, 2, 2}}, 1, true, ""},
    {{{"n1", 1, 1, 2}, {"n1", 1, 1, 2}}, 2, true, ""},
    {{{"n1", 4, 8, 8}, {"n1", 4, 8, 8}, {"n2", 8, 8, 8}}, 3, true, ""},
    {{{"n1", 4, 1, 8}},
     1,
     false,
     "rank 0 on n1 runs 4 threads on the 1 cores it is bound to; set OMP_NUM_THREADS=1, or use mpirun --bind-to none"},
    {{{"n1", 8, 8, 8}, {"n2", 8, 8, 8}, {"n2", 8, 8, 8}},
     3,
     false,
     "2 ranks on n2 run 16 threads on 8 cores; set OMP_NUM_THREADS=4"},
    {{{"n1", 1, 2, 2}, {"n1", 1, 2, 2}, {"n1", 1, 2, 2}},
     3,
     false,
     "3 ranks on n1 share 2 cores; start at most 2 there"},
    {{{"n1", 1, 1, 64}, {"n1", 1, 1, 64}},
     2,
     true,
     "2 ranks on n1 use 2 of 64 cores; start more ranks, or set OMP_NUM_THREADS=32 with mpirun --bind-to none"},
    {{{"n1", 1, 1, 64}, {"n1", 1, 1, 64}}, 2, false, ""},
};

START_TEST(a_bad_placement_is_told)
{
    char text[512];
    ck_assert_str_eq(cv_placement_fault(placements[_i].ranks, placements[_i].count, placements[_i].idle, text,
                                        sizeof text),
                     placements[_i].fault);
}
END_TEST

START_TEST(this_place_is_described)
{
    cv_placement here = cv_placement_here();
    ck_assert_int_gt((int)strlen(here.host), 0);
    ck_assert_int_ge(here.threads, 1);
    ck_assert_int_ge(here.cores, 1);
    ck_assert_int_ge(here.online_cores, here.cores);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("launch");
    tcase_add_loop_test(tests, copies_that_do_not_see_each_other_are_refused, 0, ROWS(launches));
    tcase_add_loop_test(tests, a_bad_placement_is_told, 0, ROWS(placements));
    tcase_add_test(tests, this_place_is_described);
    return run_suite(tests);
}
