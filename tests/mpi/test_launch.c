/* Needs no messages, but belongs to the room that only MPI programs are linked with. */
#include "cluster/launch.h"

#include "../unit/suite.h"

#include <stdlib.h>
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
    {{{.host = "n1", .threads = 2, .cores = 2, .online_cores = 2}}, 1, true, ""},
    {{{.host = "n1", .threads = 1, .cores = 1, .online_cores = 2},
      {.host = "n1", .threads = 1, .cores = 1, .online_cores = 2}},
     2,
     true,
     ""},
    {{{.host = "n1", .threads = 4, .cores = 8, .online_cores = 8},
      {.host = "n1", .threads = 4, .cores = 8, .online_cores = 8},
      {.host = "n2", .threads = 8, .cores = 8, .online_cores = 8}},
     3,
     true,
     ""},
    {{{.host = "n1", .threads = 4, .cores = 1, .online_cores = 8}},
     1,
     false,
     "rank 0 on n1 runs 4 threads on the 1 cores it is bound to; set OMP_NUM_THREADS=1, or use mpirun --bind-to none"},
    {{{.host = "n1", .threads = 8, .cores = 8, .online_cores = 8},
      {.host = "n2", .threads = 8, .cores = 8, .online_cores = 8},
      {.host = "n2", .threads = 8, .cores = 8, .online_cores = 8}},
     3,
     false,
     "2 ranks on n2 run 16 threads on 8 cores; set OMP_NUM_THREADS=4"},
    {{{.host = "n1", .threads = 1, .cores = 2, .online_cores = 2},
      {.host = "n1", .threads = 1, .cores = 2, .online_cores = 2},
      {.host = "n1", .threads = 1, .cores = 2, .online_cores = 2}},
     3,
     false,
     "3 ranks on n1 share 2 cores; start at most 2 there"},
    {{{.host = "n1", .threads = 1, .cores = 1, .online_cores = 64},
      {.host = "n1", .threads = 1, .cores = 1, .online_cores = 64}},
     2,
     true,
     "2 ranks on n1 use 2 of 64 cores; start more ranks, or set OMP_NUM_THREADS=32 with mpirun --bind-to none"},
    {{{.host = "n1", .threads = 1, .cores = 1, .online_cores = 64},
      {.host = "n1", .threads = 1, .cores = 1, .online_cores = 64}},
     2,
     false,
     ""},
    {{{.host = "n1", .threads = 4, .cores = 8, .online_cores = 8, .slurm_cores = 2}},
     1,
     false,
     "rank 0 on n1 runs 4 threads, but Slurm gave it 2 CPUs (SLURM_CPUS_PER_TASK); set OMP_NUM_THREADS=2, or ask for "
     "--cpus-per-task=4"},
    {{{.host = "n1", .threads = 2, .cores = 8, .online_cores = 8, .slurm_cores = 2}}, 1, false, ""},
    {{{.host = "n1", .threads = 2, .cores = 2, .online_cores = 8, .mask = {3}},
      {.host = "n1", .threads = 2, .cores = 2, .online_cores = 8, .mask = {3}}},
     2,
     false,
     "2 ranks on n1 run 4 threads on the same 2 cores, to which all are bound; use mpirun --bind-to none, or srun "
     "--cpu-bind=cores"},
    {{{.host = "n1", .threads = 2, .cores = 2, .online_cores = 8, .mask = {3}},
      {.host = "n1", .threads = 2, .cores = 2, .online_cores = 8, .mask = {12}}},
     2,
     false,
     ""},
    {{{.host = "n1", .threads = 2, .cores = 2, .online_cores = 8, .mask = {3}},
      {.host = "n2", .threads = 2, .cores = 2, .online_cores = 8, .mask = {3}}},
     2,
     false,
     ""},
};

START_TEST(a_bad_placement_is_told)
{
    char text[512];
    ck_assert_str_eq(cv_placement_fault(placements[_i].ranks, placements[_i].count, placements[_i].idle, text,
                                        sizeof text),
                     placements[_i].fault);
}
END_TEST

static const struct {
    cv_placement rank;
    const char *binding;
} bindings[] = {
    {{.mask = {0}}, "unknown"},
    {{.mask = {1}}, "0"},
    {{.mask = {0xff, 0x03}}, "0-9"},
    {{.mask = {0x0d, 0x80}}, "0,2-3,15"},
    {{.mask = {[CV_MOST_CORES / 8 - 1] = 0x80}}, "1023"},
};

START_TEST(a_binding_is_written_as_ranges)
{
    char text[64], little[4];
    ck_assert_str_eq(cv_placement_binding(&bindings[_i].rank, text, sizeof text), bindings[_i].binding);
    ck_assert_uint_lt(strlen(cv_placement_binding(&bindings[_i].rank, little, sizeof little)), sizeof little);
}
END_TEST

START_TEST(processors_with_different_kernels_are_told)
{
    cv_placement ranks[] = {{.host = "n1", .cpu = "A", .blas_core = "Zen"},
                            {.host = "n2", .cpu = "B", .blas_core = "Zen"},
                            {.host = "n3", .cpu = "C", .blas_core = "SkylakeX"}};
    char text[512];
    ck_assert_str_eq(cv_placement_mixed(ranks, 2, text, sizeof text), "");
    cv_placement_mixed(ranks, 3, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "n1 (A, BLAS Zen) and n3 (C, BLAS SkylakeX) have different kernels"));
}
END_TEST

static const uint64_t GIB = (uint64_t)1 << 30;

/* Two ranks of two threads on n1, one on n2, which has half the memory. */
START_TEST(a_run_that_does_not_fit_is_refused)
{
    cv_placement ranks[] = {
        {.host = "n1", .threads = 2, .memory_bytes = 16 * GIB, .memory_from = "MemAvailable"},
        {.host = "n2", .threads = 2, .memory_bytes = 8 * GIB, .memory_from = "SLURM_MEM_PER_NODE"},
        {.host = "n1", .threads = 2, .memory_bytes = 16 * GIB, .memory_from = "MemAvailable"},
    };
    cv_error err = {CV_OK, ""};
    char warning[512];
    cv_memory_need need = {.weights = GIB, .rank = 5 * GIB, .thread = GIB};
    ck_assert(cv_memory_check(ranks, 3, &need, warning, sizeof warning, &err)); /* 14 + 1 and 7 + 1 */
    ck_assert_str_eq(warning, "");
    need.weights = 3 * GIB;
    ck_assert(cv_memory_check(ranks, 3, &need, warning, sizeof warning, &err));
    ck_assert_ptr_nonnull(strstr(warning, "2 ranks on n1 will need 14 GiB of memory and 3 GiB of weights, but there "
                                          "are 16 GiB (MemAvailable)"));
    need.rank = 13 * GIB / 2;
    ck_assert(!cv_memory_check(ranks, 3, &need, warning, sizeof warning, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "2 ranks on n1 will need 17 GiB of memory"));
    ck_assert_ptr_nonnull(strstr(err.text, "set engine.memory_gib to 6.4 or less"));
    ck_assert(!cv_memory_check(ranks + 1, 1, &need, warning, sizeof warning, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "1 rank on n2 will need 8.5 GiB"));
    ck_assert_ptr_nonnull(strstr(err.text, "SLURM_MEM_PER_NODE"));
    ranks[1].memory_bytes = 0; /* unknown: nothing can be said */
    ck_assert(cv_memory_check(ranks + 1, 1, &need, warning, sizeof warning, &err));
}
END_TEST

START_TEST(memory_that_slurm_gives_counts)
{
    cv_placement without = cv_placement_here();
    ck_assert_uint_gt(without.memory_bytes, 0);
    ck_assert_int_eq(setenv("SLURM_MEM_PER_NODE", "7", 1), 0);
    ck_assert_int_eq(setenv("SLURM_CPUS_PER_TASK", "3", 1), 0);
    cv_placement with = cv_placement_here();
    ck_assert_uint_eq(with.memory_bytes, 7 << 20);
    ck_assert_str_eq(with.memory_from, "SLURM_MEM_PER_NODE");
    ck_assert_int_eq(with.slurm_cores, 3);
}
END_TEST

START_TEST(this_place_is_described)
{
    cv_placement here = cv_placement_here();
    ck_assert_int_gt((int)strlen(here.host), 0);
    ck_assert_int_ge(here.threads, 1);
    ck_assert_int_ge(here.cores, 1);
    ck_assert_int_ge(here.online_cores, here.cores);
    ck_assert_int_gt((int)strlen(here.isa), 0);
    char binding[64];
    ck_assert_str_ne(cv_placement_binding(&here, binding, sizeof binding), "unknown");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("launch");
    tcase_add_loop_test(tests, copies_that_do_not_see_each_other_are_refused, 0, ROWS(launches));
    tcase_add_loop_test(tests, a_bad_placement_is_told, 0, ROWS(placements));
    tcase_add_loop_test(tests, a_binding_is_written_as_ranges, 0, ROWS(bindings));
    tcase_add_test(tests, processors_with_different_kernels_are_told);
    tcase_add_test(tests, a_run_that_does_not_fit_is_refused);
    tcase_add_test(tests, memory_that_slurm_gives_counts);
    tcase_add_test(tests, this_place_is_described);
    return run_suite(tests);
}
