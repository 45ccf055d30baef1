/* The heads behind all group words of a job, chosen once what they stand on is known. */
#ifndef CV_CHOSEN_H
#define CV_CHOSEN_H

#include "base/buffer.h"
#include "sweep/groups.h"
#include "sweep/inputs.h"
#include "sweep/sahara.h"
#include "sweep/scores.h"

#include <caravan/base.h>

typedef struct cv_chosen cv_chosen;

/* sahara may be NULL where the job has no search. inputs must outlive the result; scores and sahara need
 * not. Free with cv_chosen_free, which accepts NULL. */
cv_chosen *cv_chosen_make(const cv_inputs *inputs, const cv_scores *scores, const cv_sahara *sahara);
void cv_chosen_free(cv_chosen *chosen);

/* What evaluate.groups[word] stands for with a model, an ablation and the prompts of a set; owned by
 * chosen. Without prompts in the set it has no groups. */
const cv_groups *cv_chosen_at(const cv_chosen *chosen, int model, int ablation, int word, cv_prompt_set set);

/* As bytes for another rank of the same build and inputs. unpack gives NULL for damaged ones. */
void cv_chosen_pack(const cv_chosen *chosen, cv_buffer *out);
cv_chosen *cv_chosen_unpack(const cv_inputs *inputs, const char *data, size_t length, cv_error *err);

#endif
