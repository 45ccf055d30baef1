/* What an MLP does between its two products. */
#ifndef CV_ACTIVATION_H
#define CV_ACTIVATION_H

#include <caravan/model.h>

#include <stddef.h>

/* inner [n] = activation(inner) * up or, where up is NULL (the MLP is not gated), activation(inner). */
void cv_activate(cv_activation activation, float *inner, const float *up, size_t n);

#endif
