#include "text/tokens.h"

#include "base/memory.h"

#include <stdlib.h>

void cv_tokens_append(cv_tokens *tokens, int32_t id)
{
    cv_reserve(&tokens->ids, &tokens->capacity, tokens->count + 1, sizeof *tokens->ids);
    tokens->ids[tokens->count++] = id;
}

void cv_tokens_free(cv_tokens *tokens)
{
    free(tokens->ids);
    *tokens = (cv_tokens){0};
}
