/* Tensors that share a stored one, or lie the other way round, are found where they are. */
#include "model/layout.h"

#include "model_files.h"
#include "suite.h"

#include <caravan/model.h>

/* d = 4, f = 6, two heads of 2, five tokens, one layer; keys that a family does not read are not in its way. */
static const char config[] = "{'vocab_size': 5, 'hidden_size': 4, 'intermediate_size': 6, 'num_hidden_layers': 1,"
                             " 'num_attention_heads': 2, 'max_position_embeddings': 3, 'rms_norm_eps': 1e-05,"
                             " 'layer_norm_eps': 1e-5, 'n_embd': 4, 'n_layer': 1, 'n_head': 2, 'n_positions': 3,"
                             " 'n_inner': 6, 'layer_norm_epsilon': 1e-5, 'tie_word_embeddings': false, 'head_dim': 2,"
                             " 'rotary_pct': 1.0, 'num_key_value_heads': 1}";

#define PHI3 "{'architectures': ['Phi3ForCausalLM'], 'model_type': 'phi3'}"
#define NEOX "{'architectures': ['GPTNeoXForCausalLM'], 'model_type': 'gpt_neox'}"
#define GPT2 "{'architectures': ['GPT2LMHeadModel'], 'model_type': 'gpt2'}"

static const listed_tensor phi3[] = {
    {"model.embed_tokens.weight", "BF16", 5, 4},
    {"model.norm.weight", "BF16", 0, 4},
    {"model.layers.0.input_layernorm.weight", "BF16", 0, 4},
    {"model.layers.0.post_attention_layernorm.weight", "BF16", 0, 4},
    {"model.layers.0.self_attn.qkv_proj.weight", "BF16", 8, 4}, /* 4 of q, 2 of k, 2 of v */
    {"model.layers.0.self_attn.o_proj.weight", "BF16", 4, 4},
    {"model.layers.0.mlp.gate_up_proj.weight", "BF16", 12, 4},
    {"model.layers.0.mlp.down_proj.weight", "BF16", 4, 6},
    {"lm_head.weight", "BF16", 5, 4},
};

#define NEOX_LAYER "gpt_neox.layers.0."
static const listed_tensor gpt_neox[] = {
    {"gpt_neox.embed_in.weight", "F32", 5, 4},
    {"gpt_neox.final_layer_norm.weight", "F32", 0, 4},
    {"gpt_neox.final_layer_norm.bias", "F32", 0, 4},
    {NEOX_LAYER "input_layernorm.weight", "F32", 0, 4},
    {NEOX_LAYER "input_layernorm.bias", "F32", 0, 4},
    {NEOX_LAYER "post_attention_layernorm.weight", "F32", 0, 4},
    {NEOX_LAYER "post_attention_layernorm.bias", "F32", 0, 4},
    {NEOX_LAYER "attention.query_key_value.weight", "F32", 12, 4},
    {NEOX_LAYER "attention.query_key_value.bias", "F32", 0, 12},
    {NEOX_LAYER "attention.dense.weight", "F32", 4, 4},
    {NEOX_LAYER "attention.dense.bias", "F32", 0, 4},
    {NEOX_LAYER "mlp.dense_h_to_4h.weight", "F32", 6, 4},
    {NEOX_LAYER "mlp.dense_h_to_4h.bias", "F32", 0, 6},
    {NEOX_LAYER "mlp.dense_4h_to_h.weight", "F32", 4, 6},
    {NEOX_LAYER "mlp.dense_4h_to_h.bias", "F32", 0, 4},
    {NEOX_LAYER "attention.bias", "F32", 3, 3}, /* the mask, and so on */
    {NEOX_LAYER "attention.masked_bias", "F32", 0, 1},
    {NEOX_LAYER "attention.rotary_emb.inv_freq", "F32", 0, 1},
    {"embed_out.weight", "F32", 5, 4},
};

/* As the file of 2019 has it, without a prefix. */
static const listed_tensor gpt2[] = {
    {"wte.weight", "F16", 5, 4},
    {"wpe.weight", "F16", 3, 4},
    {"ln_f.weight", "F16", 0, 4},
    {"ln_f.bias", "F16", 0, 4},
    {"h.0.ln_1.weight", "F16", 0, 4},
    {"h.0.ln_1.bias", "F16", 0, 4},
    {"h.0.ln_2.weight", "F16", 0, 4},
    {"h.0.ln_2.bias", "F16", 0, 4},
    {"h.0.attn.c_attn.weight", "F16", 4, 12},
    {"h.0.attn.c_attn.bias", "F16", 0, 12},
    {"h.0.attn.c_proj.weight", "F16", 4, 4},
    {"h.0.attn.c_proj.bias", "F16", 0, 4},
    {"h.0.mlp.c_fc.weight", "F16", 4, 6},
    {"h.0.mlp.c_fc.bias", "F16", 0, 6},
    {"h.0.mlp.c_proj.weight", "F16", 6, 4},
    {"h.0.mlp.c_proj.bias", "F16", 0, 4},
    {"h.0.attn.bias", "F16", 3, 3},
    {"lm_head.weight", "F16", 5, 4},
};

static const struct {
    const char *changes;
    const listed_tensor *tensors;
    size_t count;
    uint64_t parameters;
} families[] = {
    {PHI3, phi3, ROWS(phi3), 2 * 20 + 3 * 4 + 8 * 4 + 16 + 12 * 4 + 24},
    {NEOX, gpt_neox, ROWS(gpt_neox), 2 * 20 + 6 * 4 + 13 * 4 - 4 + 12 + 16 + 4 + 24 + 6 + 24 + 4},
    {GPT2, gpt2, ROWS(gpt2), 2 * 20 + 12 + 6 * 4 + 48 + 12 + 16 + 4 + 24 + 6 + 24 + 4},
};

/* The family's files, with one tensor replaced, or dropped where by is NULL too. */
static void write_family(int family, const char *replaced, const listed_tensor *by)
{
    listed_tensor list[32];
    size_t count = 0;
    for (size_t i = 0; i < families[family].count; i++) {
        const listed_tensor *tensor = &families[family].tensors[i];
        if (!replaced || strcmp(tensor->name, replaced) != 0) list[count++] = *tensor;
    }
    if (by) list[count++] = *by;
    write_tensors("model.safetensors", list, count);
    free(write_config(config, families[family].changes));
}

static cv_model *open_family(int family)
{
    cv_error err;
    write_family(family, NULL, NULL);
    cv_model *model = cv_model_open(scratch, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_uint_eq(model->parameters, families[family].parameters);
    return model;
}

/* Element (row, column) of part lies at an element of the tensor stored under a name. */
static void assert_at(const cv_tensor *part, const char *name, int64_t row, int64_t column, int64_t stored)
{
    ck_assert_str_eq(part->name, name);
    ck_assert_int_eq(cv_tensor_stored_at(part, row * part->columns + column), stored);
    float one[8], all[8 * 8];
    ck_assert_int_le(part->rows * part->columns, 64);
    cv_tensor_widen(part, 0, part->rows, all);
    cv_tensor_widen(part, row, 1, one);
    ck_assert_mem_eq(&one[column], &all[row * part->columns + column], sizeof *one);
}

START_TEST(stacked_rows_of_phi3)
{
    cv_model *model = open_family(0);
    const cv_layer *layer = &model->layers[0];
    const char *qkv = phi3[4].name, *gate_up = phi3[6].name;
    ck_assert(layer->q_proj.rows == 4 && layer->k_proj.rows == 2 && layer->v_proj.rows == 2);
    assert_at(&layer->q_proj, qkv, 3, 1, 3 * 4 + 1);
    assert_at(&layer->k_proj, qkv, 1, 2, 5 * 4 + 2);
    assert_at(&layer->v_proj, qkv, 0, 3, 6 * 4 + 3);
    assert_at(&layer->gate_proj, gate_up, 5, 0, 5 * 4);
    assert_at(&layer->up_proj, gate_up, 0, 0, 6 * 4);
    ck_assert(cv_tensor_is_plain(&layer->v_proj) && cv_tensor_is_plain(&layer->up_proj)); /* in place */
    ck_assert_ptr_eq(layer->up_proj.data, (const char *)layer->gate_proj.data + 2 * 6 * 4);
    cv_model_close(model);
}
END_TEST

START_TEST(heads_of_gpt_neox)
{
    cv_model *model = open_family(1);
    const cv_layer *layer = &model->layers[0];
    const char *qkv = gpt_neox[7].name, *bias = gpt_neox[8].name;
    assert_at(&layer->q_proj, qkv, 1, 2, 1 * 4 + 2);
    assert_at(&layer->q_proj, qkv, 2, 2, 6 * 4 + 2); /* the second head's first row */
    assert_at(&layer->k_proj, qkv, 0, 0, 2 * 4);
    assert_at(&layer->k_proj, qkv, 3, 3, 9 * 4 + 3);
    assert_at(&layer->v_proj, qkv, 3, 0, 11 * 4);
    assert_at(&layer->q_bias, bias, 2, 0, 6);
    assert_at(&layer->v_bias, bias, 3, 0, 11);
    ck_assert_str_eq(model->lm_head.name, "embed_out.weight");
    ck_assert(layer->gate_proj.data == NULL && layer->up_bias.data != NULL && model->norm_bias.data != NULL);
    cv_model_close(model);
}
END_TEST

START_TEST(columns_of_gpt2)
{
    cv_model *model = open_family(2);
    const cv_layer *layer = &model->layers[0];
    assert_at(&layer->q_proj, "h.0.attn.c_attn.weight", 1, 2, 2 * 12 + 1);
    assert_at(&layer->k_proj, "h.0.attn.c_attn.weight", 1, 2, 2 * 12 + 4 + 1);
    assert_at(&layer->v_proj, "h.0.attn.c_attn.weight", 3, 3, 3 * 12 + 8 + 3);
    assert_at(&layer->v_bias, "h.0.attn.c_attn.bias", 0, 3, 8 + 3);
    assert_at(&layer->o_proj, "h.0.attn.c_proj.weight", 1, 2, 2 * 4 + 1);
    assert_at(&layer->up_proj, "h.0.mlp.c_fc.weight", 5, 3, 3 * 6 + 5);
    assert_at(&layer->down_proj, "h.0.mlp.c_proj.weight", 3, 5, 5 * 4 + 3);
    ck_assert(model->positions.rows == 3 && model->positions.columns == 4);
    cv_model_close(model);
}
END_TEST

/* The same tensors under the names that transformers gives them today. */
START_TEST(names_of_today)
{
    listed_tensor list[ROWS(gpt2)];
    char names[ROWS(gpt2)][64];
    for (int i = 0; i < ROWS(gpt2); i++) {
        bool head = strcmp(gpt2[i].name, "lm_head.weight") == 0;
        snprintf(names[i], sizeof names[i], "%s%s", head ? "" : "transformer.", gpt2[i].name);
        list[i] = gpt2[i];
        list[i].name = names[i];
    }
    write_tensors("model.safetensors", list, ROWS(gpt2));
    free(write_config(config, GPT2));
    cv_error err;
    cv_model *model = cv_model_open(scratch, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    assert_at(&model->layers[0].q_proj, "transformer.h.0.attn.c_attn.weight", 1, 2, 2 * 12 + 1);
    cv_model_close(model);
    write_family(1, "embed_out.weight", &(listed_tensor){"lm_head.weight", "F32", 5, 4});
    model = cv_model_open(scratch, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_str_eq(model->lm_head.name, "lm_head.weight");
    cv_model_close(model);
}
END_TEST

static const struct {
    int family;
    listed_tensor wrong;
    const char *message;
} refused[] = {
    {0, {"model.layers.0.self_attn.qkv_proj.weight", "BF16", 7, 4}, "[7, 4]; config.json asks for [8, 4]"},
    {0, {"model.layers.0.mlp.gate_up_proj.weight", "BF16", 6, 4}, "[6, 4]; config.json asks for [12, 4]"},
    {1, {NEOX_LAYER "attention.query_key_value.weight", "F32", 4, 12}, "[4, 12]; config.json asks for [12, 4]"},
    {1, {NEOX_LAYER "attention.query_key_value.bias", "F32", 0, 4}, "[4]; config.json asks for [12]"},
    {1, {NEOX_LAYER "attention.query_key_value.bias", "F32", 12, 1}, "[12, 1]; config.json asks for [12]"},
    {2, {"h.0.attn.c_attn.weight", "F16", 12, 4}, "[12, 4]; config.json asks for [4, 12]"},
    {2, {"h.0.attn.c_attn.bias", "F16", 0, 4}, "[4]; config.json asks for [12]"},
    {2, {"wpe.weight", "F16", 2, 4}, "[2, 4]; config.json asks for [3, 4]"},
    {2, {"h.0.mlp.c_proj.weight", "I8", 6, 4}, "has the dtype I8"},
};

START_TEST(a_packed_tensor_of_another_shape_is_refused)
{
    cv_error err = {CV_OK, ""};
    write_family(refused[_i].family, refused[_i].wrong.name, &refused[_i].wrong);
    ck_assert_ptr_null(cv_model_open(scratch, &err));
    assert_refused(&err, refused[_i].wrong.name, refused[_i].message);
}
END_TEST

/* What is ignored are the very constants: anything like them has no place. */
START_TEST(other_tensors_have_no_place)
{
    static const struct {
        int family;
        const char *name;
    } wrong[] = {{0, "model.layers.0.attn.bias"},
                 {1, NEOX_LAYER "attention.dense.bias2"},
                 {2, "h.0.attn.c_attn.mask"},
                 {2, "transformer.ln_f.bias"},
                 {1, "gpt_neox.layers.1.mlp.bias"}};
    for (int i = 0; i < ROWS(wrong); i++) {
        cv_error err = {CV_OK, ""};
        write_family(wrong[i].family, NULL, &(listed_tensor){wrong[i].name, "F32", 0, 4});
        ck_assert_ptr_null(cv_model_open(scratch, &err));
        assert_refused(&err, wrong[i].name, "has no place in");
    }
}
END_TEST

START_TEST(a_missing_part_is_named)
{
    for (int family = 0; family < ROWS(families); family++)
        for (size_t i = 0; i < families[family].count; i++) {
            const char *name = families[family].tensors[i].name;
            if (strstr(name, "attention.bias") || strstr(name, "masked_bias") || strstr(name, "inv_freq") ||
                strstr(name, "attn.bias"))
                continue;
            cv_error err = {CV_OK, ""};
            write_family(family, name, NULL);
            ck_assert_ptr_null(cv_model_open(scratch, &err));
            assert_refused(&err, name, "is missing from the checkpoint");
        }
}
END_TEST

/* Every norm of Gemma, and nothing else. */
START_TEST(norms_of_gemma_are_stored_less_one)
{
    for (const cv_place *place = cv_layout_gemma3.top; place->name; place++)
        ck_assert_int_eq(place->less_one, strstr(place->name, "norm") != NULL);
    for (size_t i = 0; i < CV_LAYOUT_PARTS && cv_layout_gemma3.parts[i]; i++)
        for (const cv_place *place = cv_layout_gemma3.parts[i]; place->name; place++)
            ck_assert_int_eq(place->less_one, strstr(place->name, "norm") != NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("layout");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, stacked_rows_of_phi3);
    tcase_add_test(tests, heads_of_gpt_neox);
    tcase_add_test(tests, columns_of_gpt2);
    tcase_add_test(tests, names_of_today);
    tcase_add_loop_test(tests, a_packed_tensor_of_another_shape_is_refused, 0, ROWS(refused));
    tcase_add_test(tests, other_tensors_have_no_place);
    tcase_add_test(tests, a_missing_part_is_named);
    tcase_add_test(tests, norms_of_gemma_are_stored_less_one);
    return run_suite(tests);
}
