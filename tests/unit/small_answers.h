/* The small grid's job with every kind of group and two ways to decode, its search and its chosen heads. For
 * tests of what is made of answers. */
#ifndef TESTS_SMALL_ANSWERS_H
#define TESTS_SMALL_ANSWERS_H

#include "small_grid.h"

#include "sweep/chosen.h"

enum { NONE, TOP_2, SAHARA_1, RANDOM_2, PER_PROMPT_1, EACH_HEAD, WORDS };

static cv_job_group small_groups[] = {
    [NONE] = {(char *)"none", CV_GROUP_NONE, 0},
    [TOP_2] = {(char *)"top:2", CV_GROUP_TOP, 2},
    [SAHARA_1] = {(char *)"sahara:1", CV_GROUP_SAHARA, 1},
    [RANDOM_2] = {(char *)"random:2", CV_GROUP_RANDOM, 2},
    [PER_PROMPT_1] = {(char *)"per_prompt:1", CV_GROUP_PER_PROMPT, 1},
    [EACH_HEAD] = {(char *)"each_head", CV_GROUP_EACH_HEAD, 0},
};

static cv_job_decode small_decodes[] = {
    {(char *)"greedy", {.kind = CV_GREEDY}, 1},
    {(char *)"top_k-k5-t1-samples2", {CV_TOP_K, 5, 1, 0}, 2},
};

/* The small inputs, asking for all words but each_head where few. */
static inline cv_inputs small_evaluation(size_t harmless, bool few)
{
    cv_inputs inputs = small_inputs(harmless);
    inputs.job.subspace.enabled = true;
    inputs.job.sahara_steps = 2;
    inputs.job.evaluate = (cv_job_evaluate){.enabled = true,
                                            .groups = small_groups,
                                            .num_groups = few ? EACH_HEAD : WORDS,
                                            .decode = small_decodes,
                                            .num_decode = 2,
                                            .max_new_tokens = 8,
                                            .judges = {true, false, true},
                                            .coherence = cv_coherence_defaults,
                                            .seed = 4};
    return inputs;
}

/* Both steps take their angles from the sweep's. */
static inline cv_sahara *small_search(const cv_inputs *inputs, const cv_scores *scores)
{
    cv_sahara *sahara = cv_sahara_make(inputs);
    cv_error err;
    cv_sahara_put_sweep(sahara, scores);
    ck_assert_msg(cv_sahara_choose(sahara, &err), "%s", err.text);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++)
            for (int l = 0; l < LAYERS; l++)
                for (int h = 0; h < (a == 0 ? HEADS : GROUPS); h++)
                    cv_sahara_put(sahara, m, a, l, h, small_angle(m, a, CV_HARMFUL, l, h, 2));
    ck_assert_msg(cv_sahara_choose(sahara, &err), "%s", err.text);
    return sahara;
}

static inline cv_chosen *small_chosen(const cv_inputs *inputs)
{
    cv_scores *scores = cv_scores_make(inputs);
    small_fill(scores, inputs);
    cv_sahara *sahara = small_search(inputs, scores);
    cv_chosen *chosen = cv_chosen_make(inputs, scores, sahara);
    cv_sahara_free(sahara);
    cv_scores_free(scores);
    return chosen;
}

#endif
