/* caravan plan: what a job will take, without doing it. */
#include "cli/verb.h"

#include "base/memory.h"
#include "sweep/forecast.h"
#include "sweep/inputs.h"
#include "sweep/queue.h"

#include <caravan/version.h>

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan plan JOB.json [--ranks N] [--threads T]\n"
    "\n"
    "Reads and checks all that the job names, and prints the sweep's work units: their number,\n"
    "floating-point operations by the wavefront (\"operations\") and by one forward pass for each head and\n"
    "prompt (\"plain\"), and memory beside the weights; then all stages of the run, with stand-ins for heads\n"
    "that only the run will find, and answers as long as they may be.\n"
    "\n"
    "  --ranks N    how evenly N ranks are busy, and what they need together on one node\n"
    "  --threads T  threads of each rank, for the number of cores\n";

enum { RANK_LIMIT = 1000000, THREAD_LIMIT = 4096 };

/* One line of the table: a model under an ablation, both prompt sets. */
typedef struct row {
    size_t units;
    uint64_t operations, plain, memory;
} row;

static row make_row(const cv_inputs *inputs, const cv_plan *plan, int model, int ablation)
{
    row r = {0};
    for (size_t u = 0; u < plan->count; u++) {
        const cv_unit *unit = &plan->units[u];
        if (unit->model != model || unit->ablation != ablation) continue;
        r.units++;
        r.operations += unit->operations;
        if (unit->memory_bytes > r.memory) r.memory = unit->memory_bytes;
    }
    const cv_config *config = &inputs->models[model]->config;
    uint64_t heads = (uint64_t)cv_ablation_heads(&inputs->job.ablations[ablation], config);
    uint64_t passes = heads * (uint64_t)config->num_hidden_layers + 1; /* one for the clean model */
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        for (size_t p = 0; p < inputs->num_prompts[set]; p++)
            r.plain += (cv_plain_estimate(inputs->models[model], inputs->tokens[model][set][p].count).operations +
                        cv_plain_project_estimate(inputs->models[model]).operations) *
                       passes;
    return r;
}

static double mebibytes(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

static void print_row(const char *model, const char *ablation, const row *r)
{
    printf("%-20s  %-28s  %6zu  %10.3g  %10.3g  %6.1f  %10.1f\n", model, ablation, r->units, (double)r->operations,
           (double)r->plain, (double)r->plain / (double)r->operations, mebibytes(r->memory));
}

static void print_table(const cv_inputs *inputs, const cv_plan *plan)
{
    const cv_job *job = &inputs->job;
    printf("%s: %zu harmful and %zu harmless prompts, engine %s\n\n", job->name, inputs->num_prompts[CV_HARMFUL],
           inputs->num_prompts[CV_HARMLESS], cv_engine_choice_name(job->engine));
    printf("%-20s  %-28s  %6s  %10s  %10s  %6s  %10s\n", "model", "ablation", "units", "operations", "plain", "ratio",
           "memory MiB");
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            row r = make_row(inputs, plan, m, a);
            print_row(job->models[m].name, job->ablation_names[a], &r);
        }
    print_row("all", "", &(row){plan->count, plan->operations, plan->plain_operations, plan->memory_bytes});
}

static void print_stages(const cv_forecast *forecast)
{
    if (forecast->num_stages == 1) return;
    printf("\n%-20s  %6s  %10s  %10s\n", "stage", "units", "operations", "memory MiB");
    for (size_t i = 0; i < forecast->num_stages; i++) {
        const cv_forecast_stage *stage = &forecast->stages[i];
        printf("%-20s  %6zu  %10.3g  %10.1f\n", stage->name, stage->count, (double)stage->operations,
               mebibytes(stage->memory_bytes));
    }
}

/* What all stages together come to on so many ranks; each stage waits for its last unit. */
typedef struct total {
    size_t units;
    double operations, busiest; /* of all ranks, of the busiest in each stage */
    uint64_t memory;            /* a rank's with its threads, at most */
} total;

static total total_of(const cv_forecast *forecast, int ranks, int threads)
{
    total sum = {0};
    for (size_t i = 0; i < forecast->num_stages; i++) {
        const cv_forecast_stage *stage = &forecast->stages[i];
        uint64_t memory = stage->memory_bytes + stage->thread_bytes * (uint64_t)threads;
        sum.units += stage->count;
        sum.operations += (double)stage->operations;
        sum.busiest += (double)cv_queue_makespan(stage->costs, stage->count, ranks);
        if (memory > sum.memory) sum.memory = memory;
    }
    return sum;
}

/* Ranks of one node map the same weights, so those count once. */
static void print_ranks(const cv_inputs *inputs, const cv_forecast *forecast, int ranks, int threads)
{
    uint64_t weights = 0;
    total sum = total_of(forecast, ranks, threads);
    for (int m = 0; m < inputs->job.num_models; m++)
        if (inputs->models[m]->weight_bytes > weights) weights = inputs->models[m]->weight_bytes;
    printf("\n%d rank%s of %d thread%s (%d cores): %.1f units a rank, %.3g operations on the busiest, %.0f %% of the "
           "time busy on average\n",
           ranks, ranks == 1 ? "" : "s", threads, threads == 1 ? "" : "s", ranks * threads, (double)sum.units / ranks,
           sum.busiest, 100 * sum.operations / (sum.busiest * ranks));
    printf("memory if all are on one node: %.1f MiB beside %.1f MiB of weights, which they share\n",
           mebibytes(sum.memory) * ranks, mebibytes(weights));
}

static bool print_plan(const char *path, int64_t ranks, int64_t threads, cv_error *err)
{
    cv_job job;
    cv_inputs inputs = {0};
    cv_forecast forecast = {0};
    bool ok = cv_job_load(path, NULL, &job, err) && cv_inputs_load(&job, &inputs, err) &&
              cv_forecast_make(&inputs, &forecast, err);
    if (ok) {
        print_table(&inputs, &forecast.sweep);
        print_stages(&forecast);
        if (ranks) print_ranks(&inputs, &forecast, (int)ranks, (int)threads);
        ok = cv_stdout_check(err);
    }
    cv_forecast_free(&forecast);
    cv_inputs_free(&inputs);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *path = NULL, *ranks_text = NULL, *threads_text = NULL, *sbatch = NULL;
    const cv_option known[] = {{.name = "--ranks", .text = &ranks_text},
                               {.name = "--threads", .text = &threads_text},
                               {.name = "--sbatch", .text = &sbatch},
                               {0}};
    const cv_argument arguments[] = {{"JOB.json", &path}, {0}};
    int64_t ranks = 0, threads = 1;
    if (!cv_options_read("plan", argc, argv, known, arguments, err)) return false;
    if (sbatch)
        return cv_bad_input(err, "--sbatch is not implemented yet in caravan %d.%d", CARAVAN_VERSION_MAJOR,
                            CARAVAN_VERSION_MINOR);
    if (ranks_text && !cv_option_int("--ranks", ranks_text, 1, RANK_LIMIT, &ranks, err)) return false;
    if (threads_text && !cv_option_int("--threads", threads_text, 1, THREAD_LIMIT, &threads, err)) return false;
    if (threads_text && !ranks) ranks = 1;
    if (ranks * threads > INT32_MAX) return cv_bad_input(err, "--ranks times --threads is too many cores");
    return print_plan(path, ranks, threads, err);
}

const cv_verb cv_plan_verb = {"plan", help, run};
