/* The tokens that end an answer, from the files beside the weights. */
#ifndef CV_EOS_H
#define CV_EOS_H

#include <caravan/base.h>
#include <caravan/model.h>

/* Fills eos and num_eos of a model whose path and config are known: eos_token_id of
 * generation_config.json, a number or a list; of config.json where that file, or the key in it, is
 * absent or null; none where neither names any. Bad input for what is not a token of the model. */
bool cv_eos_load(cv_model *model, cv_error *err);

#endif
