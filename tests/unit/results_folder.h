/* A small results folder with a report to be made of: two models of 2 layers with 3 heads. */
#ifndef TESTS_RESULTS_FOLDER_H
#define TESTS_RESULTS_FOLDER_H

#include "scratch.h"

#include <stdio.h>
#include <string.h>

/* Writes NAME below the scratch folder, making its folders. */
static inline void put_file(const char *name, const char *text)
{
    cv_error err;
    char *path = scratch_path(name), *folder = cv_path_directory(path);
    ck_assert(cv_make_directories(folder, &err));
    free(scratch_file(name, text, strlen(text)));
    free(folder);
    free(path);
}

static const char manifest_text[] =
    "{\"name\": \"<small>\", \"job\": {\"name\": \"<small>\"},\n"
    " \"definitions\": {\"format\": \"direct\", \"evaluate\": {\"asr_judge\": \"paper\", \"groups\": [\"none\", "
    "\"<g>\"]},\n"
    "   \"ablations\": [{\"name\": \"uniform_attention\"}]},\n"
    " \"models\": [{\"name\": \"a\", \"base\": \"base\", \"path\": \"models/<a>\"}, {\"name\": \"b\"}],\n"
    " \"prompts\": {\"harmful\": {\"file\": \"harmful.csv\", \"prompts\": 7}},\n"
    " \"versions\": {\"caravan\": \"9.9\"}, \"ranks\": [{\"rank\": 0, \"host\": \"<host>\"}]}\n";

static const char heads_text[] =
    "layer,head,rank,ships_mean,ships_low,ships_high,harmless_mean,specificity,angle_deg,top10_probability,"
    "parameter_share\n"
    "1,2,1,0.5,0.25,0.75,0.125,0.375,4,1,0.01\n0,0,2,0.25,0.2,0.3,0.5,-0.25,2,1,0.01\n1,0,3,0.1,,,0,0.1,1,1,0.01\n"
    "0,1,4,0.05,0,1,0.05,0,1,1,0.01\n0,2,5,0.01,0,1,0.05,-0.04,1,1,0.01\n1,1,6,0,0,1,0,0,,1,0.01\n";

static const char intervals_text[] =
    "layer,head,rank,rank_low,rank_high,specificity,specificity_low,specificity_high\n"
    "1,2,1,1,2,0.375,0.3,0.4\n0,0,2,1,3,-0.25,-0.3,-0.2\n1,0,3,2,4,0.1,0,0.2\n0,1,4,3,6,0,0,0\n0,2,5,3,6,0,0,0\n"
    "1,1,6,3,6,0,0,0\n";

static inline void make_results(void)
{
    put_file("manifest.json", manifest_text);
    for (int m = 0; m < 2; m++) {
        static const char *const files[][2] = {
            {"heads.csv", heads_text},
            {"intervals.csv", intervals_text},
            {"sahara.csv", "step,layer,head,angle_deg,parameter_share\n1,1,2,4,0.01\n2,0,0,5.5,0.02\n"},
            {"asr.csv", "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr\n"
                        "none,,harmful,greedy,7,7,0,0,0,0.35,0\n<g>,L1H2,harmful,greedy,7,3,1,0.571,0.25,0.84,0.43\n"},
            {"judges.csv", "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr,"
                           "coherent_asr_low,coherent_asr_high,judge\n"
                           "<g>,L1H2,harmful,greedy,7,3,1,0.571,0.25,0.84,0.43,0.16,0.75,paper\n"},
            {"utility.csv", "group,heads,task,n,acc,acc_low,acc_high,acc_difference,acc_difference_low,"
                            "acc_difference_high,acc_norm,acc_norm_low,acc_norm_high\n"
                            "none,,<task>,10,0.5,0.2,0.8,,,,0.5,0.2,0.8\n"},
        };
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            char name[64];
            snprintf(name, sizeof name, "%c/uniform_attention/%s", "ab"[m], files[i][0]);
            put_file(name, files[i][1]);
        }
    }
}

#endif
