/* caravan logits: the next-token logits of one text, with heads switched off, by the plain engine. */
#include "cli/ablate_option.h"
#include "cli/verb.h"

#include "base/memory.h"
#include "engine/blas.h"
#include "store/h5.h"

#include <caravan/engine.h>
#include <caravan/text.h>
#include <caravan/version.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: caravan logits MODEL_DIR --text TEXT [--ablate KIND:LAYER:HEAD[:EPSILON]]... [--top N]\n"
    "                      [--attention-from DIR] [--output FILE.h5]\n"
    "       caravan logits MODEL_DIR --ids ID,ID,... (the same options)\n"
    "\n"
    "One forward pass by the plain engine over TEXT as it is, with the tokens that the tokenizer adds\n"
    "(BOS). Prints the N likeliest next tokens: probability, logit, id, token.\n"
    "\n"
    "  --ids 1,2,3      token ids in place of --text, to which nothing is added; needs no tokenizer\n" CV_ABLATE_HELP
    "  --attention-from DIR  the attention weights of that model in the place of this one's\n"
    "  --top N          how many tokens to print, 10 if not given\n"
    "  --output FILE    writes /logits (float32, the whole vocabulary) and /tokens (int32) by HDF5\n";

/* The command line. */
typedef struct request {
    const char *directory, *attention_from, *output;
    const char *text, *ids; /* one of them is NULL */
    cv_words ablations;
    int64_t top;
} request;

/* ---- output ---- */

typedef struct candidate {
    int32_t id;
    float logit;
} candidate;

static int by_falling_logit(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void print_top(const cv_tokenizer *tokenizer, const float *logits, size_t count, size_t top)
{
    candidate *order = cv_alloc(count, sizeof *order);
    for (size_t i = 0; i < count; i++) order[i] = (candidate){(int32_t)i, logits[i]};
    qsort(order, count, sizeof *order, by_falling_logit);
    double sum = 0, largest = (double)order[0].logit;
    for (size_t i = 0; i < count; i++) sum += exp((double)order[i].logit - largest);
    for (size_t i = 0; i < top && i < count; i++) {
        printf("%10.6f  %12.6f  %7d", exp((double)order[i].logit - largest) / sum, (double)order[i].logit,
               (int)order[i].id);
        if (tokenizer) {
            fputs("  ", stdout);
            cv_spelling_print(cv_tokenizer_token(tokenizer, order[i].id));
        }
        putchar('\n');
    }
    free(order);
}

static bool write_output(const request *r, const cv_tokens *tokens, const float *logits, size_t count, cv_error *err)
{
    cv_h5 *file = cv_h5_create(r->output);
    cv_h5_floats(file, "/logits", 1, &count, logits);
    cv_h5_ints(file, "/tokens", tokens->count, tokens->ids);
    cv_h5_text_attribute(file, "/", "caravan_version", CARAVAN_VERSION);
    cv_h5_text_attribute(file, "/", "model_path", r->directory);
    if (r->attention_from) cv_h5_text_attribute(file, "/", "attention_from", r->attention_from);
    if (r->text) cv_h5_text_attribute(file, "/", "text", r->text);
    if (r->ablations.count)
        cv_h5_texts_attribute(file, "/", "ablate", r->ablations.count, (char *const *)r->ablations.items);
    return cv_h5_commit(file, err);
}

/* ---- the whole ---- */

/* --ids 1,2,3 */
static bool read_ids(const char *text, const cv_config *config, cv_tokens *tokens, cv_error *err)
{
    char *copy = cv_strdup(text), *rest = copy;
    bool ok = true;
    for (const char *field; ok && (field = strsep(&rest, ",")) != NULL;) {
        int64_t id;
        ok = cv_option_int("an id of --ids", field, 0, config->vocab_size - 1, &id, err);
        if (!ok) break;
        cv_reserve(&tokens->ids, &tokens->capacity, tokens->count + 1, sizeof *tokens->ids);
        tokens->ids[tokens->count++] = (int32_t)id;
    }
    free(copy);
    return ok;
}

static bool get_tokens(const request *r, const cv_tokenizer *tokenizer, const cv_model *model, cv_tokens *tokens,
                       cv_error *err)
{
    const cv_config *config = &model->config;
    const char *option = r->ids ? "--ids" : "--text";
    if (r->ids ? !read_ids(r->ids, config, tokens, err)
               : !cv_tokenizer_encode(tokenizer, r->text, strlen(r->text), true, tokens, err))
        return false;
    if (tokens->count == 0) return cv_bad_input(err, "%s gives no tokens", option);
    if (tokens->count > (size_t)config->max_position_embeddings)
        return cv_bad_input(err, "%s has %zu tokens, but %s has %d positions (max_position_embeddings)", option,
                            tokens->count, model->path, config->max_position_embeddings);
    for (size_t i = 0; i < tokens->count; i++)
        if (tokens->ids[i] < 0 || tokens->ids[i] >= config->vocab_size)
            return cv_bad_input(err, "%s: tokenizer.json gives token %d, but config.json has vocab_size %d",
                                model->path, (int)tokens->ids[i], config->vocab_size);
    return true;
}

static bool compute(const request *r, const cv_model *model, const cv_tokenizer *tokenizer, cv_error *err)
{
    size_t count = (size_t)model->config.vocab_size;
    float *logits = cv_alloc_floats(count);
    cv_tokens tokens = {0};
    cv_ablated_head *heads = cv_ablate_option_read(&r->ablations, &model->config, err);
    cv_engine *engine = NULL;
    bool ok = heads && get_tokens(r, tokenizer, model, &tokens, err) && cv_blas_check(err);
    if (ok) {
        engine = cv_engine_open(model, (int)tokens.count);
        cv_head_group group = {heads, r->ablations.count};
        ok = cv_plain_logits(engine, tokens.ids, tokens.count, &group, logits, err);
    }
    if (ok && r->output) ok = write_output(r, &tokens, logits, count, err);
    if (ok) {
        print_top(tokenizer, logits, count, (size_t)r->top);
        ok = cv_stdout_check(err);
    }
    cv_engine_close(engine);
    cv_tokens_free(&tokens);
    free(heads);
    free(logits);
    return ok;
}

static bool open_and_compute(const request *r, cv_error *err)
{
    cv_model *model = cv_model_open_grafted(r->directory, r->attention_from, err);
    cv_tokenizer *tokenizer = model && r->text ? cv_tokenizer_open(r->directory, err) : NULL;
    bool ok = model && (tokenizer || r->ids) && compute(r, model, tokenizer, err);
    cv_tokenizer_close(tokenizer);
    cv_model_close(model);
    return ok;
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {.top = 10};
    const char *top = NULL;
    const cv_option known[] = {{.name = "--text", .text = &r.text},
                               {.name = "--ids", .text = &r.ids},
                               {.name = "--ablate", .list = &r.ablations},
                               {.name = "--top", .text = &top},
                               {.name = "--output", .text = &r.output},
                               {.name = "--attention-from", .text = &r.attention_from},
                               {0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &r.directory}, {0}};
    bool ok = cv_options_read("logits", argc, argv, known, arguments, err) &&
              (r.text || r.ids || cv_bad_input(err, "--text is missing; see caravan logits --help")) &&
              (!r.text || !r.ids || cv_bad_input(err, "--text and --ids exclude each other; give one")) &&
              (!top || cv_option_int("--top", top, 0, INT32_MAX, &r.top, err)) &&
              (!r.output || cv_output_check(r.output, err)) && open_and_compute(&r, err);
    cv_words_free(&r.ablations);
    return ok;
}

const cv_verb cv_logits_verb = {"logits", help, run};
