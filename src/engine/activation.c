#include "engine/activation.h"

#include "engine/vector.h"

void cv_activate(cv_activation activation, float *inner, const float *up, size_t n)
{
    switch (activation) {
    case CV_SILU:
        if (up) {
            cv_silu_times(inner, up, n);
            return;
        }
        cv_silu(inner, n);
        break;
    case CV_GELU:
        cv_gelu(inner, n);
        break;
    case CV_GELU_TANH:
        cv_gelu_tanh(inner, n);
        break;
    }
    if (up) cv_multiply(inner, up, n);
}
