#include "model/graft.h"

#include <stddef.h>
#include <string.h>

/* The tensors of a layer that are its attention. */
#define MEMBER(name) offsetof(cv_layer, name)
static const size_t members[] = {
    MEMBER(q_proj), MEMBER(k_proj), MEMBER(v_proj), MEMBER(o_proj), MEMBER(q_bias),
    MEMBER(k_bias), MEMBER(v_bias), MEMBER(o_bias), MEMBER(q_norm), MEMBER(k_norm),
};
#undef MEMBER
enum { NUM_MEMBERS = sizeof members / sizeof members[0] };

static cv_tensor *member_of(cv_layer *layer, size_t i)
{
    return (cv_tensor *)(void *)((char *)layer + members[i]);
}

static bool refuse(const cv_model *model, const cv_model *donor, const char *what, double here, double there,
                   cv_error *err)
{
    return cv_bad_input(err,
                        "%s: cannot have the attention of %s: %s is %.9g here and %.9g there; take a checkpoint of the "
                        "same shape",
                        model->path, donor->path, what, here, there);
}

/* One key of both configurations. */
typedef struct key {
    const char *name;
    double here, there;
} key;

static bool check_keys(const cv_model *model, const cv_model *donor, cv_error *err)
{
    const cv_config *a = &model->config, *b = &donor->config;
    const key keys[] = {
        {"num_hidden_layers", a->num_hidden_layers, b->num_hidden_layers},
        {"hidden_size", a->hidden_size, b->hidden_size},
        {"num_attention_heads", a->num_attention_heads, b->num_attention_heads},
        {"num_key_value_heads", a->num_key_value_heads, b->num_key_value_heads},
        {"head_dim", a->head_dim, b->head_dim},
        {"the bias of q", a->q_bias, b->q_bias},
        {"the bias of k", a->k_bias, b->k_bias},
        {"the bias of v", a->v_bias, b->v_bias},
        {"the bias of o", a->o_bias, b->o_bias},
        {"the norm of q and k", a->qk_norm, b->qk_norm},
        {"the norms' epsilon", a->qk_norm ? a->rms_norm_eps : 0, b->qk_norm ? b->rms_norm_eps : 0},
        {"query_pre_attn_scalar", a->query_pre_attn_scalar, b->query_pre_attn_scalar},
        {"attn_logit_softcapping", a->attn_logit_softcapping, b->attn_logit_softcapping},
        {"learned positions", a->learned_positions, b->learned_positions},
        {"sliding_window", a->sliding_window, b->sliding_window},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].here != keys[i].there) return refuse(model, donor, keys[i].name, keys[i].here, keys[i].there, err);
    for (int l = 0; l < a->num_hidden_layers; l++)
        if (a->sliding[l] != b->sliding[l])
            return refuse(model, donor, "the window of a layer", a->sliding[l], b->sliding[l], err);
    return true;
}

static bool check_rope(const cv_model *model, const cv_model *donor, const cv_rope *a, const cv_rope *b, cv_error *err)
{
    const key keys[] = {
        {"the kind of rope", a->kind, b->kind},
        {"rope_theta", a->theta, b->theta},
        {"the rope's width", a->width, b->width},
        {"the rope's factor", a->factor, b->factor},
        {"the rope's low_freq_factor", a->low_freq_factor, b->low_freq_factor},
        {"the rope's high_freq_factor", a->high_freq_factor, b->high_freq_factor},
        {"the rope's original_max_position_embeddings", a->original_max_position_embeddings,
         b->original_max_position_embeddings},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].here != keys[i].there) return refuse(model, donor, keys[i].name, keys[i].here, keys[i].there, err);
    return true;
}

static uint64_t bytes_of(const cv_tensor *tensor)
{
    return tensor->data ? (uint64_t)tensor->rows * (uint64_t)tensor->columns * cv_dtype_size(tensor->dtype) : 0;
}

static bool check_shape(const cv_model *model, const cv_model *donor, const cv_tensor *here, const cv_tensor *there,
                        cv_error *err)
{
    if (!here->data == !there->data && here->rows == there->rows && here->columns == there->columns) return true;
    return cv_bad_input(err,
                        "%s: cannot have the attention of %s: tensor %s has another shape there; take a checkpoint "
                        "of the same shape",
                        model->path, donor->path, here->name ? here->name : there->name);
}

bool cv_graft_attention(cv_model *model, cv_model *donor, cv_error *err)
{
    model->attention = donor;
    if (!check_keys(model, donor, err) || !check_rope(model, donor, &model->config.rope, &donor->config.rope, err) ||
        !check_rope(model, donor, &model->config.sliding_rope, &donor->config.sliding_rope, err))
        return false;
    for (int l = 0; l < model->config.num_hidden_layers; l++)
        for (size_t i = 0; i < NUM_MEMBERS; i++) {
            cv_tensor *here = member_of(&model->layers[l], i);
            const cv_tensor *there = member_of(&donor->layers[l], i);
            if (!check_shape(model, donor, here, there, err)) return false;
            model->weight_bytes = model->weight_bytes - bytes_of(here) + bytes_of(there);
            *here = *there;
        }
    return true;
}
