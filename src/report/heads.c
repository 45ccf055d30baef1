#include "report/heads.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "report/table.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdlib.h>

enum { TOP = 10 }; /* of top10_probability */

double cv_parameter_share(const cv_model *model, const cv_ablation *ablation)
{
    const cv_config *config = &model->config;
    bool of_keys = ablation->kind == CV_MEAN_OVER_HEADS
                       ? ablation->mean_of == CV_MEAN_OF_K
                       : ablation->kind == CV_UNIFORM_ATTENTION && ablation->granularity == CV_GRANULARITY_KV_GROUP;
    double heads = of_keys ? 1 : cv_ablation_span(ablation, config);
    return heads * config->head_dim * config->hidden_size / (double)model->parameters;
}

/* Of one model under one ablation, each [layers * heads] in grid order, or NULL without Ships. */
typedef struct statistics {
    cv_head_bootstrap *heads;
    cv_estimate *specificity;
} statistics;

const cv_resampling cv_heads_resampling = {.seed = 0, .resamples = CV_RESAMPLES};

static void statistics_free(statistics *s)
{
    free(s->heads);
    free(s->specificity);
}

static bool compute_statistics(const cv_scores *scores, int model, int ablation, statistics *out, cv_error *err)
{
    cv_score_grid harmful = cv_scores_grid(scores, model, ablation, CV_HARMFUL);
    cv_score_grid harmless = cv_scores_grid(scores, model, ablation, CV_HARMLESS);
    size_t rows = harmful.layers * harmful.heads;
    *out = (statistics){0};
    if (!harmful.ships) return true;
    out->heads = cv_alloc(rows, sizeof *out->heads);
    out->specificity = cv_alloc(rows, sizeof *out->specificity);
    bool ok = cv_bootstrap_heads(harmful.ships, rows, harmful.prompts, TOP, cv_heads_resampling, out->heads, err) &&
              cv_specificity(harmful.ships, harmful.prompts, harmless.ships, harmless.prompts, rows,
                             cv_heads_resampling, out->specificity, err);
    if (!ok) statistics_free(out);
    return ok;
}

static void put_head(cv_buffer *out, const cv_head_score *head, const cv_head_bootstrap *bootstrap, double share)
{
    cv_buffer_printf(out, "%d,%d,%d,", head->layer, head->head, head->rank);
    cv_put_number(out, head->ships_mean);
    cv_put_interval(out, bootstrap->mean);
    cv_buffer_puts(out, ",");
    cv_put_number(out, head->harmless_mean);
    cv_buffer_puts(out, ",");
    cv_put_number(out, head->specificity);
    cv_buffer_puts(out, ",");
    cv_put_number(out, head->angle);
    cv_buffer_puts(out, ",");
    cv_put_number(out, bootstrap->top_probability);
    cv_buffer_puts(out, ",");
    cv_put_number(out, share);
    cv_buffer_puts(out, "\n");
}

static void put_intervals(cv_buffer *out, const cv_head_score *head, const cv_head_bootstrap *bootstrap,
                          cv_estimate specificity)
{
    cv_buffer_printf(out, "%d,%d,%d", head->layer, head->head, head->rank);
    cv_put_interval(out, bootstrap->rank);
    cv_put_estimate(out, specificity);
    cv_buffer_puts(out, "\n");
}

static bool write_table(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, int model,
                        int ablation, cv_error *err)
{
    static const cv_head_bootstrap none = {{NAN, NAN, NAN}, {NAN, NAN, NAN}, NAN};
    cv_buffer table = {0}, intervals = {0};
    size_t count, heads_a_layer = cv_scores_grid(scores, model, ablation, CV_HARMFUL).heads;
    statistics s;
    if (!compute_statistics(scores, model, ablation, &s, err)) return false;
    cv_head_score *heads = cv_scores_heads(scores, model, ablation, &count);
    double share = cv_parameter_share(inputs->models[model], &inputs->job.ablations[ablation]);
    cv_buffer_puts(&table, "layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,"
                           "top10_probability,parameter_share\n");
    cv_buffer_puts(&intervals, "layer,head,rank,rank_low,rank_high,specificity,specificity_low,specificity_high\n");
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)heads[i].layer * heads_a_layer + (size_t)heads[i].head;
        put_head(&table, &heads[i], s.heads ? &s.heads[row] : &none, share);
        if (s.heads) put_intervals(&intervals, &heads[i], &s.heads[row], s.specificity[row]);
    }
    free(heads);
    bool has_intervals = s.heads != NULL;
    statistics_free(&s);
    bool ok =
        cv_table_write(folder, &inputs->job, model, ablation, "heads.csv", &table, err) &&
        (!has_intervals || cv_table_write(folder, &inputs->job, model, ablation, "intervals.csv", &intervals, err));
    cv_buffer_free(&intervals);
    return ok;
}

static bool write_stability(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, int model,
                            int ablation, cv_error *err)
{
    cv_buffer table = {0};
    cv_buffer_puts(&table, "score,prompts,splits,spearman,spearman_low,spearman_high\n");
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
        cv_score_grid grid = cv_scores_grid(scores, model, ablation, (cv_prompt_set)set);
        cv_estimate rho;
        if (!grid.ships) continue;
        if (!cv_split_half(grid.ships, grid.layers * grid.heads, grid.prompts, cv_heads_resampling, &rho, err)) {
            cv_buffer_free(&table);
            return false;
        }
        cv_buffer_printf(&table, "%s_ships,%zu,%zu", cv_prompt_set_name((cv_prompt_set)set), grid.prompts,
                         cv_heads_resampling.resamples);
        cv_put_estimate(&table, rho);
        cv_buffer_puts(&table, "\n");
    }
    return cv_table_write(folder, &inputs->job, model, ablation, "stability.csv", &table, err);
}

bool cv_heads_write(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, cv_error *err)
{
    if (!cv_job_has_scores(&inputs->job)) return true;
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_table(folder, inputs, scores, m, a, err) ||
                (inputs->job.ships && !write_stability(folder, inputs, scores, m, a, err)))
                return false;
    return true;
}

/* Which columns a table has. */
typedef struct columns {
    bool ships, control, angle;
} columns;

static void print_head(FILE *out, const cv_head_score *head, columns has)
{
    char label[32];
    snprintf(label, sizeof label, "L%dH%d", head->layer, head->head);
    fprintf(out, "  %4d  %-8s", head->rank, label);
    if (has.ships) fprintf(out, "  %12.6g", head->ships_mean);
    if (has.control) fprintf(out, "  %14.6g  %12.6g", head->harmless_mean, head->specificity);
    if (has.angle) fprintf(out, "  %12.6g", head->angle);
    fputc('\n', out);
}

void cv_heads_print(FILE *out, const cv_inputs *inputs, const cv_scores *scores, size_t top)
{
    const cv_job *job = &inputs->job;
    if (!cv_job_has_scores(job)) return;
    columns has = {job->ships, job->ships && inputs->num_prompts[CV_HARMLESS] > 0, job->subspace.enabled};
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            size_t count;
            cv_head_score *heads = cv_scores_heads(scores, m, a, &count);
            fprintf(out, "%s, %s: top %zu of %zu heads by %s%zu harmful prompts)\n", job->models[m].name,
                    job->ablation_names[a], top < count ? top : count, count,
                    has.ships ? "Ships (nats, mean over " : "generalized Ships (degrees, over ",
                    inputs->num_prompts[CV_HARMFUL]);
            fprintf(out, "  %4s  %-8s", "rank", "head");
            if (has.ships) fprintf(out, "  %12s", "ships mean");
            if (has.control) fprintf(out, "  %14s  %12s", "harmless mean", "specificity");
            if (has.angle) fprintf(out, "  %12s", "angle (deg)");
            fputc('\n', out);
            for (size_t i = 0; i < top && i < count; i++) print_head(out, &heads[i], has);
            fputc('\n', out);
            free(heads);
        }
}
