#include "sweep/batch.h"

#include "base/memory.h"
#include "engine/decode.h"

#include <assert.h>
#include <stdlib.h>

static const uint64_t LEAST_MEMORY = (uint64_t)1 << 30; /* of the automatic budget */

static uint64_t budget_of(const cv_batching *b, int model, size_t begin)
{
    if (b->inputs->job.memory_bytes) return b->inputs->job.memory_bytes;
    uint64_t weights = b->inputs->models[model]->weight_bytes;
    return b->price(b->context, begin, begin + 1).memory_bytes + (weights > LEAST_MEMORY ? weights : LEAST_MEMORY);
}

static bool next_batch(const cv_batching *b, size_t begin, cv_batch *batch, cv_error *err)
{
    const cv_job *job = &b->inputs->job;
    int model = b->model(b->context, begin);
    uint64_t budget = budget_of(b, model, begin);
    size_t end = b->reach(b->context, begin);
    assert(begin < end && end <= b->total);
    cv_wavefront_cost cost = b->price(b->context, begin, end);
    while (cost.memory_bytes > budget && end - begin > 1) {
        end = begin + (end - begin + 1) / 2;
        cost = b->price(b->context, begin, end);
    }
    *batch = (cv_batch){begin, end, cost.work.operations, cost.memory_bytes, cost.thread_bytes};
    return cost.memory_bytes <= budget ||
           cv_bad_input(err, "%s: engine.memory_gib is %.3g, but one %s of model %s needs %.3g", job->file,
                        (double)budget / (1 << 30), b->item, job->models[model].name,
                        (double)cost.memory_bytes / (1 << 30));
}

cv_batch *cv_batches_cut(const cv_batching *b, size_t *count, cv_error *err)
{
    size_t capacity = 1;
    cv_batch *batches = cv_alloc(capacity, sizeof *batches);
    *count = 0;
    for (size_t begin = 0; begin < b->total; begin = (size_t)batches[(*count)++].end) {
        cv_reserve(&batches, &capacity, *count + 1, sizeof *batches);
        if (next_batch(b, begin, &batches[*count], err)) continue;
        free(batches);
        return NULL;
    }
    return batches;
}

uint64_t cv_kept_layers_bytes(const cv_inputs *inputs, int model)
{
    const cv_model *weights = inputs->models[model];
    bool plain = inputs->job.engine == CV_ENGINE_PLAIN;
    if (inputs->job.evaluate.num_decode == 0 || !(plain || cv_keeps_layers(weights))) return 0;
    return (uint64_t)weights->config.num_hidden_layers * cv_layer_weights_bytes(weights);
}
