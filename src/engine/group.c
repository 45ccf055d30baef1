#include "engine/group.h"

/* The query heads that one of the group stands for: [*begin, *end). */
static void query_heads(const cv_ablated_head *head, const cv_config *config, int *begin, int *end)
{
    int span = cv_ablation_span(&head->ablation, config);
    *begin = head->head * span;
    *end = *begin + span;
}

bool cv_head_group_covers(const cv_head_group *group, const cv_config *config, int layer, int begin, int end)
{
    for (size_t i = 0; group && i < group->count; i++) {
        int first, last;
        query_heads(&group->heads[i], config, &first, &last);
        if (group->heads[i].layer == layer && first < end && begin < last) return true;
    }
    return false;
}

static bool check_head(const cv_ablated_head *head, const cv_config *config, const char *source, cv_error *err)
{
    int count = cv_ablation_heads(&head->ablation, config);
    if (head->layer < 0 || head->layer >= config->num_hidden_layers || head->head < 0 || head->head >= count)
        return cv_bad_input(err, "%s: L%dH%d does not exist; the model has layers 0 to %d and %s 0 to %d", source,
                            head->layer, head->head, config->num_hidden_layers - 1,
                            head->ablation.granularity == CV_GRANULARITY_HEAD ? "heads" : "groups", count - 1);
    return cv_ablation_check(&head->ablation, config, err);
}

bool cv_head_group_check(const cv_head_group *group, const cv_config *config, const char *source, cv_error *err)
{
    for (size_t i = 0; i < group->count; i++) {
        const cv_ablated_head *head = &group->heads[i];
        if (!check_head(head, config, source, err)) return false;
        int begin, end;
        query_heads(head, config, &begin, &end);
        cv_head_group before = {group->heads, i};
        if (cv_head_group_covers(&before, config, head->layer, begin, end))
            return cv_bad_input(err, "%s: L%dH%d is switched off twice; name it once", source, head->layer, head->head);
    }
    return true;
}
