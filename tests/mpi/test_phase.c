/* A run of two phases with made-up work that is interrupted, and goes on from its journal. A plain
 * program, as test_dispatch is. */
#include "cluster/cluster.h"
#include "cluster/phase.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition);                      \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

enum { ITEMS = 20 };

/* What happens in one phase of one run. */
typedef struct work {
    uint64_t costs[ITEMS], descriptions[ITEMS];
    size_t scale;   /* of the results' lengths: another one in each phase */
    int bad_item;   /* whose compute fails; -1 for none */
    int unfit_item; /* whose result is refused; -1 for none */
    int computed;   /* on this rank */
    int delivered[ITEMS];
    size_t first_tick; /* items done when tick was called first; SIZE_MAX before */
} work;

static bool compute(void *context, size_t item, cv_buffer *out, cv_work *done, cv_error *err)
{
    work *w = context;
    *done = (cv_work){0};
    w->computed++;
    for (size_t i = 0; i < item * w->scale; i++) cv_buffer_append(out, &(char){(char)(item + i)}, 1);
    return (int)item != w->bad_item || cv_failed(err, "item %zu is bad", item);
}

static bool deliver(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    work *w = context;
    if ((int)item == w->unfit_item) return cv_bad_input(err, "item %zu is unfit", item);
    EXPECT(length == item * w->scale);
    for (size_t i = 0; i < length; i++) EXPECT(bytes[i] == (char)(item + i));
    w->delivered[item]++;
    return true;
}

static void tick(void *context, size_t items_done, uint64_t cost_done)
{
    work *w = context;
    EXPECT(cost_done <= ITEMS * (ITEMS + 1) / 2);
    if (w->first_tick == SIZE_MAX) w->first_tick = items_done;
}

static work make_work(size_t scale)
{
    work w = {.scale = scale, .bad_item = -1, .unfit_item = -1, .first_tick = SIZE_MAX};
    for (size_t i = 0; i < ITEMS; i++) {
        w.costs[i] = i + 1;
        w.descriptions[i] = cv_hash64(&i, sizeof i);
    }
    return w;
}

/* One phase; *before is what the journal had. */
static bool run_phase(cv_cluster *cluster, cv_journal *journal, const char *name, work *w, size_t *before,
                      cv_error *err)
{
    cv_phase phase = {.name = name,
                      .work = {ITEMS, w->costs, NULL, w, compute, deliver, tick, 0, NULL},
                      .descriptions = w->descriptions,
                      .journal = journal};
    cv_share shares[64] = {0};
    cv_dispatch_report report = {.shares = shares};
    *err = (cv_error){CV_OK, ""};
    bool ok = cv_phase_resume(cluster, &phase, err) && cv_phase_run(cluster, &phase, &report, err);
    *before = phase.items_before;
    EXPECT(phase.items_before > 0 || phase.cost_before == 0);
    cv_phase_free(&phase);
    return ok;
}

static bool is_first(cv_cluster *cluster)
{
    return cv_cluster_rank(cluster) == 0;
}

static int all_computed(cv_cluster *cluster, const work *w)
{
    int all[64], sum = 0;
    cv_cluster_gather(cluster, &w->computed, sizeof w->computed, all);
    for (int r = 0; is_first(cluster) && r < cv_cluster_size(cluster); r++) sum += all[r];
    return sum;
}

static void expect_delivered_once(const work *w)
{
    for (size_t i = 0; i < ITEMS; i++) EXPECT(w->delivered[i] == 1);
}

/* Opened anew each time, as by a run of its own. On rank 0. */
static cv_journal *open_journal(cv_cluster *cluster, const cv_folder *folder)
{
    if (!is_first(cluster)) return NULL;
    cv_error err;
    cv_identity identity = {0};
    cv_identity_add(&identity, CV_IDENTITY_JOB, "x", "y", NULL);
    cv_journal *journal = cv_journal_open(folder, &identity, &err);
    if (!journal) cv_fatal("%s", err.text);
    cv_identity_free(&identity);
    return journal;
}

static void an_interrupted_run_goes_on(cv_cluster *cluster, const cv_folder *folder)
{
    cv_error err;
    size_t before;
    bool first = is_first(cluster);

    cv_journal *journal = open_journal(cluster, folder);
    work w = make_work(3);
    EXPECT(run_phase(cluster, journal, "one", &w, &before, &err));
    EXPECT(before == 0);
    if (first) expect_delivered_once(&w);
    w = make_work(5);
    w.bad_item = 7; /* as if the run ended here */
    EXPECT(!run_phase(cluster, journal, "two", &w, &before, &err));
    if (first) EXPECT(strcmp(err.text, "item 7 is bad") == 0);
    size_t kept = 0;
    for (size_t i = 0; i < ITEMS; i++) kept += w.delivered[i] == 1;
    cv_journal_close(journal);

    journal = open_journal(cluster, folder);
    w = make_work(3);
    EXPECT(run_phase(cluster, journal, "one", &w, &before, &err));
    int computed = all_computed(cluster, &w);
    if (first) {
        EXPECT(before == ITEMS);
        EXPECT(computed == 0);
        EXPECT(w.first_tick == ITEMS);
        expect_delivered_once(&w);
    }
    w = make_work(5);
    EXPECT(run_phase(cluster, journal, "two", &w, &before, &err));
    computed = all_computed(cluster, &w);
    if (first) {
        EXPECT(before == kept);
        EXPECT(computed == (int)(ITEMS - kept));
        EXPECT(w.first_tick == kept);
        expect_delivered_once(&w);
        EXPECT(cv_journal_count(journal) == 2 * ITEMS);
    }
    cv_journal_close(journal);
}

static void an_unfit_result_is_not_kept(cv_cluster *cluster, const cv_folder *folder)
{
    cv_error err;
    size_t before;
    cv_journal *journal = open_journal(cluster, folder);
    for (int i = 0; i < 2; i++) {
        work w = make_work(2);
        w.unfit_item = 19; /* the first that goes out */
        EXPECT(!run_phase(cluster, journal, "unfit", &w, &before, &err));
        EXPECT(err.status == CV_BAD_INPUT);
        if (is_first(cluster)) EXPECT(strcmp(err.text, "item 19 is unfit") == 0);
    }
    work w = make_work(2);
    EXPECT(run_phase(cluster, journal, "unfit", &w, &before, &err));
    if (is_first(cluster)) expect_delivered_once(&w);
    cv_journal_close(journal);
}

/* Items that the journal has under other descriptions are other items. */
static void a_changed_phase_is_computed_anew(cv_cluster *cluster, const cv_folder *folder)
{
    cv_error err;
    size_t before;
    cv_journal *journal = open_journal(cluster, folder);
    work w = make_work(3);
    for (size_t i = 0; i < ITEMS; i++) w.descriptions[i] += 1000000;
    EXPECT(run_phase(cluster, journal, "one", &w, &before, &err));
    int computed = all_computed(cluster, &w);
    if (is_first(cluster)) EXPECT(before == 0 && computed == ITEMS);
    if (is_first(cluster)) expect_delivered_once(&w);
    cv_journal_close(journal);
}

static void without_a_journal_all_is_computed(cv_cluster *cluster)
{
    cv_error err;
    size_t before;
    work w = make_work(1);
    EXPECT(run_phase(cluster, NULL, "one", &w, &before, &err));
    int computed = all_computed(cluster, &w);
    if (is_first(cluster)) EXPECT(computed == ITEMS);
    if (is_first(cluster)) expect_delivered_once(&w);
}

int main(int argc, char **argv)
{
    cv_cluster *cluster = cv_cluster_open(&argc, &argv);
    cv_error err;
    char path[256];
    const char *parent = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/caravan-test-XXXXXX", parent && *parent ? parent : "/tmp");
    cv_folder *folder = NULL;
    if (is_first(cluster)) {
        if (!mkdtemp(path)) cv_fatal("%s: cannot be made", path);
        folder = cv_folder_open(path, &err);
    }
    an_interrupted_run_goes_on(cluster, folder);
    an_unfit_result_is_not_kept(cluster, folder);
    a_changed_phase_is_computed_anew(cluster, folder);
    without_a_journal_all_is_computed(cluster);
    if (is_first(cluster)) {
        cv_folder_remove(folder, "journal");
        EXPECT(rmdir(path) == 0); /* and nothing else was left */
    }
    cv_folder_close(folder);
    cv_failed(&err, "%d expectations failed", failures);
    bool ok = cv_cluster_agree(cluster, failures == 0, &err);
    cv_cluster_close(cluster, ok ? CV_OK : CV_FAILED);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
