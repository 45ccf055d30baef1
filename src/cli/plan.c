/* caravan plan: what a job will take, without doing it. */
#include "cli/progress.h"
#include "cli/verb.h"

#include "base/memory.h"
#include "engine/blas.h"
#include "sweep/forecast.h"
#include "sweep/inputs.h"
#include "sweep/simulate.h"

#include <caravan/version.h>

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan plan JOB.json [--ranks N] [--threads T] [--gflops G] [--spread P]\n"
    "\n"
    "Reads and checks all that the job names, and prints the sweep's work units: their number,\n"
    "floating-point operations by the wavefront (\"operations\") and by one forward pass for each head and\n"
    "prompt (\"plain\"), and memory beside the weights; then all stages of the run, with stand-ins for heads\n"
    "that only the run will find, and answers as long as they may be.\n"
    "\n"
    "  --ranks N    the dispatch's rules run on N ranks: wall time, core hours, efficiency, memory on one node\n"
    "  --threads T  threads of each rank\n"
    "  --gflops G   billions of operations a second that a rank reaches, as caravan bench prints it; else a\n"
    "               part of the matrix-product peak of this machine is taken\n"
    "  --spread P   how much the ranks' speeds vary, a standard deviation in percent (default 10)\n";

enum { RANK_LIMIT = 1000000, THREAD_LIMIT = 4096 };

/* What a sweep is seen to reach of the peak (docs/performance.md), and what handing out a unit takes. */
static const double REACHED = 0.65, PEAK_SECONDS = 0.3, UNIT_SECONDS = 0.001, DEFAULT_SPREAD = 0.1;

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

/* The ranks that a forecast is for. */
typedef struct crew {
    int ranks, threads;
    double gflops; /* of each, on average */
    double spread; /* of their speeds, a fraction of it */
    bool measured; /* gflops was measured here, and not given */
} crew;

/* What all stages together come to; each stage waits for its last unit. */
typedef struct total {
    size_t units;
    double operations, least_operations;
    double even, uneven; /* seconds, with ranks of equal speed and of different ones */
    double largest;      /* seconds that the largest unit of any stage takes */
    double longest_wait; /* of the stages' unevenly used seconds, the most that ranks wait on average */
    uint64_t memory;     /* a rank's with its threads, at most */
    const char *waiting; /* the stage in which they wait so */
} total;

static void add_stage(total *sum, const cv_forecast_stage *stage, const crew *c, const double *even,
                      const double *uneven)
{
    uint64_t memory = stage->memory_bytes + stage->thread_bytes * (uint64_t)c->threads, largest = 0;
    for (size_t u = 0; u < stage->count; u++)
        if (stage->costs[u] > largest) largest = stage->costs[u];
    double seconds = cv_simulate(stage->costs, stage->count, c->ranks, uneven, UNIT_SECONDS);
    double wait = seconds - (double)stage->operations / (1e9 * c->gflops * c->ranks);
    sum->units += stage->count;
    sum->operations += (double)stage->operations;
    sum->least_operations += (double)stage->least_operations;
    sum->even += cv_simulate(stage->costs, stage->count, c->ranks, even, UNIT_SECONDS);
    sum->uneven += seconds;
    if (memory > sum->memory) sum->memory = memory;
    if (wait <= sum->longest_wait) return;
    sum->longest_wait = wait;
    sum->largest = (double)largest / (1e9 * c->gflops);
    sum->waiting = stage->name;
}

static total total_of(const cv_forecast *forecast, const crew *c)
{
    total sum = {.longest_wait = -1};
    double *even = cv_alloc((size_t)c->ranks, sizeof *even), *uneven = cv_alloc((size_t)c->ranks, sizeof *uneven);
    cv_simulate_speeds(even, c->ranks, 1e9 * c->gflops, 0, 0);
    cv_simulate_speeds(uneven, c->ranks, 1e9 * c->gflops, c->spread, 0);
    for (size_t i = 0; i < forecast->num_stages; i++) add_stage(&sum, &forecast->stages[i], c, even, uneven);
    free(even);
    free(uneven);
    return sum;
}

/* Ranks of one node map the same weights, so those count once. */
static void print_ranks(const cv_inputs *inputs, const cv_forecast *forecast, const crew *c)
{
    uint64_t weights = 0;
    char wall[32];
    total sum = total_of(forecast, c);
    double ideal = sum.operations / (1e9 * c->gflops * c->ranks);
    for (int m = 0; m < inputs->job.num_models; m++)
        if (inputs->models[m]->weight_bytes > weights) weights = inputs->models[m]->weight_bytes;
    printf("\n%d rank%s of %d thread%s (%d cores), %.4g GFLOP/s a rank (%s): %.1f units a rank\n", c->ranks,
           c->ranks == 1 ? "" : "s", c->threads, c->threads == 1 ? "" : "s", c->ranks * c->threads, c->gflops,
           c->measured ? "from the peak of this machine; see caravan bench" : "--gflops", (double)sum.units / c->ranks);
    printf("wall time: %s, %.4g core hours\n", cv_duration_text(sum.uneven, wall, sizeof wall),
           sum.uneven / 3600 * c->ranks * c->threads);
    printf(
        "efficiency: %.0f %% of the time busy if all ranks are equally fast, %.0f %% if their speeds vary by %.0f %%; "
        "the units take %.1f %% more operations than the fewest possible\n",
        100 * ideal / sum.even, 100 * ideal / sum.uneven, 100 * c->spread,
        100 * (sum.operations / sum.least_operations - 1));
    printf("most is waited in: %s, whose largest unit takes %s\n", sum.waiting,
           cv_duration_text(sum.largest, wall, sizeof wall));
    printf("memory if all are on one node: %.1f MiB beside %.1f MiB of weights, which they share\n",
           mebibytes(sum.memory) * c->ranks, mebibytes(weights));
}

/* A rank's speed as this machine's peak lets expect it: for more threads than there are cores from one. */
static double guess_gflops(int threads)
{
    return 1e-9 * REACHED * cv_blas_peak(PEAK_SECONDS) / omp_get_max_threads() * threads;
}

static bool print_plan(const char *path, crew c, cv_error *err)
{
    cv_job job;
    cv_inputs inputs = {0};
    cv_forecast forecast = {0};
    bool ok = cv_job_load(path, NULL, &job, err) && cv_inputs_load(&job, &inputs, err) &&
              cv_forecast_make(&inputs, &forecast, err);
    if (ok) {
        print_table(&inputs, &forecast.sweep);
        print_stages(&forecast);
        if (c.ranks && c.measured) c.gflops = guess_gflops(c.threads);
        if (c.ranks) print_ranks(&inputs, &forecast, &c);
        ok = cv_stdout_check(err);
    }
    cv_forecast_free(&forecast);
    cv_inputs_free(&inputs);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *path = NULL, *ranks_text = NULL, *threads_text = NULL, *gflops = NULL, *spread = NULL, *sbatch = NULL;
    const cv_option known[] = {{.name = "--ranks", .text = &ranks_text}, {.name = "--threads", .text = &threads_text},
                               {.name = "--gflops", .text = &gflops},    {.name = "--spread", .text = &spread},
                               {.name = "--sbatch", .text = &sbatch},    {0}};
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
    crew c = {(int)ranks, (int)threads, 0, DEFAULT_SPREAD, gflops == NULL};
    if (gflops && !cv_option_real("--gflops", gflops, &c.gflops, err)) return false;
    if (gflops && !(c.gflops > 0)) return cv_bad_input(err, "--gflops is %s; it must be above 0", gflops);
    if (spread && !cv_option_real("--spread", spread, &c.spread, err)) return false;
    if (spread) c.spread /= 100;
    if (!(c.spread >= 0 && c.spread <= 0.5))
        return cv_bad_input(err, "--spread is %s; it must lie between 0 and 50 percent", spread);
    return print_plan(path, c, err);
}

const cv_verb cv_plan_verb = {"plan", help, run};
