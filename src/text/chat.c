#include "text/chat.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "text/template.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REMEDY "give \"format\": {\"kind\": \"custom\", \"text\": \"...{prompt}...\"} in the job"

static const char *const token_names[CV_CHAT_TOKENS] = {"bos_token", "eos_token", "unk_token", "pad_token",
                                                        "sep_token", "cls_token", "mask_token"};

/* Marks that stand in every template of a family, and in none of those below it. */
static const struct {
    const char *name;
    const char *marks[2];
} families[] = {
    {"ChatML", {"<|im_start|>", "<|im_end|>"}},
    {"Llama-3", {"<|start_header_id|>", "<|eot_id|>"}},
    {"Gemma", {"<start_of_turn>", "<end_of_turn>"}},
    {"Llama-2", {"[INST]", "<<SYS>>"}},
    {"Mistral", {"[INST]", "[/INST]"}},
    {"Vicuna", {"USER:", "ASSISTANT:"}},
    {"Phi-3", {"<|user|>", "<|end|>"}},
    {"OLMo-2", {"<|user|>", "<|assistant|>"}},
};

/* A token is named as a string, or as an object that holds its content. */
static bool read_tokens(cv_chat *chat, const json_t *config, const char *file, cv_error *err)
{
    for (size_t i = 0; i < CV_CHAT_TOKENS; i++) {
        const json_t *value = json_object_get(config, token_names[i]);
        const char *content = NULL;
        if (json_is_object(value)) {
            if (!cv_json_string(value, (cv_json_place){file, token_names[i]}, "content", CV_REQUIRED, &content, err))
                return false;
        } else if (!cv_json_string(config, (cv_json_place){file, ""}, token_names[i], CV_OPTIONAL, &content, err)) {
            return false;
        }
        if (content) chat->tokens[i] = cv_strdup(content);
    }
    return true;
}

/* Older configurations name several templates in a list; the one called "default" counts. */
static bool default_of_list(const json_t *list, const char *file, const char **source, cv_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = NULL, *text = NULL;
        if (!json_is_object(entry)) return cv_bad_input(err, "%s: chat_template[%zu] must be an object {...}", file, i);
        if (!cv_json_string(entry, (cv_json_place){file, "chat_template"}, "name", CV_REQUIRED, &name, err) ||
            !cv_json_string(entry, (cv_json_place){file, "chat_template"}, "template", CV_REQUIRED, &text, err))
            return false;
        if (strcmp(name, "default") == 0) *source = text;
    }
    return *source || cv_bad_input(err, "%s: chat_template names no template \"default\"", file);
}

static bool read_config(cv_chat *chat, const json_t *config, const char *file, cv_error *err)
{
    const char *source = NULL;
    const json_t *list = json_object_get(config, "chat_template");
    if (!read_tokens(chat, config, file, err)) return false;
    if (json_is_array(list)
            ? !default_of_list(list, file, &source, err)
            : !cv_json_string(config, (cv_json_place){file, ""}, "chat_template", CV_OPTIONAL, &source, err))
        return false;
    if (source) {
        chat->source = cv_strdup(source);
        chat->length = strlen(source);
    }
    return true;
}

/* A template in a file of its own takes the place of the one in the configuration. */
static bool read_jinja(cv_chat *chat, char *path, cv_error *err)
{
    size_t length;
    char *source = cv_read_file(path, &length, err);
    if (!source) return false;
    free(chat->source);
    free(chat->file);
    chat->source = source;
    chat->length = length;
    chat->file = cv_strdup(path);
    size_t valid = cv_utf8_valid_prefix(source, length);
    if (valid < length) return cv_bad_input(err, "%s: not valid UTF-8 at byte %zu", path, valid);
    return true;
}

bool cv_chat_load(cv_chat *chat, const char *directory, cv_error *err)
{
    bool fine = true;
    char *jinja = cv_path_join(directory, "chat_template.jinja");
    chat->file = cv_path_join(directory, "tokenizer_config.json");
    if (cv_file_exists(chat->file)) {
        json_t *config = cv_json_load(chat->file, CV_JSON_HUGE_INTEGERS, err);
        fine = config && read_config(chat, config, chat->file, err);
        json_decref(config);
    }
    if (fine && cv_file_exists(jinja)) fine = read_jinja(chat, jinja, err);
    free(jinja);
    return fine;
}

void cv_chat_free(cv_chat *chat)
{
    for (size_t i = 0; i < CV_CHAT_TOKENS; i++) free(chat->tokens[i]);
    free(chat->source);
    free(chat->file);
    *chat = (cv_chat){0};
}

static bool mentions(const cv_chat *chat, const char *mark)
{
    return memmem(chat->source, chat->length, mark, strlen(mark)) != NULL;
}

const char *cv_chat_family(const cv_chat *chat)
{
    for (size_t i = 0; chat->source && i < sizeof families / sizeof *families; i++)
        if (mentions(chat, families[i].marks[0]) && mentions(chat, families[i].marks[1])) return families[i].name;
    return NULL;
}

static bool check_family(const cv_chat *chat, cv_error *err)
{
    if (!chat->source)
        return cv_bad_input(err,
                            "%s: the model has no chat_template; " REMEDY " (Vicuna's text is \"A chat between a "
                            "curious user and an artificial intelligence assistant. The assistant gives helpful, "
                            "detailed, and polite answers to the user's questions. USER: {prompt} ASSISTANT:\")",
                            chat->file);
    if (cv_chat_family(chat)) return true;
    return cv_bad_input(err,
                        "%s: the chat template is of no family that Caravan knows (Llama-2, Llama-3, Mistral, Vicuna, "
                        "ChatML, Gemma, Phi-3, OLMo-2); " REMEDY,
                        chat->file);
}

static void set(cv_pool *pool, cv_value dict, const char *key, cv_value value)
{
    cv_value_set(pool, dict, key, strlen(key), value);
}

static cv_value message(cv_pool *pool, const char *role, const char *content)
{
    cv_value dict = cv_value_dict(pool);
    set(pool, dict, "role", cv_value_string(role, strlen(role)));
    set(pool, dict, "content", cv_value_string(content, strlen(content)));
    return dict;
}

/* What transformers' apply_chat_template gives a template, with add_generation_prompt=True. */
static cv_value globals_of(const cv_chat *chat, const char *system, const char *prompt, cv_pool *pool)
{
    cv_value globals = cv_value_dict(pool), messages = cv_value_list(pool, system ? 2 : 1);
    if (system) messages.items[0] = message(pool, "system", system);
    messages.items[messages.integer - 1] = message(pool, "user", prompt);
    set(pool, globals, "messages", messages);
    set(pool, globals, "tools", (cv_value){.kind = CV_VALUE_NONE});
    set(pool, globals, "documents", (cv_value){.kind = CV_VALUE_NONE});
    set(pool, globals, "add_generation_prompt", cv_value_bool(true));
    for (size_t i = 0; i < CV_CHAT_TOKENS; i++)
        if (chat->tokens[i])
            set(pool, globals, token_names[i], cv_value_string(chat->tokens[i], strlen(chat->tokens[i])));
    return globals;
}

bool cv_chat_render(const cv_chat *chat, const char *system, const char *prompt, cv_buffer *out, cv_error *err)
{
    if (!check_family(chat, err)) return false;
    cv_pool pool = {0};
    cv_error problem;
    bool fine = cv_template_render(chat->source, chat->length, globals_of(chat, system, prompt, &pool), out, &problem);
    cv_pool_free(&pool);
    return fine || cv_bad_input(err, "%s: the chat template cannot be used: %.500s; " REMEDY, chat->file, problem.text);
}
