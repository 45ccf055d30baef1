/* Whole model directories: fixtures taken over, and then spoiled in one place. */
#include <caravan/model.h>

#include "base/memory.h"
#include "model/checkpoint.h"
#include "scratch.h"
#include "suite.h"

#include <stdint.h>

#define FIXTURES CARAVAN_SOURCE_DIR "/tests/fixtures/models/"

/* Copies a file of a fixture into the scratch folder, replacing the first from by to, which must be of
 * one length so that a header's length stays right. */
static void take(const char *fixture, const char *name, const char *from, const char *to)
{
    cv_error err;
    size_t length;
    char *source = cv_path_join(FIXTURES, fixture), *path = cv_path_join(source, name);
    char *bytes = cv_read_file(path, &length, &err);
    ck_assert_msg(bytes != NULL, "%s", err.text);
    if (from) {
        ck_assert_uint_eq(strlen(from), strlen(to));
        char *place = memmem(bytes, length, from, strlen(from));
        ck_assert_msg(place != NULL, "%s has no %s", path, from);
        memcpy(place, to, strlen(to));
    }
    free(scratch_file(name, bytes, length));
    free(bytes);
    free(path);
    free(source);
}

static void refuse(const char *complaint)
{
    cv_error err = {0};
    cv_model *model = cv_model_open(scratch, &err);
    ck_assert_msg(model == NULL, "the model was accepted");
    ck_assert_int_eq(err.status, CV_BAD_INPUT);
    ck_assert_msg(strstr(err.text, complaint) != NULL, "%s lacks \"%s\"", err.text, complaint);
}

START_TEST(a_model_is_bound_by_shape)
{
    cv_error err;
    cv_model *model = cv_model_open(FIXTURES "everything", &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    const cv_config *c = &model->config;
    ck_assert_int_eq(model->layers[0].q_proj.rows, c->num_attention_heads * c->head_dim);
    ck_assert_int_eq(model->layers[0].k_proj.rows, c->num_key_value_heads * c->head_dim);
    ck_assert_int_eq(model->layers[0].o_proj.columns, c->num_attention_heads * c->head_dim);
    ck_assert_ptr_nonnull(model->layers[0].down_bias.data);
    ck_assert_ptr_eq(model->lm_head.data, model->embed_tokens.data); /* tied */
    ck_assert_int_eq(model->embed_tokens.dtype, CV_BF16);
    ck_assert_uint_eq(model->weight_bytes, 2 * model->parameters);
    cv_model_close(model);
    cv_model_close(NULL);
}
END_TEST

/* Llama's count: embedding, layers, final norm, and the output projection where it is its own. */
START_TEST(parameters_are_counted_once)
{
    cv_error err;
    const char *const names[] = {FIXTURES "gqa", FIXTURES "tied"};
    for (int i = 0; i < 2; i++) {
        cv_model *model = cv_model_open(names[i], &err);
        ck_assert_msg(model != NULL, "%s", err.text);
        const cv_config *c = &model->config;
        uint64_t d = (uint64_t)c->hidden_size, D = (uint64_t)c->head_dim;
        uint64_t layer = d * D * 2 * (uint64_t)(c->num_attention_heads + c->num_key_value_heads) +
                         3 * d * (uint64_t)c->intermediate_size + 2 * d;
        uint64_t tables = (uint64_t)c->vocab_size * d * (c->tie_word_embeddings ? 1 : 2);
        ck_assert_uint_eq(model->parameters, layer * (uint64_t)c->num_hidden_layers + tables + d);
        cv_model_close(model);
    }
}
END_TEST

static const struct {
    const char *file, *from, *to, *complaint;
} spoiled[] = {
    {"model.safetensors", "layers.1.mlp.up_proj", "layers.1.mlp.ub_proj",
     "model.layers.1.mlp.up_proj.weight is missing"},
    {"model.safetensors", "\"F32\"", "\"I32\"", "dtype I32"},
    {"model.safetensors", "\"F32\"", "\"F64\"", "model.safetensors"},
    {"config.json", "\"intermediate_size\": 4", "\"intermediate_size\": 5", "shape"},
    {"config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "has no place"},
    {"config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "model.layers.2"},
    {"config.json", "\"attention_bias\": false", "\"attention_bias\": true ", "bias is missing"},
    {"config.json", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", "k_proj.weight has the shape"},
};

START_TEST(a_spoiled_model_is_refused_by_name)
{
    const char *const files[] = {"config.json", "model.safetensors"};
    for (int i = 0; i < 2; i++) {
        bool here = strcmp(files[i], spoiled[_i].file) == 0;
        take("gqa", files[i], here ? spoiled[_i].from : NULL, spoiled[_i].to);
    }
    refuse(spoiled[_i].complaint);
}
END_TEST

START_TEST(missing_files_are_named)
{
    refuse("config.json");
    take("gqa", "config.json", NULL, NULL);
    refuse("model.safetensors");
}
END_TEST

static void take_shards(const char *from, const char *to)
{
    take("sharded", "config.json", NULL, NULL);
    take("sharded", "model.safetensors.index.json", from, to);
    for (int i = 1; i <= 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "model-%05d-of-00003.safetensors", i);
        take("sharded", name, NULL, NULL);
    }
}

START_TEST(shards_are_one_model)
{
    cv_error err;
    take_shards(NULL, NULL);
    cv_model *model = cv_model_open(scratch, &err);
    ck_assert_msg(model != NULL, "%s", err.text);
    ck_assert_uint_eq(model->checkpoint->num_files, 3);
    cv_model_close(model);
}
END_TEST

static const struct {
    const char *from, *to, *complaint;
} spoiled_index[] = {
    {"model-00002-of-00003.safetensors", "model-00009-of-00003.safetensors", "model-00009-of-00003.safetensors"},
    {"model-00002-of-00003.safetensors", "../el-00002-of-00003.safetensors", "of the same directory"},
    {"model-00002-of-00003.safetensors", "/odel-00002-of-00003.safetensors", "of the same directory"},
    {"model-00002-of-00003.safetensors", "model-00001-of-00003.safetensors", "has no such tensor"},
    {"\"weight_map\"", "\"weight_mop\"", "weight_map"},
};

START_TEST(a_spoiled_index_is_refused_by_name)
{
    take_shards(spoiled_index[_i].from, spoiled_index[_i].to);
    refuse(spoiled_index[_i].complaint);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("model");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_model_is_bound_by_shape);
    tcase_add_test(tests, parameters_are_counted_once);
    tcase_add_loop_test(tests, a_spoiled_model_is_refused_by_name, 0, ROWS(spoiled));
    tcase_add_test(tests, missing_files_are_named);
    tcase_add_test(tests, shards_are_one_model);
    tcase_add_loop_test(tests, a_spoiled_index_is_refused_by_name, 0, ROWS(spoiled_index));
    return run_suite(tests);
}
