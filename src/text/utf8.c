#include "text/utf8.h"

/* Whether a valid character starts at text; *bytes is its length, or that of the part to skip: the
 * longest start of a character that could have been valid, at least one byte. */
static bool examine(const unsigned char *text, size_t length, size_t *bytes)
{
    unsigned char lead = text[0];
    *bytes = 1;
    if (lead < 0x80) return true;
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) return false;
    /* The second byte's range rules out overlong forms, surrogates and codes past U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i <= more; i++) {
        if (i >= length || text[i] < low || text[i] > high) return false;
        low = 0x80;
        high = 0xbf;
        *bytes = i + 1;
    }
    return true;
}

size_t cv_utf8_valid_prefix(const char *text, size_t length)
{
    size_t at = 0, bytes;
    while (at < length && examine((const unsigned char *)text + at, length - at, &bytes)) at += bytes;
    return at;
}

size_t cv_utf8_decode(const char *text, uint32_t *code)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80) {
        *code = c[0];
        return 1;
    }
    if (c[0] < 0xe0) {
        *code = (uint32_t)(c[0] & 0x1f) << 6 | (c[1] & 0x3f);
        return 2;
    }
    if (c[0] < 0xf0) {
        *code = (uint32_t)(c[0] & 0x0f) << 12 | (uint32_t)(c[1] & 0x3f) << 6 | (c[2] & 0x3f);
        return 3;
    }
    *code =
        (uint32_t)(c[0] & 0x07) << 18 | (uint32_t)(c[1] & 0x3f) << 12 | (uint32_t)(c[2] & 0x3f) << 6 | (c[3] & 0x3f);
    return 4;
}

size_t cv_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[bytes] | code);
    return bytes;
}

size_t cv_utf8_last(const char *text, size_t end)
{
    size_t start = end - 1;
    while (start > 0 && ((unsigned char)text[start] & 0xc0) == 0x80) start--;
    return end - start;
}

void cv_utf8_append_lossy(cv_buffer *out, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t valid = cv_utf8_valid_prefix(bytes + at, length - at);
        cv_buffer_append(out, bytes + at, valid);
        at += valid;
        if (at == length) return;
        size_t skipped;
        examine((const unsigned char *)bytes + at, length - at, &skipped);
        cv_buffer_puts(out, "\xef\xbf\xbd");
        at += skipped;
    }
}
