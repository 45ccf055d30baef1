#include <caravan/model.h>

#include "base/memory.h"
#include "model_files.h"
#include "suite.h"

#include <unistd.h>

#define FIXTURES CARAVAN_SOURCE_DIR "/tests/fixtures/models/"

static cv_model *open_good(const char *directory)
{
    cv_error err;
    cv_model *model = cv_model_open(directory, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    return model;
}

static void assert_scratch_refused(const char *file, const char *message)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_model_open(scratch, &err));
    assert_refused(&err, file, message);
}

/* The committed models; parameters as PyTorch counts them. */
static const struct {
    const char *name;
    uint64_t parameters;
    cv_dtype dtype;
    bool tied, q, o, mlp;
} fixtures[] = {
    {"mha", 22176, CV_F32, false, false, false, false},
    {"gqa", 20128, CV_F32, false, false, false, false},
    {"mqa-3-layers", 25568, CV_F32, false, false, false, false},
    {"head-dim", 23200, CV_F32, false, false, false, false},
    {"rope-theta", 20128, CV_F32, false, false, false, false},
    {"rope-linear", 20128, CV_F32, false, false, false, false},
    {"rope-llama3", 20128, CV_F32, false, false, false, false},
    {"norm-eps", 20128, CV_F32, false, false, false, false},
    {"tied", 17056, CV_F32, true, false, false, false},
    {"attention-bias", 20320, CV_F32, false, true, true, false},
    {"mlp-bias", 20352, CV_F32, false, false, false, true},
    {"qwen2", 17184, CV_F32, true, true, false, false},
    {"mistral", 20128, CV_F32, false, false, false, false},
    {"f16", 20128, CV_F16, false, false, false, false},
    {"bf16", 20128, CV_BF16, false, false, false, false},
    {"sharded", 20128, CV_F32, false, false, false, false},
    {"old-notation", 20128, CV_F32, false, false, false, false},
    {"everything", 27008, CV_BF16, true, true, true, true},
};

static void assert_tensor(const cv_tensor *tensor, int64_t rows, int64_t columns, cv_dtype dtype)
{
    ck_assert_ptr_nonnull(tensor->data);
    ck_assert_int_eq(tensor->rows, rows);
    ck_assert_int_eq(tensor->columns, columns);
    ck_assert_int_eq(tensor->dtype, dtype);
}

START_TEST(a_model_of_every_configuration_is_opened)
{
    char path[512];
    snprintf(path, sizeof path, FIXTURES "%s", fixtures[_i].name);
    cv_model *model = open_good(path);
    const cv_config *c = &model->config;
    cv_dtype dtype = fixtures[_i].dtype;
    ck_assert_str_eq(model->path, path);
    ck_assert_uint_eq(model->parameters, fixtures[_i].parameters);
    ck_assert_uint_eq(model->weight_bytes, fixtures[_i].parameters * cv_dtype_size(dtype));
    int d = c->hidden_size, f = c->intermediate_size;
    int queries = c->num_attention_heads * c->head_dim, keys = c->num_key_value_heads * c->head_dim;
    assert_tensor(&model->embed_tokens, c->vocab_size, d, dtype);
    assert_tensor(&model->lm_head, c->vocab_size, d, dtype);
    assert_tensor(&model->norm, 1, d, dtype);
    ck_assert_int_eq(model->lm_head.data == model->embed_tokens.data, fixtures[_i].tied);
    for (int l = 0; l < c->num_hidden_layers; l++) {
        const cv_layer *layer = &model->layers[l];
        assert_tensor(&layer->attention_norm, 1, d, dtype);
        assert_tensor(&layer->q_proj, queries, d, dtype);
        assert_tensor(&layer->k_proj, keys, d, dtype);
        assert_tensor(&layer->v_proj, keys, d, dtype);
        assert_tensor(&layer->o_proj, d, queries, dtype);
        assert_tensor(&layer->mlp_norm, 1, d, dtype);
        assert_tensor(&layer->gate_proj, f, d, dtype);
        assert_tensor(&layer->up_proj, f, d, dtype);
        assert_tensor(&layer->down_proj, d, f, dtype);
        ck_assert_int_eq(layer->q_bias.data != NULL, fixtures[_i].q);
        ck_assert_int_eq(layer->k_bias.data != NULL, fixtures[_i].q);
        ck_assert_int_eq(layer->v_bias.data != NULL, fixtures[_i].q);
        ck_assert_int_eq(layer->o_bias.data != NULL, fixtures[_i].o);
        ck_assert_int_eq(layer->gate_bias.data != NULL, fixtures[_i].mlp);
        ck_assert_int_eq(layer->up_bias.data != NULL, fixtures[_i].mlp);
        ck_assert_int_eq(layer->down_bias.data != NULL, fixtures[_i].mlp);
        if (fixtures[_i].q) assert_tensor(&layer->k_bias, 1, keys, dtype);
        if (fixtures[_i].mlp) assert_tensor(&layer->down_bias, 1, d, dtype);
    }
    cv_model_close(model);
    cv_model_close(NULL);
}
END_TEST

/* A model of one layer, d = 4, f = 6, two query heads and one key head of 2, five tokens. */
static const char small_config[] = "{'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'vocab_size': 5,"
                                   " 'hidden_size': 4, 'intermediate_size': 6, 'num_hidden_layers': 1,"
                                   " 'num_attention_heads': 2, 'num_key_value_heads': 1,"
                                   " 'max_position_embeddings': 16, 'rms_norm_eps': 1e-05}";
#define LAYER "model.layers.0."
static const listed_tensor small[] = {
    {"model.embed_tokens.weight", "BF16", 5, 4},
    {LAYER "input_layernorm.weight", "F32", 0, 4},
    {LAYER "self_attn.q_proj.weight", "BF16", 4, 4},
    {LAYER "self_attn.k_proj.weight", "BF16", 2, 4},
    {LAYER "self_attn.v_proj.weight", "F16", 2, 4},
    {LAYER "self_attn.o_proj.weight", "BF16", 4, 4},
    {LAYER "post_attention_layernorm.weight", "BF16", 0, 4},
    {LAYER "mlp.gate_proj.weight", "BF16", 6, 4},
    {LAYER "mlp.up_proj.weight", "BF16", 6, 4},
    {LAYER "mlp.down_proj.weight", "BF16", 4, 6},
    {"model.norm.weight", "BF16", 0, 4},
    {"lm_head.weight", "BF16", 5, 4},
};
enum { NUM_SMALL = ROWS(small), SMALL_PARAMETERS = 5 * 4 * 2 + 3 * 4 + 4 * 4 * 2 + 2 * 4 * 2 + 3 * 6 * 4 };

/* The small model with one more tensor, or with one in another's place; either may be NULL. */
static void write_small(const char *changes, const char *replaced, const listed_tensor *by)
{
    listed_tensor list[NUM_SMALL + 1];
    size_t count = 0;
    for (size_t i = 0; i < NUM_SMALL; i++)
        if (!replaced || strcmp(small[i].name, replaced) != 0) list[count++] = small[i];
    if (by) list[count++] = *by;
    write_tensors("model.safetensors", list, count);
    free(write_config(small_config, changes));
}

START_TEST(every_tensor_may_have_its_own_type)
{
    write_small("{}", NULL, NULL);
    cv_model *model = open_good(scratch);
    ck_assert_uint_eq(model->parameters, SMALL_PARAMETERS);
    ck_assert_uint_eq(model->weight_bytes, 2 * SMALL_PARAMETERS + 2 * 4);
    assert_tensor(&model->layers[0].attention_norm, 1, 4, CV_F32);
    assert_tensor(&model->layers[0].v_proj, 2, 4, CV_F16);
    assert_tensor(&model->layers[0].k_proj, 2, 4, CV_BF16);
    ck_assert_str_eq(model->layers[0].v_proj.name, LAYER "self_attn.v_proj.weight");
    cv_model_close(model);
}
END_TEST

START_TEST(a_missing_tensor_is_named)
{
    write_small("{}", small[_i].name, NULL);
    assert_scratch_refused(scratch, small[_i].name);
    assert_scratch_refused("", "is missing from the checkpoint");
}
END_TEST

START_TEST(a_wrong_shape_is_named)
{
    listed_tensor wrong = small[_i];
    wrong.columns++;
    write_small("{}", wrong.name, &wrong);
    assert_scratch_refused("model.safetensors", wrong.name);
    assert_scratch_refused("", "config.json asks for [");
    wrong = small[_i];
    wrong.rows = wrong.rows ? 0 : 1; /* a vector for a matrix, or the other way round */
    write_small("{}", wrong.name, &wrong);
    assert_scratch_refused("model.safetensors", wrong.name);
}
END_TEST

START_TEST(a_wrong_type_is_named)
{
    listed_tensor wrong = small[_i];
    wrong.dtype = "I8";
    write_small("{}", wrong.name, &wrong);
    assert_scratch_refused("model.safetensors", wrong.name);
    assert_scratch_refused("", "has the dtype I8; implemented are F32, F16, BF16");
}
END_TEST

START_TEST(the_shapes_are_told)
{
    listed_tensor wrong = {LAYER "self_attn.k_proj.weight", "BF16", 4, 4};
    write_small("{}", wrong.name, &wrong);
    assert_scratch_refused("/model.safetensors", "tensor " LAYER "self_attn.k_proj.weight has the shape [4, 4]; "
                                                 "config.json asks for [2, 4]");
    wrong = (listed_tensor){"model.norm.weight", "F32", 0, 3};
    write_small("{}", wrong.name, &wrong);
    assert_scratch_refused("/model.safetensors", "has the shape [3]; config.json asks for [4]");
}
END_TEST

static const listed_tensor unexpected[] = {
    {LAYER "self_attn.q_proj.bias", "BF16", 0, 4},
    {LAYER "self_attn.q_norm.weight", "BF16", 0, 2},
    {LAYER "mlp.gate_proj.bias", "BF16", 0, 6},
    {"model.layers.1.input_layernorm.weight", "BF16", 0, 4},
    {"lm_head.bias", "BF16", 0, 5},
    {"model.layers.0", "BF16", 0, 5},
    {"", "BF16", 0, 5},
};

START_TEST(a_tensor_without_place_is_refused)
{
    write_small("{}", NULL, &unexpected[_i]);
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_model_open(scratch, &err));
    assert_refused(&err, "model.safetensors", unexpected[_i].name);
    assert_refused(&err, "", "has no place in LlamaForCausalLM");
}
END_TEST

/* Of old versions of transformers; recomputed when a model is loaded. */
START_TEST(rotary_buffers_are_ignored)
{
    write_small("{}", NULL, &(listed_tensor){LAYER "self_attn.rotary_emb.inv_freq", "F32", 0, 1});
    cv_model *model = open_good(scratch);
    ck_assert_uint_eq(model->parameters, SMALL_PARAMETERS);
    cv_model_close(model);
}
END_TEST

START_TEST(a_tied_head_may_be_stored_again)
{
    /* write_header() counts bytes up from 0: head and embedding are the same 256 bytes, 256 apart. */
    static const char config[] = "{'vocab_size': 32, 'tie_word_embeddings': true}";
    listed_tensor list[NUM_SMALL];
    memcpy(list, small, sizeof list);
    list[0] = (listed_tensor){"lm_head.weight", "BF16", 32, 4};
    list[NUM_SMALL - 1] = list[1];
    list[1] = (listed_tensor){"model.embed_tokens.weight", "BF16", 32, 4};
    write_tensors("model.safetensors", list, NUM_SMALL);
    free(write_config(small_config, config));
    cv_model *model = open_good(scratch);
    ck_assert_ptr_eq(model->lm_head.data, model->embed_tokens.data);
    ck_assert_str_eq(model->lm_head.name, "model.embed_tokens.weight");
    ck_assert_uint_eq(model->parameters, SMALL_PARAMETERS - 2 * 20 + 128); /* once */
    cv_model_close(model);

    write_tensors("model.safetensors", list + 1, NUM_SMALL - 1); /* not at all */
    model = open_good(scratch);
    ck_assert_ptr_eq(model->lm_head.data, model->embed_tokens.data);
    cv_model_close(model);
}
END_TEST

START_TEST(a_tied_head_that_differs_is_refused)
{
    write_small("{'tie_word_embeddings': true}", NULL, NULL);
    assert_scratch_refused("model.safetensors", "lm_head.weight differs from model.embed_tokens.weight");
    write_small("{'tie_word_embeddings': true}", "lm_head.weight", &(listed_tensor){"lm_head.weight", "F32", 5, 4});
    assert_scratch_refused("model.safetensors", "lm_head.weight differs from model.embed_tokens.weight");
}
END_TEST

static const struct {
    const char *changes, *message;
} disagreeing[] = {
    {"{'vocab_size': 6}", "model.embed_tokens.weight has the shape [5, 4]; config.json asks for [6, 4]"},
    {"{'num_key_value_heads': 2}", "self_attn.k_proj.weight has the shape [2, 4]; config.json asks for [4, 4]"},
    {"{'head_dim': 4}", "self_attn.q_proj.weight has the shape [4, 4]; config.json asks for [8, 4]"},
    {"{'num_hidden_layers': 2}", "model.layers.1.input_layernorm.weight is missing"},
    {"{'attention_bias': true}", "model.layers.0.self_attn.q_proj.bias is missing"},
    {"{'mlp_bias': true}", "model.layers.0.mlp.gate_proj.bias is missing"},
};

START_TEST(a_config_of_another_model_is_noticed)
{
    write_small(disagreeing[_i].changes, NULL, NULL);
    assert_scratch_refused(scratch, disagreeing[_i].message);
}
END_TEST

START_TEST(an_adapter_is_refused)
{
    write_small("{}", NULL, NULL);
    free(scratch_file("adapter_config.json", "{}", 2));
    assert_scratch_refused("adapter_config.json", "adapters are not implemented");
}
END_TEST

START_TEST(a_folder_that_is_none_is_refused)
{
    cv_error err = {CV_OK, ""};
    ck_assert_ptr_null(cv_model_open("/nowhere/at/all", &err));
    assert_refused(&err, "/nowhere/at/all/config.json", "cannot be opened");
    assert_scratch_refused("config.json", "cannot be opened");
    free(write_config(small_config, "{}"));
    assert_scratch_refused(scratch, "neither model.safetensors nor");
}
END_TEST

/* Llama-2-7B, whose tensors lie up to 13 GB into the file. The file is one hole and takes no room. */
START_TEST(offsets_past_four_gigabytes)
{
    enum { LAYERS = 32, D = 4096, F = 11008, V = 32000, EACH = 9 };
    static const struct {
        const char *name;
        uint64_t rows, columns;
    } parts[EACH] = {
        {"input_layernorm", 0, D},  {"self_attn.q_proj", D, D}, {"self_attn.k_proj", D, D},
        {"self_attn.v_proj", D, D}, {"self_attn.o_proj", D, D}, {"post_attention_layernorm", 0, D},
        {"mlp.gate_proj", F, D},    {"mlp.up_proj", F, D},      {"mlp.down_proj", D, F},
    };
    static char names[LAYERS * EACH][64];
    static listed_tensor list[LAYERS * EACH + 3];
    size_t count = 0;
    list[count++] = (listed_tensor){"model.embed_tokens.weight", "F16", V, D};
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < EACH; i++) {
            char *name = names[l * EACH + i];
            snprintf(name, sizeof names[0], "model.layers.%d.%s.weight", l, parts[i].name);
            list[count++] = (listed_tensor){name, "F16", parts[i].rows, parts[i].columns};
        }
    list[count++] = (listed_tensor){"model.norm.weight", "F16", 0, D};
    list[count++] = (listed_tensor){"lm_head.weight", "F16", V, D};

    uint64_t total;
    char *header = list_tensors(list, count, &total), *path = write_header("model.safetensors", header, 0);
    ck_assert_uint_eq(total, 13476831232);
    ck_assert_int_eq(truncate(path, (off_t)(8 + strlen(header) + total)), 0);
    free(write_config(small_config, "{'vocab_size': 32000, 'hidden_size': 4096, 'intermediate_size': 11008,"
                                    " 'num_hidden_layers': 32, 'num_attention_heads': 32, 'num_key_value_heads': 32}"));
    cv_model *model = open_good(scratch);
    ck_assert_uint_eq(model->parameters, 6738415616);
    ck_assert_uint_eq(model->weight_bytes, total);
    float last[1 + D];
    last[D] = 42;
    cv_tensor_widen(&model->lm_head, V - 1, 1, last);
    ck_assert(last[0] == 0 && last[D - 1] == 0 && last[D] == 42);
    cv_model_close(model);

    ck_assert_int_eq(truncate(path, (off_t)(8 + strlen(header) + total - 1)), 0);
    assert_scratch_refused("model.safetensors", "lm_head.weight.data_offsets end at byte 13476831232");
    free(header);
    free(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("model");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, a_model_of_every_configuration_is_opened, 0, ROWS(fixtures));
    tcase_add_test(tests, every_tensor_may_have_its_own_type);
    tcase_add_loop_test(tests, a_missing_tensor_is_named, 0, NUM_SMALL);
    tcase_add_loop_test(tests, a_wrong_shape_is_named, 0, NUM_SMALL);
    tcase_add_loop_test(tests, a_wrong_type_is_named, 0, NUM_SMALL);
    tcase_add_test(tests, the_shapes_are_told);
    tcase_add_loop_test(tests, a_tensor_without_place_is_refused, 0, ROWS(unexpected));
    tcase_add_test(tests, rotary_buffers_are_ignored);
    tcase_add_test(tests, a_tied_head_may_be_stored_again);
    tcase_add_test(tests, a_tied_head_that_differs_is_refused);
    tcase_add_loop_test(tests, a_config_of_another_model_is_noticed, 0, ROWS(disagreeing));
    tcase_add_test(tests, an_adapter_is_refused);
    tcase_add_test(tests, a_folder_that_is_none_is_refused);
    tcase_add_test(tests, offsets_past_four_gigabytes);
    return run_suite(tests);
}
