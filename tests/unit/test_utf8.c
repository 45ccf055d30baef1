#include "text/utf8.h"

#include "suite.h"

#include <stdio.h>
#include <string.h>

/* Bytes, how many of them are valid, and what they become when repaired. */
static const struct {
    const char *bytes;
    size_t length, valid;
    const char *lossy;
} strings[] = {
    {"", 0, 0, ""},
    {"plain", 5, 5, "plain"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"a\x80z", 3, 1, "a\xef\xbf\xbdz"}, /* a continuation alone */
    {"\xc3", 1, 0, "\xef\xbf\xbd"},     /* cut off */
    {"\xe2\x82", 2, 0, "\xef\xbf\xbd"}, /* one part, so one mark */
    {"\xf0\x9f\x98", 3, 0, "\xef\xbf\xbd"},
    {"\xf0\x9f\x98\x61", 4, 0,
     "\xef\xbf\xbd"
     "a"},
    {"\xc0\x80", 2, 0, "\xef\xbf\xbd\xef\xbf\xbd"}, /* overlong */
    {"\xe0\x80\x80", 3, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xed\xa0\x80", 3, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* a surrogate */
    {"\xf4\x90\x80\x80", 4, 0, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* past U+10FFFF */
    {"\xff\xfe", 2, 0, "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\xf4\x8f\xbf\xbf", 4, 4, "\xf4\x8f\xbf\xbf"},
};

START_TEST(test_valid_prefix)
{
    ck_assert_uint_eq(cv_utf8_valid_prefix(strings[_i].bytes, strings[_i].length), strings[_i].valid);
}
END_TEST

START_TEST(test_lossy)
{
    cv_buffer out = {0};
    cv_utf8_append_lossy(&out, strings[_i].bytes, strings[_i].length);
    ck_assert_uint_eq(out.length, strlen(strings[_i].lossy));
    if (out.length) ck_assert_mem_eq(out.data, strings[_i].lossy, out.length);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(test_every_character_survives)
{
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code < 0xe000) continue;
        char bytes[4];
        uint32_t again;
        size_t length = cv_utf8_encode(code, bytes);
        if (cv_utf8_valid_prefix(bytes, length) != length || cv_utf8_decode(bytes, &again) != length || again != code ||
            cv_utf8_last(bytes, length) != length)
            ck_abort_msg("U+%04X", (unsigned)code);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("utf8");
    tcase_add_loop_test(tests, test_valid_prefix, 0, ROWS(strings));
    tcase_add_loop_test(tests, test_lossy, 0, ROWS(strings));
    tcase_add_test(tests, test_every_character_survives);
    return run_suite(tests);
}
