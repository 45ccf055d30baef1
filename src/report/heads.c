#include "report/heads.h"

#include "base/buffer.h"
#include "base/file.h"
#include "store/results.h"

#include <math.h>
#include <stdlib.h>

double cv_parameter_share(const cv_model *model, const cv_ablation *ablation)
{
    const cv_config *config = &model->config;
    bool of_keys = ablation->kind == CV_MEAN_OVER_HEADS
                       ? ablation->mean_of == CV_MEAN_OF_K
                       : ablation->kind == CV_UNIFORM_ATTENTION && ablation->granularity == CV_GRANULARITY_KV_GROUP;
    double heads = of_keys ? 1 : cv_ablation_span(ablation, config);
    return heads * config->head_dim * config->hidden_size / (double)model->parameters;
}

/* The shortest decimal that reads back as value; nothing for NaN. */
static void put_number(cv_buffer *out, double value)
{
    char text[32] = "";
    for (int digits = 6; !isnan(value) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    cv_buffer_puts(out, text);
}

static void put_head(cv_buffer *out, const cv_head_score *head, double share)
{
    cv_buffer_printf(out, "%d,%d,%d,", head->layer, head->head, head->rank);
    put_number(out, head->ships_mean);
    cv_buffer_puts(out, ",,,"); /* ships_low, ships_high */
    put_number(out, head->harmless_mean);
    cv_buffer_puts(out, ",");
    put_number(out, head->specificity);
    cv_buffer_puts(out, ",,,"); /* angle_deg, top10_probability */
    put_number(out, share);
    cv_buffer_puts(out, "\n");
}

static bool write_table(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, int model,
                        int ablation, cv_error *err)
{
    cv_buffer table = {0};
    size_t count;
    cv_head_score *heads = cv_scores_heads(scores, model, ablation, &count);
    double share = cv_parameter_share(inputs->models[model], &inputs->job.ablations[ablation]);
    cv_buffer_puts(&table, "layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,"
                           "top10_probability,parameter_share\n");
    for (size_t i = 0; i < count; i++) put_head(&table, &heads[i], share);
    char *name = cv_results_name(&inputs->job, model, ablation, "heads.csv"), *path = cv_folder_path(folder, name);
    bool ok = cv_write_file(path, table.data, table.length, err);
    free(path);
    free(name);
    free(heads);
    cv_buffer_free(&table);
    return ok;
}

bool cv_heads_write(const cv_folder *folder, const cv_inputs *inputs, const cv_scores *scores, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_table(folder, inputs, scores, m, a, err)) return false;
    return true;
}

static void print_head(FILE *out, const cv_head_score *head, bool has_control)
{
    char label[32];
    snprintf(label, sizeof label, "L%dH%d", head->layer, head->head);
    fprintf(out, "  %4d  %-8s  %12.6g", head->rank, label, head->ships_mean);
    if (has_control) fprintf(out, "  %14.6g  %12.6g", head->harmless_mean, head->specificity);
    fputc('\n', out);
}

void cv_heads_print(FILE *out, const cv_inputs *inputs, const cv_scores *scores, size_t top)
{
    const cv_job *job = &inputs->job;
    bool has_control = inputs->num_prompts[CV_HARMLESS] > 0;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            size_t count;
            cv_head_score *heads = cv_scores_heads(scores, m, a, &count);
            fprintf(out, "%s, %s: top %zu of %zu heads by Ships (nats, mean over %zu harmful prompts)\n",
                    job->models[m].name, job->ablation_names[a], top < count ? top : count, count,
                    inputs->num_prompts[CV_HARMFUL]);
            fprintf(out, "  %4s  %-8s  %12s", "rank", "head", "ships mean");
            if (has_control) fprintf(out, "  %14s  %12s", "harmless mean", "specificity");
            fputc('\n', out);
            for (size_t i = 0; i < top && i < count; i++) print_head(out, &heads[i], has_control);
            fputc('\n', out);
            free(heads);
        }
}
