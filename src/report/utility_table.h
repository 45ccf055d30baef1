/* What the models can still do: utility.csv, and a table for people. */
#ifndef CV_UTILITY_TABLE_H
#define CV_UTILITY_TABLE_H

#include "store/folder.h"
#include "sweep/inputs.h"
#include "sweep/utility.h"

#include <caravan/base.h>

#include <stdio.h>

/* Writes for each model and ablation MODEL/ABLATION/utility.csv, from a utility whose units were all put.
 * The clean model's rows stand in each ablation's tables. Differences are against the clean model, on the
 * same items. inputs has the tasks' texts. */
bool cv_utility_write(const cv_folder *folder, const cv_inputs *inputs, const cv_utility *utility, cv_error *err);

void cv_utility_print(FILE *out, const cv_inputs *inputs, const cv_utility *utility);

#endif
