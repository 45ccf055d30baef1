/* Byte strings to search a text for, all at once. */
#ifndef CV_MATCHER_H
#define CV_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cv_matcher cv_matcher;

cv_matcher *cv_matcher_create(void);
void cv_matcher_free(cv_matcher *matcher);

/* False where the string is empty or was there before. value is not negative. */
bool cv_matcher_add(cv_matcher *matcher, const char *string, int32_t value);

/* The value of the longest string that text begins with and its *match_length; -1 for none. */
int32_t cv_matcher_longest(const cv_matcher *matcher, const char *text, size_t length, size_t *match_length);

#endif
