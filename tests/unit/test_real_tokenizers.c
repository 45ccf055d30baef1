/* Published tokenizers against Hugging Face's: ids and texts of the fixtures' strings, chats, and the
 * prompts of real data sets. Neither the tokenizers nor the data sets may be part of the repository:
 *
 *     CARAVAN_SHARED   holds tokenizers/NAME/tokenizer.json and data/NAME.csv (unset: ../shared)
 *     CARAVAN_TOKENIZERS  a folder that scripts/fetch-tokenizers.sh made
 *     CARAVAN_SMOLLM2  a folder that scripts/fetch-smollm2.sh made
 *     CARAVAN_PYTHON   a Python with the packages of tests/reference/requirements.txt
 *
 * What is not there is named and passed over; where there is no tokenizer at all, the program skips. */
#include "base/buffer.h"
#include "base/file.h"
#include "suite.h"
#include "text_reference.h"

#include <sys/wait.h>

enum { SKIPPED = 77 };

static const char *const known[] = {"smollm2", "mistral-7b", "llama-3",  "qwen3",
                                    "gemma-3", "gpt2",       "gpt-neox", "olmo2"};
enum { OF_SMOLLM2 = 0, FIRST_FETCHED = 5 };

/* CARAVAN_SHARED/name. Free with free(). */
static char *shared_path(const char *name)
{
    const char *shared = getenv("CARAVAN_SHARED");
    return cv_path_join(shared && *shared ? shared : CARAVAN_SOURCE_DIR "/../shared", name);
}

/* Where the tokenizer should be; NULL, after a word on stdout, if the variable that says so is unset. */
static char *place_of(int number)
{
    const char *variable = number == OF_SMOLLM2 ? "CARAVAN_SMOLLM2" : "CARAVAN_TOKENIZERS", *value = getenv(variable);
    if (number != OF_SMOLLM2 && number < FIRST_FETCHED) {
        char relative[64];
        snprintf(relative, sizeof relative, "tokenizers/%s", known[number]);
        return shared_path(relative);
    }
    if (value && *value) return number == OF_SMOLLM2 ? cv_strdup(value) : cv_path_join(value, known[number]);
    printf("skipped: %s: %s names no folder\n", known[number], variable);
    fflush(stdout);
    return NULL;
}

/* The folder of a tokenizer, NULL (after a word on stdout) where it is not here. Free with free(). */
static char *folder_of(int number)
{
    char *folder = place_of(number);
    if (!folder) return NULL;
    char *file = cv_path_join(folder, "tokenizer.json");
    bool here = cv_file_exists(file);
    if (!here) printf("skipped: %s: there is no %s\n", known[number], file);
    fflush(stdout);
    free(file);
    if (here) return folder;
    free(folder);
    return NULL;
}

static cv_tokenizer *opened(const char *folder)
{
    cv_error err;
    cv_tokenizer *t = cv_tokenizer_open(folder, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    return t;
}

START_TEST(ids_and_texts_are_those_of_hugging_face)
{
    char *folder = folder_of(_i);
    if (folder) check_fixture(folder, known[_i]);
    free(folder);
}
END_TEST

static size_t occurrences(const cv_tokens *tokens, int32_t id)
{
    size_t count = 0;
    for (size_t i = 0; i < tokens->count; i++) count += tokens->ids[i] == id;
    return count;
}

/* The ids are those of transformers' apply_chat_template; a token that the tokenizer puts before
 * every text stands there once, though the template writes it too. */
static void check_chat(const cv_tokenizer *t, const json_t *chat, const json_t *reference, size_t number)
{
    cv_error err;
    cv_tokens found = {0}, expected = {0}, before = {0};
    cv_format format = {CV_FORMAT_CHAT, json_string_value(json_object_get(chat, "system")), NULL};
    const char *prompt = json_string_value(json_object_get(chat, "prompt"));
    int width = (int)json_integer_value(json_object_get(reference, "width"));
    unpack(json_string_value(json_object_get(chat, "ids")), width, &expected);
    ck_assert_msg(cv_format_prompt(t, &format, prompt, &found, NULL, &err), "%s", err.text);
    same_ids(&found, &expected, number, "chat");
    append_list(json_object_get(reference, "before"), &before);
    for (size_t i = 0; i < before.count; i++) ck_assert_uint_eq(occurrences(&found, before.ids[i]), 1);
    cv_tokens_free(&found);
    cv_tokens_free(&expected);
    cv_tokens_free(&before);
}

START_TEST(chats_are_those_of_transformers)
{
    char *folder = folder_of(_i), file[64];
    if (!folder) return;
    snprintf(file, sizeof file, "ids/%s.json", known[_i]);
    json_t *reference = text_fixture(file);
    const json_t *chats = json_object_get(reference, "chats");
    cv_tokenizer *t = opened(folder);
    for (size_t i = 0; i < json_array_size(chats); i++) check_chat(t, json_array_get(chats, i), reference, i);
    if (json_array_size(chats) == 0) { /* Mistral-7B v0.1 has no template, nor have GPT-2 and Pythia */
        cv_error err;
        cv_tokens out = {0};
        ck_assert(!cv_format_prompt(t, &(cv_format){CV_FORMAT_CHAT, NULL, NULL}, "x", &out, NULL, &err));
        check_error(&err, "\"kind\": \"custom\"");
    }
    printf("%s: %zu chats\n", known[_i], json_array_size(chats));
    fflush(stdout);
    cv_tokenizer_close(t);
    json_decref(reference);
    free(folder);
}
END_TEST

static const char *const data_sets[] = {"harmful_behaviors", "jailbreakbench", "maliciousinstruct"};
enum { DATA_SETS = 3 };

/* What text_prompts.py prints of a tokenizer and prompt files. */
static json_t *reference_of_prompts(const char *folder, char *const *files, size_t count)
{
    cv_buffer command = {0};
    cv_buffer_printf(&command, "'%s' '%s/tests/reference/text_prompts.py' '%s'", getenv("CARAVAN_PYTHON"),
                     CARAVAN_SOURCE_DIR, folder);
    for (size_t i = 0; i < count; i++) cv_buffer_printf(&command, " '%s'", files[i]);
    FILE *pipe = popen(command.data, "r");
    ck_assert_ptr_nonnull(pipe);
    json_error_t problem;
    json_t *reference = json_loadf(pipe, JSON_ALLOW_NUL, &problem);
    int status = pclose(pipe);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s failed", command.data);
    ck_assert_msg(reference != NULL, "%s printed: %s", command.data, problem.text);
    cv_buffer_free(&command);
    return reference;
}

/* The file's prompts, which must be those that Python's csv reads, as ids and back. */
static size_t check_prompt_file(const cv_tokenizer *t, const char *file, const json_t *reference)
{
    cv_error err;
    cv_prompts prompts;
    const json_t *texts = json_object_get(reference, "strings");
    ck_assert_msg(cv_prompts_load(file, NULL, 0, &prompts, &err), "%s", err.text);
    ck_assert_uint_eq(prompts.count, json_array_size(texts));
    for (size_t i = 0; i < prompts.count; i++)
        ck_assert_str_eq(prompts.text[i], json_string_value(json_array_get(texts, i)));
    cv_prompts_free(&prompts);
    return check_strings(t, texts, reference);
}

/* Why the prompts cannot be compared, NULL where they can. */
static const char *prompts_missing(char *const *files)
{
    const char *python = getenv("CARAVAN_PYTHON");
    if (!python || !*python) return "CARAVAN_PYTHON names no Python";
    for (size_t i = 0; i < DATA_SETS; i++)
        if (!cv_file_exists(files[i])) return "the files are not in CARAVAN_SHARED/data";
    return NULL;
}

static void check_data_sets(const char *name, const char *folder, char *const *files)
{
    json_t *references = reference_of_prompts(folder, files, DATA_SETS);
    cv_tokenizer *t = opened(folder);
    for (size_t i = 0; i < DATA_SETS; i++)
        printf("%s: %zu prompts of %s\n", name, check_prompt_file(t, files[i], json_object_get(references, files[i])),
               data_sets[i]);
    cv_tokenizer_close(t);
    json_decref(references);
}

START_TEST(real_prompts_have_the_same_ids)
{
    char *folder = folder_of(_i), *files[DATA_SETS];
    if (!folder) return;
    for (size_t i = 0; i < DATA_SETS; i++) {
        char name[64];
        snprintf(name, sizeof name, "data/%s.csv", data_sets[i]);
        files[i] = shared_path(name);
    }
    const char *missing = prompts_missing(files);
    if (missing)
        printf("skipped: %s: real prompts: %s\n", known[_i], missing);
    else
        check_data_sets(known[_i], folder, files);
    fflush(stdout);
    for (size_t i = 0; i < DATA_SETS; i++) free(files[i]);
    free(folder);
}
END_TEST

int main(void)
{
    size_t here = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *folder = folder_of((int)i);
        here += folder != NULL;
        free(folder);
    }
    if (here == 0) return SKIPPED;
    TCase *tests = tcase_create("real tokenizers");
    tcase_add_loop_test(tests, ids_and_texts_are_those_of_hugging_face, 0, ROWS(known));
    tcase_add_loop_test(tests, chats_are_those_of_transformers, 0, ROWS(known));
    tcase_add_loop_test(tests, real_prompts_have_the_same_ids, 0, ROWS(known));
    return run_suite(tests);
}
