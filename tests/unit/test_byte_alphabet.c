#include "text/byte_alphabet.h"

#include "suite.h"

#include <string.h>

static const struct {
    const char *bytes;
    size_t length;
    const char *characters;
} known[] = {
    {"Az!~", 4, "Az!~"},
    {" the\n\t", 6, "\u0120the\u010a\u0109"},
    {"\0\x7f\x80\xa0\xad", 5, "\u0100\u0121\u0122\u0142\u0143"},
    {"\xc3\xa9", 2, "\u00c3\u00a9"},
};

START_TEST(test_known)
{
    cv_buffer out = {0}, back = {0};
    cv_byte_alphabet_encode(&out, known[_i].bytes, known[_i].length);
    ck_assert_str_eq(out.data, known[_i].characters);
    ck_assert(cv_byte_alphabet_decode(&back, out.data, out.length));
    ck_assert_uint_eq(back.length, known[_i].length);
    ck_assert_mem_eq(back.data, known[_i].bytes, back.length);
    cv_buffer_free(&out);
    cv_buffer_free(&back);
}
END_TEST

START_TEST(test_every_byte_has_its_own)
{
    cv_buffer out = {0}, back = {0};
    char bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (char)i;
    cv_byte_alphabet_encode(&out, bytes, sizeof bytes);
    ck_assert(cv_byte_alphabet_decode(&back, out.data, out.length));
    ck_assert_uint_eq(back.length, sizeof bytes);
    ck_assert_mem_eq(back.data, bytes, sizeof bytes);
    cv_buffer_free(&out);
    cv_buffer_free(&back);
}
END_TEST

static const char *const strangers[] = {"a b", "\u0144", "\u4e00", "\xc2\xad", "ok\u2603"};

START_TEST(test_strangers)
{
    cv_buffer out = {0};
    cv_buffer_puts(&out, "before");
    ck_assert(!cv_byte_alphabet_decode(&out, strangers[_i], strlen(strangers[_i])));
    ck_assert_str_eq(out.data, "before");
    cv_buffer_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("byte alphabet");
    tcase_add_loop_test(tests, test_known, 0, ROWS(known));
    tcase_add_test(tests, test_every_byte_has_its_own);
    tcase_add_loop_test(tests, test_strangers, 0, ROWS(strangers));
    return run_suite(tests);
}
