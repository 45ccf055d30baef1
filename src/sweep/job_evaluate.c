#include "sweep/job_reader.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_HEADS = 1000000,    /* of a group; the model's own number is checked when it is known */
    MOST_SAMPLES = 10000,    /* answers for one prompt */
    MOST_NEW_TOKENS = 65536, /* of one answer */
    NAME_SIZE = 128          /* bytes of a field's name */
};

/* Outside of them a quotient of logits and temperature may leave the numbers that can be told apart. */
static const double COLDEST = 1e-6, HOTTEST = 1e6;

static const double LARGEST_LIMIT = 1e9; /* of coherence: what no answer reaches */

static const struct {
    const char *word;
    bool counts; /* followed by ":K" */
} group_words[] = {
    [CV_GROUP_NONE] = {"none", false},    [CV_GROUP_TOP] = {"top", true},
    [CV_GROUP_SAHARA] = {"sahara", true}, [CV_GROUP_PER_PROMPT] = {"per_prompt", true},
    [CV_GROUP_RANDOM] = {"random", true}, [CV_GROUP_EACH_HEAD] = {"each_head", false},
};
enum { NUM_GROUP_WORDS = sizeof group_words / sizeof group_words[0] };

static const char *const decode_words[] = {"greedy", "top_k"};

static bool is_given(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

/* ---- groups ---- */

/* text as a number from 1 to MOST_HEADS without sign, blanks or leading zeros; 0 if it is none. */
static int count_in(const char *text)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 7 || text[length] || text[0] == '0') return 0;
    int count = (int)strtol(text, NULL, 10);
    return count <= MOST_HEADS ? count : 0;
}

/* What keeps the job from giving a group of this kind: a remedy, or NULL. */
static const char *missing_stage(const cv_job *job, cv_job_group_kind kind)
{
    if (kind == CV_GROUP_SAHARA && job->sahara_steps == 0) return "add sahara to the job";
    if ((kind == CV_GROUP_TOP || kind == CV_GROUP_PER_PROMPT) && !job->ships)
        return "it ranks heads by Ships, so remove ships.enabled false";
    return NULL;
}

static bool parse_group(const cv_job_reader *r, const char *field, const char *text, cv_job_group *group)
{
    size_t length = strcspn(text, ":");
    const char *number = text[length] ? text + length + 1 : NULL;
    int kind = 0;
    while (kind < NUM_GROUP_WORDS &&
           (strlen(group_words[kind].word) != length || memcmp(group_words[kind].word, text, length) != 0))
        kind++;
    if (kind == NUM_GROUP_WORDS)
        return cv_bad_input(r->err,
                            "%s: %s \"%s\" is unknown; use none, top:K, sahara:K, per_prompt:K, random:K or each_head",
                            r->file, field, text);
    const char *word = group_words[kind].word;
    if (!group_words[kind].counts && number)
        return cv_bad_input(r->err, "%s: %s \"%s\": %s takes no number; write \"%s\"", r->file, field, text, word,
                            word);
    group->kind = (cv_job_group_kind)kind;
    group->count = number ? count_in(number) : 0;
    if (group_words[kind].counts && group->count == 0)
        return cv_bad_input(r->err, "%s: %s \"%s\": %s needs a number of heads from 1 to %d, as in %s:1", r->file,
                            field, text, word, MOST_HEADS, word);
    return true;
}

static bool check_group(const cv_job_reader *r, const char *field, const cv_job_group *group)
{
    const cv_job *job = r->job;
    const char *remedy = missing_stage(job, group->kind);
    if (remedy) return cv_bad_input(r->err, "%s: %s is \"%s\"; %s", r->file, field, group->name, remedy);
    if (group->kind == CV_GROUP_SAHARA && group->count > job->sahara_steps)
        return cv_bad_input(r->err, "%s: %s is \"%s\", but sahara.steps is %d; raise it, or lower the group's number",
                            r->file, field, group->name, job->sahara_steps);
    for (int i = 0; i < job->evaluate.num_groups; i++)
        if (strcmp(job->evaluate.groups[i].name, group->name) == 0)
            return cv_bad_input(r->err, "%s: %s \"%s\" is there twice; remove one", r->file, field, group->name);
    return true;
}

static bool add_group(const cv_job_reader *r, const char *text, int index)
{
    char field[NAME_SIZE];
    snprintf(field, sizeof field, "evaluate.groups[%d]", index);
    cv_job_group group = {.name = (char *)text};
    if (!parse_group(r, field, text, &group) || !check_group(r, field, &group)) return false;
    group.name = cv_strdup(text);
    r->job->evaluate.groups[r->job->evaluate.num_groups++] = group;
    return true;
}

/* The clean model, the best heads that the job finds, and as many random ones as the control. */
static bool default_groups(const cv_job_reader *r)
{
    cv_job *job = r->job;
    char sahara[32], control[32];
    snprintf(sahara, sizeof sahara, "sahara:%d", job->sahara_steps);
    snprintf(control, sizeof control, "random:%d", job->sahara_steps ? job->sahara_steps : 1);
    job->evaluate.groups = cv_calloc(4, sizeof *job->evaluate.groups);
    return add_group(r, "none", 0) && (!job->ships || add_group(r, "top:1", 1)) &&
           (!job->sahara_steps || add_group(r, sahara, 2)) && add_group(r, control, 3);
}

/* list[index], which must be a string without NUL; NULL on error. */
static const char *word_of(const cv_job_reader *r, const json_t *list, size_t index, const char *key)
{
    const json_t *value = json_array_get(list, index);
    if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
        return json_string_value(value);
    cv_bad_input(r->err, "%s: evaluate.%s[%zu] must be a string", r->file, key, index);
    return NULL;
}

static bool read_groups(const cv_job_reader *r, const json_t *object)
{
    json_t *list = NULL;
    if (!cv_job_list(r, object, "evaluate", "groups", CV_OPTIONAL, &list)) return false;
    if (!list) return default_groups(r);
    size_t count = json_array_size(list);
    r->job->evaluate.groups = cv_calloc(count, sizeof *r->job->evaluate.groups);
    for (size_t i = 0; i < count; i++) {
        const char *text = word_of(r, list, i, "groups");
        if (!text || !add_group(r, text, (int)i)) return false;
    }
    return true;
}

/* ---- decoding ---- */

static char *decode_name(const cv_job_decode *decode)
{
    cv_buffer name = {0};
    const cv_sampling *sampling = &decode->sampling;
    cv_buffer_puts(&name, decode_words[sampling->kind]);
    if (sampling->kind == CV_TOP_K) {
        cv_buffer_printf(&name, "-k%d-t%.10g", sampling->k, sampling->temperature);
        if (sampling->seed) cv_buffer_printf(&name, "-seed%llu", (unsigned long long)sampling->seed);
        if (decode->samples > 1) cv_buffer_printf(&name, "-samples%d", decode->samples);
    }
    return cv_buffer_steal(&name);
}

static bool add_decode(const cv_job_reader *r, const char *field, const cv_job_decode *decode)
{
    cv_job_evaluate *evaluate = &r->job->evaluate;
    cv_job_decode *added = &evaluate->decode[evaluate->num_decode];
    *added = *decode;
    added->name = decode_name(decode);
    for (int i = 0; i < evaluate->num_decode; i++)
        if (strcmp(evaluate->decode[i].name, added->name) == 0) {
            cv_bad_input(r->err, "%s: evaluate.decode[%d] and %s are both %s; remove one", r->file, i, field,
                         added->name);
            evaluate->num_decode++; /* so that its name is freed */
            return false;
        }
    evaluate->num_decode++;
    return true;
}

static bool read_top_k(const cv_job_reader *r, const json_t *object, const char *field, cv_job_decode *decode)
{
    cv_json_place place = cv_job_at(r, field);
    int64_t k = 5, samples = 1, seed = 0;
    double temperature = 1;
    if (!cv_json_int(object, place, "k", CV_OPTIONAL, 1, INT32_MAX, &k, r->err) ||
        !cv_json_int(object, place, "samples", CV_OPTIONAL, 1, MOST_SAMPLES, &samples, r->err) ||
        !cv_json_int(object, place, "seed", CV_OPTIONAL, 0, INT64_MAX, &seed, r->err) ||
        !cv_json_real(object, place, "temperature", CV_OPTIONAL, -HOTTEST, HOTTEST, &temperature, r->err))
        return false;
    if (!(temperature >= COLDEST))
        return cv_bad_input(r->err, "%s: %s.temperature is %g; use %g or more, or the kind greedy", r->file, field,
                            temperature, COLDEST);
    decode->sampling = (cv_sampling){CV_TOP_K, (int)k, temperature, (uint64_t)seed};
    decode->samples = (int)samples;
    return true;
}

static bool read_decode(const cv_job_reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"kind", "k", "temperature", "seed", "samples", NULL};
    char field[NAME_SIZE];
    snprintf(field, sizeof field, "evaluate.decode[%d]", index);
    const char *kind = NULL;
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, cv_job_at(r, field), keys, r->err) ||
        !cv_json_string(object, cv_job_at(r, field), "kind", CV_REQUIRED, &kind, r->err))
        return false;
    cv_job_decode decode = {.samples = 1};
    if (strcmp(kind, decode_words[CV_GREEDY]) == 0) {
        for (int i = 1; keys[i]; i++)
            if (is_given(object, keys[i]))
                return cv_bad_input(r->err, "%s: %s.%s does not belong to greedy; remove it", r->file, field, keys[i]);
        return add_decode(r, field, &decode);
    }
    if (strcmp(kind, decode_words[CV_TOP_K]) != 0)
        return cv_bad_input(r->err, "%s: %s.kind \"%s\" is unknown; use greedy or top_k", r->file, field, kind);
    return read_top_k(r, object, field, &decode) && add_decode(r, field, &decode);
}

/* An empty list means that nothing is generated: what would then be ignored is a mistake. */
static bool check_silence(const cv_job_reader *r, const json_t *object)
{
    static const char *const idle[] = {"max_new_tokens", "save_responses", "judges", "coherence"};
    if (r->job->evaluate.num_utility == 0)
        return cv_bad_input(r->err, "%s: evaluate.decode is empty and there is no evaluate.utility; name one of them",
                            r->file);
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        if (is_given(object, idle[i]))
            return cv_bad_input(r->err,
                                "%s: evaluate.%s has no answers to work on, as evaluate.decode is empty; remove it",
                                r->file, idle[i]);
    return true;
}

static bool read_decodes(const cv_job_reader *r, const json_t *object)
{
    cv_job_evaluate *evaluate = &r->job->evaluate;
    const json_t *given = json_object_get(object, "decode");
    if (json_is_array(given) && json_array_size(given) == 0) return check_silence(r, object);
    json_t *list = NULL;
    if (!cv_job_list(r, object, "evaluate", "decode", CV_OPTIONAL, &list)) return false;
    size_t count = list ? json_array_size(list) : 1;
    evaluate->decode = cv_calloc(count, sizeof *evaluate->decode);
    if (!list) return add_decode(r, "", &(cv_job_decode){.samples = 1});
    for (size_t i = 0; i < count; i++)
        if (!read_decode(r, json_array_get(list, i), (int)i)) return false;
    return true;
}

/* ---- judges ---- */

static bool read_judges(const cv_job_reader *r, const json_t *object)
{
    bool *judges = r->job->evaluate.judges;
    json_t *list = NULL;
    if (!cv_job_list(r, object, "evaluate", "judges", CV_OPTIONAL, &list)) return false;
    r->job->evaluate.first_judge = CV_JUDGE_PAPER;
    if (!list) judges[CV_JUDGE_PAPER] = true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = word_of(r, list, i, "judges");
        if (!word) return false;
        int judge = cv_judge_of(word);
        if (judge < 0)
            return cv_bad_input(r->err, "%s: evaluate.judges[%zu] \"%s\" is unknown; use paper, released or prefix",
                                r->file, i, word);
        if (judges[judge])
            return cv_bad_input(r->err, "%s: evaluate.judges[%zu] \"%s\" is there twice; remove one", r->file, i, word);
        judges[judge] = true;
        if (i == 0) r->job->evaluate.first_judge = (cv_judge)judge;
    }
    return true;
}

/* Any limit can be set so that it never strikes. */
static bool read_coherence(const cv_job_reader *r, const json_t *object)
{
    static const char *const keys[] = {"max_repetition", "max_compression", "min_characters", "min_loglikelihood",
                                       NULL};
    cv_coherence_limits *limits = &r->job->evaluate.coherence;
    cv_json_place place = cv_job_at(r, "evaluate.coherence");
    *limits = cv_coherence_defaults;
    json_t *given = NULL;
    if (!cv_json_object(object, cv_job_at(r, "evaluate"), "coherence", CV_OPTIONAL, &given, r->err)) return false;
    if (!given) return true;
    int64_t characters = (int64_t)limits->min_characters;
    if (!cv_json_only_keys(given, place, keys, r->err) ||
        !cv_json_real(given, place, "max_repetition", CV_OPTIONAL, 0, 1, &limits->max_repetition, r->err) ||
        !cv_json_real(given, place, "max_compression", CV_OPTIONAL, 0, LARGEST_LIMIT, &limits->max_compression,
                      r->err) ||
        !cv_json_int(given, place, "min_characters", CV_OPTIONAL, 0, INT32_MAX, &characters, r->err) ||
        !cv_json_real(given, place, "min_loglikelihood", CV_OPTIONAL, -LARGEST_LIMIT, 0, &limits->min_loglikelihood,
                      r->err))
        return false;
    limits->min_characters = (size_t)characters;
    return true;
}

/* ---- utility ---- */

static bool check_utility_name(const cv_job_reader *r, const char *field, const char *name)
{
    const char *fault = cv_job_name_fault(name);
    if (fault) return cv_bad_input(r->err, "%s: %s.name \"%s\" stands in tables, but %s", r->file, field, name, fault);
    for (int i = 0; i < r->job->evaluate.num_utility; i++)
        if (strcmp(r->job->evaluate.utility[i].name, name) == 0)
            return cv_bad_input(r->err, "%s: %s.name \"%s\" is that of evaluate.utility[%d] too; give each its own",
                                r->file, field, name, i);
    return true;
}

static bool read_utility(const cv_job_reader *r, const json_t *object, int index)
{
    static const char *const keys[] = {"name", "file", "limit", NULL};
    char field[NAME_SIZE];
    snprintf(field, sizeof field, "evaluate.utility[%d]", index);
    cv_json_place place = cv_job_at(r, field);
    const char *name = NULL, *file = NULL;
    int64_t limit = 0;
    if (!json_is_object(object)) return cv_bad_input(r->err, "%s: %s must be an object {...}", r->file, field);
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_string(object, place, "name", CV_REQUIRED, &name, r->err) ||
        !cv_json_string(object, place, "file", CV_REQUIRED, &file, r->err) ||
        !cv_json_int(object, place, "limit", CV_OPTIONAL, 0, INT32_MAX, &limit, r->err) ||
        !check_utility_name(r, field, name))
        return false;
    if (!file[0]) return cv_bad_input(r->err, "%s: %s.file is empty", r->file, field);
    cv_job_evaluate *evaluate = &r->job->evaluate;
    evaluate->utility[evaluate->num_utility++] =
        (cv_job_utility){cv_strdup(name), cv_job_resolve(r, file), (size_t)limit};
    return true;
}

static bool read_utilities(const cv_job_reader *r, const json_t *object)
{
    json_t *list = NULL;
    if (!cv_job_list(r, object, "evaluate", "utility", CV_OPTIONAL, &list)) return false;
    size_t count = json_array_size(list);
    r->job->evaluate.utility = count ? cv_calloc(count, sizeof *r->job->evaluate.utility) : NULL;
    for (size_t i = 0; i < count; i++)
        if (!read_utility(r, json_array_get(list, i), (int)i)) return false;
    return true;
}

/* ---- against a model ---- */

/* Heads that the job's ablation can choose from in a model. */
static int heads_of(const cv_ablation *ablation, const cv_config *config)
{
    return config->num_hidden_layers * cv_ablation_heads(ablation, config);
}

static bool check_heads(const cv_job *job, int model, int heads, const char *ablation, cv_error *err)
{
    const char *name = job->models[model].name;
    if (job->sahara_steps > heads)
        return cv_bad_input(err, "%s: sahara.steps is %d, but model %s has %d heads under %s; lower it", job->file,
                            job->sahara_steps, name, heads, ablation);
    for (int g = 0; g < job->evaluate.num_groups; g++)
        if (job->evaluate.groups[g].count > heads)
            return cv_bad_input(err, "%s: evaluate.groups[%d] is \"%s\", but model %s has %d heads under %s; lower it",
                                job->file, g, job->evaluate.groups[g].name, name, heads, ablation);
    return true;
}

bool cv_job_check(const cv_job *job, int model, const cv_config *config, const size_t num_prompts[CV_NUM_PROMPT_SETS],
                  cv_error *err)
{
    for (int a = 0; a < job->num_ablations; a++)
        if (!check_heads(job, model, heads_of(&job->ablations[a], config), job->ablation_names[a], err)) return false;
    for (int d = 0; d < job->evaluate.num_decode; d++)
        if (job->evaluate.decode[d].sampling.k > config->vocab_size)
            return cv_bad_input(err, "%s: evaluate.decode[%d].k is %d, but model %s has %d tokens; lower it", job->file,
                                d, job->evaluate.decode[d].sampling.k, job->models[model].name, config->vocab_size);
    const int rank = job->subspace.enabled ? job->subspace.rank : 0;
    for (int set = 0; set < CV_NUM_PROMPT_SETS; set++)
        if (num_prompts[set] && num_prompts[set] < (size_t)rank)
            return cv_bad_input(err, "%s: subspace.rank is %d, but there are only %zu %s prompts; lower it", job->file,
                                rank, num_prompts[set], cv_prompt_set_name((cv_prompt_set)set));
    if (rank > config->hidden_size)
        return cv_bad_input(err, "%s: subspace.rank is %d, but model %s has hidden_size %d; lower it", job->file, rank,
                            job->models[model].name, config->hidden_size);
    return true;
}

/* ---- the whole ---- */

bool cv_job_read_evaluate(const cv_job_reader *r, const json_t *top)
{
    static const char *const keys[] = {"groups",         "decode", "max_new_tokens",
                                       "save_responses", "judges", "coherence",
                                       "utility",        "seed",   NULL};
    json_t *object = NULL;
    if (!cv_json_object(top, cv_job_at(r, ""), "evaluate", CV_OPTIONAL, &object, r->err)) return false;
    if (!object) return true;
    cv_json_place place = cv_job_at(r, "evaluate");
    cv_job_evaluate *evaluate = &r->job->evaluate;
    int64_t max_new_tokens = 128, seed = 0;
    if (!cv_json_only_keys(object, place, keys, r->err) ||
        !cv_json_int(object, place, "max_new_tokens", CV_OPTIONAL, 1, MOST_NEW_TOKENS, &max_new_tokens, r->err) ||
        !cv_json_bool(object, place, "save_responses", CV_OPTIONAL, &evaluate->save_responses, r->err) ||
        !cv_json_int(object, place, "seed", CV_OPTIONAL, 0, INT64_MAX, &seed, r->err))
        return false;
    evaluate->enabled = true;
    evaluate->max_new_tokens = (int)max_new_tokens;
    evaluate->seed = (uint64_t)seed;
    return read_groups(r, object) && read_utilities(r, object) && read_decodes(r, object) && read_judges(r, object) &&
           read_coherence(r, object);
}

void cv_job_evaluate_free(cv_job_evaluate *evaluate)
{
    for (int i = 0; i < evaluate->num_groups; i++) free(evaluate->groups[i].name);
    for (int i = 0; i < evaluate->num_decode; i++) free(evaluate->decode[i].name);
    for (int i = 0; i < evaluate->num_utility; i++) {
        free(evaluate->utility[i].name);
        free(evaluate->utility[i].file);
    }
    free(evaluate->groups);
    free(evaluate->decode);
    free(evaluate->utility);
    *evaluate = (cv_job_evaluate){0};
}
