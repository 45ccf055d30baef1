/* The units of the journal: against scores.h5, or in its place where the run is not finished yet. */
#include "cli/verify.h"

#include "base/hash.h"
#include "base/memory.h"
#include "sweep/plan.h"
#include "sweep/unit_bytes.h"

#include <caravan/score.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One stage that is read back. */
typedef struct stage {
    cv_verify *v;
    const cv_unit *units;    /* of the sweep or of Sahara */
    const cv_batch *batches; /* else */
    cv_scores *scores;       /* what the sweep's units are put into */
    cv_sahara *sahara;       /* a step's */
    bool answers;            /* batches of answers, else of utility */
} stage;

static bool take_scores(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const stage *s = context;
    double *values = cv_unit_read(&s->units[item], &s->v->inputs.job, item, bytes, length, err);
    bool ok = values != NULL;
    if (ok && s->scores)
        ok = cv_scores_put(s->scores, &s->units[item], values, err);
    else if (ok)
        cv_sahara_put_unit(s->sahara, &s->units[item], values);
    free(values);
    return ok;
}

static bool take_batch(void *context, size_t item, const char *bytes, size_t length, cv_error *err)
{
    const stage *s = context;
    return s->answers ? cv_evaluation_put(s->v->evaluation, &s->batches[item], bytes, length, err)
                      : cv_utility_put(s->v->utility, &s->batches[item], bytes, length, err);
}

static void describe(const stage *s, size_t item, cv_buffer *out)
{
    if (s->units) {
        const cv_unit *unit = &s->units[item];
        cv_head_group group = {NULL, 0};
        if (unit->step > 0) group = cv_sahara_group(s->sahara, unit->model, unit->ablation);
        cv_unit_describe(unit, &s->v->inputs.job, &group, out);
    } else if (s->answers) {
        cv_evaluation_describe(s->v->evaluation, &s->batches[item], out);
    } else {
        cv_utility_describe(s->v->utility, &s->batches[item], out);
    }
}

/* Takes what the journal has of a stage; *found is how many of its count items. */
static bool replay(stage *s, const char *name, size_t count, size_t *found, cv_error *err)
{
    uint64_t *descriptions = cv_calloc(count, sizeof *descriptions);
    bool *done = cv_calloc(count, sizeof *done);
    for (size_t i = 0; i < count; i++) {
        cv_buffer text = {0};
        describe(s, i, &text);
        descriptions[i] = cv_hash64(text.data, text.length);
        cv_buffer_free(&text);
    }
    bool ok = cv_journal_file_replay(&s->v->journal, name, descriptions, count, s->units ? take_scores : take_batch, s,
                                     done, err);
    *found = 0;
    for (size_t i = 0; i < count; i++) *found += done[i];
    free(descriptions);
    free(done);
    return ok;
}

static uint64_t bits(double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return word;
}

/* The first place where journal's values and the file's differ bit by bit, in *at; values that the journal lacks are
 * passed over. */
static bool find_other(const double *journal, const double *file, size_t count, size_t *at)
{
    for (*at = 0; journal && *at < count; (*at)++)
        if (!isnan(journal[*at]) && bits(journal[*at]) != bits(file[*at])) return true;
    return false;
}

/* Holds all grids of scores.h5 against those of the journal. */
static bool same_scores(cv_verify *v, const cv_scores *journal, cv_error *err)
{
    const cv_job *job = &v->inputs.job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
                cv_score_grid one = cv_scores_grid(journal, m, a, (cv_prompt_set)set);
                cv_score_grid two = cv_scores_grid(v->scores, m, a, (cv_prompt_set)set);
                size_t rows = one.layers * one.heads, at, each = one.prompts;
                bool other = find_other(one.ships, two.ships, rows * each, &at);
                if (!other) {
                    each = CV_SUBSPACE_RANKS;
                    other = find_other(one.angles, two.angles, rows * each, &at);
                }
                if (!other) continue;
                return cv_bad_input(err, "%s/%s/scores.h5, /%s: L%zuH%zu, number %zu, is not what the unit gave",
                                    job->models[m].name, job->ablation_names[a], cv_prompt_set_name((cv_prompt_set)set),
                                    at / each / one.heads, at / each % one.heads, at % each + 1);
            }
    return true;
}

/* A stage's line. Without a manifest units may be missing. */
static bool tell(cv_verify *v, const char *name, bool ok, size_t found, size_t count, const char *what,
                 const cv_error *err)
{
    char label[64];
    snprintf(label, sizeof label, "journal, %s", name);
    if (!ok)
        cv_verify_differs(v, label, "%s", err->text);
    else if (found < count && v->manifest)
        cv_verify_differs(v, label, "has %zu of %zu units", found, count);
    else if (found < count)
        cv_verify_fine(v, label, "has %zu of %zu units so far", found, count);
    else
        cv_verify_fine(v, label, "%zu unit%s%s", count, count == 1 ? "" : "s", what);
    return ok && found == count;
}

static bool replay_sweep(cv_verify *v)
{
    cv_error err;
    cv_plan plan = {0};
    size_t found = 0;
    cv_scores *scores = cv_scores_make(&v->inputs);
    bool ok = cv_plan_make(&v->inputs, &plan, &err);
    stage s = {.v = v, .units = plan.units, .scores = scores};
    ok = ok && replay(&s, "sweep", plan.count, &found, &err);
    if (ok && v->scores) ok = same_scores(v, scores, &err);
    bool whole = tell(v, "sweep", ok, found, plan.count, v->scores ? ", bit by bit what scores.h5 has" : "", &err);
    cv_plan_free(&plan);
    if (v->scores || v->manifest) {
        cv_scores_free(scores);
    } else {
        v->scores = scores;
    }
    return whole;
}

/* All steps from the sweep on. */
static bool replay_steps(cv_verify *v, cv_sahara *sahara, size_t *found, size_t *count, cv_error *err)
{
    cv_sahara_put_sweep(sahara, v->scores);
    for (int step = 1; cv_sahara_choose(sahara, err); step++) {
        if (step == v->inputs.job.sahara_steps) return true;
        cv_plan plan = {0};
        char name[32];
        size_t some = 0;
        snprintf(name, sizeof name, "sahara %d", step + 1);
        bool ok = cv_plan_sahara(&v->inputs, sahara, &plan, err);
        stage s = {.v = v, .units = plan.units, .sahara = sahara};
        ok = ok && replay(&s, name, plan.count, &some, err);
        *count += plan.count;
        *found += some;
        bool whole = some == plan.count;
        cv_plan_free(&plan);
        if (!ok || !whole) return ok;
    }
    return false;
}

/* Whether two searches have the same boards. */
static bool same_searches(const cv_verify *v, const cv_sahara *one, const cv_sahara *two, cv_error *err)
{
    const cv_job *job = &v->inputs.job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++)
            for (int s = 0; s < job->sahara_steps; s++) {
                cv_score_grid grid = cv_scores_grid(v->scores, m, a, CV_HARMFUL);
                size_t at, cells = grid.layers * grid.heads;
                if (find_other(cv_sahara_board(one, m, a, s), cv_sahara_board(two, m, a, s), cells, &at))
                    return cv_bad_input(err, "%s/%s/scores.h5, /sahara: step %d, L%zuH%zu is not what the unit gave",
                                        job->models[m].name, job->ablation_names[a], s + 1, at / grid.heads,
                                        at % grid.heads);
            }
    return true;
}

static void replay_sahara(cv_verify *v)
{
    cv_error err;
    size_t found = 0, count = 0;
    if (v->inputs.job.sahara_steps == 0) return;
    cv_sahara *sahara = cv_sahara_make(&v->inputs);
    bool ok = replay_steps(v, sahara, &found, &count, &err);
    if (ok && found == count && v->sahara) ok = same_searches(v, sahara, v->sahara, &err);
    bool whole = tell(v, "sahara", ok, found, count, v->sahara ? ", bit by bit what scores.h5 has" : "", &err);
    if (whole && !v->sahara)
        v->sahara = sahara;
    else
        cv_sahara_free(sahara);
}

static bool replay_answers(cv_verify *v)
{
    cv_error err;
    size_t count = 0, found = 0;
    if (v->inputs.job.evaluate.num_decode == 0) return true;
    v->evaluation = cv_evaluation_make(&v->inputs, v->chosen);
    cv_batch *batches = cv_evaluation_plan(v->evaluation, &count, &err);
    stage s = {.v = v, .batches = batches, .answers = true};
    bool ok = batches && replay(&s, "answers", count, &found, &err);
    bool whole = tell(v, "answers", ok, found, count, ", of the heads that the scores choose", &err);
    free(batches);
    if (whole) v->verdicts = cv_verdicts_make(&v->inputs, v->evaluation, &err);
    if (whole && !v->verdicts) cv_verify_differs(v, "answers", "%s", err.text);
    return whole;
}

static void replay_utility(cv_verify *v)
{
    cv_error err;
    size_t count = 0, found = 0;
    if (v->inputs.job.evaluate.num_utility == 0) return;
    v->utility = cv_utility_make(&v->inputs, v->chosen);
    cv_batch *batches = cv_utility_plan(v->utility, &count, &err);
    stage s = {.v = v, .batches = batches};
    bool ok = batches && replay(&s, "utility", count, &found, &err);
    if (!tell(v, "utility", ok, found, count, ", of the heads that the scores choose", &err)) {
        cv_utility_free(v->utility);
        v->utility = NULL;
    }
    free(batches);
}

void cv_verify_units(cv_verify *v)
{
    const cv_job *job = &v->inputs.job;
    if (!v->has_journal) {
        cv_verify_skipped(v, "journal", "there is none that can be read, so answers and log-likelihoods are not known");
        return;
    }
    /* What the heads of the later stages are chosen by must be there, out of the file or out of the journal. */
    bool whole = replay_sweep(v);
    if (!v->scores || (!v->manifest && !whole)) return;
    replay_sahara(v);
    if (!job->evaluate.enabled || (job->sahara_steps > 0 && !v->sahara)) return;
    v->chosen = cv_chosen_make(&v->inputs, v->scores, v->sahara);
    if (replay_answers(v) || v->manifest) replay_utility(v);
}
