/* caravan run: the whole way from a job file to results, on one rank or many. */
#include "cli/progress.h"
#include "cli/ranks.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/cluster.h"
#include "cluster/dispatch.h"
#include "cluster/launch.h"
#include "cluster/phase.h"
#include "engine/blas.h"
#include "report/heads.h"
#include "store/folder.h"
#include "store/identity.h"
#include "store/journal.h"
#include "store/manifest.h"
#include "store/results.h"
#include "store/status.h"
#include "sweep/bytes.h"
#include "sweep/inputs.h"
#include "sweep/plan.h"
#include "sweep/scores.h"
#include "sweep/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: caravan run JOB.json [--output DIR] [--engine wavefront|plain] [--precision f32]\n"
    "\n"
    "Switches off every head of every model of the job, one at a time, and scores how far the next-token\n"
    "distribution moves on each prompt. Alone it runs as one rank; for more:\n"
    "\n"
    "  mpirun -n 4 caravan run JOB.json\n"
    "  srun --mpi=pmix caravan run JOB.json\n"
    "\n"
    "A run that was ended in the middle goes on when the same command is given again, with any number of\n"
    "ranks.\n"
    "\n"
    "  --output DIR      results folder, in place of the job's\n"
    "  --engine NAME     wavefront (all heads at once, the default) or plain (one pass a head and prompt)\n"
    "  --precision NAME  f32\n"
    "\n"
    "Prints the ten top heads of each model; the results folder has the rest.\n";

enum { TOP_HEADS = 10 };
static const double STATUS_SECONDS = 1, PEAK_SECONDS = 0.3;

/* Everything of one run. Ranks other than 0 have inputs, plan and worker only. */
typedef struct session {
    cv_cluster *cluster;
    cv_inputs inputs;
    cv_plan plan;
    cv_worker *worker;
    cv_sources sources;
    cv_folder *folder;
    cv_journal *journal;
    cv_scores *scores;
    size_t units_before;     /* that the journal had */
    cv_rank_report *reports; /* [ranks] */
    double load_seconds, sweep_start, sweep_seconds;
    cv_progress progress;
    cv_progress_view view;
    cv_pace status_pace;
    bool status_failed; /* told once that status.json cannot be written */
} session;

static bool is_first(const session *s)
{
    return cv_cluster_rank(s->cluster) == 0;
}

/* ---- reading ---- */

/* Rank 0 only. */
static bool load(session *s, const char *path, const cv_job_options *options, cv_error *err)
{
    cv_job job;
    return cv_job_load(path, options, &job, err) && cv_inputs_load(&job, &s->inputs, err) &&
           cv_plan_make(&s->inputs, &s->plan, err) && cv_sources_read(&s->inputs, &s->sources, err);
}

static bool unpack(session *s, const cv_buffer *packed_inputs, const cv_buffer *packed_plan, cv_error *err)
{
    if (!cv_inputs_unpack(packed_inputs->data, packed_inputs->length, &s->inputs, err)) return false;
    cv_cursor in = cv_cursor_at(packed_plan->data, packed_plan->length);
    s->plan.units = cv_get_array(&in, &s->plan.count, sizeof *s->plan.units);
    return cv_cursor_done(&in) || cv_failed(err, "the plan arrived damaged");
}

/* Brings what rank 0 read to all ranks. */
static bool share(session *s, cv_error *err)
{
    cv_buffer inputs = {0}, plan = {0};
    if (is_first(s)) {
        cv_inputs_pack(&s->inputs, &inputs);
        cv_put_array(&plan, s->plan.units, s->plan.count, sizeof *s->plan.units);
    }
    cv_cluster_broadcast(s->cluster, &inputs);
    cv_cluster_broadcast(s->cluster, &plan);
    bool ok = is_first(s) || unpack(s, &inputs, &plan, err);
    if (!ok) cv_error_prefix(err, "rank %d on %s", cv_cluster_rank(s->cluster), cv_placement_here().host);
    cv_buffer_free(&inputs);
    cv_buffer_free(&plan);
    return cv_cluster_agree(s->cluster, ok, err);
}

/* Each model's weights are looked at by one rank before anything is written. */
static bool check_models(session *s, cv_error *err)
{
    bool ok = cv_blas_check(err);
    s->worker = cv_worker_open(&s->inputs);
    for (int m = cv_cluster_rank(s->cluster); ok && m < s->inputs.job.num_models; m += cv_cluster_size(s->cluster))
        ok = cv_worker_check_model(s->worker, m, err);
    return cv_cluster_agree(s->cluster, ok, err);
}

/* ---- sweeping ---- */

/* What a unit yields: its cells as doubles. */
static bool compute_unit(void *context, size_t item, cv_buffer *out, cv_work *work, cv_error *err)
{
    session *s = context;
    const cv_unit *unit = &s->plan.units[item];
    size_t cells = cv_unit_cells(unit);
    double *values = cv_alloc(cells, sizeof *values);
    bool ok = cv_worker_run(s->worker, unit, values, work, err);
    if (ok) cv_put_array(out, values, cells, sizeof *values);
    free(values);
    return ok;
}

static bool deliver_unit(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    session *s = context;
    const cv_unit *unit = &s->plan.units[item];
    cv_cursor in = cv_cursor_at(bytes, length);
    size_t count;
    double *values = cv_get_array(&in, &count, sizeof *values);
    bool ok = cv_cursor_done(&in) && count == cv_unit_cells(unit);
    if (!ok)
        cv_failed(err, "unit %zu yielded %zu bytes, which are not its %zu scores", item, length, cv_unit_cells(unit));
    ok = ok && cv_scores_put(s->scores, unit, values, err);
    free(values);
    return ok;
}

/* A status file that cannot be written for a moment is no reason to lose the sweep. */
static void write_status(session *s, cv_run_state state, const char *error)
{
    cv_error err;
    if (cv_status_write(s->folder, state, &s->progress, error, &err) || s->status_failed) return;
    cv_progress_view_close(&s->view);
    cv_warn("%s", err.text);
    s->status_failed = true;
}

static void show_progress(void *context, size_t items_done, uint64_t cost_done)
{
    session *s = context;
    double now = cv_seconds();
    s->progress.units_done = items_done;
    s->progress.operations_done = cost_done;
    s->progress.elapsed = now - s->sweep_start;
    cv_progress_view_show(&s->view, &s->progress);
    if (cv_pace_due(&s->status_pace, now, STATUS_SECONDS)) write_status(s, CV_RUN_RUNNING, NULL);
}

static void announce(const session *s)
{
    const cv_job *job = &s->inputs.job;
    int ranks = cv_cluster_size(s->cluster);
    cv_info("%s: %d model%s, %d ablation%s, %zu harmful and %zu harmless prompts; %zu unit%s on %d rank%s", job->name,
            job->num_models, job->num_models == 1 ? "" : "s", job->num_ablations, job->num_ablations == 1 ? "" : "s",
            s->inputs.num_prompts[CV_HARMFUL], s->inputs.num_prompts[CV_HARMLESS], s->plan.count,
            s->plan.count == 1 ? "" : "s", ranks, ranks == 1 ? "" : "s");
}

/* Rank 0's: the folder, and the journal before anything else in it, as another run may be at work there. */
static bool open_folder(session *s, cv_error *err)
{
    cv_identity identity = {0};
    s->folder = cv_folder_open(s->inputs.job.output, err);
    if (s->folder && cv_identity_of_run(&s->inputs, &s->sources, &identity, err))
        s->journal = cv_journal_open(s->folder, &identity, err);
    cv_identity_free(&identity);
    if (!s->journal) return false;
    if (!cv_status_write(s->folder, CV_RUN_RUNNING, &s->progress, NULL, err)) {
        err->status = CV_BAD_INPUT; /* an output that cannot be written is one that was named wrongly */
        return false;
    }
    cv_folder_remove(s->folder, "manifest.json"); /* an older one would speak of other results */
    return true;
}

/* Makes the results folder on rank 0, before anything is computed. */
static bool open_results(session *s, cv_error *err)
{
    bool ok = true;
    if (is_first(s)) {
        s->progress = (cv_progress){.units_total = s->plan.count, .operations_total = s->plan.operations};
        s->scores = cv_scores_make(&s->inputs);
        ok = open_folder(s, err);
    }
    return cv_cluster_agree(s->cluster, ok, err);
}

/* A unit by its place in the grid, so that one that was computed for another plan is not taken for it. */
static uint64_t describe(const cv_unit *u)
{
    int32_t place[] = {u->model,       u->ablation,  u->set,        u->prompt_begin, u->prompt_end,
                       u->layer_begin, u->layer_end, u->head_begin, u->head_end};
    return cv_hash64(place, sizeof place);
}

static void tell_resumed(session *s, const cv_phase *phase)
{
    s->units_before += phase->items_before;
    s->progress.operations_before = phase->cost_before;
    if (phase->items_before == phase->work.count)
        cv_info("%s: has all %zu units already; the results are written again", cv_journal_path(s->journal),
                phase->work.count);
    else if (phase->items_before > 0)
        cv_info("%s: has %zu of %zu units already", cv_journal_path(s->journal), phase->items_before,
                phase->work.count);
}

static bool sweep(session *s, cv_share *mine, cv_error *err)
{
    size_t count = s->plan.count;
    uint64_t *costs = cv_alloc(count, sizeof *costs), *descriptions = cv_alloc(count, sizeof *descriptions);
    for (size_t u = 0; u < count; u++) {
        costs[u] = s->plan.units[u].operations;
        descriptions[u] = describe(&s->plan.units[u]);
    }
    cv_phase phase = {.name = "sweep",
                      .work = {count, costs, NULL, s, compute_unit, deliver_unit, show_progress},
                      .descriptions = descriptions,
                      .journal = s->journal};
    if (is_first(s)) announce(s);
    bool ok = cv_phase_resume(s->cluster, &phase, err);
    if (ok) {
        if (is_first(s)) tell_resumed(s, &phase);
        s->view = cv_progress_view_open();
        s->sweep_start = cv_seconds();
        ok = cv_phase_run(s->cluster, &phase, mine, err);
        s->sweep_seconds = cv_seconds() - s->sweep_start;
        cv_progress_view_close(&s->view);
    }
    cv_phase_free(&phase);
    free(costs);
    free(descriptions);
    return ok;
}

/* All ranks at once, so that ranks that share a processor share its peak too. */
static void report_ranks(session *s, const cv_share *mine)
{
    cv_placement here = cv_placement_here();
    cv_rank_report report;
    memset(&report, 0, sizeof report);
    memcpy(report.host, here.host, sizeof report.host);
    report.threads = here.threads;
    report.busy_seconds = mine->busy_seconds;
    report.work = mine->work;
    report.peak = cv_blas_peak(PEAK_SECONDS);
    snprintf(report.blas_core, sizeof report.blas_core, "%s", cv_blas_core());
    if (is_first(s)) s->reports = cv_calloc((size_t)cv_cluster_size(s->cluster), sizeof *s->reports);
    cv_cluster_gather(s->cluster, &report, sizeof report, s->reports);
}

/* ---- writing ---- */

static bool write_results(session *s, cv_error *err)
{
    cv_run_report run = {s->reports,       cv_cluster_size(s->cluster),
                         cv_mpi_version(), s->load_seconds,
                         s->sweep_seconds, s->units_before};
    return cv_journal_flush(s->journal, err) && cv_scores_complete(s->scores, err) &&
           cv_results_write(s->folder, &s->inputs, &s->sources, s->scores, err) &&
           cv_heads_write(s->folder, &s->inputs, s->scores, err) &&
           cv_manifest_write(s->folder, &s->inputs, &s->sources, &s->plan, &run, err);
}

static bool print_results(const session *s, cv_error *err)
{
    cv_heads_print(stdout, &s->inputs, s->scores, TOP_HEADS);
    printf("results: %s\n", s->inputs.job.output);
    return cv_stdout_check(err);
}

static void tell_speed(const session *s)
{
    double operations = 0, peak = 0;
    char wall[32];
    if (s->units_before == s->plan.count) return;
    for (int r = 0; r < cv_cluster_size(s->cluster); r++) {
        operations += (double)s->reports[r].work.operations;
        peak += s->reports[r].peak;
    }
    cv_info("done in %s: %.3g operations (%.3g one pass a head), %.0f %% of the measured matrix-product peak",
            cv_duration_text(s->sweep_seconds, wall, sizeof wall), operations, (double)s->plan.plain_operations,
            100 * operations / (s->sweep_seconds * peak));
}

/* Bad input leaves nothing behind, unless units were finished before it was met; another failure leaves its
 * message in status.json. A folder without our journal in it may be another run's. */
static void give_up(session *s, const cv_error *err)
{
    if (s->journal && (err->status != CV_BAD_INPUT || cv_journal_count(s->journal) > 0)) {
        write_status(s, CV_RUN_FAILED, err->text);
        return;
    }
    if (s->journal) cv_folder_remove(s->folder, "status.json");
    cv_journal_close(s->journal);
    s->journal = NULL;
    if (s->folder) cv_folder_undo(s->folder);
}

static bool finish(session *s, cv_error *err)
{
    bool ok = true;
    if (is_first(s)) {
        ok = write_results(s, err);
        if (ok) {
            write_status(s, CV_RUN_DONE, NULL);
            tell_speed(s);
            ok = print_results(s, err);
        }
        if (!ok) err->status = CV_FAILED; /* after a sweep it was not the input */
    }
    return cv_cluster_agree(s->cluster, ok, err);
}

/* ---- the whole ---- */

static bool run_session(session *s, const char *path, const cv_job_options *options, cv_error *err)
{
    double start = cv_seconds();
    bool ok = !is_first(s) || load(s, path, options, err);
    ok = cv_cluster_agree(s->cluster, ok, err) && share(s, err) && check_models(s, err) && open_results(s, err);
    s->load_seconds = cv_seconds() - start;
    if (!ok) return false;
    cv_ranks_tell(s->cluster);
    cv_share mine;
    if (!sweep(s, &mine, err)) return false;
    report_ranks(s, &mine);
    return finish(s, err);
}

static void close_session(session *s)
{
    cv_journal_close(s->journal);
    cv_worker_close(s->worker);
    cv_scores_free(s->scores);
    cv_folder_close(s->folder);
    cv_sources_free(&s->sources);
    cv_plan_free(&s->plan);
    cv_inputs_free(&s->inputs);
    free(s->reports);
    cv_cluster_close(s->cluster);
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *path = NULL;
    cv_job_options options = {0};
    const cv_option known[] = {{.name = "--output", .text = &options.output},
                               {.name = "--engine", .text = &options.engine},
                               {.name = "--precision", .text = &options.precision},
                               {0}};
    const cv_argument arguments[] = {{"JOB.json", &path}, {0}};
    session s = {.cluster = cv_cluster_open(NULL, NULL)};
    cv_launch_environment environment = cv_launch_environment_get();
    bool ok = cv_options_read("run", argc, argv, known, arguments, err) &&
              cv_launch_check(&environment, cv_cluster_size(s.cluster), err);
    ok = cv_cluster_agree(s.cluster, ok, err) && run_session(&s, path, &options, err);
    if (!ok && is_first(&s)) {
        give_up(&s, err);
        cv_error_tell(err); /* now: the first rank that ends with a status makes mpirun kill the others */
    }
    err->text[0] = 0; /* rank 0 speaks for all */
    close_session(&s);
    return ok;
}

const cv_verb cv_run_verb = {"run", help, run};
