#include "model/config.h"

#include "model_files.h"
#include "suite.h"

static const char llama[] = "{'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'vocab_size': 96,"
                            " 'hidden_size': 32, 'intermediate_size': 40, 'num_hidden_layers': 2,"
                            " 'num_attention_heads': 4, 'max_position_embeddings': 128, 'rms_norm_eps': 1e-05}";

static cv_config load_good(const char *changes)
{
    cv_config config;
    cv_error err;
    char *path = write_config(llama, changes);
    ck_assert_msg(cv_config_load(path, &config, &err), "%s", err.text);
    free(path);
    return config;
}

START_TEST(the_least_that_a_config_can_say)
{
    cv_config c = load_good("{}");
    ck_assert_str_eq(c.architecture, "LlamaForCausalLM");
    ck_assert_str_eq(c.model_type, "llama");
    ck_assert_int_eq(c.vocab_size, 96);
    ck_assert_int_eq(c.hidden_size, 32);
    ck_assert_int_eq(c.intermediate_size, 40);
    ck_assert_int_eq(c.num_hidden_layers, 2);
    ck_assert_int_eq(c.num_attention_heads, 4);
    ck_assert_int_eq(c.num_key_value_heads, 4);
    ck_assert_int_eq(c.head_dim, 8);
    ck_assert_int_eq(c.max_position_embeddings, 128);
    ck_assert(c.rms_norm_eps == 1e-5);
    ck_assert_int_eq(c.rope.kind, CV_ROPE_DEFAULT);
    ck_assert(c.rope.theta == 10000);
    ck_assert(!c.tie_word_embeddings && !c.q_bias && !c.k_bias && !c.v_bias && !c.o_bias && !c.mlp_bias);
}
END_TEST

START_TEST(grouped_queries_and_head_dim)
{
    cv_config c = load_good("{'num_key_value_heads': 2, 'head_dim': 12}");
    ck_assert_int_eq(c.num_key_value_heads, 2);
    ck_assert_int_eq(c.head_dim, 12);
    c = load_good("{'num_key_value_heads': null, 'head_dim': null}");
    ck_assert_int_eq(c.num_key_value_heads, 4);
    ck_assert_int_eq(c.head_dim, 8);
    c = load_good("{'num_attention_heads': 5, 'head_dim': 6}"); /* 32 is no multiple of 5 */
    ck_assert_int_eq(c.num_attention_heads * c.head_dim, 30);
}
END_TEST

START_TEST(switches_of_llama)
{
    cv_config c = load_good("{'attention_bias': true}");
    ck_assert(c.q_bias && c.k_bias && c.v_bias && c.o_bias && !c.mlp_bias && !c.tie_word_embeddings);
    c = load_good("{'mlp_bias': true, 'tie_word_embeddings': true}");
    ck_assert(!c.q_bias && !c.k_bias && !c.v_bias && !c.o_bias && c.mlp_bias && c.tie_word_embeddings);
}
END_TEST

#define QWEN2 "'architectures': ['Qwen2ForCausalLM'], 'model_type': 'qwen2', "
#define MISTRAL "'architectures': ['MistralForCausalLM'], 'model_type': 'mistral', "

/* Biases are part of the family; the keys that Llama reads say nothing here. */
START_TEST(qwen2_has_biases_of_q_k_and_v_alone)
{
    cv_config c = load_good("{" QWEN2 "'num_key_value_heads': 2, 'attention_bias': false, 'mlp_bias': true,"
                            " 'use_sliding_window': false, 'sliding_window': 64, 'max_window_layers': 1}");
    ck_assert_str_eq(c.architecture, "Qwen2ForCausalLM");
    ck_assert(c.q_bias && c.k_bias && c.v_bias && !c.o_bias && !c.mlp_bias);
}
END_TEST

START_TEST(mistral_without_a_window_that_matters)
{
    cv_config c = load_good("{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': null, 'attention_bias': true}");
    ck_assert_str_eq(c.model_type, "mistral");
    ck_assert(!c.q_bias && !c.o_bias);
    load_good("{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': 128}");
    load_good("{" MISTRAL "'num_key_value_heads': 2}"); /* absent: 4096 */
    c = load_good("{" MISTRAL "'num_attention_heads': 16, 'hidden_size': 64}");
    ck_assert_int_eq(c.num_key_value_heads, 8); /* absent: 8 */
    c = load_good("{" MISTRAL "'num_key_value_heads': null}");
    ck_assert_int_eq(c.num_key_value_heads, 4);
}
END_TEST

START_TEST(the_same_in_both_notations)
{
    cv_config new = load_good("{'dtype': 'bfloat16', 'rope_parameters': {'rope_type': 'linear', 'rope_theta': 5e5,"
                              " 'factor': 4.0}}"),
              old = load_good("{'torch_dtype': 'bfloat16', 'rope_theta': 500000, 'rope_scaling': {'type': 'linear',"
                              " 'factor': 4}}");
    ck_assert_int_eq(old.rope.kind, CV_ROPE_LINEAR);
    ck_assert(old.rope.theta == new.rope.theta &&new.rope.theta == 500000);
    ck_assert(old.rope.factor == new.rope.factor &&new.rope.factor == 4);
}
END_TEST

/* What transformers writes and does not read for these models, and switches that are off. */
START_TEST(what_changes_nothing_is_ignored)
{
    load_good(
        "{'bos_token_id': 1, 'eos_token_id': [2, 3], 'pad_token_id': null, 'initializer_range': 0.02,"
        " 'use_cache': true, 'attention_dropout': 0.1, 'transformers_version': '4.31.0', '_name_or_path': '/x',"
        " 'hidden_act': 'silu', 'pretraining_tp': 1, 'rope_scaling': null, 'rope_parameters': {},"
        " 'quantization_config': null, 'auto_map': {}, 'is_encoder_decoder': false, 'pruned_heads': {},"
        " 'add_cross_attention': false, 'per_layer_config': null, 'is_causal': true, 'partial_rotary_factor': 1.0,"
        " 'layer_types': ['full_attention', 'full_attention'], 'sliding_window': 4, 'use_sliding_window': true,"
        " 'unheard_of': {'by': 'anyone'}}");
}
END_TEST

static const struct {
    const char *changes, *message;
} refused[] = {
    {"{'-architectures': 0}", "architectures is missing"},
    {"{'architectures': null}", "architectures is missing"},
    {"{'architectures': 'LlamaForCausalLM'}", "architectures must be an array"},
    {"{'architectures': []}", "architectures must hold one name"},
    {"{'architectures': [7]}", "architectures must hold one name"},
    {"{'architectures': ['LlamaForCausalLM', 'LlamaForCausalLM']}", "architectures must hold one name"},
    {"{'architectures': ['GPT2LMHeadModel'], 'model_type': 'gpt2'}",
     "architecture GPT2LMHeadModel is not implemented; implemented are LlamaForCausalLM, MistralForCausalLM, "
     "Qwen2ForCausalLM"},
    {"{'architectures': ['LlamaForSequenceClassification']}", "LlamaForSequenceClassification is not implemented"},
    {"{'-model_type': 0}", "model_type is missing"},
    {"{'model_type': 'mistral'}", "model_type \"mistral\" does not go with architecture LlamaForCausalLM"},
    {"{'quantization_config': {'quant_method': 'gptq'}}", "quantization_config is set"},
    {"{'auto_map': {'AutoModel': 'modeling_x.X'}}", "auto_map is set"},
    {"{'is_encoder_decoder': true}", "is_encoder_decoder is set"},
    {"{'add_cross_attention': true}", "add_cross_attention is set"},
    {"{'per_layer_config': {'0': {'num_key_value_heads': 1}}}", "per_layer_config is set"},
    {"{'pruned_heads': {'1': [0]}}", "pruned_heads is set"},
    {"{'transformers_weights': 'other.safetensors'}", "transformers_weights is set"},
    {"{'hidden_act': 'gelu'}", "hidden_act \"gelu\" is not implemented; only \"silu\" is"},
    {"{'hidden_act': 7}", "hidden_act must be a string"},
    {"{'is_causal': false}", "is_causal is false"},
    {"{'pretraining_tp': 2}", "pretraining_tp is 2"},
    {"{'layer_types': ['full_attention', 'sliding_attention']}", "layer_types[1] is \"sliding_attention\""},
    {"{'layer_types': [0]}", "layer_types[0]"},
    {"{'-vocab_size': 0}", "vocab_size is missing"},
    {"{'vocab_size': null}", "vocab_size is missing"},
    {"{'vocab_size': 0}", "vocab_size is 0"},
    {"{'vocab_size': 4294967297}", "vocab_size is 4294967297"}, /* 1 in 32 bits */
    {"{'vocab_size': 96.0}", "vocab_size must be a whole number"},
    {"{'-hidden_size': 0}", "hidden_size is missing"},
    {"{'hidden_size': -32}", "hidden_size is -32"},
    {"{'hidden_size': '32'}", "hidden_size must be a whole number"},
    {"{'hidden_size': 1073741824}", "hidden_size is 1073741824"},
    {"{'intermediate_size': 0}", "intermediate_size is 0"},
    {"{'-intermediate_size': 0}", "intermediate_size is missing"},
    {"{'num_hidden_layers': 0}", "num_hidden_layers is 0"},
    {"{'num_hidden_layers': 1000000}", "num_hidden_layers is 1000000"},
    {"{'-max_position_embeddings': 0}", "max_position_embeddings is missing"},
    {"{'max_position_embeddings': 0}", "max_position_embeddings is 0"},
    {"{'-num_attention_heads': 0}", "num_attention_heads is missing"},
    {"{'num_attention_heads': 0}", "num_attention_heads is 0"},
    {"{'num_key_value_heads': 0}", "num_key_value_heads is 0"},
    {"{'num_key_value_heads': 3}", "num_attention_heads (4) must be a multiple of num_key_value_heads (3)"},
    {"{'num_key_value_heads': 8}", "num_attention_heads (4) must be a multiple of num_key_value_heads (8)"},
    {"{'num_attention_heads': 3}", "hidden_size (32) must be a multiple of num_attention_heads (3)"},
    {"{'head_dim': 7}", "head_dim is 7"},
    {"{'head_dim': 0}", "head_dim is 0"},
    {"{'num_attention_heads': 32}", "head_dim is 1"},
    {"{'head_dim': 1048576}", "head_dim is 1048576"},
    {"{'attention_bias': 'yes'}", "attention_bias must be true or false"},
    {"{'mlp_bias': 1}", "mlp_bias must be true or false"},
    {"{'tie_word_embeddings': 0}", "tie_word_embeddings must be true or false"},
    {"{'-rms_norm_eps': 0}", "rms_norm_eps is missing"},
    {"{'rms_norm_eps': -1e-6}", "rms_norm_eps is -1e-06"},
    {"{'rms_norm_eps': '1e-6'}", "rms_norm_eps must be a number"},
    {"{'rope_scaling': {'type': 'yarn', 'factor': 4.0}}", "rope_scaling.rope_type \"yarn\" is not implemented"},
    {"{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': 127}",
     "sliding_window is 127, less than max_position_embeddings (128)"},
    {"{" MISTRAL "'num_key_value_heads': 2, 'max_position_embeddings': 32768}", "sliding_window is 4096"},
    {"{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': 0}", "sliding_window is 0"},
    {"{" QWEN2 "'num_key_value_heads': 2, 'use_sliding_window': true}", "use_sliding_window is true"},
    {"{" QWEN2 "'hidden_size': 32}", "num_attention_heads (4) must be a multiple of num_key_value_heads (32)"},
};

START_TEST(what_is_not_implemented_or_absurd_is_refused)
{
    cv_config config;
    cv_error err = {CV_OK, ""};
    char *path = write_config(llama, refused[_i].changes);
    ck_assert(!cv_config_load(path, &config, &err));
    assert_refused(&err, path, refused[_i].message);
    free(path);
}
END_TEST

START_TEST(a_config_that_cannot_be_read_is_refused)
{
    cv_config config;
    cv_error err = {CV_OK, ""};
    char *path = scratch_path("config.json");
    ck_assert(!cv_config_load(path, &config, &err));
    assert_refused(&err, path, "cannot be opened");
    free(scratch_file("config.json", "{\"architectures\": [", 19));
    ck_assert(!cv_config_load(path, &config, &err));
    assert_refused(&err, path, "not valid JSON");
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, the_least_that_a_config_can_say);
    tcase_add_test(tests, grouped_queries_and_head_dim);
    tcase_add_test(tests, switches_of_llama);
    tcase_add_test(tests, qwen2_has_biases_of_q_k_and_v_alone);
    tcase_add_test(tests, mistral_without_a_window_that_matters);
    tcase_add_test(tests, the_same_in_both_notations);
    tcase_add_test(tests, what_changes_nothing_is_ignored);
    tcase_add_loop_test(tests, what_is_not_implemented_or_absurd_is_refused, 0, ROWS(refused));
    tcase_add_test(tests, a_config_that_cannot_be_read_is_refused);
    return run_suite(tests);
}
