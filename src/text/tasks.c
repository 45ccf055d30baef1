#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/format.h"
#include "text/unicode.h"
#include "text/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHOICES = 256, MOST_BYTES = 1 << 20 };

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++) free(texts[i]);
    free(texts);
}

void cv_task_free(cv_task *task)
{
    for (size_t i = 0; i < task->count; i++) {
        free_texts(task->items[i].contexts, task->items[i].num_contexts);
        free_texts(task->items[i].choices, task->items[i].num_choices);
    }
    free(task->items);
    free(task->path);
    *task = (cv_task){0};
}

/* ---- one line ---- */

/* As Python's str.isspace sees it, by which the harness moves blanks from a context to the choice. */
static bool is_space(uint32_t code)
{
    return cv_is_white_space(code) || (code >= 0x1c && code <= 0x1f);
}

/* Bytes of text without white space at its end. */
static size_t stripped(const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        size_t last = cv_utf8_last(text, length);
        uint32_t code;
        cv_utf8_decode(text + length - last, &code);
        if (!is_space(code)) break;
        length -= last;
    }
    return length;
}

/* A copy of one text; name and index (below 0: none) are for messages. NULL on error. */
static char *copy_text(const json_t *value, cv_json_place at, const char *name, int index, cv_error *err)
{
    char field[64];
    snprintf(field, sizeof field, index < 0 ? "%s" : "%s[%d]", name, index);
    const char *text = json_string_value(value);
    bool fine = true;
    if (!text)
        fine = cv_bad_input(err, "%s: %s must be a string", at.file, field);
    else if (strlen(text) != json_string_length(value))
        fine = cv_bad_input(err, "%s: %s must be a string without NUL characters", at.file, field);
    else if (json_string_length(value) > MOST_BYTES)
        fine = cv_bad_input(err, "%s: %s has %zu bytes; at most %d are read", at.file, field, json_string_length(value),
                            MOST_BYTES);
    else if (stripped(text) == 0)
        fine = cv_bad_input(err, "%s: %s is empty; a model needs at least a word", at.file, field);
    return fine ? cv_strdup(text) : NULL;
}

/* Copies of an array's texts, [json_array_size]. NULL on error. */
static char **copy_texts(const json_t *array, cv_json_place at, const char *name, cv_error *err)
{
    size_t count = json_array_size(array);
    char **texts = cv_calloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = copy_text(json_array_get(array, i), at, name, (int)i, err);
        if (texts[i]) continue;
        free_texts(texts, count);
        return NULL;
    }
    return texts;
}

static bool read_contexts(const json_t *object, cv_json_place at, cv_task_item *item, cv_error *err)
{
    const json_t *context = json_object_get(object, "context");
    if (!context) return cv_bad_input(err, "%s: context is missing", at.file);
    if (json_is_array(context)) {
        if (json_array_size(context) != item->num_choices)
            return cv_bad_input(err, "%s: context has %zu texts, but there are %zu choices; give one for each", at.file,
                                json_array_size(context), item->num_choices);
        item->contexts = copy_texts(context, at, "context", err);
        item->num_contexts = item->contexts ? item->num_choices : 0;
        return item->contexts != NULL;
    }
    if (!json_is_string(context))
        return cv_bad_input(err, "%s: context must be a string, or an array of one for each choice", at.file);
    char *text = copy_text(context, at, "context", -1, err);
    if (!text) return false;
    item->contexts = cv_alloc(1, sizeof *item->contexts);
    item->contexts[0] = text;
    item->num_contexts = 1;
    return true;
}

static bool read_item(const json_t *object, cv_json_place at, cv_task_item *item, cv_error *err)
{
    static const char *const keys[] = {"context", "choices", "answer", NULL};
    json_t *choices = NULL;
    int64_t answer = 0;
    if (!cv_json_only_keys(object, at, keys, err) || !cv_json_array(object, at, "choices", CV_REQUIRED, &choices, err))
        return false;
    size_t count = json_array_size(choices);
    if (count < 2 || count > MOST_CHOICES)
        return cv_bad_input(err, "%s: choices has %zu texts; it must have 2 to %d", at.file, count, MOST_CHOICES);
    if (!cv_json_int(object, at, "answer", CV_REQUIRED, 0, (int64_t)count - 1, &answer, err)) return false;
    item->choices = copy_texts(choices, at, "choices", err);
    if (!item->choices) return false;
    item->num_choices = count;
    item->answer = (size_t)answer;
    return read_contexts(object, at, item, err);
}

static bool read_line(const char *text, size_t length, const char *place, cv_task_item *item, cv_error *err)
{
    json_error_t problem;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!object) return cv_bad_input(err, "%s: column %d: not valid JSON: %s", place, problem.column, problem.text);
    bool fine = json_is_object(object) ? read_item(object, (cv_json_place){place, ""}, item, err)
                                       : cv_bad_input(err, "%s: a line must hold one JSON object {...}", place);
    json_decref(object);
    return fine;
}

/* ---- the file ---- */

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') return false;
    return true;
}

static bool read_lines(const char *at, const char *end, size_t limit, cv_task *task, cv_error *err)
{
    size_t capacity = 0;
    for (size_t line = 1; at < end && (limit == 0 || task->count < limit); line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        if (!is_blank(at, (size_t)(stop - at))) {
            cv_buffer place = {0};
            cv_buffer_printf(&place, "%s: line %zu", task->path, line);
            cv_reserve(&task->items, &capacity, task->count + 1, sizeof *task->items);
            cv_task_item *item = &task->items[task->count++];
            *item = (cv_task_item){.line = line};
            bool fine = read_line(at, (size_t)(stop - at), place.data, item, err);
            cv_buffer_free(&place);
            if (!fine) return false;
        }
        at = newline ? newline + 1 : end;
    }
    return task->count > 0 || cv_bad_input(err, "%s: the file holds no question", task->path);
}

bool cv_task_load(const char *path, size_t limit, cv_task *out, cv_error *err)
{
    size_t length;
    char *data = cv_read_file(path, &length, err);
    if (!data) return false;
    *out = (cv_task){.path = cv_strdup(path)};
    bool mark = length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    bool fine = read_lines(data + (mark ? 3 : 0), data + length, limit, out, err);
    free(data);
    if (!fine) cv_task_free(out);
    return fine;
}

/* ---- token ids ---- */

typedef struct encoder {
    const cv_task *task;
    const cv_tokenizer *tokenizer;
    const cv_model *model;
    cv_task_pairs *pairs;
    size_t stored, capacity; /* ids in pairs->storage */
    cv_error *err;
} encoder;

static bool check_pair(const encoder *e, const cv_task_item *item, size_t choice, const int32_t *ids, size_t count)
{
    const cv_config *config = &e->model->config;
    if (count > (size_t)config->max_position_embeddings + 1)
        return cv_bad_input(e->err,
                            "%s: line %zu: context and choice %zu have %zu tokens, but %s has %d positions "
                            "(max_position_embeddings); shorten the context",
                            e->task->path, item->line, choice, count, e->model->path, config->max_position_embeddings);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= config->vocab_size)
            return cv_bad_input(e->err,
                                "%s: line %zu: choice %zu has token %d, but %s/config.json has vocab_size %d; its "
                                "tokenizer.json belongs to another model",
                                e->task->path, item->line, choice, (int)ids[i], e->model->path, config->vocab_size);
    return true;
}

/* The pair's ids are those of the context alone, then what the ids of both together have beyond as many:
 * the harness feeds a model these, even where the first ones differ. */
static bool add_pair(encoder *e, const cv_task_item *item, size_t choice, const cv_tokens *context,
                     const cv_tokens *whole)
{
    cv_task_pairs *p = e->pairs;
    if (context->count == 0)
        return cv_bad_input(e->err, "%s: line %zu: the context has no token that the model knows", e->task->path,
                            item->line);
    if (whole->count <= context->count)
        return cv_bad_input(e->err, "%s: line %zu: choice %zu adds no token to its context", e->task->path, item->line,
                            choice);
    cv_reserve(&p->storage, &e->capacity, e->stored + whole->count, sizeof *p->storage);
    int32_t *ids = p->storage + e->stored;
    memcpy(ids, context->ids, context->count * sizeof *ids);
    memcpy(ids + context->count, whole->ids + context->count, (whole->count - context->count) * sizeof *ids);
    p->context[p->num] = context->count;
    p->count[p->num++] = whole->count;
    e->stored += whole->count;
    return check_pair(e, item, choice, ids, whole->count);
}

static bool encode(const encoder *e, const cv_task_item *item, const char *text, size_t length, cv_tokens *tokens)
{
    tokens->count = 0;
    return cv_encode_open(e->tokenizer, text, length, tokens, e->err) ||
           cv_error_prefix(e->err, "%s: line %zu", e->task->path, item->line);
}

static bool encode_item(encoder *e, const cv_task_item *item)
{
    cv_tokens context = {0}, whole = {0};
    cv_buffer text = {0};
    bool fine = true;
    for (size_t i = 0; fine && i < item->num_choices; i++) {
        const char *before = item->contexts[item->num_contexts == 1 ? 0 : i];
        if (i < item->num_contexts) fine = encode(e, item, before, stripped(before), &context);
        text.length = 0;
        cv_buffer_puts(&text, before);
        cv_buffer_puts(&text, " ");
        cv_buffer_puts(&text, item->choices[i]);
        fine = fine && encode(e, item, text.data, text.length, &whole) && add_pair(e, item, i, &context, &whole);
    }
    cv_buffer_free(&text);
    cv_tokens_free(&context);
    cv_tokens_free(&whole);
    return fine;
}

static cv_task_pairs room_for(const cv_task *task)
{
    cv_task_pairs p = {.num_items = task->count};
    size_t num = 0;
    p.begin = cv_alloc(task->count + 1, sizeof *p.begin);
    for (size_t i = 0; i < task->count; num += task->items[i++].num_choices) p.begin[i] = num;
    p.begin[task->count] = num;
    p.ids = cv_alloc(num, sizeof *p.ids);
    p.count = cv_alloc(num, sizeof *p.count);
    p.context = cv_alloc(num, sizeof *p.context);
    return p;
}

bool cv_task_encode(const cv_task *task, const cv_tokenizer *tokenizer, const cv_model *model, cv_task_pairs *out,
                    cv_error *err)
{
    *out = room_for(task);
    encoder e = {task, tokenizer, model, out, 0, 0, err};
    bool fine = true;
    for (size_t i = 0; fine && i < task->count; i++) fine = encode_item(&e, &task->items[i]);
    const int32_t *ids = out->storage; /* stands still from here on */
    for (size_t i = 0; i < out->num; ids += out->count[i++]) out->ids[i] = ids;
    if (!fine) cv_task_pairs_free(out);
    return fine;
}

void cv_task_pairs_free(cv_task_pairs *pairs)
{
    free(pairs->begin);
    free(pairs->ids);
    free(pairs->count);
    free(pairs->context);
    free(pairs->storage);
    *pairs = (cv_task_pairs){0};
}

/* ---- what is chosen ---- */

size_t cv_task_length(const cv_task_item *item, size_t choice)
{
    const char *text = item->num_contexts == 1 ? item->choices[choice] : item->contexts[choice];
    size_t characters = 0;
    for (; *text; text++) characters += ((unsigned char)*text & 0xc0) != 0x80; /* all but continuation bytes */
    return characters;
}

size_t cv_task_choose(const cv_task_item *item, const double *loglikelihoods, bool by_length)
{
    size_t best = 0;
    double highest = 0;
    for (size_t i = 0; i < item->num_choices; i++) {
        double value = loglikelihoods[i] / (by_length ? (double)cv_task_length(item, i) : 1);
        assert(!isnan(value));
        if (i > 0 && !(value > highest)) continue;
        best = i;
        highest = value;
    }
    return best;
}
