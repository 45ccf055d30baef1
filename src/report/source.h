/* What a results folder holds, read for the report: from its files alone, so that a report can be made long
 * after the run, or of results that came from elsewhere, and are not to be trusted. */
#ifndef CV_SOURCE_H
#define CV_SOURCE_H

#include "report/csv_table.h"

#include <caravan/base.h>

#include <jansson.h>

#include <stddef.h>

/* A head's row of heads.csv and intervals.csv. Numbers that are not known are NaN. */
typedef struct cv_source_head {
    int layer, head;
    double ships, ships_low, ships_high, harmless, specificity, specificity_low, specificity_high, rank_low, rank_high,
        angle, top10_probability, parameter_share;
} cv_source_head;

/* One model under one ablation. */
typedef struct cv_source_run {
    char *model, *base, *ablation; /* base NULL: not told; owned */
    int layers, heads_a_layer;     /* 0 in a run that scored no heads */
    cv_source_head *heads;         /* [layers * heads_a_layer] by rank, owned */
    bool has_ships, has_harmless, has_angles;
    cv_csv_table stability, sahara, asr, judges, utility; /* empty where the job has no such thing */
} cv_source_run;

typedef struct cv_source {
    char *folder;        /* owned */
    json_t *manifest;    /* the run's, owned; NULL for a folder of nothing but a comparison of runs */
    cv_source_run *runs; /* [num_runs] models in the job's order, each with its ablations; owned */
    size_t num_runs;
    /* Where models were compared: overlap.json (owned) and its tables; else NULL and empty. */
    json_t *comparison;
    cv_csv_table overlap, nulls, shared, depth, depth_distance, concentration;
} cv_source;

/* Of a run, or of caravan overlap. Bad input if the folder holds no finished results, or what it holds is damaged. On
 * error nothing is to be freed. */
bool cv_source_read(const char *folder, cv_source *source, cv_error *err);
void cv_source_free(cv_source *source);

/* The run's score that ranks its heads: Ships, or the angle where there are none. */
double cv_source_score(const cv_source_run *run, const cv_source_head *head);

/* "L2H26" into text, which is returned. */
const char *cv_head_name(const cv_source_head *head, char text[32]);

#endif
