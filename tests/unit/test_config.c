#include "model/config.h"

#include "base/json.h"
#include "scratch.h"
#include "suite.h"

#include <math.h>

static const char *const llama =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":100,\"hidden_size\":32,"
    "\"intermediate_size\":48,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
    "\"max_position_embeddings\":64,\"rms_norm_eps\":1e-6,\"hidden_act\":\"silu\",\"rope_theta\":10000.0}";

/* Writes base with the patch's keys put in (or, where null, taken out), and loads it. */
static bool load(const char *base, const char *patch, cv_config *config, cv_error *err)
{
    json_t *json = json_loads(base, 0, NULL), *changes = json_loads(patch, 0, NULL), *value;
    ck_assert_ptr_nonnull(json);
    ck_assert_msg(changes != NULL, "the patch is no JSON: %s", patch);
    const char *key;
    json_object_foreach (changes, key, value) {
        if (json_is_null(value))
            json_object_del(json, key);
        else
            json_object_set(json, key, value);
    }
    char *text = json_dumps(json, 0), *path = scratch_file("config.json", text, strlen(text));
    bool ok = cv_config_load(path, config, err);
    free(path);
    free(text);
    json_decref(json);
    json_decref(changes);
    return ok;
}

START_TEST(both_notations_say_the_same)
{
    static const char *const patches[] = {
        "{\"rope_theta\":500000.0,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
        "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192},\"torch_dtype\":\"bfloat16\"}",
        "{\"rope_theta\":null,\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"llama3\",\"factor\":8.0,"
        "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192},"
        "\"dtype\":\"bfloat16\"}",
    };
    cv_config config;
    cv_error err;
    ck_assert_msg(load(llama, patches[_i], &config, &err), "%s", err.text);
    ck_assert_int_eq(config.rope.kind, CV_ROPE_LLAMA3);
    ck_assert_double_eq(config.rope.theta, 500000);
    ck_assert_double_eq(config.rope.factor, 8);
    ck_assert_double_eq(config.rope.low_freq_factor, 1);
    ck_assert_double_eq(config.rope.high_freq_factor, 4);
    ck_assert_double_eq(config.rope.original_max_position_embeddings, 8192);
}
END_TEST

START_TEST(what_is_silent_has_its_meaning)
{
    cv_config config;
    cv_error err;
    ck_assert_msg(load(llama, "{\"num_key_value_heads\":null,\"rope_theta\":null,\"unread_key\":[1]}", &config, &err),
                  "%s", err.text);
    ck_assert_int_eq(config.num_key_value_heads, 4);
    ck_assert_int_eq(config.head_dim, 8);
    ck_assert_double_eq(config.rope.theta, 10000);
    ck_assert_int_eq(config.rope.kind, CV_ROPE_DEFAULT);
    ck_assert(!config.tie_word_embeddings && !config.q_bias && !config.o_bias && !config.mlp_bias);
    ck_assert_msg(load(llama, "{\"attention_bias\":true,\"mlp_bias\":true,\"head_dim\":10}", &config, &err), "%s",
                  err.text);
    ck_assert(config.q_bias && config.k_bias && config.v_bias && config.o_bias && config.mlp_bias);
    ck_assert_int_eq(config.head_dim, 10);
}
END_TEST

START_TEST(families_differ_in_biases_and_windows)
{
    cv_config config;
    cv_error err;
    ck_assert_msg(load(llama, "{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"qwen2\"}", &config, &err),
                  "%s", err.text);
    ck_assert(config.q_bias && config.k_bias && config.v_bias && !config.o_bias);
    ck_assert_msg(load(llama,
                       "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\",\"sliding_window\":64}",
                       &config, &err),
                  "%s", err.text);
    ck_assert(!config.q_bias);
}
END_TEST

static const struct {
    const char *patch, *complaint;
} refused[] = {
    {"{\"architectures\":[\"GPT2LMHeadModel\"]}", "GPT2LMHeadModel is not implemented; implemented are"},
    {"{\"architectures\":null}", "architectures"},
    {"{\"architectures\":[]}", "architectures"},
    {"{\"model_type\":\"gemma\"}", "model_type"},
    {"{\"vocab_size\":null}", "vocab_size is missing"},
    {"{\"vocab_size\":\"many\"}", "vocab_size must be a whole number"},
    {"{\"vocab_size\":0}", "vocab_size is 0"},
    {"{\"hidden_size\":-32}", "hidden_size is -32"},
    {"{\"hidden_size\":9000000000000000000}", "hidden_size"},
    {"{\"num_hidden_layers\":100000000}", "num_hidden_layers"},
    {"{\"num_attention_heads\":4,\"num_key_value_heads\":3}", "multiple of num_key_value_heads"},
    {"{\"num_attention_heads\":5,\"num_key_value_heads\":5}", "multiple of num_attention_heads"},
    {"{\"head_dim\":7}", "head_dim is 7"},
    {"{\"hidden_act\":\"gelu\"}", "hidden_act \"gelu\" is not implemented"},
    {"{\"quantization_config\":{\"bits\":4}}", "quantization_config"},
    {"{\"auto_map\":{\"AutoModel\":\"x.Y\"}}", "auto_map"},
    {"{\"pretraining_tp\":2}", "pretraining_tp"},
    {"{\"is_causal\":false}", "is_causal"},
    {"{\"layer_types\":[\"full_attention\",\"sliding_attention\"]}", "layer_types[1]"},
    {"{\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0}}", "\"yarn\" is not implemented"},
    {"{\"rope_scaling\":{\"type\":\"longrope\"}}", "\"longrope\" is not implemented"},
    {"{\"rope_scaling\":{\"rope_type\":\"linear\"}}", "factor is missing"},
    {"{\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":0}}", "factor"},
    {"{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0}}", "missing"},
    {"{\"partial_rotary_factor\":0.5}", "partial_rotary_factor 0.5 is not implemented"},
    {"{\"rope_theta\":0}", "rope_theta"},
    {"{\"rms_norm_eps\":null}", "rms_norm_eps is missing"},
    {"{\"rms_norm_eps\":-1.0}", "rms_norm_eps"},
    {"{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\",\"sliding_window\":32}", "sliding_window"},
    {"{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"qwen2\",\"use_sliding_window\":true}",
     "use_sliding_window"},
};

START_TEST(what_is_not_implemented_is_refused_by_name)
{
    cv_config config;
    cv_error err = {0};
    ck_assert_msg(!load(llama, refused[_i].patch, &config, &err), "%s was accepted", refused[_i].patch);
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "config.json"));
    ck_assert_msg(strstr(err.text, refused[_i].complaint) != NULL, "%s lacks \"%s\"", err.text, refused[_i].complaint);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, both_notations_say_the_same, 0, 2);
    tcase_add_test(tests, what_is_silent_has_its_meaning);
    tcase_add_test(tests, families_differ_in_biases_and_windows);
    tcase_add_loop_test(tests, what_is_not_implemented_is_refused_by_name, 0, ROWS(refused));
    return run_suite(tests);
}
