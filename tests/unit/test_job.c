#include "sweep/job.h"

#include "job_text.h"
#include "scratch.h"
#include "suite.h"

START_TEST(the_smallest_job_gets_the_defaults)
{
    cv_job job;
    cv_error err;
    ck_assert_msg(parse("{" MODELS ", " PROMPTS ", " OUTPUT "}", "jobs/first.json", NULL, &job, &err), "%s", err.text);
    ck_assert_str_eq(job.name, "first");
    ck_assert_int_eq(job.num_models, 1);
    ck_assert_str_eq(job.models[0].name, "a");
    ck_assert_str_eq(job.models[0].path, "jobs/m/a");
    ck_assert_ptr_null(job.models[0].base);
    ck_assert_str_eq(job.prompts[CV_HARMFUL].file, "jobs/p.csv");
    ck_assert_ptr_null(job.prompts[CV_HARMFUL].column);
    ck_assert_uint_eq(job.prompts[CV_HARMFUL].limit, 0);
    ck_assert_ptr_null(job.prompts[CV_HARMLESS].file);
    ck_assert_int_eq(job.format.kind, CV_FORMAT_DIRECT);
    ck_assert_int_eq(job.num_ablations, 1);
    ck_assert_str_eq(job.ablation_names[0], "uniform_attention");
    ck_assert_double_eq(job.ablations[0].epsilon, 0);
    ck_assert_int_eq(job.ablations[0].granularity, CV_GRANULARITY_HEAD);
    ck_assert(job.ships);
    ck_assert(!job.subspace.enabled);
    ck_assert_int_eq(job.sahara_steps, 0);
    ck_assert(!job.evaluate.enabled);
    ck_assert_int_eq(job.evaluate.num_groups, 0);
    ck_assert(!job.overlap.enabled);
    ck_assert_int_eq(job.engine, CV_ENGINE_WAVEFRONT);
    ck_assert_uint_eq(job.memory_bytes, 0);
    ck_assert_str_eq(job.output, "jobs/out");
    cv_job_free(&job);
}
END_TEST

START_TEST(everything_given_is_read)
{
    const char *text =
        "{\"name\": \"full\","
        " \"models\": [{\"name\": \"a\", \"path\": \"/abs/a\", \"base\": \"b1\", \"attention_from\": null},"
        "              {\"name\": \"b\", \"path\": \"../b\"}],"
        " \"prompts\": {\"harmful\": {\"file\": \"p.csv\", \"column\": \"goal\", \"limit\": 20},"
        "               \"harmless\": {\"file\": \"/q.txt\", \"column\": null, \"limit\": 0}},"
        " \"format\": {\"kind\": \"custom\", \"system\": \"S\", \"text\": \"{system}: {prompt}\"},"
        " \"ablations\": [{\"kind\": \"uniform_attention\", \"epsilon\": 1e-5},"
        "                 {\"kind\": \"value_scale\", \"granularity\": \"kv_group\"},"
        "                 {\"kind\": \"mean_over_heads\", \"of\": \"z\"}],"
        " \"ships\": {\"enabled\": true}, \"sahara\": null,"
        " \"engine\": {\"precision\": \"f32\", \"memory_gib\": 0.5},"
        " \"output\": \"../out\"}";
    cv_job job;
    cv_error err;
    ck_assert_msg(parse(text, "job.json", NULL, &job, &err), "%s", err.text);
    ck_assert_str_eq(job.name, "full");
    ck_assert_int_eq(job.num_models, 2);
    ck_assert_str_eq(job.models[0].path, "/abs/a");
    ck_assert_str_eq(job.models[0].base, "b1");
    ck_assert_str_eq(job.models[1].path, "../b");
    ck_assert_str_eq(job.prompts[CV_HARMFUL].column, "goal");
    ck_assert_uint_eq(job.prompts[CV_HARMFUL].limit, 20);
    ck_assert_str_eq(job.prompts[CV_HARMLESS].file, "/q.txt");
    ck_assert_int_eq(job.format.kind, CV_FORMAT_CUSTOM);
    ck_assert_str_eq(job.format.system, "S");
    ck_assert_str_eq(job.format.text, "{system}: {prompt}");
    ck_assert_int_eq(job.num_ablations, 3);
    ck_assert_str_eq(job.ablation_names[0], "uniform_attention-eps1e-05");
    ck_assert_str_eq(job.ablation_names[1], "value_scale-kv_group");
    ck_assert_str_eq(job.ablation_names[2], "mean_over_heads-z");
    ck_assert_uint_eq(job.memory_bytes, 1u << 29);
    ck_assert_str_eq(job.output, "../out");
    ck_assert_str_eq(job.text, text);
    cv_job_free(&job);
}
END_TEST

static const struct {
    const char *job;
    bool ships, angles;
    int rank;
    cv_subspace_state state;
    int steps;
} scores[] = {
    {WITH("\"subspace\": {}"), true, true, 1, CV_FINAL_NORM, 0},
    {WITH("\"subspace\": null"), true, false, 1, CV_FINAL_NORM, 0},
    {WITH("\"subspace\": {\"rank\": 8, \"state\": \"resid_post\"}"), true, true, 8, CV_RESID_POST, 0},
    {WITH("\"subspace\": {\"state\": \"final_norm\"}, \"ships\": {\"enabled\": false}"), false, true, 1, CV_FINAL_NORM,
     0},
    {WITH("\"sahara\": {}"), true, true, 1, CV_FINAL_NORM, 3},
    {WITH("\"sahara\": {\"steps\": 64}, \"ships\": {\"enabled\": false}"), false, true, 1, CV_FINAL_NORM, 64},
    {WITH("\"sahara\": {\"steps\": 1}, \"subspace\": {\"rank\": 2}"), true, true, 2, CV_FINAL_NORM, 1},
};

START_TEST(scores_are_chosen)
{
    cv_job job;
    read_job(scores[_i].job, &job);
    ck_assert_int_eq(job.ships, scores[_i].ships);
    ck_assert_int_eq(job.subspace.enabled, scores[_i].angles);
    ck_assert_int_eq(job.subspace.rank, scores[_i].rank);
    ck_assert_int_eq(job.subspace.state, scores[_i].state);
    ck_assert_int_eq(job.sahara_steps, scores[_i].steps);
    cv_job_free(&job);
}
END_TEST

START_TEST(options_go_before_the_file)
{
    cv_job job;
    cv_error err;
    cv_job_options options = {.output = "here", .engine = "plain", .precision = "f32"};
    ck_assert_msg(parse(WITH("\"name\": \"x\""), "jobs/j.json", &options, &job, &err), "%s", err.text);
    ck_assert_str_eq(job.output, "here");
    ck_assert_int_eq(job.engine, CV_ENGINE_PLAIN);
    cv_job_free(&job);
}
END_TEST

static const struct {
    cv_job_options options;
    const char *text;
} bad_options[] = {
    {{.output = ""}, "--output is empty; name a folder"},
    {{.engine = "fast"}, "--engine \"fast\" is unknown; use wavefront or plain"},
    {{.precision = "bf16"}, "--precision bf16 is not implemented yet in caravan 0.1; use f32"},
    {{.precision = "f64"}, "--precision \"f64\" is unknown; use f32"},
};

START_TEST(bad_options_are_refused)
{
    cv_job job;
    cv_error err;
    ck_assert(!parse(WITH("\"name\": \"x\""), "j.json", &bad_options[_i].options, &job, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_str_eq(err.text, bad_options[_i].text);
}
END_TEST

/* Each job, and what its error must hold besides the file's name. */
static const struct {
    const char *job, *text;
} bad[] = {
    {"", "not valid JSON"},
    {"{", "not valid JSON"},
    {"[]", "must hold one JSON object"},
    {"{" MODELS ", " MODELS ", " PROMPTS ", " OUTPUT "}", "duplicate object key"},
    {"{" PROMPTS ", " OUTPUT "}", "models is missing"},
    {"{" MODELS ", " OUTPUT "}", "prompts is missing"},
    {"{" MODELS ", " PROMPTS "}", "output is missing"},
    {WITH("\"colour\": 1"), "unknown key colour"},
    {WITH("\"ablation\": []"), "unknown key ablation; did you mean \"ablations\"?"},
    {WITH("\"name\": 7"), "name must be a string"},
    {WITH("\"name\": \"a\\u0000b\""), "name must be a string without NUL"},
    {"{\"models\": {}, " PROMPTS ", " OUTPUT "}", "models must be an array"},
    {"{\"models\": [], " PROMPTS ", " OUTPUT "}", "models is empty"},
    {"{\"models\": [3], " PROMPTS ", " OUTPUT "}", "models[0] must be an object"},
    {"{\"models\": [{\"name\": \"a\"}], " PROMPTS ", " OUTPUT "}", "models[0].path is missing"},
    {"{\"models\": [{\"path\": \"a\"}], " PROMPTS ", " OUTPUT "}", "models[0].name is missing"},
    {"{\"models\": [{\"name\": \"a\", \"path\": \"\"}], " PROMPTS ", " OUTPUT "}", "models[0].path is empty"},
    {"{\"models\": [{\"name\": \"a\", \"path\": \"p\", \"bass\": \"b\"}], " PROMPTS ", " OUTPUT "}",
     "unknown key models[0].bass; did you mean \"base\"?"},
    {"{\"models\": [{\"name\": \"a\", \"path\": \"p\"}, {\"name\": \"a\", \"path\": \"q\"}], " PROMPTS ", " OUTPUT "}",
     "models[1].name \"a\" is that of models[0] too"},
    {"{\"models\": [{\"name\": \"a\", \"path\": \"p\", \"attention_from\": \"\"}], " PROMPTS ", " OUTPUT "}",
     "models[0].attention_from is empty; name a model directory"},
    {"{" MODELS ", \"prompts\": {}, " OUTPUT "}", "prompts.harmful is missing"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {}}, " OUTPUT "}", "prompts.harmful.file is missing"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {\"file\": \"\"}}, " OUTPUT "}", "prompts.harmful.file is empty"},
    {"{" MODELS ", \"prompts\": {\"harmful\": \"p.csv\"}, " OUTPUT "}", "prompts.harmful must be an object"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {\"file\": \"p\", \"limit\": -1}}, " OUTPUT "}",
     "prompts.harmful.limit is -1"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {\"file\": \"p\", \"limit\": 1.5}}, " OUTPUT "}",
     "prompts.harmful.limit must be a whole number"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {\"file\": \"p\"}, \"harmles\": {}}, " OUTPUT "}",
     "unknown key prompts.harmles; did you mean \"harmless\"?"},
    {"{" MODELS ", \"prompts\": {\"harmful\": {\"file\": \"p\"}, \"harmless\": {\"column\": \"c\"}}, " OUTPUT "}",
     "prompts.harmless.file is missing"},
    {WITH("\"format\": \"chat\""), "format must be an object"},
    {WITH("\"format\": {}"), "format.kind is missing"},
    {WITH("\"format\": {\"kind\": \"chit\"}"),
     "format.kind \"chit\" is unknown; use direct, query_answer, chat or custom"},
    {WITH("\"format\": {\"kind\": \"custom\"}"), "format.text is missing"},
    {WITH("\"format\": {\"kind\": \"custom\", \"text\": \"no place\"}"), "format.text must hold {prompt} exactly once"},
    {WITH("\"format\": {\"kind\": \"custom\", \"text\": \"{prompt}{prompt}\"}"),
     "format.text must hold {prompt} exactly once"},
    {WITH("\"format\": {\"kind\": \"custom\", \"text\": \"{system}{prompt}\"}"), "format.system is missing"},
    {WITH("\"format\": {\"kind\": \"custom\", \"text\": \"{prompt}\", \"system\": \"s\"}"), "write {system} there"},
    {WITH("\"format\": {\"kind\": \"direct\", \"text\": \"{prompt}\"}"), "format.text belongs to kind custom"},
    {WITH("\"format\": {\"kind\": \"direct\", \"system\": \"s\"}"), "format.system belongs to kinds chat and custom"},
    {WITH("\"ablations\": []"), "ablations is empty"},
    {WITH("\"ablations\": [{}]"), "ablations[0].kind is missing"},
    {WITH("\"ablations\": [{\"kind\": \"zero\"}]"), "ablations[0].kind \"zero\" is unknown"},
    {WITH("\"ablations\": [{\"kind\": \"dataset_mean\"}]"),
     "ablations[0].kind dataset_mean is not implemented yet in caravan 0.1"},
    {WITH("\"ablations\": [{\"kind\": \"value_scale\", \"epsilon\": -1}]"), "ablations[0].epsilon is -1"},
    {WITH("\"ablations\": [{\"kind\": \"value_scale\", \"epsilon\": \"0\"}]"), "ablations[0].epsilon must be a number"},
    {WITH("\"ablations\": [{\"kind\": \"value_scale\", \"of\": \"q\"}]"),
     "ablations[0].of does not belong to value_scale"},
    {WITH("\"ablations\": [{\"kind\": \"mean_over_heads\", \"epsilon\": 0}]"),
     "ablations[0].epsilon does not belong to mean_over_heads"},
    {WITH("\"ablations\": [{\"kind\": \"mean_over_heads\", \"of\": \"v\"}]"),
     "ablations[0].of \"v\" is unknown; use q, k or z"},
    {WITH("\"ablations\": [{\"kind\": \"value_scale\", \"granularity\": \"layer\"}]"),
     "ablations[0].granularity \"layer\" is unknown"},
    {WITH("\"ablations\": [{\"kind\": \"value_scale\"}, {\"kind\": \"value_scale\", \"epsilon\": 0.0}]"),
     "ablations[0] and ablations[1] are both value_scale"},
    {WITH("\"ships\": {\"enabled\": 1}"), "ships.enabled must be true or false"},
    {WITH("\"ships\": {\"enabled\": false}"),
     "ships.enabled is false, and the job computes nothing else; remove it, or add subspace, sahara or evaluate"},
    {WITH("\"ships\": {\"enabled\": false}, \"evaluate\": {\"groups\": [\"top:1\"]}"),
     "it ranks heads by Ships, so remove ships.enabled false"},
    {WITH("\"ships\": {\"enable\": true}"), "unknown key ships.enable; did you mean \"enabled\"?"},
    {WITH("\"ships\": true"), "ships must be an object"},
    {WITH("\"subspace\": 1"), "subspace must be an object"},
    {WITH("\"subspace\": {\"rank\": 0}"), "subspace.rank is 0; it must lie between 1 and 8"},
    {WITH("\"subspace\": {\"rank\": 9}"), "subspace.rank is 9; it must lie between 1 and 8"},
    {WITH("\"subspace\": {\"rank\": 1.0}"), "subspace.rank must be a whole number"},
    {WITH("\"subspace\": {\"ranks\": 1}"), "unknown key subspace.ranks; did you mean \"rank\"?"},
    {WITH("\"subspace\": {\"state\": \"embedding\"}"),
     "subspace.state \"embedding\" is unknown; use final_norm or resid_post"},
    {WITH("\"subspace\": {\"state\": 1}"), "subspace.state must be a string"},
    {WITH("\"sahara\": 3"), "sahara must be an object"},
    {WITH("\"sahara\": {\"steps\": 0}"), "sahara.steps is 0; it must lie between 1 and 64"},
    {WITH("\"sahara\": {\"steps\": 65}"), "sahara.steps is 65; it must lie between 1 and 64"},
    {WITH("\"sahara\": {\"steps\": \"3\"}"), "sahara.steps must be a whole number"},
    {WITH("\"sahara\": {\"step\": 3}"), "unknown key sahara.step; did you mean \"steps\"?"},
    {WITH("\"engine\": {\"precision\": \"bf16\"}"), "engine.precision bf16 is not implemented yet in caravan 0.1"},
    {WITH("\"engine\": {\"precision\": \"f64\"}"), "engine.precision \"f64\" is unknown; use f32"},
    {WITH("\"engine\": {\"memory_gib\": -1}"), "engine.memory_gib is -1"},
    {WITH("\"engine\": {\"threads\": 2}"), "unknown key engine.threads"},
    {"{" MODELS ", " PROMPTS ", \"output\": \"\"}", "output is empty"},
};

START_TEST(bad_jobs_are_refused_with_file_and_field)
{
    refuse_job(bad[_i].job, bad[_i].text);
}
END_TEST

static const char *const unsafe_names[] = {"",
                                           ".",
                                           "..",
                                           "../a",
                                           "a/b",
                                           "/a",
                                           "a b",
                                           "-rf",
                                           ".hidden",
                                           "a\\\\b",
                                           "caf\\u00e9",
                                           "a\\n",
                                           "a\\u0001",
                                           "a:b",
                                           "journal",
                                           "manifest.json",
                                           "status.json",
                                           "overlap.csv",
                                           "overlap_nulls.csv",
                                           "overlap.json",
                                           "depth.csv",
                                           "report.html"};

START_TEST(names_that_are_no_folder_are_refused)
{
    char text[512];
    snprintf(text, sizeof text, "{\"models\": [{\"name\": \"%s\", \"path\": \"p\"}], " PROMPTS ", " OUTPUT "}",
             unsafe_names[_i]);
    cv_job job;
    cv_error err;
    ck_assert_msg(!parse(text, "j.json", NULL, &job, &err), "accepted: %s", text);
    ck_assert_msg(strncmp(err.text, "j.json: models[0].name ", 23) == 0, "%s", err.text);
}
END_TEST

START_TEST(a_long_name_is_refused)
{
    char text[512], name[102];
    memset(name, 'x', 101);
    name[101] = 0;
    cv_job job;
    cv_error err;
    snprintf(text, sizeof text, "{\"models\": [{\"name\": \"%s\", \"path\": \"p\"}], " PROMPTS ", " OUTPUT "}", name);
    ck_assert(!parse(text, "j.json", NULL, &job, &err));
    name[100] = 0;
    snprintf(text, sizeof text, "{\"models\": [{\"name\": \"%s\", \"path\": \"p\"}], " PROMPTS ", " OUTPUT "}", name);
    ck_assert_msg(parse(text, "j.json", NULL, &job, &err), "%s", err.text);
    cv_job_free(&job);
}
END_TEST

START_TEST(a_file_is_loaded_and_a_missing_one_named)
{
    cv_job job;
    cv_error err;
    const char text[] = WITH("\"name\": \"x\"");
    char *path = scratch_file("job.json", text, strlen(text));
    ck_assert_msg(cv_job_load(path, NULL, &job, &err), "%s", err.text);
    ck_assert_str_eq(job.name, "x");
    cv_job_free(&job);
    ck_assert(!cv_job_load("/nowhere/job.json", NULL, &job, &err));
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/job.json"));
    free(path);
}
END_TEST

START_TEST(sets_and_engines_have_names)
{
    ck_assert_str_eq(cv_prompt_set_name(CV_HARMFUL), "harmful");
    ck_assert_str_eq(cv_prompt_set_name(CV_HARMLESS), "harmless");
    ck_assert_str_eq(cv_engine_choice_name(CV_ENGINE_WAVEFRONT), "wavefront");
    ck_assert_str_eq(cv_engine_choice_name(CV_ENGINE_PLAIN), "plain");
}
END_TEST

START_TEST(only_some_models_are_kept)
{
    static const char text[] = "{\"models\": [{\"name\": \"a\", \"path\": \"x\"}, {\"name\": \"ab\", \"path\": \"y\"},"
                               " {\"name\": \"b\", \"path\": \"z\"}],"
                               " \"prompts\": {\"harmful\": {\"file\": \"p.csv\"}}, \"output\": \"out\"}";
    static const struct {
        const char *models;
        int count;
        const char *first, *last;
    } cases[] = {{"a", 1, "a", "a"}, {"b,a", 2, "a", "b"}, {"ab", 1, "ab", "ab"}, {"a,ab,b", 3, "a", "b"}};
    cv_job job;
    cv_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cv_job_options options = {.models = cases[i].models};
        ck_assert_msg(cv_job_parse(text, strlen(text), "job.json", &options, &job, &err), "%s", err.text);
        ck_assert_int_eq(job.num_models, cases[i].count);
        ck_assert_str_eq(job.models[0].name, cases[i].first);
        ck_assert_str_eq(job.models[job.num_models - 1].name, cases[i].last);
        cv_job_free(&job);
    }
    static const char *const wrong[] = {"c", "a,c", "", "a,", "a b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cv_job_options options = {.models = wrong[i]};
        ck_assert(!cv_job_parse(text, strlen(text), "job.json", &options, &job, &err));
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, "--models names \"") != NULL, "%s", err.text);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("job");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, the_smallest_job_gets_the_defaults);
    tcase_add_test(tests, everything_given_is_read);
    tcase_add_loop_test(tests, scores_are_chosen, 0, ROWS(scores));
    tcase_add_test(tests, options_go_before_the_file);
    tcase_add_loop_test(tests, bad_options_are_refused, 0, ROWS(bad_options));
    tcase_add_loop_test(tests, bad_jobs_are_refused_with_file_and_field, 0, ROWS(bad));
    tcase_add_loop_test(tests, names_that_are_no_folder_are_refused, 0, ROWS(unsafe_names));
    tcase_add_test(tests, a_long_name_is_refused);
    tcase_add_test(tests, a_file_is_loaded_and_a_missing_one_named);
    tcase_add_test(tests, sets_and_engines_have_names);
    tcase_add_test(tests, only_some_models_are_kept);
    return run_suite(tests);
}
