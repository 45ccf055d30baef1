/* caravan generate: what a model answers, with heads switched off. */
#include "cli/ablate_option.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/blas.h"

#include <caravan/decode.h>
#include <caravan/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: caravan generate MODEL_DIR --prompt TEXT [--format KIND] [--system TEXT]\n"
    "                        [--ablate KIND:LAYER:HEAD[:EPSILON]]... [--max-new-tokens N]\n"
    "                        [--top-k K [--temperature T] [--seed S] [--samples N]]\n"
    "                        [--batch N] [--engine NAME] [--ids-only]\n"
    "       caravan generate MODEL_DIR --prompts FILE [--limit N] (the same options)\n"
    "\n"
    "Prints each prompt's answer, one a line with its line breaks written \\n, in the order of the prompts.\n"
    "An answer ends at a token that the model ends answers with (eos_token_id), which is not printed.\n"
    "\n"
    "  --prompts FILE   a CSV file or one prompt a line, as a job's prompts; --limit N: its first N\n"
    "  --format KIND    direct (the text as it is), query_answer or chat; direct if not given\n"
    "  --system TEXT    the system prompt of --format chat\n" CV_ABLATE_HELP
    "  --max-new-tokens N   most tokens of an answer, 128 if not given\n"
    "  --top-k K        draws each token from the K likeliest; else the likeliest is taken\n"
    "  --temperature T  of the draw, 1 if not given; --seed S: 0 if not given\n"
    "  --samples N      answers to each prompt, 1 if not given\n"
    "  --batch N        answers that are written together, 128 if not given; the answers are the same\n"
    "  --engine plain   reads the whole text anew for each token: slow, and what the other is compared with\n"
    "  --ids-only       token ids in place of text, as a JSON array a line\n";

/* The command line. */
typedef struct request {
    const char *directory, *prompt, *file; /* prompt or file is NULL */
    const char *format, *system, *engine;
    const char *limit_text, *max_text, *k_text, *temperature_text, *seed_text, *samples_text, *batch_text;
    int64_t limit, max_new_tokens, k, seed, samples, batch;
    double temperature;
    bool ids_only, plain;
    cv_words ablations;
} request;

/* What it becomes. */
typedef struct session {
    cv_model *model;
    cv_tokenizer *tokenizer;
    cv_ablated_head *heads;
    cv_tokens *prompts; /* [num_prompts] */
    size_t num_prompts, longest;
    cv_sequence *sequences; /* [count] */
    cv_tokens *answers;     /* [count] */
    bool *stopped;          /* [count] */
    size_t count;
} session;

static bool read_format(const request *r, cv_format *format, cv_error *err)
{
    static const char *const names[] = {"direct", "query_answer", "chat"};
    *format = (cv_format){.kind = CV_FORMAT_DIRECT, .system = r->system};
    for (int i = 0; i < 3; i++) {
        if (r->format && strcmp(r->format, names[i]) != 0) continue;
        if (r->format) format->kind = (cv_format_kind)i;
        if (format->system && format->kind != CV_FORMAT_CHAT)
            return cv_bad_input(err, "--system is only for --format chat");
        return true;
    }
    return cv_bad_input(err, "--format \"%s\" is unknown; use direct, query_answer or chat", r->format);
}

static bool load_prompts(const request *r, cv_prompts *prompts, cv_error *err)
{
    if (r->file) return cv_prompts_load(r->file, NULL, (size_t)r->limit, prompts, err);
    *prompts = (cv_prompts){.text = cv_alloc(1, sizeof *prompts->text), .count = 1};
    prompts->text[0] = cv_strdup(r->prompt);
    return true;
}

/* Bad input if the prompt, of so many tokens, and its answer do not fit into the model. */
static bool check_length(const request *r, const session *s, size_t number, size_t count, cv_error *err)
{
    const cv_config *config = &s->model->config;
    if (count == 0) return cv_bad_input(err, "prompt %zu gives no tokens", number);
    if (count + (size_t)r->max_new_tokens <= (size_t)config->max_position_embeddings + 1) return true;
    return cv_bad_input(err,
                        "prompt %zu has %zu tokens, and %lld new ones do not fit behind it: %s has %d positions "
                        "(max_position_embeddings); lower --max-new-tokens",
                        number, count, (long long)r->max_new_tokens, s->model->path, config->max_position_embeddings);
}

static bool encode_prompts(const request *r, session *s, cv_error *err)
{
    cv_format format;
    cv_prompts prompts = {0};
    bool ok = read_format(r, &format, err) && load_prompts(r, &prompts, err);
    s->num_prompts = prompts.count;
    s->prompts = cv_calloc(prompts.count, sizeof *s->prompts);
    for (size_t i = 0; ok && i < prompts.count; i++) {
        ok = cv_format_prompt(s->tokenizer, &format, prompts.text[i], &s->prompts[i], NULL, err) &&
             check_length(r, s, i + 1, s->prompts[i].count, err);
        if (ok && s->prompts[i].count > s->longest) s->longest = s->prompts[i].count;
    }
    cv_prompts_free(&prompts);
    return ok;
}

static void lay_sequences(const request *r, session *s)
{
    cv_sampling sampling = {.kind = CV_GREEDY};
    if (r->k_text) sampling = (cv_sampling){CV_TOP_K, (int)r->k, r->temperature, (uint64_t)r->seed};
    s->count = s->num_prompts * (size_t)r->samples;
    s->sequences = cv_alloc(s->count, sizeof *s->sequences);
    s->answers = cv_calloc(s->count, sizeof *s->answers);
    s->stopped = cv_calloc(s->count, sizeof *s->stopped);
    for (size_t i = 0; i < s->count; i++) {
        const cv_tokens *prompt = &s->prompts[i / (size_t)r->samples];
        s->sequences[i] = (cv_sequence){prompt->ids, prompt->count, {s->heads, r->ablations.count}, sampling, i};
    }
}

static bool generate(const request *r, session *s, cv_error *err)
{
    cv_engine *engine = cv_engine_open(s->model, (int)(s->longest + (size_t)r->max_new_tokens));
    double begin = cv_seconds();
    size_t tokens = 0;
    bool ok = true;
    for (size_t first = 0; ok && first < s->count; first += (size_t)r->batch) {
        size_t left = s->count - first, count = left < (size_t)r->batch ? left : (size_t)r->batch;
        ok =
            (r->plain ? cv_plain_generate : cv_generate)(engine, s->sequences + first, count, (size_t)r->max_new_tokens,
                                                         s->answers + first, s->stopped + first, err);
        for (size_t i = first; i < first + count; i++) tokens += s->answers[i].count + s->stopped[i];
    }
    double seconds = cv_seconds() - begin;
    cv_engine_close(engine);
    if (ok) cv_info("%zu tokens in %.2f s, %.1f tokens a second", tokens, seconds, (double)tokens / seconds);
    return ok;
}

static void print_answer(const request *r, const session *s, const cv_tokens *answer)
{
    if (r->ids_only) {
        putchar('[');
        for (size_t t = 0; t < answer->count; t++) printf("%s%d", t ? ", " : "", (int)answer->ids[t]);
        puts("]");
        return;
    }
    size_t length;
    char *text = cv_tokenizer_decode(s->tokenizer, answer->ids, answer->count, true, &length);
    cv_spelling_print(text);
    putchar('\n');
    free(text);
}

static bool answer_all(const request *r, session *s, cv_error *err)
{
    s->model = cv_model_open(r->directory, err);
    s->tokenizer = s->model ? cv_tokenizer_open(r->directory, err) : NULL;
    s->heads = s->tokenizer ? cv_ablate_option_read(&r->ablations, &s->model->config, err) : NULL;
    if (!s->heads || !encode_prompts(r, s, err) || !cv_blas_check(err)) return false;
    lay_sequences(r, s);
    if (!generate(r, s, err)) return false;
    for (size_t i = 0; i < s->count; i++) print_answer(r, s, &s->answers[i]);
    return cv_stdout_check(err);
}

static void session_close(session *s)
{
    for (size_t i = 0; i < s->count; i++) cv_tokens_free(&s->answers[i]);
    for (size_t p = 0; s->prompts && p < s->num_prompts; p++) cv_tokens_free(&s->prompts[p]);
    free(s->answers);
    free(s->stopped);
    free(s->sequences);
    free(s->prompts);
    free(s->heads);
    cv_tokenizer_close(s->tokenizer);
    cv_model_close(s->model);
}

/* An option that is a whole number, where it is given. */
static bool number(const char *name, const char *text, int64_t low, int64_t high, int64_t *out, cv_error *err)
{
    return !text || cv_option_int(name, text, low, high, out, err);
}

static bool read_numbers(request *r, cv_error *err)
{
    enum { MANY = 1 << 24 };
    return number("--limit", r->limit_text, 1, MANY, &r->limit, err) &&
           number("--max-new-tokens", r->max_text, 0, MANY, &r->max_new_tokens, err) &&
           number("--top-k", r->k_text, 1, MANY, &r->k, err) &&
           number("--seed", r->seed_text, 0, INT64_MAX, &r->seed, err) &&
           number("--samples", r->samples_text, 1, 1 << 16, &r->samples, err) &&
           number("--batch", r->batch_text, 1, MANY, &r->batch, err) &&
           (!r->temperature_text || cv_option_real("--temperature", r->temperature_text, &r->temperature, err)) &&
           (r->temperature > 0 || cv_bad_input(err, "--temperature is %s; it must be above 0", r->temperature_text));
}

static bool check(request *r, cv_error *err)
{
    if (!r->prompt && !r->file)
        return cv_bad_input(err, "--prompt or --prompts is missing; see caravan generate --help");
    if (r->prompt && r->file) return cv_bad_input(err, "--prompt and --prompts exclude each other; give one");
    if (r->limit_text && !r->file) return cv_bad_input(err, "--limit is only for --prompts");
    if (!r->k_text && (r->temperature_text || r->seed_text || r->samples_text))
        return cv_bad_input(err, "--temperature, --seed and --samples are only for --top-k");
    r->plain = r->engine && strcmp(r->engine, "plain") == 0;
    if (r->engine && !r->plain && strcmp(r->engine, "wavefront") != 0)
        return cv_bad_input(err, "--engine \"%s\" is unknown; use wavefront or plain", r->engine);
    return true;
}

static bool run(int argc, char **argv, cv_error *err)
{
    request r = {.max_new_tokens = 128, .samples = 1, .batch = 128, .temperature = 1};
    const cv_option known[] = {{.name = "--prompt", .text = &r.prompt},
                               {.name = "--prompts", .text = &r.file},
                               {.name = "--limit", .text = &r.limit_text},
                               {.name = "--format", .text = &r.format},
                               {.name = "--system", .text = &r.system},
                               {.name = "--ablate", .list = &r.ablations},
                               {.name = "--max-new-tokens", .text = &r.max_text},
                               {.name = "--top-k", .text = &r.k_text},
                               {.name = "--temperature", .text = &r.temperature_text},
                               {.name = "--seed", .text = &r.seed_text},
                               {.name = "--samples", .text = &r.samples_text},
                               {.name = "--batch", .text = &r.batch_text},
                               {.name = "--engine", .text = &r.engine},
                               {.name = "--ids-only", .flag = &r.ids_only},
                               {0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &r.directory}, {0}};
    session s = {0};
    bool ok = cv_options_read("generate", argc, argv, known, arguments, err) && check(&r, err) &&
              read_numbers(&r, err) && answer_all(&r, &s, err);
    session_close(&s);
    cv_words_free(&r.ablations);
    return ok;
}

const cv_verb cv_generate_verb = {"generate", help, run};
