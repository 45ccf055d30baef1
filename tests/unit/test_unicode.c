#include "text/unicode.h"

#include "suite.h"

#include <string.h>

static void check(const cv_buffer *out, const char *expected)
{
    ck_assert_uint_eq(out->length, strlen(expected));
    if (out->length) ck_assert_mem_eq(out->data, expected, out->length);
}

/* A text and its forms, as Hugging Face's normalizers give them. */
static const struct {
    const char *text, *nfc, *nfd, *nfkc, *nfkd;
} forms[] = {
    {"plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII"},
    {"\u00e9", "\u00e9", "e\u0301", "\u00e9", "e\u0301"},
    {"e\u0301", "\u00e9", "e\u0301", "\u00e9", "e\u0301"},
    {"\ufb01", "\ufb01", "\ufb01", "fi", "fi"},
    {"\u212b", "\u00c5", "A\u030a", "\u00c5", "A\u030a"},
    {"q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307"},
    {"\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8"},
    {"\u0958", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c"}, /* excluded from composition */
    /* unknown to the reference's tables: they do not move, and nothing moves across them */
    {"a\u0315\u08d3\u0334", "a\u0315\u08d3\u0334", "a\u0315\u08d3\u0334", "a\u0315\u08d3\u0334", "a\u0315\u08d3\u0334"},
    {"\u32ff", "\u32ff", "\u32ff", "\u32ff", "\u32ff"},
};

START_TEST(test_normal_forms)
{
    const char *expected[] = {
        [CV_NFC] = forms[_i].nfc, [CV_NFD] = forms[_i].nfd, [CV_NFKC] = forms[_i].nfkc, [CV_NFKD] = forms[_i].nfkd};
    for (cv_normal_form form = CV_NFC; form <= CV_NFKD; form++) {
        cv_buffer out = {0};
        cv_append_normal_form(&out, forms[_i].text, strlen(forms[_i].text), form);
        check(&out, expected[form]);
        cv_buffer_free(&out);
    }
}
END_TEST

START_TEST(test_normal_form_keeps_nul)
{
    cv_buffer out = {0};
    cv_append_normal_form(&out, "e\xcc\x81\0e\xcc\x81", 7, CV_NFC);
    ck_assert_uint_eq(out.length, 5);
    ck_assert_mem_eq(out.data, "\xc3\xa9\0\xc3\xa9", 5);
    cv_buffer_free(&out);
}
END_TEST

START_TEST(test_lowercase)
{
    cv_buffer out = {0};
    const char *text = "ABC \u00c9\u0130\u03a3\ua7da\U00010d50 x";
    cv_append_lowercase(&out, text, strlen(text));
    check(&out, "abc \u00e9i\u0307\u03c3\ua7db\U00010d70 x");
    cv_buffer_free(&out);
}
END_TEST

static const struct {
    uint32_t code;
    bool white_space, word;
} characters[] = {
    {'a', false, true},     {'_', false, true},     {'-', false, false},     {' ', true, false},
    {0x0b, true, false},    {0x1c, false, false},   {0x85, true, false},     {0xa0, true, false},
    {0x180e, false, false}, {0x200b, false, false}, {0x200d, false, true},   {0x3000, true, false},
    {0x0301, false, true},  {0x0660, false, true},  {0xb2, false, false},    {0x2160, false, true},
    {0x24b6, false, true},  {0x4e00, false, true},  {0x1f600, false, false}, {0x1e030, false, true},
};

START_TEST(test_classes)
{
    ck_assert_int_eq(cv_is_white_space(characters[_i].code), characters[_i].white_space);
    ck_assert_int_eq(cv_is_word(characters[_i].code), characters[_i].word);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("unicode");
    tcase_add_loop_test(tests, test_normal_forms, 0, ROWS(forms));
    tcase_add_test(tests, test_normal_form_keeps_nul);
    tcase_add_test(tests, test_lowercase);
    tcase_add_loop_test(tests, test_classes, 0, ROWS(characters));
    return run_suite(tests);
}
