/* caravan inspect: what a model directory holds, as Caravan reads it. */
#include "cli/verb.h"

#include "base/file.h"
#include "base/memory.h"
#include "text/chat.h"

#include <caravan/model.h>
#include <caravan/text.h>

#include <jansson.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "usage: caravan inspect MODEL_DIR [--json]\n"
    "\n"
    "Opens a Hugging Face model directory, checks every tensor against config.json, and prints the\n"
    "configuration, the number of heads and parameters, the files, and the family of the chat template.\n"
    "\n"
    "  --json  the same as one JSON object\n";

/* The facts are collected as an ordered JSON object, which both outputs are made from. */

static void put_text(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    json_object_set_new(object, key, value ? value : json_null());
}

static void put_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* null where 0 means that there is none. */
static void put_real_or_none(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, value > 0 ? json_real(value) : json_null());
}

static json_t *rope_facts(const cv_rope *rope)
{
    static const char *const kinds[] = {"default", "linear", "llama3", "none"};
    json_t *object = json_object();
    put_text(object, "kind", kinds[rope->kind]);
    if (rope->kind == CV_ROPE_NONE) return object;
    json_object_set_new(object, "theta", json_real(rope->theta));
    if (rope->width > 0) put_integer(object, "width", (uint64_t)rope->width);
    if (rope->kind != CV_ROPE_DEFAULT) json_object_set_new(object, "factor", json_real(rope->factor));
    if (rope->kind == CV_ROPE_LLAMA3) {
        json_object_set_new(object, "low_freq_factor", json_real(rope->low_freq_factor));
        json_object_set_new(object, "high_freq_factor", json_real(rope->high_freq_factor));
        json_object_set_new(object, "original_max_position_embeddings",
                            json_real(rope->original_max_position_embeddings));
    }
    return object;
}

static json_t *bias_facts(const cv_config *config)
{
    json_t *list = json_array();
    if (config->q_bias) json_array_append_new(list, json_string("q"));
    if (config->k_bias) json_array_append_new(list, json_string("k"));
    if (config->v_bias) json_array_append_new(list, json_string("v"));
    if (config->o_bias) json_array_append_new(list, json_string("o"));
    if (config->mlp_bias) json_array_append_new(list, json_string("mlp"));
    return list;
}

/* Which norms a block has. */
static json_t *norm_facts(const cv_config *config)
{
    static const struct {
        unsigned bit;
        const char *name;
    } norms[] = {{CV_NORM_ATTENTION, "attention"},
                 {CV_NORM_ATTENTION_OUTPUT, "attention_output"},
                 {CV_NORM_MLP, "mlp"},
                 {CV_NORM_MLP_OUTPUT, "mlp_output"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++)
        if (config->norms & norms[i].bit) json_array_append_new(list, json_string(norms[i].name));
    return list;
}

/* What tells families apart beside their sizes. */
static void put_block(json_t *top, const cv_config *config)
{
    static const char *const kinds[] = {"rms", "layer"}, *const qk[] = {"none", "head", "width"},
                             *const activations[] = {"silu", "gelu", "gelu_tanh"};
    put_text(top, "norm", kinds[config->norm]);
    json_object_set_new(top, "norms", norm_facts(config));
    json_object_set_new(top, "rms_norm_eps", json_real(config->rms_norm_eps));
    put_text(top, "qk_norm", qk[config->qk_norm]);
    put_text(top, "activation", activations[config->activation]);
    json_object_set_new(top, "gated_mlp", json_boolean(config->gated_mlp));
    json_object_set_new(top, "parallel_residual", json_boolean(config->parallel_residual));
    put_real_or_none(top, "embedding_scale", config->embedding_scale);
    double scalar = config->query_pre_attn_scalar > 0 ? config->query_pre_attn_scalar : config->head_dim;
    json_object_set_new(top, "query_pre_attn_scalar", json_real(scalar));
    put_real_or_none(top, "attn_logit_softcapping", config->attn_logit_softcapping);
    put_real_or_none(top, "final_logit_softcapping", config->final_logit_softcapping);
}

/* Positions, and which layers see how much. */
static void put_positions(json_t *top, const cv_config *config)
{
    json_t *sliding = json_array();
    for (int l = 0; l < config->num_hidden_layers; l++)
        if (cv_config_window(config, l) > 0) json_array_append_new(sliding, json_integer(l));
    json_object_set_new(top, "learned_positions", json_boolean(config->learned_positions));
    json_object_set_new(top, "rope", rope_facts(&config->rope));
    if (json_array_size(sliding) > 0) {
        json_object_set_new(top, "sliding_rope", rope_facts(&config->sliding_rope));
        put_integer(top, "sliding_window", (uint64_t)config->sliding_window);
    }
    json_object_set_new(top, "sliding_layers", sliding);
}

static void put_config(json_t *top, const cv_config *config)
{
    put_text(top, "architecture", config->architecture);
    put_text(top, "model_type", config->model_type);
    const struct {
        const char *name;
        int value;
    } sizes[] = {{"num_hidden_layers", config->num_hidden_layers},
                 {"num_attention_heads", config->num_attention_heads},
                 {"num_key_value_heads", config->num_key_value_heads},
                 {"head_dim", config->head_dim},
                 {"hidden_size", config->hidden_size},
                 {"intermediate_size", config->intermediate_size},
                 {"vocab_size", config->vocab_size},
                 {"max_position_embeddings", config->max_position_embeddings}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        put_integer(top, sizes[i].name, (uint64_t)sizes[i].value);
    put_block(top, config);
    put_positions(top, config);
    json_object_set_new(top, "tie_word_embeddings", json_boolean(config->tie_word_embeddings));
    json_object_set_new(top, "biases", bias_facts(config));
}

/* What encodes text here: its size, or the reason why nothing does. A model without tokenizer can be
 * inspected, though not swept. */
static void put_tokenizer(json_t *top, const char *directory)
{
    cv_error err;
    json_t *object = json_object();
    cv_tokenizer *tokenizer = cv_tokenizer_open(directory, &err);
    if (tokenizer)
        put_integer(object, "size", (uint64_t)cv_tokenizer_size(tokenizer));
    else
        put_text(object, "error", err.text);
    cv_tokenizer_close(tokenizer);
    json_object_set_new(top, "tokenizer", object);
    cv_chat chat = {0};
    put_text(top, "chat_template", cv_chat_load(&chat, directory, &err) ? cv_chat_family(&chat) : NULL);
    cv_chat_free(&chat);
}

static int is_model_file(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end && (strcmp(end, ".json") == 0 || strcmp(end, ".safetensors") == 0 || strcmp(end, ".jinja") == 0);
}

static bool put_files(json_t *top, const char *directory, cv_error *err)
{
    struct dirent **entries;
    int count = scandir(directory, &entries, is_model_file, alphasort);
    if (count < 0) return cv_failed(err, "%s: cannot be listed: %s", directory, strerror(errno));
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        char *path = cv_path_join(directory, entries[i]->d_name);
        struct stat info;
        if (stat(path, &info) == 0) {
            json_t *file = json_object();
            put_text(file, "name", entries[i]->d_name);
            put_integer(file, "bytes", (uint64_t)info.st_size);
            json_array_append_new(list, file);
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    json_object_set_new(top, "files", list);
    return true;
}

static json_t *collect(const char *directory, cv_error *err)
{
    cv_model *model = cv_model_open(directory, err);
    if (!model) return NULL;
    json_t *top = json_object();
    put_text(top, "path", directory);
    put_config(top, &model->config);
    put_integer(top, "heads", (uint64_t)model->config.num_hidden_layers * (uint64_t)model->config.num_attention_heads);
    put_integer(top, "parameters", model->parameters);
    put_text(top, "dtype", cv_dtype_name(model->embed_tokens.dtype));
    put_integer(top, "weight_bytes", model->weight_bytes);
    put_tokenizer(top, directory);
    bool ok = put_files(top, directory, err);
    cv_model_close(model);
    if (ok) return top;
    json_decref(top);
    return NULL;
}

/* ---- as lines ---- */

static void print_value(const json_t *value)
{
    if (json_is_string(value)) {
        fputs(json_string_value(value), stdout);
    } else if (json_is_null(value)) {
        fputs("none", stdout);
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        fputs(text ? text : "?", stdout);
        free(text);
    }
}

static void print_nested(const json_t *object)
{
    const char *key, *before = "";
    json_t *value;
    json_object_foreach ((json_t *)object, key, value) {
        printf("%s%s ", before, key);
        print_value(value);
        before = ", ";
    }
}

static void print_files(const json_t *files)
{
    size_t i;
    json_t *file;
    json_array_foreach (files, i, file) {
        printf("%-24s  %14lld  %s\n", i == 0 ? "files" : "",
               (long long)json_integer_value(json_object_get(file, "bytes")),
               json_string_value(json_object_get(file, "name")));
    }
}

static void print_words(const json_t *list)
{
    size_t i;
    json_t *word;
    json_array_foreach (list, i, word) {
        if (i) putchar(' ');
        print_value(word);
    }
    if (json_array_size(list) == 0) fputs("none", stdout);
}

static void print_lines(const json_t *top)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)top, key, value) {
        if (strcmp(key, "files") == 0) {
            print_files(value);
            continue;
        }
        printf("%-24s  ", key);
        if (json_is_object(value))
            print_nested(value);
        else if (json_is_array(value))
            print_words(value);
        else
            print_value(value);
        putchar('\n');
    }
}

static bool run(int argc, char **argv, cv_error *err)
{
    const char *directory = NULL;
    bool as_json = false;
    const cv_option known[] = {{.name = "--json", .flag = &as_json}, {0}};
    const cv_argument arguments[] = {{"MODEL_DIR", &directory}, {0}};
    if (!cv_options_read("inspect", argc, argv, known, arguments, err)) return false;
    json_t *top = collect(directory, err);
    if (!top) return false;
    if (as_json) {
        json_dumpf(top, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        putchar('\n');
    } else {
        print_lines(top);
    }
    json_decref(top);
    return cv_stdout_check(err);
}

const cv_verb cv_inspect_verb = {"inspect", help, run};
