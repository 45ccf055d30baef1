#include "sweep/block.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

cv_prompt_block cv_block_open(const cv_tokens *tokens, size_t count)
{
    const int32_t **ids = cv_alloc(count, sizeof *ids);
    size_t *lengths = cv_alloc(count, sizeof *lengths);
    for (size_t p = 0; p < count; p++) {
        ids[p] = tokens[p].ids;
        lengths[p] = tokens[p].count;
    }
    return (cv_prompt_block){count, ids, lengths};
}

void cv_block_close(cv_prompt_block *block)
{
    free((void *)block->ids);
    free((void *)block->count);
    *block = (cv_prompt_block){0};
}
