#include "text/matcher.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct node {
    int32_t value;   /* of the string that ends here, or -1 */
    int32_t child;   /* the first of the nodes one byte further, or -1 */
    int32_t sibling; /* the next node with the same parent, or -1 */
    unsigned char byte;
} node;

struct cv_matcher {
    node *nodes; /* [count]; the first 256 are the first bytes, so that most positions cost one look */
    size_t count, capacity;
};

static int32_t new_node(cv_matcher *matcher, unsigned char byte)
{
    cv_reserve(&matcher->nodes, &matcher->capacity, matcher->count + 1, sizeof(node));
    matcher->nodes[matcher->count] = (node){-1, -1, -1, byte};
    return (int32_t)matcher->count++;
}

cv_matcher *cv_matcher_create(void)
{
    cv_matcher *matcher = cv_calloc(1, sizeof *matcher);
    for (unsigned byte = 0; byte < 256; byte++) new_node(matcher, (unsigned char)byte);
    return matcher;
}

void cv_matcher_free(cv_matcher *matcher)
{
    if (!matcher) return;
    free(matcher->nodes);
    free(matcher);
}

static int32_t find_child(const cv_matcher *matcher, int32_t parent, unsigned char byte)
{
    int32_t child = matcher->nodes[parent].child;
    while (child >= 0 && matcher->nodes[child].byte != byte) child = matcher->nodes[child].sibling;
    return child;
}

bool cv_matcher_add(cv_matcher *matcher, const char *string, int32_t value)
{
    if (!*string) return false;
    int32_t at = (unsigned char)*string;
    while (*++string) {
        int32_t child = find_child(matcher, at, (unsigned char)*string);
        if (child < 0) {
            child = new_node(matcher, (unsigned char)*string);
            matcher->nodes[child].sibling = matcher->nodes[at].child;
            matcher->nodes[at].child = child;
        }
        at = child;
    }
    if (matcher->nodes[at].value >= 0) return false;
    matcher->nodes[at].value = value;
    return true;
}

int32_t cv_matcher_longest(const cv_matcher *matcher, const char *text, size_t length, size_t *match_length)
{
    int32_t value = -1;
    if (length == 0) return -1;
    int32_t at = (unsigned char)text[0];
    for (size_t i = 1;; i++) {
        if (matcher->nodes[at].value >= 0) {
            value = matcher->nodes[at].value;
            *match_length = i;
        }
        if (i == length) return value;
        at = find_child(matcher, at, (unsigned char)text[i]);
        if (at < 0) return value;
    }
}
