#include "model/config.h"

#include "model_files.h"
#include "suite.h"

#include <math.h>

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

START_TEST(mistral_has_its_window_in_all_layers)
{
    cv_config c = load_good("{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': null, 'attention_bias': true}");
    ck_assert_str_eq(c.model_type, "mistral");
    ck_assert(!c.q_bias && !c.o_bias);
    ck_assert_int_eq(cv_config_window(&c, 0), 0);
    c = load_good("{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': 100}");
    ck_assert_int_eq(cv_config_window(&c, 0), 100);
    ck_assert_int_eq(cv_config_window(&c, 1), 100);
    c = load_good("{" MISTRAL "'num_key_value_heads': 2}");
    ck_assert_int_eq(cv_config_window(&c, 1), 4096); /* absent */
    c = load_good("{" MISTRAL "'num_attention_heads': 16, 'hidden_size': 64}");
    ck_assert_int_eq(c.num_key_value_heads, 8); /* absent */
    c = load_good("{" MISTRAL "'num_key_value_heads': null}");
    ck_assert_int_eq(c.num_key_value_heads, 4);
}
END_TEST

#define QWEN3 "'architectures': ['Qwen3ForCausalLM'], 'model_type': 'qwen3', 'num_key_value_heads': 2, "
#define GEMMA2 "'architectures': ['Gemma2ForCausalLM'], 'model_type': 'gemma2', 'num_key_value_heads': 2, "
#define GEMMA3 "'architectures': ['Gemma3ForCausalLM'], 'model_type': 'gemma3_text', 'num_key_value_heads': 2, "
#define PHI3 "'architectures': ['Phi3ForCausalLM'], 'model_type': 'phi3', "
#define OLMO2 "'architectures': ['Olmo2ForCausalLM'], 'model_type': 'olmo2', "
#define NEOX "'architectures': ['GPTNeoXForCausalLM'], 'model_type': 'gpt_neox', 'layer_norm_eps': 1e-5, "
#define GPT2                                                                                                           \
    "'architectures': ['GPT2LMHeadModel'], 'model_type': 'gpt2', 'n_embd': 32, 'n_layer': 2, 'n_head': 4,"             \
    " 'n_positions': 64, 'layer_norm_epsilon': 1e-3, "

enum { BEFORE = CV_NORM_ATTENTION | CV_NORM_MLP, AFTER = CV_NORM_ATTENTION_OUTPUT | CV_NORM_MLP_OUTPUT };

START_TEST(qwen3_norms_queries_and_keys)
{
    cv_config c = load_good("{" QWEN3 "'use_sliding_window': true, 'sliding_window': 9, 'max_window_layers': 1}");
    ck_assert_int_eq(c.qk_norm, CV_QK_NORM_HEAD);
    ck_assert_int_eq(c.head_dim, 128); /* absent */
    ck_assert_uint_eq(c.norms, BEFORE);
    ck_assert(c.gated_mlp && !c.q_bias && c.norm == CV_NORM_RMS);
    ck_assert_int_eq(cv_config_window(&c, 0), 0);
    ck_assert_int_eq(cv_config_window(&c, 1), 9);
    c = load_good("{" QWEN3 "'head_dim': 6, 'attention_bias': true, 'sliding_window': 9}");
    ck_assert(c.head_dim == 6 && c.q_bias && c.o_bias && !c.sliding[1]);
}
END_TEST

START_TEST(gemma_caps_scales_and_alternates)
{
    cv_config c = load_good("{" GEMMA2 "'head_dim': 8}");
    ck_assert_uint_eq(c.norms, BEFORE | AFTER);
    ck_assert(c.attn_logit_softcapping == 50 && c.final_logit_softcapping == 30 && c.query_pre_attn_scalar == 256);
    ck_assert(c.embedding_scale == sqrt(32.0) && c.activation == CV_GELU_TANH && c.tie_word_embeddings);
    ck_assert(cv_config_window(&c, 0) == 4096 && cv_config_window(&c, 1) == 0 && c.qk_norm == CV_QK_NORM_NONE);
    c = load_good("{" GEMMA2 "'attn_logit_softcapping': null, 'final_logit_softcapping': 7.5}");
    ck_assert(c.attn_logit_softcapping == 0 && c.final_logit_softcapping == 7.5);
    c = load_good("{" GEMMA3 "'layer_types': ['full_attention', 'sliding_attention'], 'sliding_window': 12,"
                  " 'rope_theta': 5e5, 'attn_logit_softcapping': null, 'query_pre_attn_scalar': 64}");
    ck_assert(c.attn_logit_softcapping == 0 && c.final_logit_softcapping == 0 && c.query_pre_attn_scalar == 64);
    ck_assert(cv_config_window(&c, 0) == 0 && cv_config_window(&c, 1) == 12 && c.qk_norm == CV_QK_NORM_HEAD);
    ck_assert(c.rope.theta == 5e5 && c.sliding_rope.theta == 10000);
}
END_TEST

START_TEST(phi3_and_olmo2)
{
    cv_config c = load_good("{" PHI3 "'partial_rotary_factor': 0.5, 'sliding_window': 33}");
    ck_assert(c.rope.width == 4 && cv_config_window(&c, 0) == 33 && c.norms == BEFORE);
    c = load_good("{" OLMO2 "'attention_bias': true}");
    ck_assert(c.norms == AFTER && c.qk_norm == CV_QK_NORM_WIDTH && c.k_bias && c.rope.width == 0);
}
END_TEST

START_TEST(gpt_neox_and_gpt2_have_layer_norms_and_biases)
{
    cv_config c = load_good("{" NEOX "'num_key_value_heads': 2, 'head_dim': 6}"); /* neither is read */
    ck_assert(c.norm == CV_NORM_LAYER && c.parallel_residual && !c.gated_mlp && c.activation == CV_GELU);
    ck_assert(c.num_key_value_heads == 4 && c.head_dim == 8 && c.rope.width == 2);
    ck_assert(c.q_bias && c.o_bias && c.mlp_bias && !c.learned_positions && c.query_pre_attn_scalar == 0);
    c = load_good("{" NEOX "'use_parallel_residual': false, 'attention_bias': false, 'rotary_pct': 1.0,"
                  " 'rotary_emb_base': 500, 'rope_theta': 500, 'hidden_act': 'gelu_new'}");
    ck_assert(!c.parallel_residual && !c.q_bias && !c.o_bias && c.mlp_bias && c.activation == CV_GELU_TANH);
    ck_assert(c.rope.width == 0 && c.rope.theta == 500);
    c = load_good("{" GPT2 "'hidden_size': 999}");
    ck_assert(c.norm == CV_NORM_LAYER && c.rms_norm_eps == 1e-3 && c.learned_positions && c.rope.kind == CV_ROPE_NONE);
    ck_assert(c.hidden_size == 32 && c.intermediate_size == 128 && c.max_position_embeddings == 64);
    ck_assert(c.tie_word_embeddings && c.activation == CV_GELU_TANH && c.v_bias && c.query_pre_attn_scalar == 0);
    c = load_good("{" GPT2 "'n_inner': 40, 'scale_attn_weights': false}");
    ck_assert(c.intermediate_size == 40 && c.query_pre_attn_scalar == 1);
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
    {"{'architectures': ['MambaForCausalLM'], 'model_type': 'mamba'}",
     "architecture MambaForCausalLM is not implemented; implemented are LlamaForCausalLM, MistralForCausalLM, "
     "Qwen2ForCausalLM, Qwen3ForCausalLM, Gemma2ForCausalLM, Gemma3ForCausalLM, Phi3ForCausalLM, Olmo2ForCausalLM, "
     "GPTNeoXForCausalLM, GPT2LMHeadModel"},
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
    {"{'hidden_act': 'relu'}",
     "hidden_act \"relu\" is not implemented; implemented are silu, gelu, gelu_new, gelu_pytorch_tanh"},
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
    {"{" MISTRAL "'num_key_value_heads': 2, 'sliding_window': 0}", "sliding_window is 0"},
    {"{" GEMMA3 "'use_bidirectional_attention': true}", "use_bidirectional_attention is true"},
    {"{" GEMMA3 "'attn_logit_softcapping': 50.0}", "attn_logit_softcapping is set"},
    {"{" GEMMA3 "'final_logit_softcapping': 0}", "final_logit_softcapping is 0"},
    {"{" GEMMA3 "'query_pre_attn_scalar': 0}", "query_pre_attn_scalar is 0"},
    {"{" GEMMA3 "'hidden_activation': 'relu'}", "hidden_activation \"relu\" is not implemented"},
    {"{" PHI3 "'rope_scaling': {'type': 'longrope', 'short_factor': [1], 'long_factor': [2]}}",
     "rope_scaling.rope_type \"longrope\" is not implemented"},
    {"{" PHI3 "'rope_scaling': {'type': 'linear', 'factor': 2}}", "\"linear\" is not implemented for Phi3ForCausalLM"},
    {"{" NEOX "'rotary_pct': 0.1}", "rotary_pct 0.1 turns 0 elements"},
    {"{" NEOX "'rope_theta': 500}", "rope_theta or partial_rotary_factor differs"},
    {"{" NEOX "'partial_rotary_factor': 0.5}", "rope_theta or partial_rotary_factor differs"},
    {"{" NEOX "'-layer_norm_eps': 0}", "layer_norm_eps is missing"},
    {"{" GPT2 "'-n_embd': 0}", "n_embd is missing"},
    {"{" GPT2 "'n_embd': 30}", "n_embd (30) must be a multiple of n_head (4)"},
    {"{" GPT2 "'scale_attn_by_inverse_layer_idx': true}", "scale_attn_by_inverse_layer_idx is true"},
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
    tcase_add_test(tests, mistral_has_its_window_in_all_layers);
    tcase_add_test(tests, qwen3_norms_queries_and_keys);
    tcase_add_test(tests, gemma_caps_scales_and_alternates);
    tcase_add_test(tests, phi3_and_olmo2);
    tcase_add_test(tests, gpt_neox_and_gpt2_have_layer_norms_and_biases);
    tcase_add_test(tests, the_same_in_both_notations);
    tcase_add_test(tests, what_changes_nothing_is_ignored);
    tcase_add_loop_test(tests, what_is_not_implemented_or_absurd_is_refused, 0, ROWS(refused));
    tcase_add_test(tests, a_config_that_cannot_be_read_is_refused);
    return run_suite(tests);
}
