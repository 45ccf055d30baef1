#include "sweep/unit_bytes.h"

#include "sweep/bytes.h"
#include "sweep/groups.h"

#include <stdlib.h>

void cv_unit_describe(const cv_unit *unit, const cv_job *job, const cv_head_group *group, cv_buffer *out)
{
    cv_put_text(out, job->models[unit->model].name);
    cv_put_text(out, job->ablation_names[unit->ablation]);
    const int32_t parts[] = {unit->set,       unit->prompt_begin, unit->prompt_end, unit->layer_begin,
                             unit->layer_end, unit->head_begin,   unit->head_end,   unit->step};
    cv_put_array(out, parts, sizeof parts / sizeof parts[0], sizeof parts[0]);
    cv_put_heads(out, group->heads, group->count);
}

double *cv_unit_read(const cv_unit *unit, const cv_job *job, size_t number, const char *bytes, size_t length,
                     cv_error *err)
{
    size_t count, expected = cv_unit_values(unit, job);
    cv_cursor in = cv_cursor_at(bytes, length);
    double *values = cv_get_array(&in, &count, sizeof *values);
    if (cv_cursor_done(&in) && count == expected) return values;
    cv_failed(err, "unit %zu yielded %zu bytes, which are not its %zu scores", number, length, expected);
    free(values);
    return NULL;
}
