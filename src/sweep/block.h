/* Tokenised prompts as the engine takes them: pointers and lengths. */
#ifndef CV_BLOCK_H
#define CV_BLOCK_H

#include <caravan/engine.h>
#include <caravan/text.h>

#include <stddef.h>

/* tokens [count] are borrowed and must outlive the block. Free with cv_block_close. */
cv_prompt_block cv_block_open(const cv_tokens *tokens, size_t count);
void cv_block_close(cv_prompt_block *block);

#endif
