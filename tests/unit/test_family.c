#include "model/family.h"

#include "model_files.h"
#include "suite.h"

static const cv_json_place top = {"config.json", ""};

static const cv_family *find(const char *text, cv_error *err)
{
    json_t *json = json_of(text);
    const cv_family *family = cv_family_find(json, top, err);
    json_decref(json);
    return family;
}

static const struct {
    const char *config, *architecture;
    bool qkv_bias, reads_attention_bias, reads_mlp_bias;
} known[] = {
    {"{'architectures': ['LlamaForCausalLM'], 'model_type': 'llama'}", "LlamaForCausalLM", false, true, true},
    {"{'architectures': ['MistralForCausalLM'], 'model_type': 'mistral'}", "MistralForCausalLM", false, false, false},
    {"{'architectures': ['Qwen2ForCausalLM'], 'model_type': 'qwen2'}", "Qwen2ForCausalLM", true, false, false},
};

START_TEST(a_family_is_found_by_its_architecture)
{
    cv_error err;
    const cv_family *family = find(known[_i].config, &err);
    ck_assert_ptr_nonnull(family);
    ck_assert_str_eq(family->architecture, known[_i].architecture);
    ck_assert_int_eq(family->qkv_bias, known[_i].qkv_bias);
    ck_assert_int_eq(family->reads_attention_bias, known[_i].reads_attention_bias);
    ck_assert_int_eq(family->reads_mlp_bias, known[_i].reads_mlp_bias);
}
END_TEST

static const struct {
    const char *config, *message;
} unknown[] = {
    {"{'architectures': ['MambaForCausalLM'], 'model_type': 'mamba'}",
     "architecture MambaForCausalLM is not implemented; implemented are LlamaForCausalLM, MistralForCausalLM, "
     "Qwen2ForCausalLM, Qwen3ForCausalLM, Gemma2ForCausalLM, Gemma3ForCausalLM"},
    {"{'architectures': ['Gemma3ForCausalLM'], 'model_type': 'gemma3'}", "model_type \"gemma3\" does not go with"},
    {"{'architectures': ['llamaforcausallm'], 'model_type': 'llama'}", "architecture llamaforcausallm"},
    {"{'architectures': [''], 'model_type': 'llama'}", "architecture  is not implemented"},
    {"{'architectures': ['A\\nB'], 'model_type': 'llama'}", "architecture A B is not implemented"},
    {"{'architectures': ['Qwen2ForCausalLM'], 'model_type': 'qwen2_moe'}", "model_type \"qwen2_moe\" does not go with"},
    {"{'architectures': ['LlamaForCausalLM'], 'model_type': 7}", "model_type must be a string"},
};

START_TEST(an_unknown_family_is_refused_by_name)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(find(unknown[_i].config, &err));
    assert_refused(&err, "config.json", unknown[_i].message);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("family");
    tcase_add_loop_test(tests, a_family_is_found_by_its_architecture, 0, ROWS(known));
    tcase_add_loop_test(tests, an_unknown_family_is_refused_by_name, 0, ROWS(unknown));
    return run_suite(tests);
}
