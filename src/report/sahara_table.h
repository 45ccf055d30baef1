/* Sahara's steps: sahara.csv, and a table for people. */
#ifndef CV_SAHARA_TABLE_H
#define CV_SAHARA_TABLE_H

#include "store/folder.h"
#include "sweep/inputs.h"
#include "sweep/sahara.h"

#include <caravan/base.h>

#include <stdio.h>

/* Writes MODEL/ABLATION/sahara.csv for each model and ablation; all steps are chosen. */
bool cv_sahara_write(const cv_folder *folder, const cv_inputs *inputs, const cv_sahara *sahara, cv_error *err);

void cv_sahara_print(FILE *out, const cv_inputs *inputs, const cv_sahara *sahara);

#endif
