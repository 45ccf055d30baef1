/* Tables of hand-made answers, whose texts a judge of each kind is sure about. */
#include "report/answers.h"

#include "base/memory.h"
#include "report/table.h"
#include "store/results.h"

#include "scratch.h"
#include "small_answers.h"
#include "suite.h"

#include <caravan/stats.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The paper's judge takes short answers for refusals, the prefix judge empty ones alone. Repetition and
 * emptiness are no language. */
enum { REFUSAL, HELP, SHORT, LOOP, EMPTY, KINDS };
static const char *const texts[KINDS] = {
    [REFUSAL] = "I'm sorry, but I cannot help you with that, nor with anything like it.",
    [HELP] = "First heat the milk, then whisk in flour until no lump is left in the pan.",
    [SHORT] = "With \"milk\", now.",
    [LOOP] = "pan pan pan pan pan pan pan pan pan pan pan pan pan pan pan pan pan",
    [EMPTY] = "",
};

typedef struct setting {
    cv_job_model models[2];
    char *path; /* of both: a tokenizer that takes each printable character for a token */
    cv_inputs inputs;
    cv_chosen *chosen;
    cv_evaluation *evaluation;
    cv_verdict *verdicts;
    cv_folder *folder;
} setting;

/* Which answer a row's number at gets: each prompt another one, but help alone under top:2. */
static int kind_of(const cv_answer_row *row, size_t at)
{
    return row->group == TOP_2 ? HELP : (int)(at / (row->decode ? 2 : 1)) % KINDS;
}

static void put_answers(setting *s)
{
    size_t count, total = 0;
    cv_error err;
    cv_buffer bytes = {0};
    const cv_answer_row *rows = cv_evaluation_rows(s->evaluation, &count);
    for (size_t r = 0; r < count; total += rows[r++].count)
        for (size_t i = 0; i < rows[r].count; i++) {
            const char *text = texts[kind_of(&rows[r], i)];
            int32_t ids[128];
            for (size_t c = 0; text[c]; c++) ids[c] = text[c] - 32;
            cv_put_array(&bytes, ids, strlen(text), sizeof *ids);
            cv_put_u64(&bytes, i % 2);
            cv_put_double(&bytes, *text ? -1.25 : (double)NAN);
        }
    cv_batch all = {.begin = 0, .end = total};
    ck_assert_msg(cv_evaluation_put(s->evaluation, &all, bytes.data, bytes.length, &err), "%s", err.text);
    cv_buffer_free(&bytes);
}

/* The tokenizer of other tests, with a decoder that joins characters without blanks. */
static void add_tokenizer(void)
{
    static const char none[] = "\"decoder\": null", fuse[] = "\"decoder\": {\"type\": \"Fuse\"}";
    cv_error err;
    size_t length;
    char *text = cv_read_file(CARAVAN_SOURCE_DIR "/tests/cli/data/tokenizer.json", &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    char *place = strstr(text, none);
    ck_assert_ptr_nonnull(place);
    cv_buffer joined = {0};
    cv_buffer_append(&joined, text, (size_t)(place - text));
    cv_buffer_puts(&joined, fuse);
    cv_buffer_puts(&joined, place + strlen(none));
    free(scratch_file("model/tokenizer.json", joined.data, joined.length));
    cv_buffer_free(&joined);
    free(text);
}

static void make(setting *s, bool few)
{
    cv_error err;
    *s = (setting){.path = scratch_path("model")};
    ck_assert(cv_make_directories(s->path, &err));
    add_tokenizer();
    s->inputs = small_evaluation(HARMLESS, few);
    for (int m = 0; m < 2; m++) s->models[m] = (cv_job_model){.name = small_job_models[m].name, .path = s->path};
    s->inputs.job.models = s->models;
    s->inputs.job.evaluate.max_new_tokens = 128;
    s->chosen = small_chosen(&s->inputs);
    s->evaluation = cv_evaluation_make(&s->inputs, s->chosen);
    put_answers(s);
    s->verdicts = cv_verdicts_make(&s->inputs, s->evaluation, &err);
    ck_assert_msg(s->verdicts != NULL, "%s", err.text);
    s->folder = cv_folder_open(scratch, &err);
    for (int m = 0; m < 2; m++)
        for (int a = 0; a < 2; a++) {
            char *name = cv_results_name(&s->inputs.job, m, a, NULL);
            ck_assert(cv_folder_make(s->folder, name, &err));
            free(name);
        }
}

static void unmake(setting *s)
{
    cv_folder_close(s->folder);
    free(s->verdicts);
    cv_evaluation_free(s->evaluation);
    cv_chosen_free(s->chosen);
    free(s->path);
}

static void write_tables(const setting *s)
{
    cv_error err;
    ck_assert_msg(cv_answers_write(s->folder, &s->inputs, s->evaluation, s->verdicts, &err), "%s", err.text);
}

/* A table, read as a whole and then line by line. */
typedef struct table {
    char *text, *rest;
} table;

static table open_table(const char *name)
{
    cv_error err;
    size_t length;
    char *path = scratch_path(name), *text = cv_read_file(path, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    free(path);
    return (table){text, text};
}

static const char *next_line(table *t)
{
    return strsep(&t->rest, "\n");
}

/* Wilson's interval of k of n as a table has it. */
static void expect_line(const char *line, const char *start, uint64_t k, uint64_t n, const char *end)
{
    cv_buffer expected = {0};
    cv_buffer_puts(&expected, start);
    cv_put_estimate(&expected, cv_wilson(k, n));
    cv_buffer_puts(&expected, end);
    ck_assert_str_eq(line, expected.data);
    cv_buffer_free(&expected);
}

/* ---- verdicts ---- */

START_TEST(every_answer_is_judged)
{
    static const bool paper[KINDS] = {true, false, true, false, true},
                      prefix[KINDS] = {true, false, false, false, true}, coherent[KINDS] = {true, true, true};
    setting s;
    make(&s, true);
    size_t count;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &count);
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < rows[r].count; i++) {
            const cv_verdict *verdict = &s.verdicts[rows[r].first + i];
            int kind = kind_of(&rows[r], i);
            ck_assert_msg(verdict->refused[CV_JUDGE_PAPER] == paper[kind], "%s", texts[kind]);
            ck_assert_msg(verdict->refused[CV_JUDGE_PREFIX] == prefix[kind], "%s", texts[kind]);
            ck_assert_msg(verdict->coherent == coherent[kind], "%s", texts[kind]);
            ck_assert_uint_eq(verdict->coherence.characters, strlen(texts[kind]));
        }
    unmake(&s);
}
END_TEST

START_TEST(a_model_without_tokenizer_is_named)
{
    setting s;
    make(&s, true);
    s.models[1].path = (char *)"nowhere";
    cv_error err = {0};
    ck_assert_ptr_null(cv_verdicts_make(&s.inputs, s.evaluation, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "nowhere/tokenizer.json"));
    unmake(&s);
}
END_TEST

/* ---- tables ---- */

static const char columns[] = "group,heads,prompts,decode,n,refused,incoherent,asr,asr_low,asr_high,coherent_asr";

/* Of five harmful prompts each gets another text, and two harmless ones the first two. */
START_TEST(a_line_counts_the_answers_of_a_group)
{
    setting s;
    make(&s, true);
    write_tables(&s);
    table t = open_table("b/value_scale-kv_group/asr.csv");
    ck_assert_str_eq(next_line(&t), columns);
    expect_line(next_line(&t), "none,,harmful,greedy,5,3,2", 2, 5, ",0.2");
    expect_line(next_line(&t), "none,,harmless,greedy,2,1,0", 1, 2, ",0.5");
    expect_line(next_line(&t), "top:2,L2H1 L1H1,harmful,greedy,5,0,0", 5, 5, ",1");
    expect_line(next_line(&t), "top:2,L2H1 L1H1,harmless,greedy,2,0,0", 2, 2, ",1");
    expect_line(next_line(&t), "sahara:1,L2H1,harmful,greedy,5,3,2", 2, 5, ",0.2");
    next_line(&t);
    expect_line(next_line(&t), "random:2,L1H0 L0H1,harmful,greedy,5,3,2", 2, 5, ",0.2");
    next_line(&t);
    expect_line(next_line(&t), "per_prompt:1,per prompt,harmful,greedy,5,3,2", 2, 5, ",0.2");
    next_line(&t);
    expect_line(next_line(&t), "none,,harmful,top_k-k5-t1-samples2,10,6,4", 4, 10, ",0.2");
    int lines = 12;
    while (*next_line(&t)) lines++;
    ck_assert_int_eq(lines, 1 + 2 * EACH_HEAD * 2);
    free(t.text);
    unmake(&s);
}
END_TEST

/* asr.csv is by the judge that the job names first, judges.csv by all of them in the judges' own order. */
START_TEST(judges_have_their_tables)
{
    setting s;
    make(&s, true);
    s.inputs.job.evaluate.first_judge = CV_JUDGE_PREFIX;
    write_tables(&s);
    table t = open_table("a/uniform_attention/asr.csv");
    next_line(&t);
    expect_line(next_line(&t), "none,,harmful,greedy,5,2,2", 3, 5, ",0.4");
    free(t.text);
    t = open_table("a/uniform_attention/judges.csv");
    char header[256], ends[2][96];
    snprintf(header, sizeof header, "%s,coherent_asr_low,coherent_asr_high,judge", columns);
    for (uint64_t k = 1; k <= 2; k++) {
        cv_buffer end = {0};
        cv_put_estimate(&end, cv_wilson(k, 5));
        snprintf(ends[k - 1], sizeof ends[0], "%s,%s", end.data, k == 1 ? "paper" : "prefix");
        cv_buffer_free(&end);
    }
    ck_assert_str_eq(next_line(&t), header);
    expect_line(next_line(&t), "none,,harmful,greedy,5,3,2", 2, 5, ends[0]);
    for (int i = 1; i < 2 * EACH_HEAD * 2; i++) next_line(&t);
    expect_line(next_line(&t), "none,,harmful,greedy,5,2,2", 3, 5, ends[1]);
    int lines = 1;
    while (*next_line(&t)) lines++;
    ck_assert_int_eq(lines, 2 * EACH_HEAD * 2); /* and none of the judge that the job does not name */
    free(t.text);
    unmake(&s);
}
END_TEST

START_TEST(each_head_has_its_name)
{
    setting s;
    make(&s, false);
    write_tables(&s);
    table t = open_table("a/value_scale-kv_group/asr.csv");
    for (int i = 0; i < 1 + 2 * EACH_HEAD; i++) next_line(&t);
    for (int head = 0; head < LAYERS * GROUPS; head++)
        for (int set = 0; set < 2; set++) {
            char start[128];
            snprintf(start, sizeof start, "L%dH%d,L%dH%d,%s,greedy,%d,", head / GROUPS, head % GROUPS, head / GROUPS,
                     head % GROUPS, set ? "harmless" : "harmful", set ? HARMLESS : HARMFUL);
            const char *line = next_line(&t);
            ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "%s does not begin with %s", line, start);
        }
    free(t.text);
    unmake(&s);
}
END_TEST

/* ---- answers one by one ---- */

static const char *field_of(const char *line, int field)
{
    for (; field > 0; field--) {
        line = strchr(line, ',');
        ck_assert_ptr_nonnull(line);
        line++;
    }
    return line;
}

START_TEST(answers_are_measured_one_by_one)
{
    setting s;
    make(&s, true);
    write_tables(&s);
    table t = open_table("a/uniform_attention/answers.csv");
    ck_assert_str_eq(next_line(&t),
                     "group,heads,prompts,decode,prompt,sample,tokens,stopped,characters,repetition,compression,"
                     "mean_loglikelihood,coherent,refused_paper,refused_released,refused_prefix");
    for (int kind = 0; kind < KINDS; kind++) {
        char start[128];
        size_t length = strlen(texts[kind]);
        const char *line = next_line(&t);
        snprintf(start, sizeof start, "none,,harmful,greedy,%d,1,%zu,%d,%zu,", kind + 1, length, kind % 2, length);
        ck_assert_msg(strncmp(line, start, strlen(start)) == 0, "%s does not begin with %s", line, start);
        const char *rest = field_of(line, 11);
        const char *expected = kind == REFUSAL ? "-1.25,1,1,"
                               : kind == LOOP  ? "-1.25,0,0,"
                               : kind == EMPTY ? ",0,1,"
                                               : NULL;
        if (expected) ck_assert_msg(strncmp(rest, expected, strlen(expected)) == 0, "%s is not %s", rest, expected);
        ck_assert(strtod(field_of(line, 9), NULL) > 0.5 || kind != LOOP);
    }
    /* two samples of each prompt follow each other */
    const char *line;
    while (strstr(line = next_line(&t), "samples2") == NULL) ck_assert(*line);
    ck_assert_int_eq(strncmp(field_of(line, 4), "1,1,", 4), 0);
    ck_assert_int_eq(strncmp(field_of(next_line(&t), 4), "1,2,", 4), 0);
    ck_assert_int_eq(strncmp(field_of(next_line(&t), 4), "2,1,", 4), 0);
    free(t.text);
    unmake(&s);
}
END_TEST

/* What was said is in the results only where the job wants it. */
START_TEST(texts_are_kept_if_wanted)
{
    setting s;
    make(&s, true);
    for (int keep = 0; keep < 2; keep++) {
        s.inputs.job.evaluate.save_responses = keep;
        write_tables(&s);
        table t = open_table("b/uniform_attention/answers.csv");
        ck_assert((strstr(t.text, "heat the milk") != NULL) == keep);
        ck_assert((strstr(t.text, ",refused_prefix,response\n") != NULL) == keep);
        ck_assert((strstr(t.text, ",\"With \"\"milk\"\", now.\"\n") != NULL) == keep);
        free(t.text);
    }
    unmake(&s);
}
END_TEST

/* ---- for people ---- */

START_TEST(the_printed_table_shows_ten_heads)
{
    setting s;
    make(&s, false);
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    cv_answers_print(out, &s.inputs, s.evaluation, s.verdicts);
    fclose(out);
    static const char start[] =
        "a, uniform_attention: answers that are no refusal (judge paper; 95 % Wilson interval)\n"
        "  group          prompts   decode                    n  asr                     coherent asr  incoherent\n"
        "  none           harmful   greedy                    5  0.400 (0.118 to 0.769)         0.200           2\n";
    ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s", text);
    char *more = strstr(text, "  and 2 more single heads, in asr.csv\n"),
         *next = strstr(text, "a, value_scale-kv_group: ");
    ck_assert(more && next && more < next);
    ck_assert_ptr_nonnull(strstr(text, "  L2H1           harmless  greedy"));
    ck_assert(strstr(text, "  L2H2  ") == NULL); /* the eleventh */
    ck_assert(strstr(next, "L2H1           harmless  top_k-k5-t1-samples2") != NULL);
    free(text);
    unmake(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("answers");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, every_answer_is_judged);
    tcase_add_test(tests, a_model_without_tokenizer_is_named);
    tcase_add_test(tests, a_line_counts_the_answers_of_a_group);
    tcase_add_test(tests, judges_have_their_tables);
    tcase_add_test(tests, each_head_has_its_name);
    tcase_add_test(tests, answers_are_measured_one_by_one);
    tcase_add_test(tests, texts_are_kept_if_wanted);
    tcase_add_test(tests, the_printed_table_shows_ten_heads);
    return run_suite(tests);
}
