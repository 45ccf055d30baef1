/* Rotary position embedding: the table of angles, with the scalings that models ask for. */
#ifndef CV_ROPE_H
#define CV_ROPE_H

#include <caravan/model.h>

#include <stddef.h>

typedef struct cv_rope_table {
    float *cosine, *sine; /* [positions, half], owned */
    size_t positions, half, head_dim;
} cv_rope_table;

cv_rope_table cv_rope_make(const cv_rope *rope, size_t head_dim, size_t positions);
void cv_rope_free(cv_rope_table *table);

/* Rotates the first 2 * half elements of num_heads neighbouring head vectors [num_heads, head_dim] of one
 * token at a position. */
void cv_rope_apply(const cv_rope_table *table, size_t position, size_t num_heads, float *heads);

#endif
