/* caravan plan: what a job will take, without doing it. */
#include "cli/progress.h"
#include "cli/sbatch.h"
#include "cli/verb.h"

#include "base/memory.h"
#include "engine/blas.h"
#include "sweep/forecast.h"
#include "sweep/inputs.h"
#include "sweep/simulate.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan plan JOB.json [--ranks N] [--threads T] [--gflops G] [--spread P]\n"
    "                            [--ranks-per-node K] [--sbatch FILE]\n"
    "       caravan plan JOB.json --list-models\n"
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
    "  --spread P   how much the ranks' speeds vary, a standard deviation in percent (default 10)\n"
    "  --ranks-per-node K  for the memory of a node, and for --sbatch (default 2)\n"
    "  --sbatch FILE       writes a batch script for Slurm: nodes, memory and time as foreseen\n"
    "  --list-models       prints the names of the job's models, and nothing else\n";

enum { RANK_LIMIT = 1000000, THREAD_LIMIT = 4096, DEFAULT_PER_NODE = 2 };

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
    printf("%s: %zu harmful and %zu harmless prompts, engine %s\n", job->name, inputs->num_prompts[CV_HARMFUL],
           inputs->num_prompts[CV_HARMLESS], cv_engine_choice_name(job->engine));
    if (plan->count == 0) return; /* the job has no scores */
    printf("\n%-20s  %-28s  %6s  %10s  %10s  %6s  %10s\n", "model", "ablation", "units", "operations", "plain", "ratio",
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
    size_t units = 0;
    uint64_t operations = 0, memory = 0;
    if (forecast->num_stages == 1) return;
    printf("\n%-20s  %6s  %10s  %10s\n", "stage", "units", "operations", "memory MiB");
    for (size_t i = 0; i < forecast->num_stages; i++) {
        const cv_forecast_stage *stage = &forecast->stages[i];
        printf("%-20s  %6zu  %10.3g  %10.1f\n", stage->name, stage->count, (double)stage->operations,
               mebibytes(stage->memory_bytes));
        units += stage->count;
        operations += stage->operations;
        if (stage->memory_bytes > memory) memory = stage->memory_bytes;
    }
    printf("%-20s  %6zu  %10.3g  %10.1f\n", "all stages", units, (double)operations, mebibytes(memory));
}

/* The ranks that a forecast is for. */
typedef struct crew {
    int ranks, threads;
    int per_node;
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
    double capacity;     /* operations a second of all ranks at their different speeds */
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
    total sum = {.longest_wait = -INFINITY};
    double *even = cv_alloc((size_t)c->ranks, sizeof *even), *uneven = cv_alloc((size_t)c->ranks, sizeof *uneven);
    cv_simulate_speeds(even, c->ranks, 1e9 * c->gflops, 0, 0);
    cv_simulate_speeds(uneven, c->ranks, 1e9 * c->gflops, c->spread, 0);
    for (int r = 0; r < c->ranks; r++) sum.capacity += uneven[r];
    for (size_t i = 0; i < forecast->num_stages; i++) add_stage(&sum, &forecast->stages[i], c, even, uneven);
    free(even);
    free(uneven);
    return sum;
}

static uint64_t largest_weights(const cv_inputs *inputs)
{
    uint64_t weights = 0;
    for (int m = 0; m < inputs->job.num_models; m++)
        if (inputs->models[m]->weight_bytes > weights) weights = inputs->models[m]->weight_bytes;
    return weights;
}

/* Ranks of one node map the same weights, so those count once. */
static void print_ranks(const cv_inputs *inputs, const total *forecast, const crew *c)
{
    char wall[32];
    total sum = *forecast;
    double ideal = sum.operations / (1e9 * c->gflops * c->ranks);
    printf("\n%d rank%s of %d thread%s (%d cores), %.4g GFLOP/s a rank (%s): %.1f units a rank\n", c->ranks,
           c->ranks == 1 ? "" : "s", c->threads, c->threads == 1 ? "" : "s", c->ranks * c->threads, c->gflops,
           c->measured ? "from the peak of this machine; see caravan bench" : "--gflops", (double)sum.units / c->ranks);
    printf("wall time: %s, %.4g core hours\n", cv_duration_text(sum.uneven, wall, sizeof wall),
           sum.uneven / 3600 * c->ranks * c->threads);
    printf(
        "efficiency: %.0f %% of the time busy if all ranks are equally fast, %.0f %% if their speeds vary by %.0f %%; "
        "the units take %.1f %% more operations than the fewest possible\n",
        100 * ideal / sum.even, 100 * sum.operations / sum.capacity / sum.uneven, 100 * c->spread,
        100 * (sum.operations / sum.least_operations - 1));
    printf("most is waited in: %s, whose largest unit takes %s\n", sum.waiting,
           cv_duration_text(sum.largest, wall, sizeof wall));
    printf("memory of a node with %d of them: %.1f MiB beside %.1f MiB of weights, which they share\n", c->per_node,
           mebibytes(sum.memory) * c->per_node, mebibytes(largest_weights(inputs)));
}

/* A rank's speed as this machine's peak lets expect it: for more threads than there are cores from one. */
static double guess_gflops(int threads)
{
    return 1e-9 * REACHED * cv_blas_peak(PEAK_SECONDS) / omp_get_max_threads() * threads;
}

/* What the command line asks for. */
typedef struct request {
    const char *path, *sbatch; /* the job; the script to be written, or NULL */
    bool list_models;
    crew crew; /* of 0 ranks where none are asked for */
} request;

static bool write_sbatch(const request *r, const cv_inputs *inputs, const total *sum, cv_error *err)
{
    cv_sbatch what = {.job = r->path,
                      .ranks = r->crew.ranks,
                      .threads = r->crew.threads,
                      .ranks_per_node = r->crew.per_node,
                      .seconds = sum->uneven,
                      .node_bytes = sum->memory * (uint64_t)r->crew.per_node + largest_weights(inputs)};
    return cv_sbatch_write(r->sbatch, &what, err);
}

static bool print_forecast(const request *r, const cv_inputs *inputs, const cv_forecast *forecast, cv_error *err)
{
    print_table(inputs, &forecast->sweep);
    print_stages(forecast);
    if (r->crew.ranks == 0) return cv_stdout_check(err);
    crew c = r->crew;
    if (c.measured) c.gflops = guess_gflops(c.threads);
    total sum = total_of(forecast, &c);
    print_ranks(inputs, &sum, &c);
    return (!r->sbatch || write_sbatch(r, inputs, &sum, err)) && cv_stdout_check(err);
}

static bool print_plan(const request *r, cv_error *err)
{
    cv_job job;
    cv_inputs inputs = {0};
    cv_forecast forecast = {0};
    if (!cv_job_load(r->path, NULL, &job, err)) return false;
    if (r->list_models) {
        for (int m = 0; m < job.num_models; m++) puts(job.models[m].name);
        cv_job_free(&job);
        return cv_stdout_check(err);
    }
    bool ok = cv_inputs_load(&job, &inputs, err) && cv_forecast_make(&inputs, &forecast, err) &&
              print_forecast(r, &inputs, &forecast, err);
    cv_forecast_free(&forecast);
    cv_inputs_free(&inputs);
    return ok;
}

/* The options in words; NULL where not given. */
typedef struct words {
    const char *ranks, *threads, *per_node, *gflops, *spread;
} words;

static bool read_crew(const words *w, crew *c, cv_error *err)
{
    int64_t ranks = 0, threads = 1, per_node = DEFAULT_PER_NODE;
    if ((w->ranks && !cv_option_int("--ranks", w->ranks, 1, RANK_LIMIT, &ranks, err)) ||
        (w->threads && !cv_option_int("--threads", w->threads, 1, THREAD_LIMIT, &threads, err)) ||
        (w->per_node && !cv_option_int("--ranks-per-node", w->per_node, 1, THREAD_LIMIT, &per_node, err)))
        return false;
    if (w->threads && !ranks) ranks = 1;
    if (ranks * threads > INT32_MAX) return cv_bad_input(err, "--ranks times --threads is too many cores");
    if (per_node > ranks) per_node = ranks;
    *c = (crew){(int)ranks, (int)threads, (int)per_node, 0, DEFAULT_SPREAD, w->gflops == NULL};
    if (w->gflops && !cv_option_real("--gflops", w->gflops, &c->gflops, err)) return false;
    if (w->gflops && !(c->gflops > 0)) return cv_bad_input(err, "--gflops is %s; it must be above 0", w->gflops);
    if (w->spread && !cv_option_real("--spread", w->spread, &c->spread, err)) return false;
    if (w->spread) c->spread /= 100;
    return (c->spread >= 0 && c->spread <= 0.5) ||
           cv_bad_input(err, "--spread is %s; it must lie between 0 and 50 percent", w->spread);
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {0};
    words w = {0};
    const cv_option known[] = {{.name = "--ranks", .text = &w.ranks},
                               {.name = "--threads", .text = &w.threads},
                               {.name = "--ranks-per-node", .text = &w.per_node},
                               {.name = "--gflops", .text = &w.gflops},
                               {.name = "--spread", .text = &w.spread},
                               {.name = "--sbatch", .text = &r.sbatch},
                               {.name = "--list-models", .flag = &r.list_models},
                               {0}};
    const cv_argument arguments[] = {{"JOB.json", &r.path}, {0}};
    if (!cv_options_read("plan", argc, argv, known, arguments, err) || !read_crew(&w, &r.crew, err)) return false;
    if (r.sbatch && r.crew.ranks == 0) return cv_bad_input(err, "--sbatch needs --ranks and --threads");
    return print_plan(&r, err);
}

const cv_verb cv_plan_verb = {"plan", help, run};
