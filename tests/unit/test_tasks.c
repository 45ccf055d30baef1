#include <caravan/text.h>

#include "base/buffer.h"
#include "scratch.h"
#include "suite.h"
#include "text_cases.h"

#include <math.h>

#define BOM "\xef\xbb\xbf"
#define SIZED(text) text, sizeof text - 1

/* Loads content, with ' for ", as a file. */
static bool load(const char *content, size_t length, size_t limit, cv_task *task, cv_error *err)
{
    char *copy = cv_strndup(content, length);
    memcpy(copy, content, length); /* past a NUL as well */
    for (size_t i = 0; i < length; i++)
        if (copy[i] == '\'') copy[i] = '"';
    char *path = scratch_file("task.jsonl", copy, length);
    bool fine = cv_task_load(path, limit, task, err);
    free(path);
    free(copy);
    return fine;
}

static cv_task loaded(const char *content, size_t limit)
{
    cv_error err;
    cv_task task;
    ck_assert_msg(load(content, strlen(content), limit, &task, &err), "%s", err.text);
    return task;
}

/* Files, and their items as LINE:CONTEXT|CONTEXT>CHOICE|CHOICE=ANSWER. */
static const struct {
    const char *content;
    size_t limit;
    const char *items;
} files[] = {
    {"{'context': 'q', 'choices': ['a', 'b'], 'answer': 0}\n", 0, "1:q>a|b=0 "},
    {BOM "{'answer': 2, 'choices': ['a', 'b', ' c '], 'context': 'q '}", 0, "1:q >a|b| c =2 "},
    {"\n \r\n{'context': ['p', 'q'], 'choices': ['a', 'a'], 'answer': 1}\r\n\n", 0, "3:p|q>a|a=1 "},
    {"{'context':'p','choices':['a','b'],'answer':0}\n{'context':'q','choices':['c','d'],'answer':1}", 0,
     "1:p>a|b=0 2:q>c|d=1 "},
    {"{'context':'p','choices':['a','b'],'answer':0}\n{'context':'q','choices':['c','d'],'answer':1}", 1, "1:p>a|b=0 "},
    {"{'context':'p','choices':['a','b'],'answer':0}\nbeyond the limit", 1, "1:p>a|b=0 "},
    {"{'context': '\\u00e9\\n\U0001f600', 'choices': ['a', 'b'], 'answer': 0}", 0, "1:\u00e9\n\U0001f600>a|b=0 "},
};

static void spell(cv_buffer *out, char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) cv_buffer_printf(out, "%s%s", i ? "|" : "", texts[i]);
}

START_TEST(test_load)
{
    cv_task task = loaded(files[_i].content, files[_i].limit);
    cv_buffer out = {0};
    for (size_t i = 0; i < task.count; i++) {
        const cv_task_item *item = &task.items[i];
        cv_buffer_printf(&out, "%zu:", item->line);
        spell(&out, item->contexts, item->num_contexts);
        cv_buffer_puts(&out, ">");
        spell(&out, item->choices, item->num_choices);
        cv_buffer_printf(&out, "=%zu ", item->answer);
    }
    ck_assert_str_eq(out.data, files[_i].items);
    cv_buffer_free(&out);
    cv_task_free(&task);
}
END_TEST

static const struct {
    const char *content;
    size_t length;
    const char *message;
} refused[] = {
    {SIZED(""), "the file holds no question"},
    {SIZED(BOM "\n\n"), "the file holds no question"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 0}\nnonsense"), "line 2: column "},
    {SIZED("\n{'context': 'q',"), "line 2: column "},
    {SIZED("{'context': 'q',\n'choices': ['a', 'b'], 'answer': 0}"), "line 1: column "},
    {SIZED("[1]"), "line 1: a line must hold one JSON object"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 0} {}"), "line 1: column "},
    {SIZED("{'context': 'q', 'context': 'q', 'choices': ['a', 'b'], 'answer': 0}"), "line 1: column "},
    {SIZED("{'context': 'q\xe9', 'choices': ['a', 'b'], 'answer': 0}"), "line 1: column "},
    {SIZED("{'contxt': 'q', 'choices': ['a', 'b'], 'answer': 0}"),
     "line 1: unknown key contxt; did you mean \"context\"?"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 0, 'id': 1}"), "line 1: unknown key id"},
    {SIZED("{'choices': ['a', 'b'], 'answer': 0}"), "line 1: context is missing"},
    {SIZED("{'context': 'q', 'answer': 0}"), "line 1: choices is missing"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b']}"), "line 1: answer is missing"},
    {SIZED("{'context': null, 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context must be a string"},
    {SIZED("{'context': 1, 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context must be a string"},
    {SIZED("{'context': 'q', 'choices': 'a', 'answer': 0}"), "line 1: choices must be an array"},
    {SIZED("{'context': 'q', 'choices': ['a'], 'answer': 0}"), "line 1: choices has 1 texts"},
    {SIZED("{'context': 'q', 'choices': ['a', 2], 'answer': 0}"), "line 1: choices[1] must be a string"},
    {SIZED("{'context': 'q', 'choices': ['a', ''], 'answer': 0}"), "line 1: choices[1] is empty"},
    {SIZED("{'context': 'q', 'choices': [' \\t', 'b'], 'answer': 0}"), "line 1: choices[0] is empty"},
    {SIZED("{'context': '\\n\\u3000\\u001f', 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context is empty"},
    {SIZED("{'context': 'q\\u0000', 'choices': ['a', 'b'], 'answer': 0}"),
     "line 1: context must be a string without NUL"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 2}"), "line 1: answer is 2; it must lie between 0 and 1"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': -1}"), "line 1: answer is -1"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 0.0}"), "line 1: answer must be a whole number"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': true}"), "line 1: answer must be a whole number"},
    {SIZED("{'context': ['p'], 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context has 1 texts, but there are 2"},
    {SIZED("{'context': ['p', 3], 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context[1] must be a string"},
    {SIZED("{'context': ['p', ' '], 'choices': ['a', 'b'], 'answer': 0}"), "line 1: context[1] is empty"},
    {SIZED("{'context': 'q', 'choices': ['a', 'b'], 'answer': 0}\0"), "line 1: column "},
};

START_TEST(test_refused)
{
    cv_error err;
    cv_task task = {0};
    ck_assert(!load(refused[_i].content, refused[_i].length, 0, &task, &err));
    check_error(&err, refused[_i].message);
    ck_assert_ptr_nonnull(strstr(err.text, "task.jsonl: "));
    ck_assert_ptr_null(task.items);
}
END_TEST

/* An item of count choices, each of length letters. */
static char *large_item(size_t count, size_t length)
{
    cv_buffer out = {0};
    cv_buffer_puts(&out, "{'context': 'q', 'answer': 0, 'choices': [");
    for (size_t i = 0; i < count; i++) {
        cv_buffer_puts(&out, i ? ", '" : "'");
        for (size_t n = 0; n < length; n++) cv_buffer_puts(&out, "a");
        cv_buffer_puts(&out, "'");
    }
    cv_buffer_puts(&out, "]}");
    return cv_buffer_steal(&out);
}

static const struct {
    size_t choices, length;
    const char *message; /* NULL: fine */
} sizes[] = {
    {256, 1, NULL},
    {257, 1, "line 1: choices has 257 texts; it must have 2 to 256"},
    {2, 1 << 20, NULL},
    {2, (1 << 20) + 1, "line 1: choices[0] has 1048577 bytes; at most 1048576 are read"},
};

START_TEST(test_sizes)
{
    cv_error err;
    cv_task task;
    char *item = large_item(sizes[_i].choices, sizes[_i].length);
    bool fine = load(item, strlen(item), 0, &task, &err);
    ck_assert_int_eq(fine, !sizes[_i].message);
    if (!fine) check_error(&err, sizes[_i].message);
    if (fine) cv_task_free(&task);
    free(item);
}
END_TEST

START_TEST(test_missing_file)
{
    cv_error err;
    cv_task task;
    char *path = scratch_path("none.jsonl");
    ck_assert(!cv_task_load(path, 0, &task, &err));
    check_error(&err, "none.jsonl");
    free(path);
}
END_TEST

/* Characters as tokens, and two that reach over a blank: the one that takes it to the word behind, as
 * most tokenizers do, and the one that takes it to the word before. The begin token is before every
 * text, the end token behind. */
static const char TOKENIZER[] =
    "{'model': {'type': 'BPE', 'vocab': {'<b>': 0, '<e>': 1, 'a': 2, 'b': 3, 'c': 4, ' ': 5, ' b': 6, 'c ': 7},"
    "'merges': [[' ', 'b'], ['c', ' ']]},"
    "'added_tokens': [{'id': 0, 'content': '<b>', 'single_word': false, 'lstrip': false, 'rstrip': false,"
    "'normalized': false, 'special': true}],"
    "'post_processor': {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<b>', 'type_id': 0}},"
    "{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '<e>', 'type_id': 0}}], 'pair': [],"
    "'special_tokens': {'<b>': {'ids': [0]}, '<e>': {'ids': [1]}}}}";

static cv_tokenizer *open_tokenizer(void)
{
    cv_error err;
    char *text = cv_strdup(TOKENIZER);
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    free(scratch_file("tokenizer.json", text, strlen(text)));
    cv_tokenizer *t = cv_tokenizer_open(scratch, &err);
    ck_assert_msg(t != NULL, "%s", err.text);
    free(text);
    return t;
}

static cv_model model_of(int vocab_size, int positions)
{
    return (cv_model){.path = (char *)"somewhere",
                      .config = {.vocab_size = vocab_size, .max_position_embeddings = positions}};
}

/* Items, and the ids of their pairs: the context's, a bar, the choice's. */
static const struct {
    const char *content, *pairs;
} encoded[] = {
    {"{'context': 'a', 'choices': ['a', 'b'], 'answer': 0}", "0 2 | 5 2, 0 2 | 6, "},
    {"{'context': 'a  ', 'choices': ['a', 'b'], 'answer': 0}", "0 2 | 5 5 5 2, 0 2 | 5 5 6, "},
    {"{'context': 'a\\u3000\\n', 'choices': ['a', 'b'], 'answer': 0}", "0 2 | 5 2, 0 2 | 6, "}, /* no such tokens */
    {"{'context': '<b>a', 'choices': ['a', 'b'], 'answer': 0}", "0 2 | 5 2, 0 2 | 6, "},        /* one begin token */
    {"{'context': 'a', 'choices': ['<b>', 'ab'], 'answer': 0}", "0 2 | 5 0, 0 2 | 5 2 3, "},
    {"{'context': ['a', 'bb'], 'choices': ['b', 'b'], 'answer': 0}", "0 2 | 6, 0 3 3 | 6, "},
    {"{'context': 'ac', 'choices': ['a', 'c'], 'answer': 0}", "0 2 4 | 2, 0 2 4 | 4, "}, /* not 'c ', as in both */
    {"{'context': 'a', 'choices': ['a', 'b'], 'answer': 0}\n{'context': 'b', 'choices': ['a', 'b'], 'answer': 0}",
     "0 2 | 5 2, 0 2 | 6, 0 3 | 5 2, 0 3 | 6, "},
};

START_TEST(test_encode)
{
    cv_error err;
    cv_tokenizer *t = open_tokenizer();
    cv_model model = model_of(8, 100);
    cv_task task = loaded(encoded[_i].content, 0);
    cv_task_pairs pairs;
    cv_buffer out = {0};
    ck_assert_msg(cv_task_encode(&task, t, &model, &pairs, &err), "%s", err.text);
    ck_assert_uint_eq(pairs.num_items, task.count);
    ck_assert_uint_eq(pairs.begin[0], 0);
    ck_assert_uint_eq(pairs.begin[task.count], pairs.num);
    for (size_t i = 0; i < pairs.num; i++) {
        for (size_t n = 0; n < pairs.count[i]; n++)
            cv_buffer_printf(&out, "%s%s%d", n ? " " : "", n == pairs.context[i] ? "| " : "", (int)pairs.ids[i][n]);
        cv_buffer_puts(&out, ", ");
    }
    ck_assert_str_eq(out.data, encoded[_i].pairs);
    cv_buffer_free(&out);
    cv_task_pairs_free(&pairs);
    cv_task_free(&task);
    cv_tokenizer_close(t);
}
END_TEST

static const struct {
    const char *content;
    int vocab_size, positions;
    const char *message; /* NULL: fine */
} limits[] = {
    {"{'context': 'aaa', 'choices': ['bb', 'b'], 'answer': 0}", 8, 5, NULL}, /* six tokens, the last is not fed */
    {"\n{'context': 'aaa', 'choices': ['b', 'bb'], 'answer': 0}", 8, 4,
     "line 2: context and choice 1 have 6 tokens, but somewhere has 4 positions"},
    {"{'context': 'aaa', 'choices': ['bb', 'b'], 'answer': 0}", 6, 9,
     "line 1: choice 0 has token 6, but somewhere/config.json has vocab_size 6"},
    {"{'context': 'ac', 'choices': ['x', 'b'], 'answer': 0}", 8, 9, "line 1: choice 0 adds no token to its context"},
};

START_TEST(test_limits)
{
    cv_error err;
    cv_tokenizer *t = open_tokenizer();
    cv_model model = model_of(limits[_i].vocab_size, limits[_i].positions);
    cv_task task = loaded(limits[_i].content, 0);
    cv_task_pairs pairs;
    bool fine = cv_task_encode(&task, t, &model, &pairs, &err);
    ck_assert_int_eq(fine, !limits[_i].message);
    if (!fine) check_error(&err, limits[_i].message);
    if (!fine) ck_assert_ptr_nonnull(strstr(err.text, "task.jsonl"));
    if (fine) cv_task_pairs_free(&pairs);
    cv_task_free(&task);
    cv_tokenizer_close(t);
}
END_TEST

START_TEST(test_choice)
{
    cv_task task = loaded("{'context': 'q', 'choices': ['abcd', '\u00e9\U0001f600', 'ab'], 'answer': 1}\n"
                          "{'context': ['a', 'abcde'], 'choices': ['ab', 'ab'], 'answer': 1}",
                          0);
    const cv_task_item *item = &task.items[0], *own = &task.items[1];
    ck_assert_uint_eq(cv_task_length(item, 0), 4);
    ck_assert_uint_eq(cv_task_length(item, 1), 2); /* characters, not bytes */
    ck_assert_uint_eq(cv_task_length(own, 0), 1);
    ck_assert_uint_eq(cv_task_length(own, 1), 5);
    ck_assert_uint_eq(cv_task_choose(item, (double[]){-4, -3, -3.5}, false), 1);
    ck_assert_uint_eq(cv_task_choose(item, (double[]){-4, -3, -3.5}, true), 0);
    ck_assert_uint_eq(cv_task_choose(item, (double[]){-6, -3, -3}, false), 1); /* the first of equals */
    ck_assert_uint_eq(cv_task_choose(item, (double[]){-6, -3, -3}, true), 0);
    ck_assert_uint_eq(cv_task_choose(item, (double[]){-INFINITY, -INFINITY, -900}, false), 2);
    ck_assert_uint_eq(cv_task_choose(own, (double[]){-1, -2}, false), 0);
    ck_assert_uint_eq(cv_task_choose(own, (double[]){-1, -2}, true), 1);
    cv_task_free(&task);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("tasks");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, test_load, 0, ROWS(files));
    tcase_add_loop_test(tests, test_refused, 0, ROWS(refused));
    tcase_add_loop_test(tests, test_sizes, 0, ROWS(sizes));
    tcase_add_test(tests, test_missing_file);
    tcase_add_loop_test(tests, test_encode, 0, ROWS(encoded));
    tcase_add_loop_test(tests, test_limits, 0, ROWS(limits));
    tcase_add_test(tests, test_choice);
    return run_suite(tests);
}
