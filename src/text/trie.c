#include "text/trie.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct node {
    int32_t value;   /* of the string that ends here, or -1 */
    int32_t child;   /* the first of the nodes one byte further, or -1 */
    int32_t sibling; /* the next node with the same parent, or -1 */
    unsigned char byte;
} node;

struct cv_trie {
    node *nodes; /* [count]; the first 256 are the first bytes, so that most positions cost one look */
    size_t count, capacity;
};

static int32_t new_node(cv_trie *trie, unsigned char byte)
{
    cv_reserve(&trie->nodes, &trie->capacity, trie->count + 1, sizeof(node));
    trie->nodes[trie->count] = (node){-1, -1, -1, byte};
    return (int32_t)trie->count++;
}

cv_trie *cv_trie_create(void)
{
    cv_trie *trie = cv_calloc(1, sizeof *trie);
    for (unsigned byte = 0; byte < 256; byte++) new_node(trie, (unsigned char)byte);
    return trie;
}

void cv_trie_free(cv_trie *trie)
{
    if (!trie) return;
    free(trie->nodes);
    free(trie);
}

static int32_t find_child(const cv_trie *trie, int32_t parent, unsigned char byte)
{
    int32_t child = trie->nodes[parent].child;
    while (child >= 0 && trie->nodes[child].byte != byte) child = trie->nodes[child].sibling;
    return child;
}

bool cv_trie_add(cv_trie *trie, const char *string, int32_t value)
{
    if (!*string) return false;
    int32_t at = (unsigned char)*string;
    while (*++string) {
        int32_t child = find_child(trie, at, (unsigned char)*string);
        if (child < 0) {
            child = new_node(trie, (unsigned char)*string);
            trie->nodes[child].sibling = trie->nodes[at].child;
            trie->nodes[at].child = child;
        }
        at = child;
    }
    if (trie->nodes[at].value >= 0) return false;
    trie->nodes[at].value = value;
    return true;
}

int32_t cv_trie_longest(const cv_trie *trie, const char *text, size_t length, size_t *match_length)
{
    int32_t value = -1;
    if (length == 0) return -1;
    int32_t at = (unsigned char)text[0];
    for (size_t i = 1;; i++) {
        if (trie->nodes[at].value >= 0) {
            value = trie->nodes[at].value;
            *match_length = i;
        }
        if (i == length) return value;
        at = find_child(trie, at, (unsigned char)text[i]);
        if (at < 0) return value;
    }
}
