/* caravan utility: zero-shot multiple choice by log-likelihood, with heads switched off. */
#include "cli/ablate_option.h"
#include "cli/verb.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/blas.h"
#include "report/table.h"

#include <caravan/score.h>
#include <caravan/stats.h>
#include <caravan/text.h>

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: caravan utility MODEL_DIR --task FILE.jsonl [--limit N]\n"
    "                       [--ablate KIND:LAYER:HEAD[:EPSILON]]... [--output FILE.csv]\n"
    "\n"
    "Zero-shot multiple choice: the choice that the model finds likeliest behind the context, as the Language\n"
    "Model Evaluation Harness scores it. Each line of FILE is a question:\n"
    "    {\"context\": \"Water is\", \"choices\": [\"wet.\", \"dry.\"], \"answer\": 0}\n"
    "Prints the accuracy by the choices' log-likelihoods (acc), and by these over their lengths (acc_norm),\n"
    "with 95 % intervals; with --ablate also with the heads switched off, and the difference on the same\n"
    "questions.\n"
    "\n"
    "  --limit N        the first N questions\n" CV_ABLATE_HELP
    "  --output FILE    every choice's log-likelihood, in nats\n";

/* The command line. */
typedef struct request {
    const char *directory, *task, *output, *limit_text;
    int64_t limit;
    cv_words ablations;
} request;

/* The task, and what came out of it: index 0 the clean model, 1 the one without the heads. */
typedef struct outcome {
    cv_task task;
    cv_task_pairs pairs;
    size_t models;     /* 1 or 2 */
    double *sums[2];   /* [pairs.num] */
    bool *right[2][2]; /* [model][0 acc, 1 acc_norm] [task.count] */
} outcome;

static const char *const model_names[] = {"none", "ablated"};
static const char *const measure_names[] = {"acc", "acc_norm"};

static void outcome_free(outcome *o)
{
    for (int m = 0; m < 2; m++) {
        free(o->sums[m]);
        free(o->right[m][0]);
        free(o->right[m][1]);
    }
    cv_task_pairs_free(&o->pairs);
    cv_task_free(&o->task);
}

static size_t most_tokens(const cv_task_pairs *pairs)
{
    size_t most = 0;
    for (size_t i = 0; i < pairs->num; i++)
        if (pairs->count[i] > most) most = pairs->count[i];
    return most;
}

static bool score(outcome *o, int m, cv_engine *engine, const cv_head_group *group, cv_error *err)
{
    cv_continuations texts = {o->pairs.num, o->pairs.ids, o->pairs.count, o->pairs.context};
    double *values = cv_alloc(cv_continuations_tokens(&texts), sizeof *values);
    o->sums[m] = cv_alloc(texts.num, sizeof *o->sums[m]);
    bool ok = cv_loglikelihood(engine, &texts, group, CV_LOGLIKELIHOOD_ROWS, values, err);
    if (ok) cv_loglikelihood_sums(&texts, values, o->sums[m]);
    free(values);
    for (int by_length = 0; ok && by_length < 2; by_length++) {
        bool *right = o->right[m][by_length] = cv_alloc(o->task.count, sizeof *right);
        for (size_t i = 0; i < o->task.count; i++) {
            const cv_task_item *item = &o->task.items[i];
            right[i] = cv_task_choose(item, o->sums[m] + o->pairs.begin[i], by_length) == item->answer;
        }
    }
    return ok;
}

/* ---- output ---- */

static void print_estimate(const char *name, const char *measure, cv_estimate e, bool difference)
{
    printf("%-10s  %-8s  ", name, measure);
    printf(difference ? "%+.4f  (%+.4f to %+.4f)\n" : "%.4f  (%.4f to %.4f)\n", e.value, e.low, e.high);
}

static void print_outcome(const outcome *o)
{
    printf("%zu questions, %zu choices\n", o->task.count, o->pairs.num);
    for (size_t m = 0; m < o->models; m++)
        for (int k = 0; k < 2; k++) {
            size_t sum = 0;
            for (size_t i = 0; i < o->task.count; i++) sum += o->right[m][k][i];
            print_estimate(model_names[m], measure_names[k], cv_wilson(sum, o->task.count), false);
        }
    for (int k = 0; o->models == 2 && k < 2; k++)
        print_estimate("difference", measure_names[k],
                       cv_accuracy_difference(o->right[1][k], o->right[0][k], o->task.count), true);
}

static bool write_output(const char *path, const outcome *o, cv_error *err)
{
    cv_buffer table = {0};
    cv_buffer_puts(&table, "group,line,choice,answer,tokens,length,loglikelihood\n");
    for (size_t m = 0; m < o->models; m++)
        for (size_t i = 0; i < o->task.count; i++)
            for (size_t c = 0; c < o->task.items[i].num_choices; c++) {
                const cv_task_item *item = &o->task.items[i];
                size_t pair = o->pairs.begin[i] + c;
                cv_buffer_printf(&table, "%s,%zu,%zu,%d,%zu,%zu,", model_names[m], item->line, c, c == item->answer,
                                 o->pairs.count[pair] - o->pairs.context[pair], cv_task_length(item, c));
                cv_put_number(&table, o->sums[m][pair]);
                cv_buffer_puts(&table, "\n");
            }
    bool ok = cv_write_file(path, table.data, table.length, err);
    cv_buffer_free(&table);
    return ok;
}

/* ---- the whole ---- */

static bool compute(const request *r, const cv_model *model, const cv_tokenizer *tokenizer, outcome *o, cv_error *err)
{
    cv_ablated_head *heads = cv_ablate_option_read(&r->ablations, &model->config, err);
    cv_head_group group = {heads, r->ablations.count};
    bool ok = heads && cv_head_group_check(&group, &model->config, "--ablate", err) &&
              cv_task_load(r->task, (size_t)r->limit, &o->task, err) &&
              cv_task_encode(&o->task, tokenizer, model, &o->pairs, err) && cv_blas_check(err);
    if (ok) {
        cv_engine *engine = cv_engine_open(model, (int)most_tokens(&o->pairs) - 1);
        o->models = group.count ? 2 : 1;
        ok = score(o, 0, engine, NULL, err) && (o->models == 1 || score(o, 1, engine, &group, err));
        cv_engine_close(engine);
    }
    free(heads);
    return ok;
}

static bool open_and_compute(const request *r, cv_error *err)
{
    outcome o = {0};
    cv_model *model = cv_model_open(r->directory, err);
    cv_tokenizer *tokenizer = model ? cv_tokenizer_open(r->directory, err) : NULL;
    bool ok = tokenizer && compute(r, model, tokenizer, &o, err) && (!r->output || write_output(r->output, &o, err));
    if (ok) {
        print_outcome(&o);
        ok = cv_stdout_check(err);
    }
    outcome_free(&o);
    cv_tokenizer_close(tokenizer);
    cv_model_close(model);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {0};
    const cv_option known[] = {{.name = "--task", .text = &r.task},
                               {.name = "--limit", .text = &r.limit_text},
                               {.name = "--ablate", .list = &r.ablations},
                               {.name = "--output", .text = &r.output},
                               {0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &r.directory}, {0}};
    bool ok = cv_options_read("utility", argc, argv, known, arguments, err) &&
              (r.task || cv_bad_input(err, "--task is missing; see caravan utility --help")) &&
              (!r.limit_text || cv_option_int("--limit", r.limit_text, 1, INT64_MAX, &r.limit, err)) &&
              (!r.output || cv_output_check(r.output, err)) && open_and_compute(&r, err);
    cv_words_free(&r.ablations);
    return ok;
}

const cv_verb cv_utility_verb = {"utility", help, run};
