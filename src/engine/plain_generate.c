/* Answers by the plain engine: the text so far passes through the whole model for each new token. Nothing
 * is kept from one token to the next, so there is no cache that could be wrong. */
#include "engine/decode.h"

#include "base/memory.h"
#include "engine/sample.h"

#include <stdlib.h>
#include <string.h>

/* The token after ids [count], under the sequence's group and sampling. */
static bool next_token(cv_engine *engine, const cv_sequence *sequence, const int32_t *ids, size_t count, int32_t *token,
                       cv_error *err)
{
    size_t V = engine->shape.V, k = cv_sampling_candidates(&sequence->sampling, V);
    float *logits = cv_alloc_floats(V);
    cv_candidate *items = cv_alloc(k, sizeof *items);
    cv_best best = {items, k, 0};
    bool ok = cv_plain_logits(engine, ids, count, &sequence->group, logits, err);
    if (ok) {
        cv_best_add_slice(&best, logits, V, 0);
        cv_best_sort(&best);
        *token = cv_sample_at(sequence, &best, count);
    }
    free(logits);
    free(items);
    return ok;
}

static bool continue_one(cv_engine *engine, const cv_sequence *sequence, size_t max_new_tokens, cv_tokens *out,
                         bool *stopped, cv_error *err)
{
    int32_t *ids = cv_alloc(sequence->count + max_new_tokens, sizeof *ids), token = 0;
    memcpy(ids, sequence->ids, sequence->count * sizeof *ids);
    bool ok = true;
    for (size_t new = 0; ok && !*stopped &&new < max_new_tokens; new ++) {
        ok = next_token(engine, sequence, ids, sequence->count + new, &token, err);
        if (!ok) break;
        *stopped = cv_is_eos(engine->model, token);
        ids[sequence->count + new] = token;
        if (!*stopped) cv_append_token(out, token);
    }
    free(ids);
    return ok;
}

bool cv_plain_generate(cv_engine *engine, const cv_sequence *sequences, size_t count, size_t max_new_tokens,
                       cv_tokens *out, bool *stopped, cv_error *err)
{
    if (!cv_sequences_check(engine, sequences, count, max_new_tokens, err)) return false;
    for (size_t i = 0; i < count; i++) {
        stopped[i] = false;
        if (!continue_one(engine, &sequences[i], max_new_tokens, &out[i], &stopped[i], err)) return false;
    }
    return true;
}
