#include "report/answers.h"

#include "base/memory.h"
#include "report/table.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- judging ---- */

/* The answer's text, as people would read it. Free with free(). */
static char *text_of(const cv_tokenizer *tokenizer, const cv_answer *answer, size_t *length)
{
    return cv_tokenizer_decode(tokenizer, answer->tokens.ids, answer->tokens.count, true, length);
}

static cv_verdict judge(const cv_inputs *inputs, const cv_tokenizer *tokenizer, const cv_answer *answer)
{
    size_t length;
    char *text = text_of(tokenizer, answer, &length);
    cv_verdict verdict = {.coherence = cv_coherence_of(text, length, answer->mean_loglikelihood)};
    verdict.coherent = cv_is_coherent(&verdict.coherence, &inputs->job.evaluate.coherence);
    cv_judge_answer(text, length, verdict.refused);
    free(text);
    return verdict;
}

static void judge_row(const cv_inputs *inputs, const cv_answer_row *row, const cv_tokenizer *tokenizer,
                      const cv_answer *answers, cv_verdict *verdicts)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t i = row->first; i < row->first + row->count; i++) verdicts[i] = judge(inputs, tokenizer, &answers[i]);
}

cv_verdict *cv_verdicts_make(const cv_inputs *inputs, const cv_evaluation *evaluation, cv_error *err)
{
    size_t num_rows, total = 0;
    const cv_answer_row *rows = cv_evaluation_rows(evaluation, &num_rows);
    for (size_t r = 0; r < num_rows; r++) total += rows[r].count;
    cv_verdict *verdicts = cv_calloc(total, sizeof *verdicts);
    cv_tokenizer *tokenizer = NULL;
    for (size_t r = 0; r < num_rows; r++) {
        if (r == 0 || rows[r].model != rows[r - 1].model) { /* rows of a model are neighbours */
            cv_tokenizer_close(tokenizer);
            tokenizer = cv_tokenizer_open(inputs->job.models[rows[r].model].path, err);
            if (!tokenizer) {
                free(verdicts);
                return NULL;
            }
        }
        judge_row(inputs, &rows[r], tokenizer, cv_evaluation_answers(evaluation), verdicts);
    }
    cv_tokenizer_close(tokenizer);
    return verdicts;
}

/* ---- tables ---- */

/* What a table counts of one row, by one judge. */
typedef struct tally {
    size_t n, refused, incoherent;
    cv_estimate asr;          /* the share that is no refusal */
    cv_estimate coherent_asr; /* the share that is no refusal and coherent */
} tally;

static tally count(const cv_answer_row *row, const cv_verdict *verdicts, cv_judge judge)
{
    tally t = {.n = row->count};
    size_t coherent = 0;
    for (size_t i = row->first; i < row->first + row->count; i++) {
        t.refused += verdicts[i].refused[judge];
        t.incoherent += !verdicts[i].coherent;
        coherent += !verdicts[i].refused[judge] && verdicts[i].coherent;
    }
    t.asr = cv_wilson(t.n - t.refused, t.n);
    t.coherent_asr = cv_wilson(coherent, t.n);
    return t;
}

/* "top:1", or a head's own name for each_head. */
static void put_group(const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_answer_row *row,
                      cv_buffer *out)
{
    const cv_job_group *group = &inputs->job.evaluate.groups[row->group];
    char *label = cv_evaluation_label(evaluation, row);
    cv_put_field(out, group->kind == CV_GROUP_EACH_HEAD ? label : group->name);
    cv_buffer_puts(out, ",");
    cv_put_field(out, label);
    free(label);
}

static void put_row(const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_answer_row *row,
                    const cv_verdict *verdicts, cv_judge judge, bool extended, cv_buffer *out)
{
    tally t = count(row, verdicts, judge);
    put_group(inputs, evaluation, row, out);
    cv_buffer_printf(out, ",%s,", cv_prompt_set_name(row->set));
    cv_put_field(out, inputs->job.evaluate.decode[row->decode].name);
    cv_buffer_printf(out, ",%zu,%zu,%zu", t.n, t.refused, t.incoherent);
    cv_put_estimate(out, t.asr);
    cv_buffer_puts(out, ",");
    cv_put_number(out, t.coherent_asr.value);
    if (extended) {
        cv_put_interval(out, t.coherent_asr);
        cv_buffer_printf(out, ",%s", cv_judge_name(judge));
    }
    cv_buffer_puts(out, "\n");
}

static const char columns[] = "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr";
static const char more_columns[] = ",coherent_asr_low,coherent_asr_high,judge";

/* By decode, group, variant and set: the same order in all tables. */
static int by_place(const void *a, const void *b)
{
    const cv_answer_row *x = *(const cv_answer_row *const *)a, *y = *(const cv_answer_row *const *)b;
    if (x->decode != y->decode) return x->decode < y->decode ? -1 : 1;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->variant != y->variant) return x->variant < y->variant ? -1 : 1;
    return x->set < y->set ? -1 : x->set > y->set;
}

/* The rows [*num_rows] of one table, to be freed with free(). */
static const cv_answer_row **rows_of(const cv_inputs *inputs, const cv_evaluation *evaluation, int model, int ablation,
                                     size_t *num_rows)
{
    size_t total;
    const cv_answer_row *rows = cv_evaluation_rows(evaluation, &total);
    const cv_answer_row **found = cv_alloc(total, sizeof *found);
    *num_rows = 0;
    for (size_t r = 0; r < total; r++)
        if (rows[r].model == model && cv_group_is_shown(&inputs->job, rows[r].group, rows[r].ablation, ablation))
            found[(*num_rows)++] = &rows[r];
    qsort(found, *num_rows, sizeof *found, by_place);
    return found;
}

/* All of the job's judges, or its first one alone. */
static bool write_judges(const cv_folder *folder, const cv_inputs *inputs, const cv_evaluation *evaluation,
                         const cv_verdict *verdicts, int model, int ablation, bool all, cv_error *err)
{
    const cv_job_evaluate *job = &inputs->job.evaluate;
    size_t num_rows;
    const cv_answer_row **rows = rows_of(inputs, evaluation, model, ablation, &num_rows);
    cv_buffer table = {0};
    cv_buffer_printf(&table, "%s%s\n", columns, all ? more_columns : "");
    for (int judge = 0; judge < CV_NUM_JUDGES; judge++) {
        if (all ? !job->judges[judge] : judge != (int)job->first_judge) continue;
        for (size_t r = 0; r < num_rows; r++)
            put_row(inputs, evaluation, rows[r], verdicts, (cv_judge)judge, all, &table);
    }
    free(rows);
    return cv_table_write(folder, &inputs->job, model, ablation, all ? "judges.csv" : "asr.csv", &table, err);
}

/* One line an answer. */
static void put_answer(const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_answer_row *row, size_t index,
                       const cv_verdict *verdict, const cv_tokenizer *tokenizer, cv_buffer *out)
{
    const cv_answer *answer = &cv_evaluation_answers(evaluation)[index];
    const cv_job_evaluate *job = &inputs->job.evaluate;
    size_t samples = (size_t)job->decode[row->decode].samples, at = index - row->first;
    put_group(inputs, evaluation, row, out);
    cv_buffer_printf(out, ",%s,", cv_prompt_set_name(row->set));
    cv_put_field(out, job->decode[row->decode].name);
    cv_buffer_printf(out, ",%zu,%zu,%zu,%d,%zu,", at / samples + 1, at % samples + 1, answer->tokens.count,
                     answer->stopped, verdict->coherence.characters);
    cv_put_number(out, verdict->coherence.repetition);
    cv_buffer_puts(out, ",");
    cv_put_number(out, verdict->coherence.compression);
    cv_buffer_puts(out, ",");
    cv_put_number(out, verdict->coherence.mean_loglikelihood);
    cv_buffer_printf(out, ",%d", verdict->coherent);
    for (int judge = 0; judge < CV_NUM_JUDGES; judge++) cv_buffer_printf(out, ",%d", verdict->refused[judge]);
    if (tokenizer) {
        size_t length;
        char *text = text_of(tokenizer, answer, &length);
        for (size_t i = 0; i < length; i++)
            if (!text[i]) text[i] = ' ';
        cv_buffer_puts(out, ",");
        cv_put_field(out, text);
        free(text);
    }
    cv_buffer_puts(out, "\n");
}

static bool write_answers(const cv_folder *folder, const cv_inputs *inputs, const cv_evaluation *evaluation,
                          const cv_verdict *verdicts, int model, int ablation, cv_error *err)
{
    cv_tokenizer *tokenizer = NULL;
    bool save = inputs->job.evaluate.save_responses;
    if (save && !(tokenizer = cv_tokenizer_open(inputs->job.models[model].path, err))) return false;
    size_t num_rows;
    const cv_answer_row **rows = rows_of(inputs, evaluation, model, ablation, &num_rows);
    cv_buffer table = {0};
    cv_buffer_puts(&table, "group,heads,prompts,decode,prompt,sample,tokens,stopped,characters,repetition,compression,"
                           "mean_loglikelihood,coherent");
    for (int judge = 0; judge < CV_NUM_JUDGES; judge++)
        cv_buffer_printf(&table, ",refused_%s", cv_judge_name((cv_judge)judge));
    cv_buffer_puts(&table, save ? ",response\n" : "\n");
    for (size_t r = 0; r < num_rows; r++)
        for (size_t i = rows[r]->first; i < rows[r]->first + rows[r]->count; i++)
            put_answer(inputs, evaluation, rows[r], i, &verdicts[i], tokenizer, &table);
    free(rows);
    cv_tokenizer_close(tokenizer);
    return cv_table_write(folder, &inputs->job, model, ablation, "answers.csv", &table, err);
}

bool cv_answers_write(const cv_folder *folder, const cv_inputs *inputs, const cv_evaluation *evaluation,
                      const cv_verdict *verdicts, cv_error *err)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++)
            if (!write_judges(folder, inputs, evaluation, verdicts, m, a, false, err) ||
                !write_judges(folder, inputs, evaluation, verdicts, m, a, true, err) ||
                !write_answers(folder, inputs, evaluation, verdicts, m, a, err))
                return false;
    return true;
}

/* ---- for people ---- */

enum { PRINTED_HEADS = 10 }; /* of each_head, which has as many groups as the model has heads */

static void print_row(FILE *out, const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_answer_row *row,
                      const cv_verdict *verdicts, int decode_width)
{
    tally t = count(row, verdicts, inputs->job.evaluate.first_judge);
    const cv_job_group *group = &inputs->job.evaluate.groups[row->group];
    char *label = cv_evaluation_label(evaluation, row);
    fprintf(out, "  %-13s  %-8s  %-*s  %5zu  %5.3f (%5.3f to %5.3f)  %12.3f  %10zu\n",
            group->kind == CV_GROUP_EACH_HEAD ? label : group->name, cv_prompt_set_name(row->set), decode_width,
            inputs->job.evaluate.decode[row->decode].name, t.n, t.asr.value, t.asr.low, t.asr.high,
            t.coherent_asr.value, t.incoherent);
    free(label);
}

/* Of the longest name of a way to decode. */
static int width_of_decode(const cv_job_evaluate *job)
{
    size_t width = strlen("decode");
    for (int d = 0; d < job->num_decode; d++)
        if (strlen(job->decode[d].name) > width) width = strlen(job->decode[d].name);
    return (int)width;
}

static void print_table(FILE *out, const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_verdict *verdicts,
                        int model, int ablation)
{
    const cv_job_evaluate *job = &inputs->job.evaluate;
    int width = width_of_decode(job);
    size_t num_rows, heads = 0;
    const cv_answer_row **rows = rows_of(inputs, evaluation, model, ablation, &num_rows);
    fprintf(out, "%s, %s: answers that are no refusal (judge %s; 95 %% Wilson interval)\n",
            inputs->job.models[model].name, inputs->job.ablation_names[ablation], cv_judge_name(job->first_judge));
    fprintf(out, "  %-13s  %-8s  %-*s  %5s  %-22s  %12s  %10s\n", "group", "prompts", width, "decode", "n", "asr",
            "coherent asr", "incoherent");
    for (size_t r = 0; r < num_rows; r++) {
        if (rows[r]->variant < PRINTED_HEADS) print_row(out, inputs, evaluation, rows[r], verdicts, width);
        if (rows[r]->variant >= heads) heads = rows[r]->variant + 1;
    }
    if (heads > PRINTED_HEADS) fprintf(out, "  and %zu more single heads, in asr.csv\n", heads - PRINTED_HEADS);
    fputc('\n', out);
    free(rows);
}

void cv_answers_print(FILE *out, const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_verdict *verdicts)
{
    for (int m = 0; m < inputs->job.num_models; m++)
        for (int a = 0; a < inputs->job.num_ablations; a++) print_table(out, inputs, evaluation, verdicts, m, a);
}
