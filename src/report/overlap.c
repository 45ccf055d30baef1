#include "report/overlap.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Of rank-biased overlap: the first ten ranks have 86 % of the weight. */
static const double PERSISTENCE = 0.9;

/* ---- members ---- */

static cv_study_label *add(cv_study *study, const cv_overlap_member *member)
{
    cv_reserve(&study->members, &study->capacity, study->count + 1, sizeof *study->members);
    cv_reserve(&study->labels, &study->labels_capacity, study->count + 1, sizeof *study->labels);
    study->members[study->count] = *member;
    cv_study_label *label = &study->labels[study->count++];
    *label = (cv_study_label){0};
    return label;
}

/* A copy that can be printed on one line. */
static char *one_line(const char *text)
{
    char *copy = text ? cv_strdup(text) : NULL;
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    return copy;
}

static char *copy_of(const char *text)
{
    return text ? cv_strdup(text) : NULL;
}

void cv_study_add_finished(cv_study *study, const cv_finished *finished)
{
    for (size_t i = 0; i < finished->count; i++) {
        const cv_finished_scores *item = &finished->items[i];
        cv_overlap_member member = {.layers = item->layers, .heads = item->heads};
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
            member.ships[set] = item->sets[set].ships;
            member.angles[set] = item->sets[set].angles;
            member.prompts[set] = item->sets[set].prompts;
        }
        cv_study_label *label = add(study, &member);
        label->plain = cv_strdup(item->model);
        label->ablation = cv_strdup(item->ablation);
        label->granularity = one_line(item->granularity);
        label->base = one_line(item->base);
        label->run = one_line(finished->name);
        label->folder = one_line(finished->folder);
        label->angle_rank = finished->angle_rank;
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) label->sha256[set] = one_line(item->sets[set].sha256);
    }
}

/* The angles at the job's rank, owned by the study. */
static const double *take_angles(cv_study *study, const cv_score_grid *grid, int rank)
{
    if (!grid->angles) return NULL;
    size_t heads = grid->layers * grid->heads;
    double *angles = cv_alloc(heads, sizeof *angles);
    for (size_t h = 0; h < heads; h++) angles[h] = grid->angles[h * CV_SUBSPACE_RANKS + (size_t)rank - 1];
    cv_reserve(&study->owned, &study->owned_capacity, study->num_owned + 1, sizeof *study->owned);
    study->owned[study->num_owned++] = angles;
    return angles;
}

static void add_one(cv_study *study, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores, int m,
                    int a)
{
    const cv_job *job = &inputs->job;
    cv_overlap_member member = {0};
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_score_grid grid = cv_scores_grid(scores, m, a, (cv_prompt_set)set);
        if (set == CV_HARMFUL) {
            member.layers = grid.layers;
            member.heads = grid.heads;
        }
        member.ships[set] = grid.ships;
        member.prompts[set] = grid.ships ? grid.prompts : 0;
        member.angles[set] = take_angles(study, &grid, job->subspace.rank);
    }
    cv_study_label *label = add(study, &member);
    label->plain = cv_strdup(job->models[m].name);
    label->ablation = cv_strdup(job->ablation_names[a]);
    label->granularity = cv_strdup(cv_granularity_name(job->ablations[a].granularity));
    label->base = one_line(job->models[m].base);
    label->run = one_line(job->name);
    label->folder = one_line(job->output);
    label->angle_rank = job->subspace.enabled ? job->subspace.rank : 0;
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        if (sources->prompts[set].count > 0) label->sha256[set] = copy_of(sources->prompts[set].files[0].sha256);
}

void cv_study_add_run(cv_study *study, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++) add_one(study, inputs, sources, scores, m, a);
}

void cv_study_free(cv_study *study)
{
    for (size_t i = 0; i < study->count; i++) {
        cv_study_label *label = &study->labels[i];
        for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) free(label->sha256[set]);
        free(label->model);
        free(label->plain);
        free(label->ablation);
        free(label->granularity);
        free(label->base);
        free(label->run);
        free(label->folder);
    }
    for (size_t i = 0; i < study->num_owned; i++) free(study->owned[i]);
    free(study->owned);
    free(study->members);
    free(study->labels);
    cv_overlap_free(study->overlap);
    *study = (cv_study){0};
}

/* ---- what members have in common ---- */

/* Whether another run has a model of the same name; and whether one such run has the same job's name too. */
static void find_namesakes(const cv_study *study, const cv_study_label *label, bool *model, bool *run)
{
    *model = *run = false;
    for (size_t i = 0; i < study->count; i++) {
        const cv_study_label *other = &study->labels[i];
        if (strcmp(other->plain, label->plain) != 0 || strcmp(other->folder, label->folder) == 0) continue;
        *model = true;
        *run = *run || strcmp(other->run, label->run) == 0;
    }
}

static void name_models(cv_study *study)
{
    for (size_t i = 0; i < study->count; i++) {
        cv_study_label *label = &study->labels[i];
        cv_buffer name = {0};
        bool model, run;
        find_namesakes(study, label, &model, &run);
        cv_buffer_puts(&name, label->plain);
        if (model) cv_buffer_printf(&name, "@%s", run ? label->folder : label->run);
        free(label->model);
        label->model = cv_buffer_steal(&name);
    }
}

static bool same_prompts(const cv_study *study, size_t a, int set_a, size_t b, int set_b)
{
    const char *x = study->labels[a].sha256[set_a], *y = study->labels[b].sha256[set_b];
    return x && y && strcmp(x, y) == 0 && study->members[a].prompts[set_a] == study->members[b].prompts[set_b];
}

/* The number of the first set with the same file and as many prompts; sets are counted by member, then set. */
static uint32_t draws_of(const cv_study *study, size_t m, int set)
{
    for (size_t i = 0; i < m; i++)
        for (int other = 0; other < CV_NUM_PROMPT_SETS; other++)
            if (same_prompts(study, i, other, m, set)) return study->members[i].draws[other];
    return (uint32_t)(2 * m) + (uint32_t)set;
}

/* As in heads.csv's specificity: sets of as many prompts are drawn in pairs, by their number. */
static void number_draws(cv_study *study)
{
    for (size_t m = 0; m < study->count; m++) {
        cv_overlap_member *member = &study->members[m];
        member->draws[CV_HARMFUL] = draws_of(study, m, CV_HARMFUL);
        member->draws[CV_HARMLESS] = member->prompts[CV_HARMLESS] == member->prompts[CV_HARMFUL]
                                         ? member->draws[CV_HARMFUL]
                                         : draws_of(study, m, CV_HARMLESS);
    }
}

/* A head and a group of heads are not compared, even if there are as many. */
static void number_kinds(cv_study *study)
{
    for (size_t m = 0; m < study->count; m++) {
        uint32_t first = 0;
        while (strcmp(study->labels[first].granularity, study->labels[m].granularity) != 0) first++;
        study->members[m].kind = first;
    }
}

static const char *base_of(const cv_study *study, size_t m)
{
    const cv_study_label *label = &study->labels[m];
    if (label->base) return label->base;
    for (size_t i = 0; i < study->count; i++)
        if (study->labels[i].base && strcmp(study->labels[i].base, label->plain) == 0) return label->plain;
    return NULL;
}

const char *cv_study_bases(const cv_study *study, cv_overlap_pair pair)
{
    const char *a = base_of(study, pair.a), *b = base_of(study, pair.b);
    if (strcmp(study->labels[pair.a].model, study->labels[pair.b].model) == 0) return "same"; /* one model, twice */
    if (!a || !b) return "unknown";
    return strcmp(a, b) == 0 ? "same" : "other";
}

bool cv_study_compute(cv_study *study, bool (*stop)(void *), void *context, cv_error *err)
{
    assert(!study->overlap);
    name_models(study);
    number_draws(study);
    number_kinds(study);
    cv_overlap_options options = {.top_k = study->options.top_k,
                                  .num_top_k = study->options.num_top_k,
                                  .permutations = study->options.permutations,
                                  .persistence = PERSISTENCE,
                                  .resampling = {study->options.seed, CV_RESAMPLES},
                                  .stop = stop,
                                  .context = context};
    study->overlap = cv_overlap_compute(study->members, study->count, &options, err);
    return study->overlap != NULL;
}
