/* For tests of pictures and pages: looks into a text of marks. */
#ifndef TESTS_PICTURE_H
#define TESTS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* How often part occurs in text. */
static inline size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

/* Whether each element that is opened is closed, in the right order, as XML wants it; and no number in it is a NaN
 * or infinite. A prolog is passed over. */
static inline bool is_balanced(const char *text)
{
    char open[64][16];
    size_t depth = 0;
    if (strstr(text, "\"nan") || strstr(text, "\"-nan") || strstr(text, "\"inf") || strstr(text, "\"-inf"))
        return false;
    for (const char *at = text; (at = strchr(at, '<')); at++) {
        const char *end = strchr(at, '>');
        char name[16] = "";
        if (!end) return false;
        if (at[1] == '?' || at[1] == '!') continue;
        sscanf(at + 1 + (at[1] == '/'), "%15[a-zA-Z0-9]", name);
        if (at[1] == '/') {
            if (depth == 0 || strcmp(open[--depth], name) != 0) return false;
        } else if (end[-1] != '/') {
            if (depth == sizeof open / sizeof open[0]) return false;
            memcpy(open[depth++], name, sizeof name);
        }
    }
    return depth == 0;
}

#endif
