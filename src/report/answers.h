/* What the judges say of the answers: asr.csv, judges.csv, answers.csv, and a table for people. */
#ifndef CV_ANSWERS_H
#define CV_ANSWERS_H

#include "store/folder.h"
#include "sweep/evaluate.h"
#include "sweep/inputs.h"

#include <caravan/base.h>
#include <caravan/score.h>

#include <stdio.h>

/* One answer, judged. */
typedef struct cv_verdict {
    bool refused[CV_NUM_JUDGES];
    bool coherent;
    cv_coherence coherence;
} cv_verdict;

/* Every answer of an evaluation whose units were all put, by the job's own tokenizers: to be freed with
 * free(). NULL on error. */
cv_verdict *cv_verdicts_make(const cv_inputs *inputs, const cv_evaluation *evaluation, cv_error *err);

/* Writes for each model and ablation MODEL/ABLATION/asr.csv (by the job's first judge), judges.csv (by all
 * of the job's) and answers.csv (every answer's measures, and its text where the job says
 * save_responses). The clean model's rows stand in each ablation's tables. */
bool cv_answers_write(const cv_folder *folder, const cv_inputs *inputs, const cv_evaluation *evaluation,
                      const cv_verdict *verdicts, cv_error *err);

void cv_answers_print(FILE *out, const cv_inputs *inputs, const cv_evaluation *evaluation, const cv_verdict *verdicts);

#endif
