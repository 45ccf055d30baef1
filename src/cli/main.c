/* The program: finds the verb, runs it, prints its error, returns its status. */
#include "cli/verb.h"
#include "cluster/cluster.h"
#include "engine/blas.h"
#include "store/h5.h"

#include <caravan/version.h>

#include <stdio.h>
#include <string.h>

static const cv_verb *const verbs[] = {&cv_run_verb,     &cv_plan_verb,        &cv_inspect_verb, &cv_tokens_verb,
                                       &cv_logits_verb,  &cv_generate_verb,    &cv_utility_verb, &cv_verify_verb,
                                       &cv_overlap_verb, &cv_definitions_verb, &cv_report_verb,  &cv_bench_verb};

static const char usage[] =
    "usage: caravan VERB ...\n"
    "\n"
    "Finds the attention heads that carry a language model's refusals.\n"
    "\n"
    "  run JOB.json       sweep all heads of the job's models (also under mpirun or srun)\n"
    "  plan JOB.json      what that will take, without doing it\n"
    "  verify RESULT_DIR  whether results agree with themselves, their inputs and the definitions\n"
    "  overlap RESULT_DIR which heads models share, from finished results\n"
    "  report RESULT_DIR  a run's results as a page, with pictures and tables\n"
    "  inspect MODEL_DIR  what a model directory holds\n"
    "  tokens MODEL_DIR   a text's token ids\n"
    "  logits MODEL_DIR   a text's next-token logits, with heads switched off\n"
    "  generate MODEL_DIR what the model answers, with heads switched off\n"
    "  utility MODEL_DIR  accuracy on multiple-choice questions, with heads switched off\n"
    "  bench MODEL_DIR    how fast this machine runs a model\n"
    "\n"
    "  caravan VERB --help   tells more\n"
    "  caravan --version     names this program and its libraries\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 bad input or usage, 75 saved before the end: run again.\n";

static void print_version(void)
{
    printf("caravan %s%s%s%s\n", CARAVAN_VERSION, CARAVAN_GIT[0] ? " (" : "", CARAVAN_GIT, CARAVAN_GIT[0] ? ")" : "");
    printf("BLAS  %s, core %s\n", cv_blas_version(), cv_blas_core());
    printf("MPI   %s\n", cv_mpi_version());
    printf("HDF5  %s\n", cv_h5_version());
}

static const cv_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i]->name, name) == 0) return verbs[i];
    return NULL;
}

/* --help may stand anywhere before "--", so that it helps in the middle of a half-typed line. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static bool run_verb(const cv_verb *verb, int argc, char **argv, cv_error *err)
{
    if (asks_for_help(argc, argv)) {
        fputs(verb->help, stdout);
        return cv_stdout_check(err);
    }
    return verb->run(argc, argv, err);
}

static bool run_program(int argc, char **argv, cv_error *err)
{
    if (argc < 2) return cv_bad_input(err, "a verb is missing; see caravan --help");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        fputs(usage, stdout);
        return cv_stdout_check(err);
    }
    if (strcmp(name, "--version") == 0) {
        print_version();
        return cv_stdout_check(err);
    }
    const cv_verb *verb = find_verb(name);
    if (!verb) return cv_bad_input(err, "unknown verb %s; see caravan --help", name);
    return run_verb(verb, argc - 2, argv + 2, err);
}

int main(int argc, char **argv)
{
    cv_blas_ensure_core(argv); /* may start the program anew, so before anything else */
    cv_error err = {CV_OK, ""};
    if (run_program(argc, argv, &err)) return CV_OK;
    cv_error_tell(&err);
    return (int)err.status;
}
