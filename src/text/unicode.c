#include "text/unicode.h"

#include "base/memory.h"
#include "text/unicode_tables.h"
#include "text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

bool cv_is_white_space(uint32_t code)
{
    if (code < 0x80) return code == ' ' || (code >= 0x09 && code <= 0x0d);
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

/* The range that holds code, NULL where none does. */
static const cv_recent_range *find_recent(uint32_t code)
{
    size_t low = 0, high = cv_unicode_recent_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const cv_recent_range *range = &cv_unicode_recent[middle];
        if (code < range->first)
            high = middle;
        else if (code > range->last)
            low = middle + 1;
        else
            return range;
    }
    return NULL;
}

static bool within(uint32_t code, const cv_code_range *ranges, size_t count)
{
    for (size_t i = 0; i < count && ranges[i].first <= code; i++)
        if (code <= ranges[i].last) return true;
    return false;
}

bool cv_is_word(uint32_t code)
{
    /* symbols that count as letters: circled and squared ones; and the two joiners */
    static const cv_code_range extra[] = {
        {0x200c, 0x200d}, {0x24b6, 0x24e9}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
    const cv_recent_range *recent = find_recent(code);
    const char *category = recent ? recent->category : utf8proc_category_string((utf8proc_int32_t)code);
    if (category[0] == 'L' || category[0] == 'M') return true;
    if (category[0] == 'N') return category[1] != 'o';
    return strcmp(category, "Pc") == 0 || within(code, extra, sizeof extra / sizeof *extra);
}

/* Capitals that utf8proc may not know yet: from first to last, their small letters at a distance. */
static uint32_t lowercase(uint32_t code)
{
    static const struct {
        uint32_t first, last, small;
    } recent[] = {{0x1c89, 0x1c89, 0x1c8a},   {0xa7cb, 0xa7cb, 0x0264}, {0xa7cc, 0xa7cc, 0xa7cd},
                  {0xa7ce, 0xa7ce, 0xa7cf},   {0xa7d2, 0xa7d2, 0xa7d3}, {0xa7d4, 0xa7d4, 0xa7d5},
                  {0xa7da, 0xa7da, 0xa7db},   {0xa7dc, 0xa7dc, 0x019b}, {0x10d50, 0x10d65, 0x10d70},
                  {0x16ea0, 0x16eb8, 0x16ebb}};
    for (size_t i = 0; i < sizeof recent / sizeof *recent; i++)
        if (code >= recent[i].first && code <= recent[i].last) return recent[i].small + (code - recent[i].first);
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
}

void cv_append_lowercase(cv_buffer *out, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code;
        char small[4];
        at += cv_utf8_decode(text + at, &code);
        if (code == 0x130) /* İ becomes two characters, i and a dot above */
            cv_buffer_puts(out, "i\xcc\x87");
        else
            cv_buffer_append(out, small, cv_utf8_encode(lowercase(code), small));
    }
}

/* Characters that the reference's normal forms take for unassigned: they stay, and nothing composes
 * or moves across them. */
static bool is_unnormalized(uint32_t code)
{
    if (code < cv_unicode_unnormalized[0].first) return false;
    return within(code, cv_unicode_unnormalized, cv_unicode_unnormalized_count) || find_recent(code);
}

static void append_run(cv_buffer *out, const char *text, size_t length, cv_normal_form form)
{
    static const utf8proc_option_t options[] = {
        [CV_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
        [CV_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
        [CV_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
        [CV_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
    };
    if (length == 0) return;
    utf8proc_uint8_t *normal = NULL;
    utf8proc_ssize_t size =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &normal, options[form]);
    if (size < 0) cv_fatal("a text cannot be brought into a normal form: %s", utf8proc_errmsg(size));
    cv_buffer_append(out, (const char *)normal, (size_t)size);
    free(normal);
}

void cv_append_normal_form(cv_buffer *out, const char *text, size_t length, cv_normal_form form)
{
    size_t start = 0;
    bool ascii = true;
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t bytes = cv_utf8_decode(text + at, &code);
        ascii = ascii && bytes == 1;
        if (is_unnormalized(code)) {
            append_run(out, text + start, at - start, form);
            cv_buffer_append(out, text + at, bytes);
            start = at + bytes;
        }
        at += bytes;
    }
    if (ascii)
        cv_buffer_append(out, text, length);
    else
        append_run(out, text + start, length - start, form);
}
