/* The part of the job that evaluates answers and utility. */
#include "job_text.h"
#include "suite.h"

#include <stdio.h>

#define NO_SHIPS "\"ships\": {\"enabled\": false}"

/* What is evaluated where the job names no groups. */
static const struct {
    const char *job, *groups;
} default_groups[] = {
    {WITH("\"evaluate\": {}"), "none top:1 random:1"},
    {WITH("\"evaluate\": {}, \"sahara\": {}"), "none top:1 sahara:3 random:3"},
    {WITH("\"evaluate\": {}, \"sahara\": {\"steps\": 2}, " NO_SHIPS), "none sahara:2 random:2"},
    {WITH("\"evaluate\": {}, \"subspace\": {}, " NO_SHIPS), "none random:1"},
};

START_TEST(groups_have_defaults)
{
    cv_job job;
    read_job(default_groups[_i].job, &job);
    char found[256] = "";
    for (int g = 0; g < job.evaluate.num_groups; g++) {
        size_t length = strlen(found);
        snprintf(found + length, sizeof found - length, "%s%s", g ? " " : "", job.evaluate.groups[g].name);
    }
    ck_assert_str_eq(found, default_groups[_i].groups);
    cv_job_free(&job);
}
END_TEST

START_TEST(evaluate_has_defaults)
{
    cv_job job;
    read_job(WITH("\"evaluate\": {\"decode\": null, \"judges\": null, \"utility\": null}"), &job);
    const cv_job_evaluate *e = &job.evaluate;
    ck_assert(e->enabled);
    ck_assert_int_eq(e->num_decode, 1);
    ck_assert_str_eq(e->decode[0].name, "greedy");
    ck_assert_int_eq(e->decode[0].sampling.kind, CV_GREEDY);
    ck_assert_int_eq(e->decode[0].samples, 1);
    ck_assert_int_eq(e->max_new_tokens, 128);
    ck_assert(!e->save_responses);
    ck_assert(e->judges[CV_JUDGE_PAPER]);
    ck_assert(!e->judges[CV_JUDGE_RELEASED]);
    ck_assert(!e->judges[CV_JUDGE_PREFIX]);
    ck_assert_int_eq(e->first_judge, CV_JUDGE_PAPER);
    ck_assert_double_eq(e->coherence.max_repetition, cv_coherence_defaults.max_repetition);
    ck_assert_double_eq(e->coherence.max_compression, cv_coherence_defaults.max_compression);
    ck_assert_uint_eq(e->coherence.min_characters, cv_coherence_defaults.min_characters);
    ck_assert_double_eq(e->coherence.min_loglikelihood, cv_coherence_defaults.min_loglikelihood);
    ck_assert_int_eq(e->num_utility, 0);
    ck_assert_uint_eq(e->seed, 0);
    cv_job_free(&job);
}
END_TEST

START_TEST(groups_are_read)
{
    static const struct {
        const char *name;
        cv_job_group_kind kind;
        int count;
    } wanted[] = {
        {"none", CV_GROUP_NONE, 0},
        {"sahara:1", CV_GROUP_SAHARA, 1},
        {"sahara:3", CV_GROUP_SAHARA, 3},
        {"top:1", CV_GROUP_TOP, 1},
        {"top:20", CV_GROUP_TOP, 20},
        {"per_prompt:5", CV_GROUP_PER_PROMPT, 5},
        {"random:1000000", CV_GROUP_RANDOM, 1000000},
        {"each_head", CV_GROUP_EACH_HEAD, 0},
    };
    cv_job job;
    read_job(WITH("\"sahara\": {}, \"evaluate\": {\"groups\": [\"none\", \"sahara:1\", \"sahara:3\", \"top:1\", "
                  "\"top:20\", \"per_prompt:5\", \"random:1000000\", \"each_head\"]}"),
             &job);
    ck_assert_int_eq(job.evaluate.num_groups, (int)ROWS(wanted));
    for (size_t g = 0; g < ROWS(wanted); g++) {
        ck_assert_str_eq(job.evaluate.groups[g].name, wanted[g].name);
        ck_assert_int_eq(job.evaluate.groups[g].kind, wanted[g].kind);
        ck_assert_int_eq(job.evaluate.groups[g].count, wanted[g].count);
    }
    cv_job_free(&job);
}
END_TEST

START_TEST(ways_to_decode_are_read)
{
    cv_job job;
    read_job(
        WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\"}, {\"kind\": \"greedy\", \"k\": null}, "
             "{\"kind\": \"top_k\", \"k\": 50, \"temperature\": 0.7, \"seed\": 9223372036854775807, \"samples\": 3}, "
             "{\"kind\": \"top_k\", \"k\": 1, \"temperature\": 1e-6}]}"),
        &job);
    const cv_job_decode *d = job.evaluate.decode;
    ck_assert_int_eq(job.evaluate.num_decode, 4);
    ck_assert_str_eq(d[0].name, "top_k-k5-t1");
    ck_assert_int_eq(d[0].sampling.kind, CV_TOP_K);
    ck_assert_int_eq(d[0].sampling.k, 5);
    ck_assert_double_eq(d[0].sampling.temperature, 1);
    ck_assert_uint_eq(d[0].sampling.seed, 0);
    ck_assert_int_eq(d[0].samples, 1);
    ck_assert_str_eq(d[1].name, "greedy");
    ck_assert_str_eq(d[2].name, "top_k-k50-t0.7-seed9223372036854775807-samples3");
    ck_assert_int_eq(d[2].sampling.k, 50);
    ck_assert_double_eq(d[2].sampling.temperature, 0.7);
    ck_assert_uint_eq(d[2].sampling.seed, INT64_MAX);
    ck_assert_int_eq(d[2].samples, 3);
    ck_assert_str_eq(d[3].name, "top_k-k1-t1e-06");
    cv_job_free(&job);
}
END_TEST

START_TEST(the_rest_of_evaluate_is_read)
{
    cv_job job;
    read_job(
        WITH("\"evaluate\": {\"max_new_tokens\": 7, \"save_responses\": true, \"seed\": 12, "
             "\"judges\": [\"prefix\", \"released\"], \"utility\": [{\"name\": \"boolq\", \"file\": \"u/b.jsonl\"}, "
             "{\"name\": \"rte\", \"file\": \"/abs/r.jsonl\", \"limit\": 40}]}"),
        &job);
    const cv_job_evaluate *e = &job.evaluate;
    ck_assert_int_eq(e->max_new_tokens, 7);
    ck_assert(e->save_responses);
    ck_assert_uint_eq(e->seed, 12);
    ck_assert(!e->judges[CV_JUDGE_PAPER]);
    ck_assert(e->judges[CV_JUDGE_RELEASED]);
    ck_assert(e->judges[CV_JUDGE_PREFIX]);
    ck_assert_int_eq(e->first_judge, CV_JUDGE_PREFIX);
    ck_assert_int_eq(e->num_utility, 2);
    ck_assert_str_eq(e->utility[0].name, "boolq");
    ck_assert_str_eq(e->utility[0].file, "jobs/u/b.jsonl");
    ck_assert_uint_eq(e->utility[0].limit, 0);
    ck_assert_str_eq(e->utility[1].file, "/abs/r.jsonl");
    ck_assert_uint_eq(e->utility[1].limit, 40);
    cv_job_free(&job);
}
END_TEST

START_TEST(limits_of_coherence_are_read)
{
    cv_job job;
    read_job(
        WITH("\"evaluate\": {\"coherence\": {\"max_repetition\": 0.25, \"max_compression\": 9.5, \"min_characters\": "
             "0, \"min_loglikelihood\": -3}}"),
        &job);
    const cv_coherence_limits *limits = &job.evaluate.coherence;
    ck_assert_double_eq(limits->max_repetition, 0.25);
    ck_assert_double_eq(limits->max_compression, 9.5);
    ck_assert_uint_eq(limits->min_characters, 0);
    ck_assert_double_eq(limits->min_loglikelihood, -3);
    cv_job_free(&job);
    read_job(WITH("\"evaluate\": {\"coherence\": {\"max_compression\": 2}}"), &job);
    ck_assert_double_eq(limits->max_compression, 2);
    ck_assert_double_eq(limits->max_repetition, cv_coherence_defaults.max_repetition);
    cv_job_free(&job);
}
END_TEST

START_TEST(utility_alone_generates_nothing)
{
    cv_job job;
    read_job(WITH("\"evaluate\": {\"decode\": [], \"utility\": [{\"name\": \"u\", \"file\": \"u.jsonl\"}]}"), &job);
    ck_assert_int_eq(job.evaluate.num_decode, 0);
    ck_assert_int_eq(job.evaluate.num_utility, 1);
    cv_job_free(&job);
}
END_TEST

/* Jobs that read well and ask for more than a model of 2 layers with 4 heads, 2 key heads and 96 tokens,
 * and 3 harmful and 2 harmless prompts can give. NULL: they do not. */
static const struct {
    const char *job, *text;
} against_model[] = {
    {WITH("\"sahara\": {\"steps\": 8}, \"subspace\": {\"rank\": 2}"), NULL},
    {WITH("\"sahara\": {\"steps\": 9}"),
     "jobs/j.json: sahara.steps is 9, but model a has 8 heads under uniform_attention"},
    {WITH("\"sahara\": {\"steps\": 5}, \"ablations\": [{\"kind\": \"value_scale\"}, "
          "{\"kind\": \"value_scale\", \"granularity\": \"kv_group\"}]"),
     "jobs/j.json: sahara.steps is 5, but model a has 4 heads under value_scale-kv_group"},
    {WITH("\"evaluate\": {\"groups\": [\"none\", \"top:8\", \"random:8\", \"per_prompt:8\", \"each_head\"]}"), NULL},
    {WITH("\"evaluate\": {\"groups\": [\"none\", \"top:9\"]}"),
     "jobs/j.json: evaluate.groups[1] is \"top:9\", but model a has 8 heads under uniform_attention; lower it"},
    {WITH("\"evaluate\": {\"groups\": [\"random:9\"]}"), "evaluate.groups[0] is \"random:9\""},
    {WITH("\"evaluate\": {\"groups\": [\"per_prompt:9\"]}"), "evaluate.groups[0] is \"per_prompt:9\""},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"k\": 96}]}"), NULL},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"k\": 97}]}"),
     "jobs/j.json: evaluate.decode[0].k is 97, but model a has 96 tokens; lower it"},
    {WITH("\"subspace\": {\"rank\": 3}"), "jobs/j.json: subspace.rank is 3, but there are only 2 harmless prompts"},
    {WITH("\"subspace\": {\"rank\": 4}"), "jobs/j.json: subspace.rank is 4, but there are only 3 harmful prompts"},
};

START_TEST(jobs_are_held_against_the_model)
{
    const cv_config config = {.vocab_size = 96,
                              .hidden_size = 16,
                              .num_hidden_layers = 2,
                              .num_attention_heads = 4,
                              .num_key_value_heads = 2};
    const size_t num_prompts[CV_NUM_PROMPT_SETS] = {3, 2};
    cv_job job;
    cv_error err = {0};
    read_job(against_model[_i].job, &job);
    bool ok = cv_job_check(&job, 0, &config, num_prompts, &err);
    if (against_model[_i].text) {
        ck_assert(!ok);
        ck_assert_int_eq(err.status, CV_BAD_INPUT);
        ck_assert_msg(strstr(err.text, against_model[_i].text) != NULL, "%s", err.text);
    } else {
        ck_assert_msg(ok, "%s", err.text);
    }
    cv_job_free(&job);
}
END_TEST

START_TEST(a_subspace_is_no_larger_than_the_state)
{
    const cv_config config = {
        .vocab_size = 96, .hidden_size = 4, .num_hidden_layers = 2, .num_attention_heads = 4, .num_key_value_heads = 2};
    const size_t num_prompts[CV_NUM_PROMPT_SETS] = {9, 0};
    cv_job job;
    cv_error err;
    read_job(WITH("\"subspace\": {\"rank\": 5}"), &job);
    ck_assert(!cv_job_check(&job, 0, &config, num_prompts, &err));
    ck_assert_str_eq(err.text, "jobs/j.json: subspace.rank is 5, but model a has hidden_size 4; lower it");
    cv_job_free(&job);
}
END_TEST

/* Each job, and what its error must hold besides the file's name. */
static const struct {
    const char *job, *text;
} bad[] = {
    {WITH("\"evaluate\": true"), "evaluate must be an object"},
    {WITH("\"evaluate\": {\"group\": [\"none\"]}"), "unknown key evaluate.group; did you mean \"groups\"?"},
    {WITH("\"evaluate\": {\"groups\": \"none\"}"), "evaluate.groups must be an array"},
    {WITH("\"evaluate\": {\"groups\": []}"), "evaluate.groups is empty; name at least one"},
    {WITH("\"evaluate\": {\"groups\": [\"none\", 3]}"), "evaluate.groups[1] must be a string"},
    {WITH("\"evaluate\": {\"groups\": [\"no\\u0000ne\"]}"), "evaluate.groups[0] must be a string"},
    {WITH("\"evaluate\": {\"groups\": [\"best:1\"]}"),
     "evaluate.groups[0] \"best:1\" is unknown; use none, top:K, sahara:K, per_prompt:K, random:K or each_head"},
    {WITH("\"evaluate\": {\"groups\": [\"\"]}"), "evaluate.groups[0] \"\" is unknown"},
    {WITH("\"evaluate\": {\"groups\": [\"Top:1\"]}"), "evaluate.groups[0] \"Top:1\" is unknown"},
    {WITH("\"evaluate\": {\"groups\": [\"top1\"]}"), "evaluate.groups[0] \"top1\" is unknown"},
    {WITH("\"evaluate\": {\"groups\": [\":1\"]}"), "evaluate.groups[0] \":1\" is unknown"},
    {WITH("\"evaluate\": {\"groups\": [\"to:1\"]}"), "evaluate.groups[0] \"to:1\" is unknown"},
    {WITH("\"evaluate\": {\"groups\": [\"none:1\"]}"),
     "evaluate.groups[0] \"none:1\": none takes no number; write \"none\""},
    {WITH("\"evaluate\": {\"groups\": [\"each_head:\"]}"),
     "evaluate.groups[0] \"each_head:\": each_head takes no number; write \"each_head\""},
    {WITH("\"evaluate\": {\"groups\": [\"top\"]}"),
     "evaluate.groups[0] \"top\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:\"]}"),
     "evaluate.groups[0] \"top:\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:0\"]}"),
     "evaluate.groups[0] \"top:0\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:-1\"]}"),
     "evaluate.groups[0] \"top:-1\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:01\"]}"),
     "evaluate.groups[0] \"top:01\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:1.5\"]}"),
     "evaluate.groups[0] \"top:1.5\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top: 1\"]}"),
     "evaluate.groups[0] \"top: 1\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:1 \"]}"),
     "evaluate.groups[0] \"top:1 \": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:+1\"]}"),
     "evaluate.groups[0] \"top:+1\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:1:2\"]}"),
     "evaluate.groups[0] \"top:1:2\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:1000001\"]}"),
     "evaluate.groups[0] \"top:1000001\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:99999999999999999999\"]}"),
     "evaluate.groups[0] \"top:99999999999999999999\": top needs a number of heads from 1 to 1000000, as in top:1"},
    {WITH("\"evaluate\": {\"groups\": [\"top:1\", \"none\", \"top:1\"]}"),
     "evaluate.groups[2] \"top:1\" is there twice; remove one"},
    {WITH("\"evaluate\": {\"groups\": [\"none\", \"none\"]}"),
     "evaluate.groups[1] \"none\" is there twice; remove one"},
    {WITH("\"evaluate\": {\"groups\": [\"sahara:1\"]}"), "evaluate.groups[0] is \"sahara:1\"; add sahara to the job"},
    {WITH("\"subspace\": {}, \"evaluate\": {\"groups\": [\"sahara:1\"]}"),
     "evaluate.groups[0] is \"sahara:1\"; add sahara to the job"},
    {WITH("\"sahara\": {}, \"evaluate\": {\"groups\": [\"none\", \"sahara:4\"]}"),
     "evaluate.groups[1] is \"sahara:4\", but sahara.steps is 3; raise it, or lower the group's number"},
    {WITH("\"ships\": {\"enabled\": false}, \"sahara\": {}, \"evaluate\": {\"groups\": [\"top:1\"]}"),
     "evaluate.groups[0] is \"top:1\"; it ranks heads by Ships, so remove ships.enabled false"},
    {WITH("\"ships\": {\"enabled\": false}, \"sahara\": {}, \"evaluate\": {\"groups\": [\"per_prompt:1\"]}"),
     "evaluate.groups[0] is \"per_prompt:1\"; it ranks heads by Ships"},
    {WITH("\"evaluate\": {\"decode\": {\"kind\": \"greedy\"}}"), "evaluate.decode must be an array"},
    {WITH("\"evaluate\": {\"decode\": []}"),
     "evaluate.decode is empty and there is no evaluate.utility; name one of them"},
    {WITH("\"evaluate\": {\"decode\": [], \"utility\": []}"), "evaluate.utility is empty; name at least one"},
    {WITH("\"evaluate\": {\"decode\": [], \"utility\": [{\"name\": \"u\", \"file\": \"u\"}], \"max_new_tokens\": 5}"),
     "evaluate.max_new_tokens has no answers to work on, as evaluate.decode is empty; remove it"},
    {WITH("\"evaluate\": {\"decode\": [], \"utility\": [{\"name\": \"u\", \"file\": \"u\"}], \"save_responses\": "
          "false}"),
     "evaluate.save_responses has no answers to work on, as evaluate.decode is empty; remove it"},
    {WITH("\"evaluate\": {\"decode\": [], \"utility\": [{\"name\": \"u\", \"file\": \"u\"}], \"judges\": [\"paper\"]}"),
     "evaluate.judges has no answers to work on, as evaluate.decode is empty; remove it"},
    {WITH("\"evaluate\": {\"decode\": [], \"utility\": [{\"name\": \"u\", \"file\": \"u\"}], \"coherence\": {}}"),
     "evaluate.coherence has no answers to work on, as evaluate.decode is empty; remove it"},
    {WITH("\"evaluate\": {\"decode\": [\"greedy\"]}"), "evaluate.decode[0] must be an object"},
    {WITH("\"evaluate\": {\"decode\": [{}]}"), "evaluate.decode[0].kind is missing"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"beam\"}]}"),
     "evaluate.decode[0].kind \"beam\" is unknown; use greedy or top_k"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\", \"top_k\": 5}]}"),
     "unknown key evaluate.decode[0].top_k"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\", \"k\": 1}]}"),
     "evaluate.decode[0].k does not belong to greedy; remove it"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\", \"temperature\": 1.0}]}"),
     "evaluate.decode[0].temperature does not belong to greedy; remove it"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\", \"seed\": 0}]}"),
     "evaluate.decode[0].seed does not belong to greedy; remove it"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\", \"samples\": 1}]}"),
     "evaluate.decode[0].samples does not belong to greedy; remove it"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"k\": 0}]}"),
     "evaluate.decode[0].k is 0; it must lie between 1 and"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"k\": -5}]}"),
     "evaluate.decode[0].k is -5; it must lie between 1 and"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"k\": 5.0}]}"),
     "evaluate.decode[0].k must be a whole number"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": 0}]}"),
     "evaluate.decode[0].temperature is 0; use 1e-06 or more, or the kind greedy"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": -1}]}"),
     "evaluate.decode[0].temperature is -1; use 1e-06 or more"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": 1e-320}]}"), "use 1e-06 or more"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": -1e300}]}"),
     "evaluate.decode[0].temperature is -1e+300; it must lie between"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": 1e300}]}"),
     "evaluate.decode[0].temperature is 1e+300; it must lie between"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"temperature\": \"1\"}]}"),
     "evaluate.decode[0].temperature must be a number"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"seed\": -1}]}"), "evaluate.decode[0].seed is -1"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"samples\": 0}]}"),
     "evaluate.decode[0].samples is 0; it must lie between 1 and 10000"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"top_k\", \"samples\": 10001}]}"),
     "evaluate.decode[0].samples is 10001"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\"}, {\"kind\": \"greedy\"}]}"),
     "evaluate.decode[0] and evaluate.decode[1] are both greedy; remove one"},
    {WITH("\"evaluate\": {\"decode\": [{\"kind\": \"greedy\"}, {\"kind\": \"top_k\"}, {\"kind\": \"top_k\", \"k\": 5, "
          "\"temperature\": 1}]}"),
     "evaluate.decode[1] and evaluate.decode[2] are both top_k-k5-t1; remove one"},
    {WITH("\"evaluate\": {\"max_new_tokens\": 0}"), "evaluate.max_new_tokens is 0; it must lie between 1 and 65536"},
    {WITH("\"evaluate\": {\"max_new_tokens\": 65537}"), "evaluate.max_new_tokens is 65537"},
    {WITH("\"evaluate\": {\"save_responses\": 1}"), "evaluate.save_responses must be true or false"},
    {WITH("\"evaluate\": {\"seed\": -1}"), "evaluate.seed is -1"},
    {WITH("\"evaluate\": {\"seed\": 1.5}"), "evaluate.seed must be a whole number"},
    {WITH("\"evaluate\": {\"judges\": \"paper\"}"), "evaluate.judges must be an array"},
    {WITH("\"evaluate\": {\"judges\": []}"), "evaluate.judges is empty; name at least one"},
    {WITH("\"evaluate\": {\"judges\": [\"paper\", \"gpt-4\"]}"),
     "evaluate.judges[1] \"gpt-4\" is unknown; use paper, released or prefix"},
    {WITH("\"evaluate\": {\"judges\": [\"paper\", \"prefix\", \"paper\"]}"),
     "evaluate.judges[2] \"paper\" is there twice; remove one"},
    {WITH("\"evaluate\": {\"judges\": [null]}"), "evaluate.judges[0] must be a string"},
    {WITH("\"evaluate\": {\"coherence\": true}"), "evaluate.coherence must be an object"},
    {WITH("\"evaluate\": {\"coherence\": {\"repetition\": 1}}"), "unknown key evaluate.coherence.repetition"},
    {WITH("\"evaluate\": {\"coherence\": {\"max_repetition\": 1.5}}"),
     "evaluate.coherence.max_repetition is 1.5; it must lie between 0 and 1"},
    {WITH("\"evaluate\": {\"coherence\": {\"max_compression\": -1}}"), "evaluate.coherence.max_compression is -1"},
    {WITH("\"evaluate\": {\"coherence\": {\"max_compression\": \"4\"}}"),
     "evaluate.coherence.max_compression must be a number"},
    {WITH("\"evaluate\": {\"coherence\": {\"min_characters\": -1}}"), "evaluate.coherence.min_characters is -1"},
    {WITH("\"evaluate\": {\"coherence\": {\"min_characters\": 1.5}}"),
     "evaluate.coherence.min_characters must be a whole number"},
    {WITH("\"evaluate\": {\"coherence\": {\"min_loglikelihood\": 1}}"),
     "evaluate.coherence.min_loglikelihood is 1; it must lie between -1e+09 and 0"},
    {WITH("\"evaluate\": {\"utility\": {}}"), "evaluate.utility must be an array"},
    {WITH("\"evaluate\": {\"utility\": []}"), "evaluate.utility is empty; name at least one"},
    {WITH("\"evaluate\": {\"utility\": [\"boolq\"]}"), "evaluate.utility[0] must be an object"},
    {WITH("\"evaluate\": {\"utility\": [{\"file\": \"u\"}]}"), "evaluate.utility[0].name is missing"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"u\"}]}"), "evaluate.utility[0].file is missing"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"u\", \"file\": \"\"}]}"), "evaluate.utility[0].file is empty"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"u\", \"path\": \"u\"}]}"), "unknown key evaluate.utility[0].path"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"a b\", \"file\": \"u\"}]}"),
     "evaluate.utility[0].name \"a b\" stands in tables, but it may hold letters, digits and . _ + - only"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"u\", \"file\": \"u\", \"limit\": -1}]}"),
     "evaluate.utility[0].limit is -1"},
    {WITH("\"evaluate\": {\"utility\": [{\"name\": \"u\", \"file\": \"u\"}, {\"name\": \"v\", \"file\": \"v\"}, "
          "{\"name\": \"u\", \"file\": \"w\"}]}"),
     "evaluate.utility[2].name \"u\" is that of evaluate.utility[0] too; give each its own"},
};

START_TEST(bad_jobs_are_refused_with_file_and_field)
{
    refuse_job(bad[_i].job, bad[_i].text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("job_evaluate");
    tcase_add_loop_test(tests, groups_have_defaults, 0, ROWS(default_groups));
    tcase_add_test(tests, evaluate_has_defaults);
    tcase_add_test(tests, groups_are_read);
    tcase_add_test(tests, ways_to_decode_are_read);
    tcase_add_test(tests, the_rest_of_evaluate_is_read);
    tcase_add_test(tests, limits_of_coherence_are_read);
    tcase_add_test(tests, utility_alone_generates_nothing);
    tcase_add_loop_test(tests, jobs_are_held_against_the_model, 0, ROWS(against_model));
    tcase_add_test(tests, a_subspace_is_no_larger_than_the_state);
    tcase_add_loop_test(tests, bad_jobs_are_refused_with_file_and_field, 0, ROWS(bad));
    return run_suite(tests);
}
