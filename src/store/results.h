/* scores.h5: a model's scores under an ablation, with everything needed to read them right. */
#ifndef CV_RESULTS_H
#define CV_RESULTS_H

#include "store/fingerprint.h"
#include "store/folder.h"
#include "sweep/inputs.h"
#include "sweep/sahara.h"
#include "sweep/scores.h"

#include <caravan/base.h>

/* The sentence that every result carries: what a score is. */
extern const char cv_score_definition[], cv_angle_definition[];

/* The files that the inputs came from. */
typedef struct cv_sources {
    cv_fingerprints *models;    /* [num_models], owned */
    cv_fingerprints *attention; /* [num_models] of attention_from, none where there is none; owned */
    int num_models;
    cv_fingerprints prompts[CV_NUM_PROMPT_SETS]; /* one file each, none where the job has no such set */
    cv_fingerprints *utility;                    /* [num_utility] one file each, owned */
    int num_utility;
} cv_sources;

/* Reads all files of the inputs once. On error *sources is empty. Free with cv_sources_free. */
bool cv_sources_read(const cv_inputs *inputs, cv_sources *sources, cv_error *err);
void cv_sources_free(cv_sources *sources);

/* "MODEL/ABLATION" or, with a file, "MODEL/ABLATION/FILE", below the results folder. Free with free(). */
char *cv_results_name(const cv_job *job, int model, int ablation, const char *file);

/* Writes MODEL/ABLATION/scores.h5 for each model and ablation, making the folders. sahara is NULL where the
 * job has no search. Byte-identical for the same inputs, scores and version of Caravan. */
bool cv_results_write(cv_folder *folder, const cv_inputs *inputs, const cv_sources *sources, const cv_scores *scores,
                      const cv_sahara *sahara, cv_error *err);

#endif
