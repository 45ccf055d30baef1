/* Growing lists of token ids. */
#ifndef CV_TOKENS_H
#define CV_TOKENS_H

#include <caravan/text.h>

void cv_tokens_append(cv_tokens *tokens, int32_t id);

#endif
