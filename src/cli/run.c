/* caravan run: the whole way from a job file to results, on one rank or many. */
#include "cli/ranks.h"
#include "cli/session.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "cluster/launch.h"
#include "cluster/signals.h"
#include "cluster/spread.h"
#include "engine/blas.h"
#include "report/heads.h"
#include "report/report.h"
#include "report/sahara_table.h"
#include "report/utility_table.h"
#include "store/identity.h"
#include "sweep/bytes.h"
#include "sweep/forecast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: caravan run JOB.json [--output DIR] [--models A,B] [--from DIR]... [--engine wavefront|plain]\n"
    "\n"
    "Switches off every head of every model of the job, one at a time, and scores how far the model moves\n"
    "on the prompts; then, where the job says so, searches for groups of heads and measures what switching\n"
    "them off does to answers. Alone it runs as one rank; for more:\n"
    "\n"
    "  mpirun -n 4 caravan run JOB.json\n"
    "  srun --mpi=pmix caravan run JOB.json\n"
    "\n"
    "  --output DIR      results folder, in place of the job's\n"
    "  --engine NAME     wavefront (all heads at once, the default) or plain (one pass a head and prompt)\n"
    "  --precision NAME  f32\n"
    "  --models A,B      only these of the job's models, as one task of a job array does; their results are\n"
    "                    those that the whole job would give\n"
    "  --deadline S      ends in so many seconds at the latest, saved, with exit code 75: units that would not\n"
    "                    be done by then are not started (under Slurm the job's end is known by itself)\n"
    "  --node-local DIR  each node's ranks read the models from copies in its folder DIR (a local disk, or\n"
    "                    /dev/shm); rank 0 reads them once and sends them. The copies stay, for the next run\n"
    "  --from DIR        takes over what another run of the job, or of some of its models, has finished in\n"
    "                    its results folder DIR; may be given more than once\n"
    "\n"
    "SIGTERM, SIGUSR1 and Ctrl-C save what is done within ten seconds; the exit code is then 75.\n"
    "A run that was ended early goes on where it was when the same command is given again, with any number\n"
    "of ranks. Prints the ten top heads of each model; the results folder has the rest.\n";

enum { TOP_HEADS = 10 };
static const double PEAK_SECONDS = 0.3;

bool cv_session_is_first(const cv_session *s)
{
    return cv_cluster_rank(s->cluster) == 0;
}

void cv_session_status(cv_session *s, cv_run_state state, const char *error)
{
    cv_error err;
    if (cv_status_write(s->folder, state, &s->progress, error, &err) || s->status_failed) return;
    cv_progress_view_close(&s->view);
    cv_warn("%s", err.text);
    s->status_failed = true;
}

/* ---- reading ---- */

/* The plan, and what all stages will take: one that cannot be planned is refused before the sweep, not behind it. */
static bool forecast(cv_session *s, cv_error *err)
{
    cv_forecast all;
    if (!cv_forecast_make(&s->inputs, &all, err)) return false;
    for (size_t i = 0; i < all.num_stages; i++) {
        if (all.stages[i].memory_bytes > s->need.rank) s->need.rank = all.stages[i].memory_bytes;
        if (all.stages[i].thread_bytes > s->need.thread) s->need.thread = all.stages[i].thread_bytes;
    }
    for (int m = 0; m < s->inputs.job.num_models; m++)
        if (s->inputs.models[m]->weight_bytes > s->need.weights) s->need.weights = s->inputs.models[m]->weight_bytes;
    s->plan = all.sweep;
    all.sweep = (cv_plan){0};
    cv_forecast_free(&all);
    return true;
}

/* Rank 0 only. */
static bool load(cv_session *s, const char *path, const cv_job_options *options, cv_error *err)
{
    cv_job job;
    return cv_job_load(path, options, &job, err) && cv_inputs_load(&job, &s->inputs, err) && forecast(s, err) &&
           cv_sources_read(&s->inputs, &s->sources, err);
}

/* Whether the run fits into the nodes' memory, before any rank opens a model. Collective. */
static bool check_memory(cv_session *s, cv_error *err)
{
    s->placements = cv_ranks_gather(s->cluster);
    bool ok = true;
    if (cv_session_is_first(s)) {
        char warning[512];
        ok = cv_memory_check(s->placements, cv_cluster_size(s->cluster), &s->need, warning, sizeof warning, err);
        if (warning[0]) cv_warn("%s", warning);
    }
    return cv_cluster_agree(s->cluster, ok, err);
}

static bool unpack(cv_session *s, const cv_buffer *packed_inputs, const cv_buffer *packed_plan, cv_error *err)
{
    if (!cv_inputs_unpack(packed_inputs->data, packed_inputs->length, &s->inputs, err)) return false;
    cv_cursor in = cv_cursor_at(packed_plan->data, packed_plan->length);
    s->plan.units = cv_get_array(&in, &s->plan.count, sizeof *s->plan.units);
    return cv_cursor_done(&in) || cv_failed(err, "the plan arrived damaged");
}

/* Brings what rank 0 read to all ranks. */
static bool share(cv_session *s, cv_error *err)
{
    cv_buffer inputs = {0}, plan = {0};
    if (cv_session_is_first(s)) {
        cv_inputs_pack(&s->inputs, &inputs);
        cv_put_array(&plan, s->plan.units, s->plan.count, sizeof *s->plan.units);
    }
    cv_cluster_broadcast(s->cluster, &inputs);
    cv_cluster_broadcast(s->cluster, &plan);
    bool ok = cv_session_is_first(s) || unpack(s, &inputs, &plan, err);
    if (!ok) cv_error_prefix(err, "rank %d on %s", cv_cluster_rank(s->cluster), cv_placement_here().host);
    cv_buffer_free(&inputs);
    cv_buffer_free(&plan);
    return cv_cluster_agree(s->cluster, ok, err);
}

/* The folder of a model's copy, named by what its files hold. Free with free(). */
static char *copy_folder(const cv_session *s, const cv_fingerprints *prints)
{
    cv_buffer all = {0}, name = {0};
    for (size_t i = 0; i < prints->count; i++) cv_buffer_puts(&all, prints->files[i].sha256);
    cv_buffer_printf(&name, "%s/caravan-%016llx", s->node_local, (unsigned long long)cv_hash64(all.data, all.length));
    cv_buffer_free(&all);
    return cv_buffer_steal(&name);
}

/* What rank 0 tells the others of a copy: its folder and its files. */
static void pack_copy(const cv_session *s, const cv_fingerprints *prints, cv_buffer *out)
{
    char *folder = copy_folder(s, prints);
    cv_put_text(out, folder);
    cv_put_u64(out, prints->count);
    for (size_t i = 0; i < prints->count; i++) cv_put_text(out, prints->files[i].name);
    free(folder);
}

/* The files of one folder to all nodes; prints and from are rank 0's. *folder is where they are then, NULL where there
 * are none; to be freed with free(). */
static bool spread_folder(cv_session *s, const cv_fingerprints *prints, const char *from, char **folder, cv_error *err)
{
    cv_buffer bytes = {0};
    if (cv_session_is_first(s)) pack_copy(s, prints, &bytes);
    cv_cluster_broadcast(s->cluster, &bytes);
    cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
    char *to = cv_get_text(&in);
    size_t count = cv_get_count(&in, sizeof(uint64_t));
    char **names = cv_calloc(count, sizeof *names);
    for (size_t i = 0; i < count; i++) names[i] = cv_get_text(&in);
    bool ok =
        cv_cluster_agree(s->cluster, cv_cursor_done(&in) || cv_failed(err, "a list of files arrived damaged"), err) &&
        (count == 0 || cv_spread_files(s->cluster, from, to, names, count, err));
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
    cv_buffer_free(&bytes);
    *folder = ok && count > 0 ? to : NULL;
    if (!*folder) free(to);
    return ok;
}

/* One model's files, and those of its attention where that is another's, to all nodes. */
static bool spread_model(cv_session *s, int model, cv_error *err)
{
    bool first = cv_session_is_first(s);
    const cv_job_model *job = first ? &s->inputs.job.models[model] : NULL;
    char *folder = NULL, *attention = NULL;
    bool ok =
        spread_folder(s, first ? &s->sources.models[model] : NULL, first ? job->path : NULL, &folder, err) &&
        spread_folder(s, first ? &s->sources.attention[model] : NULL, first ? job->attention_from : NULL, &attention,
                      err) &&
        cv_cluster_agree(s->cluster, !first || cv_inputs_relocate(&s->inputs, model, folder, attention, err), err);
    free(folder);
    free(attention);
    return ok;
}

/* Copies the models to every node, where --node-local asks for it, before the ranks open them. */
static bool spread_models(cv_session *s, cv_error *err)
{
    if (!s->node_local) return true;
    int count = cv_session_is_first(s) ? s->inputs.job.num_models : 0;
    cv_buffer bytes = {0};
    if (cv_session_is_first(s)) cv_put_u64(&bytes, (uint64_t)count);
    cv_cluster_broadcast(s->cluster, &bytes);
    cv_cursor in = cv_cursor_at(bytes.data, bytes.length);
    count = (int)cv_get_u64(&in);
    cv_buffer_free(&bytes);
    bool ok = true;
    for (int m = 0; ok && m < count; m++) ok = spread_model(s, m, err);
    return ok;
}

/* Each model's weights are looked at by one rank before anything is written. */
static bool check_models(cv_session *s, cv_error *err)
{
    bool ok = cv_blas_check(err);
    s->worker = cv_worker_open(&s->inputs);
    for (int m = cv_cluster_rank(s->cluster); ok && m < s->inputs.job.num_models; m += cv_cluster_size(s->cluster))
        ok = cv_worker_check_model(s->worker, m, err);
    return cv_cluster_agree(s->cluster, ok, err);
}

/* ---- computing ---- */

/* A limit that limits nothing is often a wrong file. */
static void tell_limits(const cv_session *s)
{
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        const cv_job_prompts *prompts = &s->inputs.job.prompts[set];
        if (prompts->file && prompts->limit > s->inputs.num_prompts[set])
            cv_info("%s: has %zu prompts, fewer than the limit of %zu: all are taken", prompts->file,
                    s->inputs.num_prompts[set], prompts->limit);
    }
}

static void announce(const cv_session *s)
{
    const cv_job *job = &s->inputs.job;
    int ranks = cv_cluster_size(s->cluster);
    cv_info("%s: %d model%s, %d ablation%s, %zu harmful and %zu harmless prompts; %zu unit%s in the sweep, %d rank%s",
            job->name, job->num_models, job->num_models == 1 ? "" : "s", job->num_ablations,
            job->num_ablations == 1 ? "" : "s", s->inputs.num_prompts[CV_HARMFUL], s->inputs.num_prompts[CV_HARMLESS],
            s->plan.count, s->plan.count == 1 ? "" : "s", ranks, ranks == 1 ? "" : "s");
}

/* Brings what other runs of the job, or of parts of it, have finished into the journal. */
static bool take_over(cv_session *s, const cv_identity *identity, cv_error *err)
{
    for (size_t i = 0; i < s->from.count; i++) {
        size_t added;
        char *path = cv_path_join(s->from.items[i], "journal");
        bool ok = cv_journal_import(s->journal, path, identity, &added, err);
        if (ok) cv_info("%s: %zu finished unit%s taken over", path, added, added == 1 ? "" : "s");
        free(path);
        if (!ok) return false;
    }
    return true;
}

/* Rank 0's: the folder, and the journal before anything else in it, as another run may be at work there. */
static bool open_folder(cv_session *s, cv_error *err)
{
    cv_identity identity = {0};
    s->progress = (cv_progress){.units_total = s->plan.count, .operations_total = s->plan.operations};
    s->plain_operations = s->plan.plain_operations;
    s->scores = cv_scores_make(&s->inputs);
    s->folder = cv_folder_open(s->inputs.job.output, err);
    if (s->folder && cv_identity_of_run(&s->inputs, &s->sources, &identity, err))
        s->journal = cv_journal_open(s->folder, &identity, err);
    bool ok = s->journal && take_over(s, &identity, err);
    cv_identity_free(&identity);
    if (!ok) return false;
    if (!cv_status_write(s->folder, CV_RUN_RUNNING, &s->progress, NULL, err)) {
        err->status = CV_BAD_INPUT; /* an output that cannot be written is one that was named wrongly */
        return false;
    }
    cv_folder_remove(s->folder, "manifest.json"); /* older ones would speak of other results */
    cv_folder_remove(s->folder, "report.html");
    cv_study_remove(s->folder);
    return true;
}

/* Where the ranks are and how fast: before the first stage, as the end must do without a rank that hangs. All ranks
 * at once, so that ranks that share a processor share its peak too. Collective. */
static void gather_reports(cv_session *s)
{
    cv_placement here = cv_placement_here();
    size_t ranks = (size_t)cv_cluster_size(s->cluster);
    cv_rank_report report;
    memset(&report, 0, sizeof report);
    memcpy(report.host, here.host, sizeof report.host);
    report.threads = here.threads;
    report.peak = cv_blas_peak(PEAK_SECONDS);
    snprintf(report.blas_core, sizeof report.blas_core, "%s", cv_blas_core());
    memcpy(report.cpu, here.cpu, sizeof report.cpu);
    memcpy(report.isa, here.isa, sizeof report.isa);
    cv_placement_binding(&here, report.binding, sizeof report.binding);
    s->shares = cv_calloc(ranks, sizeof *s->shares);
    if (cv_session_is_first(s)) s->reports = cv_calloc(ranks, sizeof *s->reports);
    cv_cluster_gather(s->cluster, &report, sizeof report, s->reports);
}

/* What the ranks did, into their reports. On rank 0. */
static void report_shares(cv_session *s)
{
    for (int r = 0; r < cv_cluster_size(s->cluster); r++) {
        s->reports[r].busy_seconds = s->shares[r].busy_seconds;
        s->reports[r].work = s->shares[r].work;
    }
}

/* ---- writing ---- */

static double seconds_of(const cv_session *s)
{
    double seconds = 0;
    for (size_t p = 0; p < s->num_stages; p++) seconds += s->stages[p].seconds;
    return seconds;
}

/* Asked while models are compared: everything is in the journal by then, and the same command takes up there. */
static bool is_to_end(void *context)
{
    const cv_session *s = context;
    return cv_signals_stop() || (s->deadline > 0 && cv_seconds() > s->deadline);
}

static bool write_overlap(cv_session *s, cv_error *err)
{
    if (!s->inputs.job.overlap.enabled) return true;
    s->overlap = (cv_study){.options = s->inputs.job.overlap};
    cv_study_add_run(&s->overlap, &s->inputs, &s->sources, s->scores);
    if (cv_study_compute(&s->overlap, is_to_end, s, err)) return cv_study_write(&s->overlap, s->folder, err);
    return err->status == CV_STOPPED
               ? cv_stopped(err, "saved, but for the comparison of the models; run the same command again to go on")
               : false;
}

static bool write_results(cv_session *s, cv_error *err)
{
    cv_run_report run = {.ranks = s->reports,
                         .num_ranks = cv_cluster_size(s->cluster),
                         .stages = s->stages,
                         .num_stages = s->num_stages,
                         .plain_operations = s->plain_operations,
                         .resamples = cv_heads_resampling.resamples,
                         .resampling_seed = cv_heads_resampling.seed,
                         .mpi_version = cv_mpi_version(),
                         .load_seconds = s->load_seconds,
                         .stage_seconds = seconds_of(s)};
    return cv_results_write(s->folder, &s->inputs, &s->sources, s->scores, s->sahara, err) &&
           cv_heads_write(s->folder, &s->inputs, s->scores, err) &&
           (!s->sahara || cv_sahara_write(s->folder, &s->inputs, s->sahara, err)) &&
           (!s->evaluation || cv_answers_write(s->folder, &s->inputs, s->evaluation, s->verdicts, err)) &&
           (!s->utility || cv_utility_write(s->folder, &s->inputs, s->utility, err)) && write_overlap(s, err) &&
           cv_manifest_write(s->folder, &s->inputs, &s->sources, &run, err);
}

/* The page says nothing that the results do not, and can be made again: a run is not lost for it. */
static bool write_report(const cv_session *s)
{
    cv_error err;
    if (cv_report_write(s->inputs.job.output, NULL, &err)) return true;
    cv_warn("%s; the results are complete, and caravan report makes their page again", err.text);
    return false;
}

/* The path as people read it: without "..", which paths relative to the job file often have. Free with free(). */
static char *plain_path(const char *path)
{
    char *plain = strstr(path, "../") ? realpath(path, NULL) : NULL;
    return plain ? plain : cv_strdup(path);
}

static bool print_results(const cv_session *s, bool reported, cv_error *err)
{
    cv_heads_print(stdout, &s->inputs, s->scores, TOP_HEADS);
    if (s->sahara) cv_sahara_print(stdout, &s->inputs, s->sahara);
    if (s->evaluation) cv_answers_print(stdout, &s->inputs, s->evaluation, s->verdicts);
    if (s->utility) cv_utility_print(stdout, &s->inputs, s->utility);
    if (s->overlap.overlap) {
        cv_study_tell_left_out(&s->overlap);
        cv_study_print(stdout, &s->overlap);
    }
    char *output = plain_path(s->inputs.job.output);
    printf("results: %s\n", output);
    if (reported) printf("report: %s/report.html\n", output);
    free(output);
    return cv_stdout_check(err);
}

static bool computed_anything(const cv_session *s)
{
    for (size_t p = 0; p < s->num_stages; p++)
        if (s->stages[p].units_from_journal < s->stages[p].units) return true;
    return false;
}

static void tell_speed(const cv_session *s)
{
    double operations = 0, peak = 0, seconds = seconds_of(s);
    char wall[32];
    if (!computed_anything(s)) return;
    for (int r = 0; r < cv_cluster_size(s->cluster); r++) {
        operations += (double)s->reports[r].work.operations;
        peak += s->reports[r].peak;
    }
    cv_info("done in %s: %.3g operations (the sweep's would be %.3g one pass a head), %.0f %% of the measured "
            "matrix-product peak",
            cv_duration_text(seconds, wall, sizeof wall), operations, (double)s->plain_operations,
            100 * operations / (seconds * peak));
}

/* Bad input leaves nothing behind, unless units were finished before it was met; another failure leaves its
 * message in status.json. A folder without our journal in it may be another run's. */
static void give_up(cv_session *s, const cv_error *err)
{
    if (s->journal && (err->status != CV_BAD_INPUT || cv_journal_count(s->journal) > 0)) {
        cv_session_status(s, err->status == CV_STOPPED ? CV_RUN_STOPPED : CV_RUN_FAILED, err->text);
        return;
    }
    if (s->journal) cv_folder_remove(s->folder, "status.json");
    cv_journal_close(s->journal);
    s->journal = NULL;
    if (s->folder) cv_folder_undo(s->folder);
}

static bool finish(cv_session *s, cv_error *err)
{
    bool ok = true;
    if (cv_session_is_first(s)) {
        report_shares(s);
        ok = write_results(s, err);
        if (ok) {
            bool reported = write_report(s);
            cv_session_status(s, CV_RUN_DONE, NULL);
            tell_speed(s);
            ok = print_results(s, reported, err);
        }
        if (!ok && err->status != CV_STOPPED) err->status = CV_FAILED; /* after a sweep it was not the input */
    }
    return cv_cluster_follow(s->cluster, ok, err);
}

/* ---- the whole ---- */

static bool run_session(cv_session *s, const char *path, const cv_job_options *options, cv_error *err)
{
    double start = cv_seconds();
    bool ok = !cv_session_is_first(s) || load(s, path, options, err);
    ok = cv_cluster_agree(s->cluster, ok, err) && check_memory(s, err) && spread_models(s, err) && share(s, err) &&
         check_models(s, err);
    if (!ok) return false;
    ok = !cv_session_is_first(s) || open_folder(s, err);
    if (!cv_cluster_agree(s->cluster, ok, err)) return false;
    s->load_seconds = cv_seconds() - start;
    if (cv_session_is_first(s)) {
        cv_ranks_tell(s->placements, cv_cluster_size(s->cluster), &s->need);
        announce(s);
        tell_limits(s);
    }
    gather_reports(s);
    return cv_session_run(s, err) && finish(s, err);
}

static void close_session(cv_session *s, cv_status status)
{
    cv_worker_close(s->worker);
    cv_study_free(&s->overlap);
    cv_scores_free(s->scores);
    cv_sahara_free(s->sahara);
    cv_evaluation_free(s->evaluation);
    cv_utility_free(s->utility);
    cv_chosen_free(s->chosen);
    free(s->batches);
    free(s->verdicts);
    cv_journal_close(s->journal);
    cv_folder_close(s->folder);
    cv_sources_free(&s->sources);
    cv_plan_free(&s->plan);
    cv_inputs_free(&s->inputs);
    cv_words_free(&s->from);
    free(s->reports);
    free(s->shares);
    free(s->placements);
    free(s->stages);
    cv_cluster_close(s->cluster, status);
}

/* The time by which the run must have ended: --deadline, or what Slurm says of the job's end. */
static bool read_deadline(const char *text, double *deadline, cv_error *err)
{
    const char *slurm = getenv("SLURM_JOB_END_TIME");
    int64_t seconds = 0, end = 0;
    *deadline = 0;
    if (text) {
        if (!cv_option_int("--deadline", text, 1, INT32_MAX, &seconds, err)) return false;
    } else if (slurm) {
        if (!cv_option_int("SLURM_JOB_END_TIME", slurm, 0, INT64_MAX, &end, err)) return false;
        seconds = end - (int64_t)time(NULL);
        if (seconds > INT32_MAX) return true; /* no limit */
    } else {
        return true;
    }
    *deadline = cv_seconds() + (double)seconds;
    return true;
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *path = NULL, *deadline = NULL;
    cv_job_options options = {0};
    cv_session s = {0};
    cv_signals_catch();
    const cv_option known[] = {{.name = "--output", .text = &options.output},
                               {.name = "--engine", .text = &options.engine},
                               {.name = "--precision", .text = &options.precision},
                               {.name = "--models", .text = &options.models},
                               {.name = "--from", .list = &s.from},
                               {.name = "--deadline", .text = &deadline},
                               {.name = "--node-local", .text = &s.node_local},
                               {0}};
    const cv_argument arguments[] = {{"JOB.json", &path}, {0}};
    s.cluster = cv_cluster_open(NULL, NULL);
    cv_launch_environment environment = cv_launch_environment_get();
    bool ok = cv_options_read("run", argc, argv, known, arguments, err) && read_deadline(deadline, &s.deadline, err) &&
              cv_launch_check(&environment, cv_cluster_size(s.cluster), err);
    ok = cv_cluster_agree(s.cluster, ok, err) && run_session(&s, path, &options, err);
    if (!ok && cv_session_is_first(&s)) {
        give_up(&s, err);
        cv_error_tell(err); /* now: the first rank that ends with a status makes mpirun kill the others */
    }
    err->text[0] = 0; /* rank 0 speaks for all */
    close_session(&s, ok ? CV_OK : err->status);
    return ok;
}

const cv_verb cv_run_verb = {"run", help, run};
