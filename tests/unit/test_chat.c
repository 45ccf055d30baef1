/* Texts of conversations against transformers' apply_chat_template: templates in the style of each
 * family, and what is refused. */
#include "text/chat.h"

#include "base/file.h"
#include "scratch.h"
#include "suite.h"
#include "text_cases.h"

static void write_json(const char *name, const json_t *value)
{
    char *text = json_dumps(value, 0), *path = scratch_file(name, text, strlen(text));
    free(path);
    free(text);
}

/* A model's folder whose configuration holds the template and the tokens of a fixture. */
static void make_folder(const json_t *entry)
{
    json_t *config = json_deep_copy(json_object_get(entry, "tokens"));
    json_object_set(config, "chat_template", json_object_get(entry, "template"));
    write_json("tokenizer_config.json", config);
    json_decref(config);
}

static void check_case(const cv_chat *chat, const json_t *entry, const json_t *one)
{
    cv_error err;
    cv_buffer out = {0};
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *expected = json_string_value(json_object_get(one, "text"));
    bool fine = cv_chat_render(chat, json_string_value(json_object_get(one, "system")),
                               json_string_value(json_object_get(one, "prompt")), &out, &err);
    ck_assert_msg(fine == (expected != NULL), "%s: %s", name, fine ? out.data : err.text);
    if (fine) ck_assert_msg(strcmp(out.data, expected) == 0, "%s: \"%s\", not \"%s\"", name, out.data, expected);
    if (!fine) check_error(&err, "\"kind\": \"custom\", \"text\": \"...{prompt}...\"");
    cv_buffer_free(&out);
}

START_TEST(test_same_as_transformers)
{
    cv_error err;
    json_t *fixture = text_fixture("chat.json");
    const json_t *templates = json_object_get(fixture, "templates");
    size_t compared = 0;
    ck_assert_uint_ge(json_array_size(templates), 10);
    for (size_t i = 0; i < json_array_size(templates); i++) {
        const json_t *entry = json_array_get(templates, i), *cases = json_object_get(entry, "cases");
        cv_chat chat = {0};
        make_folder(entry);
        ck_assert_msg(cv_chat_load(&chat, scratch, &err), "%s", err.text);
        for (size_t j = 0; j < json_array_size(cases); j++) check_case(&chat, entry, json_array_get(cases, j));
        compared += json_array_size(cases);
        cv_chat_free(&chat);
    }
    ck_assert_uint_ge(compared, 100);
    printf("%zu conversations in %zu templates\n", compared, json_array_size(templates));
    json_decref(fixture);
}
END_TEST

static const struct {
    const char *template, *family;
} families[] = {
    {"<|im_start|> <|im_end|>", "ChatML"},
    {"<|start_header_id|> <|eot_id|>", "Llama-3"},
    {"<start_of_turn> <end_of_turn>", "Gemma"},
    {"[INST] <<SYS>> [/INST]", "Llama-2"},
    {"[INST] [/INST]", "Mistral"},
    {"USER: ASSISTANT:", "Vicuna"},
    {"<|user|> <|end|> <|assistant|>", "Phi-3"},
    {"<|user|> <|assistant|>", "OLMo-2"},
    {"<|user|>", NULL},
    {"<|im_start|>", NULL},
    {"", NULL},
};

START_TEST(test_family)
{
    cv_error err;
    cv_chat chat = {0};
    json_t *entry = json_pack("{s:s,s:{}}", "template", families[_i].template, "tokens");
    make_folder(entry);
    ck_assert(cv_chat_load(&chat, scratch, &err));
    const char *family = cv_chat_family(&chat);
    ck_assert_int_eq(family != NULL, families[_i].family != NULL);
    if (family) ck_assert_str_eq(family, families[_i].family);
    cv_chat_free(&chat);
    json_decref(entry);
}
END_TEST

/* Where the template stands: the text "from ..." tells which one was taken. */
static const struct {
    const char *config, *jinja, *text;
} places[] = {
    {"{'chat_template': 'from config <|im_start|><|im_end|>'}", NULL, "from config <|im_start|><|im_end|>"},
    {"{'chat_template': 'from config'}", "from jinja <|im_start|><|im_end|>\n", "from jinja <|im_start|><|im_end|>"},
    {NULL, "from jinja {{ bos_token }}<|im_start|><|im_end|>", "from jinja <|im_start|><|im_end|>"},
    {"{'bos_token': {'content': '<b>', 'lstrip': false}, 'model_max_length': 1000000000000000019884624838656}",
     "{{ bos_token }}<|im_start|><|im_end|>", "<b><|im_start|><|im_end|>"},
    {"{'chat_template': [{'name': 'tool_use', 'template': 'x'}, {'name': 'default', 'template': 'from list "
     "<|im_start|><|im_end|>'}]}",
     NULL, "from list <|im_start|><|im_end|>"},
};

START_TEST(test_places)
{
    cv_error err;
    cv_chat chat = {0};
    cv_buffer out = {0};
    if (places[_i].config) {
        char *text = cv_strdup(places[_i].config);
        for (char *c = text; *c; c++)
            if (*c == '\'') *c = '"';
        free(scratch_file("tokenizer_config.json", text, strlen(text)));
        free(text);
    }
    if (places[_i].jinja) free(scratch_file("chat_template.jinja", places[_i].jinja, strlen(places[_i].jinja)));
    ck_assert_msg(cv_chat_load(&chat, scratch, &err), "%s", err.text);
    ck_assert_msg(cv_chat_render(&chat, NULL, "p", &out, &err), "%s", err.text);
    ck_assert_str_eq(out.data, places[_i].text);
    cv_buffer_free(&out);
    cv_chat_free(&chat);
}
END_TEST

static const struct {
    const char *config, *message;
} refused[] = {
    {"[]", "tokenizer_config.json: the file must hold one JSON object"},
    {"{'chat_template': 3}", "chat_template must be a string"},
    {"{'chat_template': [3]}", "chat_template[0] must be an object"},
    {"{'chat_template': [{'name': 'x'}]}", "chat_template.template is missing"},
    {"{'chat_template': [{'name': 'x', 'template': 'y'}]}", "names no template \"default\""},
    {"{'bos_token': 3}", "bos_token must be a string"},
    {"{'bos_token': {}}", "bos_token.content is missing"},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_chat chat = {0};
    char *text = cv_strdup(refused[_i].config);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    free(scratch_file("tokenizer_config.json", text, strlen(text)));
    ck_assert(!cv_chat_load(&chat, scratch, &err));
    check_error(&err, refused[_i].message);
    cv_chat_free(&chat);
    free(text);
}
END_TEST

START_TEST(test_no_template)
{
    cv_error err;
    cv_chat chat = {0};
    cv_buffer out = {0};
    ck_assert(cv_chat_load(&chat, scratch, &err)); /* no file at all is fine for the other formats */
    ck_assert(!cv_chat_render(&chat, NULL, "p", &out, &err));
    check_error(&err, "the model has no chat_template");
    ck_assert_ptr_nonnull(strstr(err.text, "USER: {prompt} ASSISTANT:")); /* the one that often has none */
    cv_chat_free(&chat);
}
END_TEST

START_TEST(test_bad_jinja)
{
    cv_error err;
    cv_chat chat = {0};
    free(scratch_file("chat_template.jinja", "<|im_start|>\xff", 13));
    ck_assert(!cv_chat_load(&chat, scratch, &err));
    check_error(&err, "chat_template.jinja: not valid UTF-8 at byte 12");
    cv_chat_free(&chat);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("chat");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_same_as_transformers);
    tcase_add_loop_test(tests, test_family, 0, ROWS(families));
    tcase_add_loop_test(tests, test_places, 0, ROWS(places));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_test(tests, test_no_template);
    tcase_add_test(tests, test_bad_jinja);
    return run_suite(tests);
}
