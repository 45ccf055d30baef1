/* Inputs from real files: the small random models of tests/fixtures/models, with a tokenizer that
 * takes each printable character for a token. */
#include "sweep/inputs.h"

#include "base/memory.h"

#include "scratch.h"
#include "suite.h"

#include <unistd.h>

static const char source[] = CARAVAN_SOURCE_DIR;

static void link_file(const char *from, const char *to)
{
    char target[512];
    snprintf(target, sizeof target, "%s/%s", source, from);
    char *path = scratch_path(to);
    ck_assert_int_eq(symlink(target, path), 0);
    free(path);
}

static void add(const char *name, const char *text)
{
    free(scratch_file(name, text, strlen(text)));
}

/* A model directory of the fixture, with the tokenizer unless it is to be missing. */
static void add_model(const char *name, const char *fixture, bool with_tokenizer)
{
    char from[256], to[128];
    char *path = scratch_path(name);
    cv_error err;
    ck_assert(cv_make_directories(path, &err));
    static const char *const files[] = {"config.json", "model.safetensors"};
    for (int i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "tests/fixtures/models/%s/%s", fixture, files[i]);
        snprintf(to, sizeof to, "%s/%s", name, files[i]);
        link_file(from, to);
    }
    snprintf(to, sizeof to, "%s/tokenizer.json", name);
    if (with_tokenizer) link_file("tests/cli/data/tokenizer.json", to);
    free(path);
}

static void setup(void)
{
    scratch_make();
    add_model("gqa", "gqa", true);
    add_model("mqa", "mqa-3-layers", true);
    add_model("mute", "gqa", false);
    add("harmful.csv", "goal,n\n\"a, b\",1\nlonger,2\n");
    add("harmless.txt", "x\n");
    add("task.jsonl", "{\"context\": \"ab\", \"choices\": [\"c\", \"de\"], \"answer\": 1}\n"
                      "{\"context\": \"f\", \"choices\": [\"gh\", \"i\", \"jklmnop\"], \"answer\": 0}\n");
}

/* Loads a job given as JSON with ' for ". */
static bool load(const char *job_text, cv_inputs *inputs, cv_error *err)
{
    char *text = cv_strdup(job_text), *path = scratch_path("job.json");
    for (char *c = text; *c; c++)
        if (*c == '\'') *c = '"';
    cv_job job;
    *err = (cv_error){CV_OK, ""};
    bool ok = cv_job_parse(text, strlen(text), path, NULL, &job, err);
    ck_assert_msg(ok, "%s", err->text);
    ok = cv_inputs_load(&job, inputs, err);
    ck_assert_ptr_null(job.models);
    free(text);
    free(path);
    return ok;
}

static const char good[] = "{'models': [{'name': 'a', 'path': 'gqa'}, {'name': 'b', 'path': 'mqa', 'base': 'x'}],"
                           " 'prompts': {'harmful': {'file': 'harmful.csv'}, 'harmless': {'file': 'harmless.txt'}},"
                           " 'format': {'kind': 'custom', 'text': 'Q{prompt}'},"
                           " 'ablations': [{'kind': 'mean_over_heads', 'of': 'z'}, {'kind': 'value_scale'}],"
                           " 'evaluate': {'decode': [], 'utility': [{'name': 't', 'file': 'task.jsonl'}]},"
                           " 'engine': {'memory_gib': 1}, 'output': 'out'}";

/* "ab" before "c" and "de", "f" before "gh", "i" and "jklmnop", a blank between them. */
static void expect_pairs(const cv_task_pairs *pairs)
{
    static const char *const texts[] = {"ab c", "ab de", "f gh", "f i", "f jklmnop"};
    ck_assert_uint_eq(pairs->num_items, 2);
    ck_assert_uint_eq(pairs->num, 5);
    ck_assert(pairs->begin[0] == 0 && pairs->begin[1] == 2 && pairs->begin[2] == 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(pairs->count[i], 1 + strlen(texts[i]));
        ck_assert_uint_eq(pairs->context[i], i < 2 ? 3 : 2);
        ck_assert_int_eq(pairs->ids[i][0], 95);
        for (size_t c = 0; texts[i][c]; c++) ck_assert_int_eq(pairs->ids[i][1 + c], texts[i][c] - 32);
    }
}

/* BOS is 95; the other ids are the characters' codes less 32. The longest text is a choice of 10 tokens, whose
 * last is not fed. */
static void expect_good(const cv_inputs *inputs)
{
    static const int32_t first[] = {95, 'Q' - 32, 'a' - 32, ',' - 32, 0, 'b' - 32};
    ck_assert_int_eq(inputs->job.num_models, 2);
    ck_assert_str_eq(inputs->job.models[1].base, "x");
    ck_assert_int_eq(inputs->job.num_ablations, 2);
    ck_assert_str_eq(inputs->job.ablation_names[0], "mean_over_heads-z");
    ck_assert_uint_eq(inputs->job.memory_bytes, 1u << 30);
    ck_assert_int_eq(inputs->job.format.kind, CV_FORMAT_CUSTOM);
    ck_assert_str_eq(inputs->job.format.text, "Q{prompt}");
    ck_assert_uint_eq(inputs->num_prompts[CV_HARMFUL], 2);
    ck_assert_uint_eq(inputs->num_prompts[CV_HARMLESS], 1);
    ck_assert_str_eq(inputs->prompts[CV_HARMFUL][0], "a, b");
    ck_assert_str_eq(inputs->prompts[CV_HARMLESS][0], "x");
    for (int m = 0; m < 2; m++) {
        ck_assert_int_eq(inputs->models[m]->config.num_hidden_layers, m ? 3 : 2);
        ck_assert_str_eq(inputs->format_texts[m], "Q{prompt}");
        ck_assert_uint_eq(inputs->tokens[m][CV_HARMFUL][0].count, 6);
        ck_assert_mem_eq(inputs->tokens[m][CV_HARMFUL][0].ids, first, sizeof first);
        ck_assert_uint_eq(inputs->tokens[m][CV_HARMLESS][0].count, 3);
        expect_pairs(&inputs->pairs[m][0]);
        ck_assert_int_eq(cv_inputs_positions(inputs, m), 9);
    }
}

START_TEST(all_is_loaded)
{
    cv_inputs inputs;
    cv_error err;
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    expect_good(&inputs);
    cv_inputs_free(&inputs);
}
END_TEST

START_TEST(packed_inputs_are_the_same_inputs)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    cv_inputs_pack(&inputs, &bytes);
    cv_inputs_free(&inputs);
    ck_assert_msg(cv_inputs_unpack(bytes.data, bytes.length, &copy, &err), "%s", err.text);
    expect_good(&copy);
    cv_buffer again = {0};
    cv_inputs_pack(&copy, &again);
    ck_assert_uint_eq(again.length, bytes.length);
    ck_assert_mem_eq(again.data, bytes.data, bytes.length);
    cv_inputs_free(&copy);
    cv_buffer_free(&again);
    cv_buffer_free(&bytes);
}
END_TEST

/* The text of a job does not hold what the command line says. */
START_TEST(packed_inputs_keep_the_options)
{
    static const char text[] = "{\"models\": [{\"name\": \"a\", \"path\": \"gqa\"}], \"output\": \"out\","
                               " \"prompts\": {\"harmful\": {\"file\": \"harmful.csv\"}}, \"sahara\": {\"steps\": 2},"
                               " \"evaluate\": {\"groups\": [\"sahara:2\"], \"max_new_tokens\": 20}}";
    const cv_job_options options = {.output = "there/results", .engine = "plain"};
    cv_job job;
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    char *path = scratch_path("job.json");
    ck_assert_msg(cv_job_parse(text, strlen(text), path, &options, &job, &err), "%s", err.text);
    ck_assert_msg(cv_inputs_load(&job, &inputs, &err), "%s", err.text);
    cv_inputs_pack(&inputs, &bytes);
    ck_assert_msg(cv_inputs_unpack(bytes.data, bytes.length, &copy, &err), "%s", err.text);
    ck_assert_str_eq(copy.job.output, "there/results");
    ck_assert_int_eq(copy.job.engine, CV_ENGINE_PLAIN);
    ck_assert_str_eq(copy.job.models[0].path, inputs.job.models[0].path);
    ck_assert_str_eq(copy.job.file, path);
    ck_assert_int_eq(copy.job.sahara_steps, 2);
    ck_assert_str_eq(copy.job.evaluate.groups[0].name, "sahara:2");
    cv_inputs_free(&inputs);
    cv_inputs_free(&copy);
    cv_buffer_free(&bytes);
    free(path);
}
END_TEST

START_TEST(cut_bytes_are_refused_at_every_length)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    cv_inputs_pack(&inputs, &bytes);
    cv_inputs_free(&inputs);
    for (size_t length = 0; length < bytes.length; length += getenv("CARAVAN_TEST_SPARSE") ? 7 : 1) {
        char *cut = cv_alloc(length, 1); /* of its own, so that a read past the end is noticed */
        memcpy(cut, bytes.data, length);
        ck_assert_msg(!cv_inputs_unpack(cut, length, &copy, &err), "%zu of %zu bytes passed", length, bytes.length);
        ck_assert_ptr_null(copy.models);
        free(cut);
    }
    cv_buffer_append(&bytes, "x", 1);
    ck_assert(!cv_inputs_unpack(bytes.data, bytes.length, &copy, &err));
    cv_buffer_free(&bytes);
}
END_TEST

/* What a damaged byte makes of the bytes is refused, or is another text or number that harms nobody. */
START_TEST(a_damaged_byte_does_no_harm)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    cv_inputs_pack(&inputs, &bytes);
    cv_inputs_free(&inputs);
    size_t refused = 0, step = getenv("CARAVAN_TEST_SPARSE") ? 97 : 3;
    for (size_t i = 0; i < bytes.length; i += step) {
        char before = bytes.data[i];
        bytes.data[i] = (char)(before ^ (char)0xff);
        if (!cv_inputs_unpack(bytes.data, bytes.length, &copy, &err)) {
            refused++;
            ck_assert_ptr_null(copy.models);
        } else {
            cv_inputs_free(&copy);
        }
        bytes.data[i] = before;
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_msg(cv_inputs_unpack(bytes.data, bytes.length, &copy, &err), "%s", err.text);
    cv_inputs_free(&copy);
    cv_buffer_free(&bytes);
}
END_TEST

/* Numbers by which choices are found. */
static void put_begin_first(cv_task_pairs *p)
{
    p->begin[0] = 1;
}
static void put_begin_beyond(cv_task_pairs *p)
{
    p->begin[1] = SIZE_MAX / 8;
}
static void put_begin_back(cv_task_pairs *p)
{
    p->begin[1] = 0;
}
static void put_begin_short(cv_task_pairs *p)
{
    p->begin[2] = 4;
}
static void put_no_context(cv_task_pairs *p)
{
    p->context[3] = 0;
}
static void put_no_choice(cv_task_pairs *p)
{
    p->context[3] = p->count[3];
}
static void put_context_beyond(cv_task_pairs *p)
{
    p->context[0] = SIZE_MAX;
}
static void put_count_below(cv_task_pairs *p)
{
    p->count[4] = 2;
}
static void put_no_items(cv_task_pairs *p)
{
    p->num_items = 0;
}
static void put_fewer_pairs(cv_task_pairs *p)
{
    p->num--;
}
static void (*const damages[])(cv_task_pairs *) = {
    put_begin_first, put_begin_beyond,   put_begin_back,  put_begin_short, put_no_context,
    put_no_choice,   put_context_beyond, put_count_below, put_no_items,    put_fewer_pairs,
};

START_TEST(choices_that_lie_outside_are_refused)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    damages[_i](&inputs.pairs[1][0]);
    cv_inputs_pack(&inputs, &bytes);
    ck_assert(!cv_inputs_unpack(bytes.data, bytes.length, &copy, &err));
    ck_assert_int_eq(err.status, CV_FAILED);
    ck_assert_str_eq(err.text, "the inputs arrived damaged");
    ck_assert_ptr_null(copy.models);
    cv_inputs_free(&inputs);
    cv_buffer_free(&bytes);
}
END_TEST

START_TEST(a_prompt_without_tokens_is_refused)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    inputs.tokens[0][CV_HARMLESS][0].count = 0;
    cv_inputs_pack(&inputs, &bytes);
    ck_assert(!cv_inputs_unpack(bytes.data, bytes.length, &copy, &err));
    ck_assert_str_eq(err.text, "the inputs arrived damaged");
    cv_inputs_free(&inputs);
    cv_buffer_free(&bytes);
}
END_TEST

/* With answers of up to 20 tokens the longest text has 7 + 20, of which the last is not fed. */
START_TEST(answers_need_positions)
{
    cv_inputs inputs;
    cv_error err;
    ck_assert_msg(load("{'models': [{'name': 'a', 'path': 'gqa'}], 'prompts': {'harmful': {'file': 'harmful.csv'}},"
                       " 'evaluate': {'max_new_tokens': 20}, 'output': 'out'}",
                       &inputs, &err),
                  "%s", err.text);
    ck_assert_uint_eq(inputs.tokens[0][CV_HARMFUL][1].count, 7);
    ck_assert_int_eq(cv_inputs_positions(&inputs, 0), 26);
    cv_inputs_free(&inputs);
}
END_TEST

START_TEST(another_model_at_the_other_rank_is_noticed)
{
    cv_inputs inputs, copy;
    cv_error err;
    cv_buffer bytes = {0};
    ck_assert_msg(load(good, &inputs, &err), "%s", err.text);
    cv_inputs_pack(&inputs, &bytes);
    cv_inputs_free(&inputs);
    char *gqa = scratch_path("gqa"), *aside = scratch_path("aside"), *mqa = scratch_path("mqa");
    ck_assert_int_eq(rename(gqa, aside), 0);
    ck_assert_int_eq(rename(mqa, gqa), 0);
    ck_assert(!cv_inputs_unpack(bytes.data, bytes.length, &copy, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, "gqa: is another model than the one that rank 0 opened") != NULL, "%s", err.text);
    free(gqa);
    free(aside);
    free(mqa);
    cv_buffer_free(&bytes);
}
END_TEST

#define JOB(models, harmful, more)                                                                                     \
    "{'models': [{'name': 'a', 'path': '" models "'}], 'prompts': {'harmful': {'file': '" harmful                      \
    "'}}, 'output': 'out'" more "}"

static const struct {
    const char *job, *text;
} bad[] = {
    {JOB("nowhere", "harmful.csv", ""), "nowhere"},
    {JOB("mute", "harmful.csv", ""), "mute/tokenizer.json"},
    {JOB("gqa", "nowhere.csv", ""), "nowhere.csv"},
    {JOB("gqa", "empty.csv", ""), "empty.csv"},
    {JOB("gqa", "long.txt", ""), "long.txt: prompt 2 has 130 tokens, but "},
    {JOB("gqa", "harmful.csv", ", 'ablations': [{'kind': 'value_scale', 'epsilon': 1}]"),
     "job.json: ablations[0] with model a: value_scale: epsilon 1 changes nothing"},
    {JOB("mqa", "harmful.csv", ", 'ablations': [{'kind': 'mean_over_heads', 'of': 'k'}]"),
     "the model has one key head a layer"},
    {JOB("gqa", "harmful.csv", ", 'format': {'kind': 'chat'}"), "the model has no chat_template"},
    {JOB("gqa", "harmful.csv", ", 'evaluate': {'max_new_tokens': 124}"),
     "harmful.csv: prompt 1 has 5 tokens, and with 124 more of an answer it leaves the 128 positions"},
    {JOB("gqa", "harmful.csv", ", 'evaluate': {'groups': ['top:9']}"),
     "job.json: evaluate.groups[0] is \"top:9\", but model a has 8 heads under uniform_attention; lower it"},
    {JOB("gqa", "harmful.csv", ", 'subspace': {'rank': 3}"),
     "subspace.rank is 3, but there are only 2 harmful prompts"},
    {JOB("wide", "harmful.csv", ""), "harmful.csv: prompt 1 has token 96, but "},
};

/* A model whose tokenizer gives BOS the number 96, where the vocabulary ends with 95. */
static void add_wide_model(void)
{
    cv_error err;
    size_t length;
    add_model("wide", "gqa", false);
    char *path = cv_path_join(source, "tests/cli/data/tokenizer.json"), *text = cv_read_file(path, &length, &err);
    ck_assert_ptr_nonnull(text);
    for (char *c = text; (c = strstr(c, "95"));) c[1] = '6';
    add("wide/tokenizer.json", text);
    free(path);
    free(text);
}

START_TEST(bad_inputs_are_named)
{
    char long_text[256];
    memset(long_text, 'x', sizeof long_text);
    memcpy(long_text, "short\n", 6);
    long_text[6 + 129] = 0;
    add("long.txt", long_text);
    add("empty.csv", "");
    add_wide_model();
    cv_inputs inputs;
    cv_error err;
    ck_assert(!load(bad[_i].job, &inputs, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, bad[_i].text) != NULL, "\"%s\" is not in: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(inputs.models);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("inputs");
    tcase_add_checked_fixture(tests, setup, scratch_remove);
    tcase_add_test(tests, all_is_loaded);
    tcase_add_test(tests, packed_inputs_are_the_same_inputs);
    tcase_add_test(tests, packed_inputs_keep_the_options);
    tcase_add_test(tests, cut_bytes_are_refused_at_every_length);
    tcase_add_test(tests, a_damaged_byte_does_no_harm);
    tcase_add_loop_test(tests, choices_that_lie_outside_are_refused, 0, ROWS(damages));
    tcase_add_test(tests, a_prompt_without_tokens_is_refused);
    tcase_add_test(tests, answers_need_positions);
    tcase_add_test(tests, another_model_at_the_other_rank_is_noticed);
    tcase_add_loop_test(tests, bad_inputs_are_named, 0, ROWS(bad));
    return run_suite(tests);
}
