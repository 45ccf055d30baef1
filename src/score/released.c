#include "score/released.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const float DEGREES = 57.29577951308232F; /* of one radian */

/* Elements that are summed one after the other; the sums of such runs are summed in turn. PyTorch sums in a tree, so
 * that a long sum in single precision keeps most of its digits. */
enum { RUN = 64 };

/* Adds values of a run to a sum of runs. */
typedef struct tree {
    float run, total;
    size_t count;
} tree;

static void add(tree *t, float value)
{
    t->run += value;
    if (++t->count < RUN) return;
    t->total += t->run;
    t->run = 0;
    t->count = 0;
}

static float sum_of(const tree *t)
{
    return t->total + t->run;
}

static void softmax(const float *logits, size_t n, float *out)
{
    float largest = -INFINITY;
    tree sum = {0};
    for (size_t i = 0; i < n; i++) largest = fmaxf(largest, logits[i]);
    for (size_t i = 0; i < n; i++) {
        out[i] = expf(logits[i] - largest);
        add(&sum, out[i]);
    }
    for (size_t i = 0; i < n; i++) out[i] /= sum_of(&sum);
}

double cv_released_kl(const float *p_logits, const float *q_logits, size_t n)
{
    static const float tiny = 1e-12F;
    float *p = cv_alloc(2 * n, sizeof *p), *q = p + n;
    tree sum = {0};
    softmax(p_logits, n, p);
    softmax(q_logits, n, q);
    for (size_t i = 0; i < n; i++) {
        float a = p[i] + tiny, b = q[i] + tiny;
        add(&sum, a * logf(a / b));
    }
    free(p);
    return (double)sum_of(&sum);
}

/* Degrees of a cosine's size, as the one singular value of a matrix of one number has it. */
static double degrees_of(float cosine)
{
    return (double)(acosf(fminf(fabsf(cosine), 1.0F)) * DEGREES);
}

double cv_released_angle(const double *a, const double *b, size_t n)
{
    tree product = {0};
    for (size_t i = 0; i < n; i++) add(&product, (float)a[i] * (float)b[i]);
    return degrees_of(sum_of(&product));
}

double cv_released_column_angle(const double *clean, const double *ablated, size_t rows, size_t columns)
{
    tree product = {0}, a = {0}, b = {0};
    for (size_t p = 0; p < rows; p++) {
        float x = (float)clean[p * columns], y = (float)ablated[p * columns];
        add(&a, x * x);
        add(&b, y * y);
    }
    float x_norm = sqrtf(sum_of(&a)), y_norm = sqrtf(sum_of(&b));
    for (size_t p = 0; p < rows; p++)
        add(&product, (float)clean[p * columns] / x_norm * ((float)ablated[p * columns] / y_norm));
    return degrees_of(sum_of(&product));
}
