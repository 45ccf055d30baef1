#include "report/utility_table.h"

#include "base/memory.h"
#include "report/table.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdlib.h>

/* How a row does on its items: right [count], by the choices' sums and normalised by length. */
typedef struct grades {
    bool *right[2];
    cv_estimate accuracy[2];
} grades;

static grades grade(const cv_inputs *inputs, const cv_utility *utility, const cv_utility_row *row)
{
    const cv_task *task = &inputs->tasks[row->task];
    const double *values = cv_utility_values(utility, row);
    grades g;
    for (int by_length = 0; by_length < 2; by_length++) {
        const double *next = values;
        size_t sum = 0;
        g.right[by_length] = cv_alloc(row->count, sizeof *g.right[by_length]);
        for (size_t i = 0; i < row->count; next += task->items[i++].num_choices) {
            bool right = cv_task_choose(&task->items[i], next, by_length) == task->items[i].answer;
            g.right[by_length][i] = right;
            sum += right;
        }
        g.accuracy[by_length] = cv_wilson(sum, row->count);
    }
    return g;
}

static void grades_free(grades *g)
{
    free(g->right[0]);
    free(g->right[1]);
}

static bool is_clean(const cv_inputs *inputs, const cv_utility_row *row)
{
    return inputs->job.evaluate.groups[row->group].kind == CV_GROUP_NONE;
}

/* By task and group: the same order in all tables. */
static int by_place(const void *a, const void *b)
{
    const cv_utility_row *x = *(const cv_utility_row *const *)a, *y = *(const cv_utility_row *const *)b;
    if (x->task != y->task) return x->task < y->task ? -1 : 1;
    return x->group < y->group ? -1 : x->group > y->group;
}

/* The rows [*count] of one table, to be freed with free(). */
static const cv_utility_row **rows_of(const cv_inputs *inputs, const cv_utility *utility, int model, int ablation,
                                      size_t *count)
{
    size_t total;
    const cv_utility_row *rows = cv_utility_rows(utility, &total);
    const cv_utility_row **found = cv_alloc(total, sizeof *found);
    *count = 0;
    for (size_t r = 0; r < total; r++)
        if (rows[r].model == model && cv_group_is_shown(&inputs->job, rows[r].group, rows[r].ablation, ablation))
            found[(*count)++] = &rows[r];
    qsort(found, *count, sizeof *found, by_place);
    return found;
}

/* The clean model's row for the same task, or NULL where the job has no such group. */
static const cv_utility_row *clean_row(const cv_inputs *inputs, const cv_utility *utility, const cv_utility_row *row)
{
    size_t count;
    const cv_utility_row *rows = cv_utility_rows(utility, &count);
    for (size_t r = 0; r < count; r++)
        if (rows[r].model == row->model && rows[r].task == row->task && is_clean(inputs, &rows[r])) return &rows[r];
    return NULL;
}

/* Accuracy minus the clean model's; NaN without one. */
static void differences(const cv_inputs *inputs, const cv_utility *utility, const cv_utility_row *row, const grades *g,
                        cv_estimate difference[2])
{
    const cv_utility_row *clean = clean_row(inputs, utility, row);
    difference[0] = difference[1] = (cv_estimate){NAN, NAN, NAN};
    if (!clean || clean == row) return;
    grades base = grade(inputs, utility, clean);
    for (int i = 0; i < 2; i++) difference[i] = cv_accuracy_difference(g->right[i], base.right[i], row->count);
    grades_free(&base);
}

static void put_row(const cv_inputs *inputs, const cv_utility *utility, const cv_utility_row *row, cv_buffer *out)
{
    char *label = cv_utility_label(utility, row);
    grades g = grade(inputs, utility, row);
    cv_estimate difference[2];
    differences(inputs, utility, row, &g, difference);
    cv_put_field(out, inputs->job.evaluate.groups[row->group].name);
    cv_buffer_puts(out, ",");
    cv_put_field(out, label);
    cv_buffer_puts(out, ",");
    cv_put_field(out, inputs->job.evaluate.utility[row->task].name);
    cv_buffer_printf(out, ",%zu", row->count);
    for (int i = 0; i < 2; i++) {
        cv_put_estimate(out, g.accuracy[i]);
        cv_put_estimate(out, difference[i]);
    }
    cv_buffer_puts(out, "\n");
    grades_free(&g);
    free(label);
}

static bool write_table(const cv_folder *folder, const cv_inputs *inputs, const cv_utility *utility, int model,
                        int ablation, cv_error *err)
{
    size_t count;
    const cv_utility_row **rows = rows_of(inputs, utility, model, ablation, &count);
    cv_buffer table = {0};
    cv_buffer_puts(&table, "group,heads,task,n,acc,acc_low,acc_high,acc_difference,acc_difference_low,"
                           "acc_difference_high,acc_norm,acc_norm_low,acc_norm_high,acc_norm_difference,"
                           "acc_norm_difference_low,acc_norm_difference_high\n");
    for (size_t r = 0; r < count; r++) put_row(inputs, utility, rows[r], &table);
    free(rows);
    return cv_table_write(folder, &inputs->job, model, ablation, "utility.csv", &table, err);
}

bool cv_utility_write(const cv_folder *folder, const cv_inputs *inputs, const cv_utility *utility, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_table(folder, inputs, utility, m, a, err)) return false;
    return true;
}

static void print_row(FILE *out, const cv_inputs *inputs, const cv_utility *utility, const cv_utility_row *row)
{
    grades g = grade(inputs, utility, row);
    cv_estimate difference[2];
    differences(inputs, utility, row, &g, difference);
    fprintf(out, "  %-13s  %-12s  %5zu  %5.3f (%5.3f to %5.3f)  %8.3f", inputs->job.evaluate.groups[row->group].name,
            inputs->job.evaluate.utility[row->task].name, row->count, g.accuracy[0].value, g.accuracy[0].low,
            g.accuracy[0].high, g.accuracy[1].value);
    if (!isnan(difference[0].value))
        fprintf(out, "  %+6.3f (%+6.3f to %+6.3f)", difference[0].value, difference[0].low, difference[0].high);
    fputc('\n', out);
    grades_free(&g);
}

void cv_utility_print(FILE *out, const cv_inputs *inputs, const cv_utility *utility)
{
    const cv_job *job = &inputs->job;
    for (int m = 0; m < job->num_models; m++)
        for (int a = 0; a < job->num_ablations; a++) {
            fprintf(out, "%s, %s: utility (accuracy by log-likelihood; 95 %% intervals)\n", job->models[m].name,
                    job->ablation_names[a]);
            fprintf(out, "  %-13s  %-12s  %5s  %-22s  %8s  %s\n", "group", "task", "n", "acc", "acc_norm",
                    "acc minus the clean model's");
            size_t count;
            const cv_utility_row **rows = rows_of(inputs, utility, m, a, &count);
            for (size_t r = 0; r < count; r++) print_row(out, inputs, utility, rows[r]);
            free(rows);
            fputc('\n', out);
        }
}
