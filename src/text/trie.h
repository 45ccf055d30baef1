/* Byte strings to search a text for, all at once. */
#ifndef CV_TRIE_H
#define CV_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cv_trie cv_trie;

cv_trie *cv_trie_create(void);
void cv_trie_free(cv_trie *trie);

/* False where the string is empty or was there before. value is not negative. */
bool cv_trie_add(cv_trie *trie, const char *string, int32_t value);

/* The value of the longest string that text begins with and its *match_length; -1 for none. */
int32_t cv_trie_longest(const cv_trie *trie, const char *text, size_t length, size_t *match_length);

#endif
