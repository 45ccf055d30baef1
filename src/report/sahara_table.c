#include "report/sahara_table.h"

#include "report/heads.h"
#include "report/table.h"

/* The angle with which a step's head joined. */
static double angle_of(const cv_inputs *inputs, const cv_sahara *sahara, int model, int ablation, int step)
{
    cv_ablated_head head = cv_sahara_group(sahara, model, ablation).heads[step];
    int heads = cv_ablation_heads(&head.ablation, &inputs->models[model]->config);
    return cv_sahara_board(sahara, model, ablation, step)[head.layer * heads + head.head];
}

static bool write_table(const cv_folder *folder, const cv_inputs *inputs, const cv_sahara *sahara, int model,
                        int ablation, cv_error *err)
{
    cv_buffer table = {0};
    cv_head_group group = cv_sahara_group(sahara, model, ablation);
    double share = cv_parameter_share(inputs->models[model], &inputs->job.ablations[ablation]);
    cv_buffer_puts(&table, "step,layer,head,angle_deg,parameter_share\n");
    for (int s = 0; s < (int)group.count; s++) {
        cv_buffer_printf(&table, "%d,%d,%d,", s + 1, group.heads[s].layer, group.heads[s].head);
        cv_put_number(&table, angle_of(inputs, sahara, model, ablation, s));
        cv_buffer_puts(&table, ",");
        cv_put_number(&table, share * (s + 1)); /* of all heads that are off by then */
        cv_buffer_puts(&table, "\n");
    }
    return cv_table_write(folder, &inputs->job, model, ablation, "sahara.csv", &table, err);
}

bool cv_sahara_write(const cv_folder *folder, const cv_inputs *inputs, const cv_sahara *sahara, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_table(folder, inputs, sahara, m, a, err)) return false;
    return true;
}

void cv_sahara_print(FILE *out, const cv_inputs *inputs, const cv_sahara *sahara)
{
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            cv_head_group group = cv_sahara_group(sahara, m, a);
            fprintf(out, "%s, %s: Sahara's heads (angle of the group's states with the clean ones, degrees)\n  ",
                    job->models[m].name, job->ablation_names[a]);
            for (int s = 0; s < (int)group.count; s++)
                fprintf(out, "%sL%dH%d %.6g", s ? ", " : "", group.heads[s].layer, group.heads[s].head,
                        angle_of(inputs, sahara, m, a, s));
            fputs("\n\n", out);
        }
}
