/* Answers of a job on tiny models: each is held to the plain engine's, under the heads and the random numbers that
 * the job gives it. */
#include "sweep/evaluate.h"

#include "base/memory.h"
#include "suite.h"
#include "tiny_model.h"

#include <caravan/decode.h>
#include <caravan/score.h>

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { MODELS = 2, ABLATIONS = 2, PROMPTS = 4, CONTROL = 2, LENGTH = 9, NEW = 5, V = 61 };

typedef struct setting {
    cv_model *models[MODELS];
    cv_job_model job_models[MODELS];
    cv_ablation ablations[ABLATIONS]; /* which differ in epsilon alone */
    char *ablation_names[ABLATIONS];
    int32_t ids[PROMPTS][LENGTH];
    cv_tokens tokens[PROMPTS], *sets[MODELS][CV_NUM_PROMPT_SETS];
    cv_job_group groups[3];
    cv_job_decode decodes[2];
    cv_inputs inputs;
    cv_chosen *chosen;
    cv_evaluation *evaluation;
} setting;

/* Ships that differ from prompt to prompt, in a few digits. */
static cv_scores *make_scores(const setting *s)
{
    cv_scores *scores = cv_scores_make(&s->inputs);
    uint64_t seed = 77;
    for (int m = 0; m < MODELS; m++)
        for (int a = 0; a < ABLATIONS; a++)
            for (int set = 0; set < CV_NUM_PROMPT_SETS; set++) {
                double values[18 * PROMPTS];
                for (size_t i = 0; i < 18 * PROMPTS; i++) values[i] = (double)(tiny_random(&seed) % 1000);
                int prompts = (int)s->inputs.num_prompts[set];
                cv_unit unit = {
                    .model = m, .ablation = a, .set = set, .prompt_end = prompts, .layer_end = 3, .head_end = 6};
                cv_error err;
                if (prompts) ck_assert_msg(cv_scores_put(scores, &unit, values, &err), "%s", err.text);
            }
    return scores;
}

static void make_inputs(setting *s, size_t harmless)
{
    *s = (setting){.job_models = {{.name = (char *)"one", .path = (char *)"one"},
                                  {.name = (char *)"two", .path = (char *)"two"}},
                   .ablations = {{.kind = CV_UNIFORM_ATTENTION}, {.kind = CV_UNIFORM_ATTENTION, .epsilon = 0.5}},
                   .ablation_names = {(char *)"uniform_attention", (char *)"uniform_attention-eps0.5"},
                   .groups = {{(char *)"none", CV_GROUP_NONE, 0},
                              {(char *)"random:2", CV_GROUP_RANDOM, 2},
                              {(char *)"per_prompt:1", CV_GROUP_PER_PROMPT, 1}},
                   .decodes = {{(char *)"greedy", {.kind = CV_GREEDY}, 1},
                               {(char *)"top_k-k5-t2-samples2", {CV_TOP_K, 5, 2, 9}, 2}}};
    uint64_t seed = 5;
    for (size_t p = 0; p < PROMPTS; p++) {
        for (size_t i = 0; i < LENGTH; i++) s->ids[p][i] = i < 3 ? 7 : (int32_t)(tiny_random(&seed) % V);
        s->tokens[p] = (cv_tokens){s->ids[p], LENGTH - p, LENGTH};
    }
    for (size_t m = 0; m < MODELS; m++) {
        s->models[m] = tiny_model(tiny_config(), 40 + m);
        s->sets[m][CV_HARMFUL] = s->sets[m][CV_HARMLESS] = s->tokens;
    }
    s->inputs = (cv_inputs){.models = s->models, .num_prompts = {PROMPTS, harmless}, .tokens = s->sets};
    s->inputs.job = (cv_job){.file = (char *)"job.json", .models = s->job_models, .num_models = MODELS, .ships = true};
    s->inputs.job.ablations = s->ablations;
    s->inputs.job.ablation_names = s->ablation_names;
    s->inputs.job.num_ablations = ABLATIONS;
    s->inputs.job.evaluate = (cv_job_evaluate){.enabled = true,
                                               .groups = s->groups,
                                               .num_groups = 3,
                                               .decode = s->decodes,
                                               .num_decode = 2,
                                               .max_new_tokens = NEW,
                                               .seed = 1};
}

/* harmless: 0 or CONTROL. The search for heads is absent. */
static void make(setting *s, size_t harmless)
{
    make_inputs(s, harmless);
    cv_scores *scores = make_scores(s);
    s->chosen = cv_chosen_make(&s->inputs, scores, NULL);
    s->evaluation = cv_evaluation_make(&s->inputs, s->chosen);
    cv_scores_free(scores);
}

static void unmake(setting *s)
{
    cv_evaluation_free(s->evaluation);
    cv_chosen_free(s->chosen);
    for (size_t m = 0; m < MODELS; m++) tiny_model_free(s->models[m]);
}

static cv_batch *plan(const setting *s, size_t *count)
{
    cv_error err;
    cv_batch *batches = cv_evaluation_plan(s->evaluation, count, &err);
    ck_assert_msg(batches != NULL, "%s", err.text);
    return batches;
}

/* What a batch yields, and its operations. */
static uint64_t run(const setting *s, const cv_batch *batch, cv_buffer *out)
{
    cv_error err;
    int model = cv_evaluation_model(s->evaluation, batch);
    cv_engine *engine = cv_engine_open(s->models[model], LENGTH + NEW - 1);
    ck_assert_msg(cv_evaluation_run(s->evaluation, engine, batch, out, &err), "%s", err.text);
    uint64_t operations = cv_engine_work(engine).operations;
    cv_engine_close(engine);
    return operations;
}

static void run_and_put_all(setting *s)
{
    size_t count;
    cv_error err;
    cv_batch *batches = plan(s, &count);
    for (size_t b = count; b-- > 0;) {
        cv_buffer out = {0};
        ck_assert_ptr_null(cv_evaluation_answers(s->evaluation));
        run(s, &batches[b], &out);
        ck_assert_msg(cv_evaluation_put(s->evaluation, &batches[b], out.data, out.length, &err), "%s", err.text);
        cv_buffer_free(&out);
    }
    free(batches);
    ck_assert_ptr_nonnull(cv_evaluation_answers(s->evaluation));
}

/* ---- the grid ---- */

START_TEST(rows_follow_the_job)
{
    setting s;
    make(&s, CONTROL);
    size_t count, r = 0, first = 0;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &count);
    for (int m = 0; m < MODELS; m++)
        for (int a = 0; a < ABLATIONS; a++)
            for (int d = 0; d < 2; d++)
                for (int g = a == 0 ? 0 : 1; g < 3; g++) /* the clean model's rows are there once */
                    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++, r++) {
                        ck_assert_uint_lt(r, count);
                        ck_assert(rows[r].model == m && rows[r].ablation == a && rows[r].group == g);
                        ck_assert(rows[r].decode == d && (int)rows[r].set == set && rows[r].variant == 0);
                        ck_assert_uint_eq(rows[r].first, first);
                        ck_assert_uint_eq(rows[r].count, s.inputs.num_prompts[set] * (d ? 2u : 1u));
                        first += rows[r].count;
                    }
    ck_assert_uint_eq(r, count);
    unmake(&s);
}
END_TEST

START_TEST(without_harmless_prompts_there_are_no_rows_of_them)
{
    setting s;
    make(&s, 0);
    size_t count;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &count);
    ck_assert_uint_eq(count, MODELS * 2 * (3 + 2));
    for (size_t r = 0; r < count; r++) ck_assert_int_eq(rows[r].set, CV_HARMFUL);
    unmake(&s);
}
END_TEST

START_TEST(every_head_is_a_row_of_its_own)
{
    setting s;
    make_inputs(&s, CONTROL);
    s.groups[2] = (cv_job_group){(char *)"each_head", CV_GROUP_EACH_HEAD, 0};
    cv_scores *scores = make_scores(&s);
    s.chosen = cv_chosen_make(&s.inputs, scores, NULL);
    s.evaluation = cv_evaluation_make(&s.inputs, s.chosen);
    size_t count, heads = 0;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &count);
    for (size_t r = 0; r < count; r++) {
        if (rows[r].group != 2) continue;
        char expected[64], *label = cv_evaluation_label(s.evaluation, &rows[r]);
        snprintf(expected, sizeof expected, "L%zuH%zu", rows[r].variant / 6, rows[r].variant % 6);
        ck_assert_str_eq(label, expected);
        free(label);
        heads++;
    }
    ck_assert_uint_eq(heads, MODELS * ABLATIONS * 2 * 2 * 18);
    cv_scores_free(scores);
    unmake(&s);
}
END_TEST

/* ---- batches ---- */

START_TEST(batches_cover_all_answers_and_depend_on_no_thread)
{
    setting s;
    make(&s, CONTROL);
    size_t count, again, num_rows, next = 0;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &num_rows);
    size_t total = rows[num_rows - 1].first + rows[num_rows - 1].count;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    cv_batch *batches = plan(&s, &count);
    omp_set_num_threads(3);
    cv_batch *others = plan(&s, &again);
    omp_set_num_threads(threads);
    ck_assert_uint_eq(count, again);
    ck_assert_mem_eq(batches, others, count * sizeof *batches);
    for (size_t b = 0; b < count; b++) {
        ck_assert_uint_eq(batches[b].begin, next);
        next = (size_t)batches[b].end;
        cv_batch last = {.begin = batches[b].end - 1, .end = batches[b].end};
        ck_assert_int_eq(cv_evaluation_model(s.evaluation, &batches[b]), cv_evaluation_model(s.evaluation, &last));
    }
    ck_assert_uint_eq(next, total);
    ck_assert_uint_eq(count, MODELS); /* 90 answers of each */
    free(batches);
    free(others);
    unmake(&s);
}
END_TEST

/* Another heads' batch is another batch, and so is one of other answers; the same is the same. */
START_TEST(a_description_tells_answers_and_heads)
{
    setting s;
    make(&s, CONTROL);
    cv_buffer texts[4] = {{0}};
    cv_batch batch = {.begin = 6, .end = 12}, next = {.begin = 7, .end = 13}; /* under random heads */
    cv_evaluation_describe(s.evaluation, &batch, &texts[0]);
    cv_evaluation_describe(s.evaluation, &batch, &texts[1]);
    cv_evaluation_describe(s.evaluation, &next, &texts[2]);
    s.inputs.job.evaluate.seed = 2; /* of the random heads */
    cv_scores *scores = make_scores(&s);
    cv_chosen *chosen = cv_chosen_make(&s.inputs, scores, NULL);
    cv_evaluation *other = cv_evaluation_make(&s.inputs, chosen);
    cv_evaluation_describe(other, &batch, &texts[3]);
    ck_assert(texts[1].length == texts[0].length && memcmp(texts[1].data, texts[0].data, texts[0].length) == 0);
    for (int i = 2; i < 4; i++)
        ck_assert(texts[i].length != texts[0].length || memcmp(texts[i].data, texts[0].data, texts[0].length) != 0);
    for (int i = 0; i < 4; i++) cv_buffer_free(&texts[i]);
    cv_evaluation_free(other);
    cv_chosen_free(chosen);
    cv_scores_free(scores);
    unmake(&s);
}
END_TEST

/* What is planned is done where no answer stops early, but for answers that begin alike. */
START_TEST(prices_are_those_of_the_longest_answers)
{
    for (int engine = 0; engine < 2; engine++) {
        setting s;
        make(&s, 0);
        s.inputs.job.engine = engine ? CV_ENGINE_PLAIN : CV_ENGINE_WAVEFRONT;
        size_t count;
        cv_batch *batches = plan(&s, &count);
        cv_buffer out = {0};
        double done = (double)run(&s, &batches[1], &out), planned = (double)batches[1].operations;
        ck_assert_msg(done <= planned && done >= 0.75 * planned, "engine %d: %g of %g", engine, done, planned);
        cv_buffer_free(&out);
        free(batches);
        unmake(&s);
    }
}
END_TEST

/* Reading is done when generating is, so the memory is that of the larger; layers that are kept stay. */
START_TEST(memory_is_that_of_the_hungrier_phase)
{
    setting s;
    make(&s, 0);
    size_t count;
    cv_batch *batches = plan(&s, &count);
    cv_sequence sequences[PROMPTS];
    for (size_t p = 0; p < PROMPTS; p++) sequences[p] = (cv_sequence){.ids = s.ids[p], .count = s.tokens[p].count};
    uint64_t generating = cv_generate_estimate(s.models[0], sequences, PROMPTS, NEW).memory_bytes;
    ck_assert_uint_gt(batches[0].memory_bytes, generating); /* it has 60 answers, not 4 */
    for (int l = 0; l < 3; l++) s.models[0]->layers[l].gate_proj.dtype = CV_BF16;
    size_t again;
    cv_batch *kept = plan(&s, &again);
    ck_assert_uint_eq(again, count);
    ck_assert_uint_ge(kept[0].memory_bytes, batches[0].memory_bytes + 3 * sizeof(float) * 48 * 32);
    free(batches);
    free(kept);
    unmake(&s);
}
END_TEST

START_TEST(a_budget_is_kept_or_refused)
{
    setting s;
    make(&s, CONTROL);
    size_t count, fewer;
    cv_batch *whole = plan(&s, &count);
    s.inputs.job.memory_bytes = whole[0].memory_bytes / 3;
    cv_batch *batches = plan(&s, &fewer);
    ck_assert_uint_gt(fewer, count);
    for (size_t b = 0; b < fewer; b++) ck_assert_uint_le(batches[b].memory_bytes, s.inputs.job.memory_bytes);
    free(batches);
    s.inputs.job.memory_bytes = 1000;
    cv_error err = {0};
    ck_assert_ptr_null(cv_evaluation_plan(s.evaluation, &count, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "one answer of model one needs"));
    free(whole);
    unmake(&s);
}
END_TEST

/* ---- answers ---- */

/* The mean log-likelihood of an answer under the clean model, token by token. */
static double plain_mean(cv_engine *engine, const cv_tokens *prompt, const cv_tokens *answer)
{
    int32_t ids[LENGTH + NEW];
    float logits[V];
    double sum = 0;
    cv_error err;
    memcpy(ids, prompt->ids, prompt->count * sizeof *ids);
    for (size_t t = 0; t < answer->count; t++) {
        double total = 0;
        ck_assert(cv_plain_logits(engine, ids, prompt->count + t, NULL, logits, &err));
        for (size_t v = 0; v < V; v++) total += exp((double)logits[v]);
        sum += (double)logits[answer->ids[t]] - log(total);
        ids[prompt->count + t] = answer->ids[t];
    }
    return sum / (double)answer->count;
}

/* The heads under which a prompt is to be answered: chosen here once more from the job's words. */
static cv_head_group heads_of(const setting *s, const cv_answer_row *row, size_t prompt)
{
    return cv_groups_at(cv_chosen_at(s->chosen, row->model, row->ablation, row->group, row->set), row->variant, prompt);
}

static void expect_answer(const setting *s, cv_engine *engine, const cv_answer_row *row, size_t at,
                          const cv_answer *answer)
{
    const cv_job_decode *decode = &s->decodes[row->decode];
    size_t prompt = at / (size_t)decode->samples, sample = at % (size_t)decode->samples;
    cv_sequence sequence = {.ids = s->ids[prompt],
                            .count = s->tokens[prompt].count,
                            .group = heads_of(s, row, prompt),
                            .sampling = decode->sampling,
                            .stream = ((uint64_t)row->set << 63) + ((uint64_t)prompt << 32) + sample};
    cv_tokens expected = {0};
    bool stopped;
    cv_error err;
    ck_assert_msg(cv_plain_generate(engine, &sequence, 1, NEW, &expected, &stopped, &err), "%s", err.text);
    ck_assert_uint_eq(answer->tokens.count, expected.count);
    ck_assert(answer->stopped == stopped);
    if (expected.count) ck_assert_mem_eq(answer->tokens.ids, expected.ids, expected.count * sizeof *expected.ids);
    double mean = expected.count ? plain_mean(engine, &s->tokens[prompt], &expected) : 0;
    if (expected.count)
        ck_assert_msg(fabs(answer->mean_loglikelihood - mean) <= 1e-5, "%.9g, expected %.9g",
                      answer->mean_loglikelihood, mean);
    else
        ck_assert_double_nan(answer->mean_loglikelihood);
    cv_tokens_free(&expected);
}

/* Under valgrind a part of the answers. */
static void expect_all(const setting *s)
{
    size_t count, step = getenv("CARAVAN_TEST_SPARSE") ? 11 : 1;
    const cv_answer_row *rows = cv_evaluation_rows(s->evaluation, &count);
    const cv_answer *answers = cv_evaluation_answers(s->evaluation);
    for (int m = 0; m < MODELS; m++) {
        cv_engine *engine = cv_engine_open(s->models[m], LENGTH + NEW - 1);
        for (size_t r = 0; r < count; r++)
            for (size_t i = 0; rows[r].model == m && i < rows[r].count; i++)
                if ((rows[r].first + i) % step == 0) expect_answer(s, engine, &rows[r], i, &answers[rows[r].first + i]);
        cv_engine_close(engine);
    }
}

START_TEST(answers_are_those_of_the_plain_engine)
{
    setting s;
    make(&s, CONTROL);
    run_and_put_all(&s);
    expect_all(&s);
    unmake(&s);
}
END_TEST

START_TEST(the_plain_engine_answers_too)
{
    setting s;
    make(&s, 0);
    s.inputs.job.engine = CV_ENGINE_PLAIN;
    s.inputs.job.evaluate.num_decode = 1;
    cv_evaluation_free(s.evaluation);
    s.evaluation = cv_evaluation_make(&s.inputs, s.chosen);
    run_and_put_all(&s);
    expect_all(&s);
    unmake(&s);
}
END_TEST

/* The first tokens that the clean model says end an answer: many are empty, and some stop later. */
START_TEST(empty_answers_have_no_likelihood)
{
    setting s;
    make(&s, CONTROL);
    for (size_t m = 0; m < MODELS; m++) {
        cv_engine *engine = cv_engine_open(s.models[m], LENGTH + NEW - 1);
        for (size_t p = 0; p < 2; p++) {
            cv_sequence sequence = {.ids = s.ids[p], .count = s.tokens[p].count};
            cv_tokens said = {0};
            bool stopped;
            cv_error err;
            ck_assert(cv_plain_generate(engine, &sequence, 1, 1, &said, &stopped, &err));
            s.models[m]->eos[p] = said.ids[0];
            cv_tokens_free(&said);
        }
        cv_engine_close(engine);
    }
    for (size_t m = 0; m < MODELS; m++) s.models[m]->num_eos = 2;
    run_and_put_all(&s);
    expect_all(&s);
    const cv_answer *answers = cv_evaluation_answers(s.evaluation);
    ck_assert_uint_eq(answers[0].tokens.count, 0); /* greedy, clean, the first prompt */
    ck_assert(answers[0].stopped);
    unmake(&s);
}
END_TEST

/* ---- bytes ---- */

static void put_answer(cv_buffer *out, const int32_t *ids, size_t count, uint64_t stopped, double mean)
{
    cv_put_array(out, ids, count, sizeof *ids);
    cv_put_u64(out, stopped);
    cv_put_double(out, mean);
}

static const int32_t few[] = {5, 60, 0}, many[NEW + 1] = {1, 2, 3, 4, 5, 6}, beyond[] = {5, V}, below[] = {-1};

static const struct {
    const int32_t *ids;
    size_t count;
    uint64_t stopped;
    double mean;
    bool fine;
} answers_sent[] = {
    {few, 3, 0, -1.5, true},       {few, 3, 1, 0, true},          {few, 0, 1, NAN, true},   {many, NEW, 0, -2, true},
    {many, NEW + 1, 0, -2, false}, {beyond, 2, 0, -1, false},     {below, 1, 0, -1, false}, {few, 3, 2, -1, false},
    {few, 3, 0, NAN, false},       {few, 3, 0, -INFINITY, false}, {few, 0, 1, -1, false},
};

START_TEST(only_answers_that_a_model_can_give_are_taken)
{
    setting s;
    make(&s, 0);
    cv_batch batch = {.begin = 3, .end = 5};
    cv_buffer bytes = {0};
    cv_error err = {0};
    put_answer(&bytes, few, 2, 0, -1);
    put_answer(&bytes, answers_sent[_i].ids, answers_sent[_i].count, answers_sent[_i].stopped, answers_sent[_i].mean);
    bool taken = cv_evaluation_put(s.evaluation, &batch, bytes.data, bytes.length, &err);
    ck_assert_int_eq(taken, answers_sent[_i].fine);
    if (!taken) {
        ck_assert_int_eq(err.status, CV_FAILED);
        ck_assert_msg(strncmp(err.text, "answers 4 to 5 arrived damaged", 30) == 0, "%s", err.text);
    }
    cv_buffer_free(&bytes);
    unmake(&s);
}
END_TEST

/* Nor is a batch taken in part. */
START_TEST(cut_bytes_are_refused_and_change_nothing)
{
    setting s;
    make(&s, 0);
    size_t count, total = 0;
    const cv_answer_row *rows = cv_evaluation_rows(s.evaluation, &count);
    for (size_t r = 0; r < count; r++) total += rows[r].count;
    cv_batch all = {.begin = 0, .end = total};
    cv_buffer bytes = {0};
    cv_error err;
    for (size_t i = 0; i < total; i++) put_answer(&bytes, few, 1 + i % 3, i % 2, -(double)i);
    for (size_t length = 0; length < bytes.length; length += 13) {
        char *cut = cv_alloc(length, 1); /* of its own, so that a read past the end is noticed */
        memcpy(cut, bytes.data, length);
        ck_assert(!cv_evaluation_put(s.evaluation, &all, cut, length, &err));
        ck_assert_ptr_null(cv_evaluation_answers(s.evaluation));
        free(cut);
    }
    for (int times = 0; times < 2; times++) { /* computed twice is harmless */
        ck_assert_msg(cv_evaluation_put(s.evaluation, &all, bytes.data, bytes.length, &err), "%s", err.text);
        const cv_answer *answers = cv_evaluation_answers(s.evaluation);
        ck_assert_ptr_nonnull(answers);
        ck_assert_double_eq(answers[7].mean_loglikelihood, -7);
        ck_assert_uint_eq(answers[7].tokens.count, 2);
        ck_assert(answers[7].stopped);
    }
    cv_buffer_append(&bytes, "x", 1);
    ck_assert(!cv_evaluation_put(s.evaluation, &all, bytes.data, bytes.length, &err));
    ck_assert_double_eq(cv_evaluation_answers(s.evaluation)[7].mean_loglikelihood, -7);
    cv_buffer_free(&bytes);
    unmake(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("evaluate");
    tcase_add_test(tests, rows_follow_the_job);
    tcase_add_test(tests, without_harmless_prompts_there_are_no_rows_of_them);
    tcase_add_test(tests, every_head_is_a_row_of_its_own);
    tcase_add_test(tests, batches_cover_all_answers_and_depend_on_no_thread);
    tcase_add_test(tests, a_description_tells_answers_and_heads);
    tcase_add_test(tests, prices_are_those_of_the_longest_answers);
    tcase_add_test(tests, memory_is_that_of_the_hungrier_phase);
    tcase_add_test(tests, a_budget_is_kept_or_refused);
    tcase_add_test(tests, answers_are_those_of_the_plain_engine);
    tcase_add_test(tests, the_plain_engine_answers_too);
    tcase_add_test(tests, empty_answers_have_no_likelihood);
    tcase_add_loop_test(tests, only_answers_that_a_model_can_give_are_taken, 0, ROWS(answers_sent));
    tcase_add_test(tests, cut_bytes_are_refused_and_change_nothing);
    return run_suite(tests);
}
