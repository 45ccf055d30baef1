/* caravan overlap: which heads models share, from the results of finished runs. */
#include "cli/verb.h"

#include "base/memory.h"
#include "cluster/signals.h"
#include "report/overlap.h"
#include "store/finished.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: caravan overlap RESULT_DIR... --output DIR [--top-k 5,10,20] [--permutations N] [--seed S] [--threads T]\n"
    "\n"
    "Compares the heads' scores of every two models under every two ablations in the results of finished runs: the\n"
    "heads that are among the first k of both, with their number by chance and p-values under four nulls,\n"
    "Jaccard's index, rank-biased overlap, and Kendall's tau, with 95 % intervals over the prompts. Models of the\n"
    "same base and of different ones are marked. Models of different shapes are compared by where in their depth\n"
    "the scores lie, and by how concentrated they are.\n"
    "\n"
    "  --output DIR      gets overlap.csv, overlap_nulls.csv, overlap_control.csv, overlap_heads.csv, depth.csv,\n"
    "                    depth_distance.csv, concentration.csv and overlap.json\n"
    "  --top-k A,B       numbers of top heads; 5,10,20 if not given\n"
    "  --permutations N  rounds of the permutation tests; 10000 if not given, 0 for none\n"
    "  --seed S          of permutations and resamples; 0 if not given\n"
    "  --threads T       as many as there are cores if not given\n"
    "\n"
    "Prints a table of the top 10 heads. docs/overlap.md says what the columns mean.\n";

enum { MOST_THREADS = 4096, MOST_PERMUTATIONS = 100000000 };

/* The command line. */
typedef struct request {
    cv_words folders;
    const char *output, *top_k, *permutations, *seed, *threads;
} request;

/* "5,10,20" */
static bool read_top_k(const char *text, cv_job_overlap *options, cv_error *err)
{
    char *copy = cv_strdup(text), *rest = copy;
    bool ok = true;
    options->num_top_k = 0;
    while (ok && rest) {
        char *comma = strchr(rest, ',');
        int64_t k = 0;
        if (comma) *comma = 0;
        ok = cv_option_int("--top-k", rest, 1, INT32_MAX, &k, err) && cv_job_overlap_add(options, k, "--top-k", err);
        rest = comma ? comma + 1 : NULL;
    }
    free(copy);
    return ok;
}

static bool read_options(const request *r, cv_job_overlap *options, cv_error *err)
{
    int64_t permutations = 0, seed = 0, threads = 0;
    cv_job_overlap_defaults(options);
    options->enabled = true;
    if (!r->output) return cv_bad_input(err, "--output is missing; see caravan overlap --help");
    if (!r->output[0]) return cv_bad_input(err, "--output is empty; name a folder");
    if (r->folders.count == 0) return cv_bad_input(err, "RESULT_DIR is missing; see caravan overlap --help");
    if ((r->top_k && !read_top_k(r->top_k, options, err)) ||
        (r->permutations &&
         !cv_option_int("--permutations", r->permutations, 0, MOST_PERMUTATIONS, &permutations, err)) ||
        (r->seed && !cv_option_int("--seed", r->seed, 0, INT64_MAX, &seed, err)) ||
        (r->threads && !cv_option_int("--threads", r->threads, 1, MOST_THREADS, &threads, err)))
        return false;
    if (r->permutations) options->permutations = (size_t)permutations;
    options->seed = (uint64_t)seed;
    if (threads > 0) omp_set_num_threads((int)threads);
    return true;
}

/* ---- the whole ---- */

static bool stop(void *context)
{
    (void)context;
    return cv_signals_stop();
}

/* The folder is opened when everything else is there: bad input leaves none. */
static bool compare(const request *r, cv_study *study, cv_error *err)
{
    if (!cv_study_compute(study, stop, NULL, err)) return false;
    cv_folder *folder = cv_folder_open(r->output, err);
    bool ok = folder && cv_study_write(study, folder, err);
    cv_folder_close(folder);
    if (!ok) return false;
    cv_study_tell_left_out(study);
    cv_study_print(stdout, study);
    return cv_stdout_check(err);
}

static bool open_and_compare(const request *r, const cv_job_overlap *options, cv_error *err)
{
    size_t count = r->folders.count;
    cv_finished *runs = cv_calloc(count, sizeof *runs);
    cv_study study = {.options = *options};
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        for (size_t j = 0; ok && j < i; j++)
            if (strcmp(r->folders.items[i], r->folders.items[j]) == 0)
                ok = cv_bad_input(err, "%s is given twice; name each folder once", r->folders.items[i]);
        ok = ok && cv_finished_open(r->folders.items[i], &runs[i], err);
        if (ok) cv_study_add_finished(&study, &runs[i]);
    }
    if (ok && study.count < 2)
        ok = cv_bad_input(err, "%s: has one model under one ablation: nothing to compare; name more results folders",
                          r->folders.items[0]);
    ok = ok && compare(r, &study, err);
    cv_study_free(&study);
    for (size_t i = 0; i < count; i++) cv_finished_free(&runs[i]);
    free(runs);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {{0}, NULL, NULL, NULL, NULL, NULL};
    cv_job_overlap options = {0};
    const cv_option known[] = {{.name = "--output", .text = &r.output},
                               {.name = "--top-k", .text = &r.top_k},
                               {.name = "--permutations", .text = &r.permutations},
                               {.name = "--seed", .text = &r.seed},
                               {.name = "--threads", .text = &r.threads},
                               {.name = "", .list = &r.folders},
                               {0}};
    const cv_argument arguments[] = {{0}};
    cv_signals_catch();
    bool ok = cv_options_read("overlap", argc, argv, known, arguments, err) && read_options(&r, &options, err) &&
              open_and_compare(&r, &options, err);
    cv_words_free(&r.folders);
    free(options.top_k);
    return ok;
}

const cv_verb cv_overlap_verb = {"overlap", help, run};
